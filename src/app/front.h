// The doors of the daemon: what it listens on, and the connections that come in. There are two
// sets of doors: to everything, and to the content of model servers only (upstreamListen). I/O
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/flags.h"
#include "app/socket_activation.h"
#include "config/config.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/tls_context.h"
#include "observe/log_hub.h"
#include "server/server.h"
#include "util/result.h"

namespace llama_swap::app {

class Front {
 public:
  // `tls` is spoken at TCP doors; null: plain HTTP at all. All must outlive it.
  Front(net::Loop& loop, net::TimerWheel& wheel, server::Server& server, observe::LogHub& log,
        net::TlsServerContext* tls);

  // Opens what systemd, the command line and the configuration say; the default address where none
  // of them says anything. Nothing is accepted yet. Errors: one of them cannot be opened.
  util::Result<void> open(const Flags& flags, const config::Config& config,
                          const std::vector<InheritedSocket>& inherited);
  // Begins to accept.
  void start();
  // New doors open; those that are no longer wanted close, while their connections live on. One
  // that cannot be opened is reported in the log and tried again every few seconds, and until it
  // opens, the ones that were to close stay open: nobody is locked out by a mistake.
  void reconfigure(const config::Config& config);

  // How many there are.
  std::size_t connections() const;
  // Nobody comes in any more.
  void close();
  // From now on a connection ends after the request it is serving.
  void drain();
  // Called once when no connection is left but upgraded ones; nullptr: not any more. After drain().
  void on_empty(std::function<void()> empty);
  void cut_all();

 private:
  struct Doors {
    bool wants(const std::string& address) const;

    std::unique_ptr<net::ConnectionSet> connections;
    std::vector<std::string> wanted;
    std::map<std::string, std::unique_ptr<net::Listener>> by_address;
    std::vector<std::unique_ptr<net::Listener>> inherited;
  };

  std::vector<std::string> wanted(const config::Config& config) const;
  util::Result<void> open_one(Doors& doors, const std::string& address);
  struct Failure {
    Doors* doors;
    std::string address, why;
  };
  std::vector<Failure> open_wanted();
  void settle(bool tell);
  void say(const net::Listener& listener, const std::string& address) const;
  // Once, until there are keys or no such door any more.
  void warn_if_open_to_all();

  net::Loop& loop_;
  observe::LogHub& log_;
  const bool has_tls_;
  net::Deadline retry_;
  std::string asked_;    // -listen, "" if it was not given
  std::string default_;  // "": systemd has opened a door
  bool asks_for_keys_ = false;
  bool open_to_all_ = false;  // and that has been told
  Doors all_;
  Doors upstreams_;
};

}  // namespace llama_swap::app

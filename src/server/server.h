// Every request comes in here (http-api 1, 2): access log, CORS, routes, gate (foreign pages, API
// key), endpoint.
//
// I/O thread only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "net/exchange.h"
#include "server/context.h"
#include "server/gate.h"
#include "server/request_id.h"
#include "server/router.h"

namespace llama_swap::server {

class Server {
 public:
  // What `deps` names must outlive the server, and the server all its requests.
  Server(Deps deps, config::ConfigPtr config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Answers one request; a net::Handler. The exchange must outlive the awaitable.
  net::Awaitable<void> handle(net::Exchange& exchange);
  // The same for a door to the content of model servers alone: whatever is not below /upstream/ or
  // /comfyui/, or /health, is unknown there.
  net::Awaitable<void> handle_upstream(net::Exchange& exchange);

  // For requests from now on. The active profile ends; event and log streams go on and are told,
  // but those of the logs of removed models end, and those whose callers may not listen any more,
  // or see something else.
  void reconfigure(config::ConfigPtr config);
  // The names that this machine's certificate is for: browsers may call it so.
  void use_host_names(std::vector<std::string> names);
  // Where requests that end from now on are recorded, and who answers questions about them. Null:
  // nowhere, and nobody.
  void use_activity(std::shared_ptr<store::ActivityStore> store) {
    core_.use_activity(std::move(store));
  }
  // What the actor tells.
  void tell(const swap::News& news);
  void queue_changed() { core_.feed.queue_changed(); }
  void activity_stored(std::span<const store::Activity> rows);
  // A configuration that was to be loaded has these problems.
  void reload_refused(const std::string& problems) { core_.feed.reload_refused(problems); }
  // Where requests that come from now on are traced to; null: nowhere.
  void use_tracer(std::shared_ptr<trace::Exporter> tracer) { core_.tracer = std::move(tracer); }
  // Ends event and log streams, those that are still to come too.
  void end_streams() { core_.streams.end_all(); }

 private:
  enum class Door { all, upstreams };
  net::Awaitable<void> handle(net::Exchange& exchange, Door door);
  // `about` gets what becomes known.
  net::Awaitable<void> serve(net::Exchange& exchange, Door door, About& about);
  net::Awaitable<void> dispatch(net::Exchange& exchange, Router::Found found, About& about);
  void log_access(const net::Exchange& exchange, const Site& site, const About& about,
                  std::chrono::nanoseconds took);
  bool is_open_to_pages(const net::RequestHead& head) const;

  Core core_;
  Gate gate_;
  std::vector<Route> routes_;
  std::vector<std::size_t> endpoints_;  // of routes_, as numbers of Core::metrics
  Router router_;
  RequestIds request_ids_;
  std::string access_line_;  // reused
};

}  // namespace llama_swap::server

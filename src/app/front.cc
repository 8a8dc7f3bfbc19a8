#include "app/front.h"

#include <algorithm>

namespace llama_swap::app {
namespace {

// What systemd names a socket for the second set of doors.
constexpr std::string_view kUpstreamName = "upstream";

net::ServerLimits server_limits(const config::Config& config) {
  net::ServerLimits limits;
  limits.max_body = config.max_request_body;
  return limits;
}

}  // namespace

Front::Front(net::Loop& loop, net::TimerWheel& wheel, server::Server& server, observe::LogHub& log,
             net::TlsServerContext* tls)
    : loop_(loop), log_(log), has_tls_(tls != nullptr) {
  all_.connections = std::make_unique<net::ConnectionSet>(
      loop, wheel, [&server](net::Exchange& exchange) { return server.handle(exchange); },
      net::ServerLimits{}, tls);
  upstreams_.connections = std::make_unique<net::ConnectionSet>(
      loop, wheel, [&server](net::Exchange& exchange) { return server.handle_upstream(exchange); },
      net::ServerLimits{}, tls);
}

util::Result<void> Front::open(const Flags& flags, const config::Config& config,
                               const std::vector<InheritedSocket>& inherited) {
  asked_ = flags.listen;
  default_ = inherited.empty() ? flags.listen_address() : "";
  for (const InheritedSocket& socket : inherited) {
    auto listener = net::Listener::adopt(loop_, socket.fd);
    if (!listener)
      return tl::unexpected(
          listener.error().in("socket activation: descriptor " + std::to_string(socket.fd)));
    Doors& doors = socket.name == kUpstreamName ? upstreams_ : all_;
    doors.inherited.push_back(std::move(*listener));
  }
  for (const std::string& address : wanted(config)) {
    auto opened = open_one(all_, address);
    if (!opened) return opened;
  }
  for (const std::string& address : config.upstream_listen) {
    auto opened = open_one(upstreams_, address);
    if (!opened) return opened;
  }
  for (const Doors* doors : {&all_, &upstreams_})
    doors->connections->set_limits(server_limits(config));
  return {};
}

void Front::start() {
  for (Doors* doors : {&all_, &upstreams_}) {
    for (const auto& listener : doors->inherited) {
      say(*listener, listener->local_address());
      listener->start(*doors->connections);
    }
    for (const auto& [address, listener] : doors->by_address) {
      say(*listener, address);
      listener->start(*doors->connections);
    }
  }
}

std::vector<std::string> Front::wanted(const config::Config& config) const {
  std::vector<std::string> addresses = config.listen;
  const std::string& ours = addresses.empty() && asked_.empty() ? default_ : asked_;
  if (!ours.empty() && std::ranges::find(addresses, ours) == addresses.end())
    addresses.insert(addresses.begin(), ours);
  return addresses;
}

util::Result<void> Front::open_one(Doors& doors, const std::string& address) {
  auto listener = net::Listener::open(loop_, address);
  if (!listener) return tl::unexpected(listener.error());
  doors.by_address[address] = std::move(*listener);
  return {};
}

void Front::reconfigure(const config::Config& config) {
  for (Doors* doors : {&all_, &upstreams_}) doors->connections->set_limits(server_limits(config));
  change(all_, wanted(config));
  change(upstreams_, config.upstream_listen);
}

void Front::change(Doors& doors, const std::vector<std::string>& addresses) {
  // Closed first: a new address may stand for the same port.
  std::erase_if(doors.by_address, [&](const auto& door) {
    const bool unwanted = std::ranges::find(addresses, door.first) == addresses.end();
    if (unwanted) log_.info("no longer listening on {}", door.first);
    return unwanted;
  });
  for (const std::string& address : addresses) {
    if (doors.by_address.contains(address)) continue;
    if (const auto opened = open_one(doors, address); !opened) {
      log_.warn("http server error: {}", opened.error().message);
      continue;
    }
    net::Listener& listener = *doors.by_address[address];
    say(listener, address);
    listener.start(*doors.connections);
  }
}

void Front::say(const net::Listener& listener, const std::string& address) const {
  // With port 0 the kernel has chosen one.
  const std::string where = address.ends_with(":0") ? listener.local_address() : address;
  const std::string_view how = listener.port() == 0 ? "on "
                               : has_tls_           ? "with TLS on https://"
                                                    : "on http://";
  log_.info("llama-swap listening {}{}", how, where);
  if (!listener.loopback_only())
    log_.info(
        "llama-swap is reachable by all hosts on the network, use -listen localhost:{} to restrict "
        "to loopback only",
        listener.port());
}

void Front::close() {
  for (Doors* doors : {&all_, &upstreams_}) {
    doors->by_address.clear();
    doors->inherited.clear();
  }
}

void Front::drain() {
  for (const Doors* doors : {&all_, &upstreams_}) doors->connections->drain();
}

void Front::on_empty(std::function<void()> empty) {
  const auto left = std::make_shared<int>(2);
  for (const Doors* doors : {&all_, &upstreams_}) {
    doors->connections->on_empty(empty ? [empty, left] {
      if (--*left == 0) empty();
    } : std::function<void()>());
  }
}

void Front::cut_all() {
  for (const Doors* doors : {&all_, &upstreams_}) doors->connections->cut_all();
}

}  // namespace llama_swap::app

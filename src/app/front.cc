#include "app/front.h"

#include <algorithm>
#include <utility>

#include "util/listen_address.h"

namespace llama_swap::app {
namespace {

// What systemd names a socket for the second set of doors.
constexpr std::string_view kUpstreamName = "upstream";

constexpr std::chrono::seconds kRetry{3};

// May two addresses be in each other's way?
bool same_place(const std::string& a, const std::string& b) {
  const auto one = util::parse_listen_address(a), other = util::parse_listen_address(b);
  return one && other && one->path == other->path && one->port == other->port;
}

net::ServerLimits server_limits(const config::Config& config) {
  net::ServerLimits limits;
  limits.max_body = config.max_request_body;
  return limits;
}

bool asks_for_keys(const config::Config& config) {
  return !config.api_keys.empty() || !config.named_keys.empty();
}

}  // namespace

Front::Front(net::Loop& loop, net::TimerWheel& wheel, server::Server& server, observe::LogHub& log,
             net::TlsServerContext* tls)
    : loop_(loop), log_(log), has_tls_(tls != nullptr), retry_(wheel, [this] { settle(false); }) {
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
  all_.wanted = wanted(config);
  upstreams_.wanted = config.upstream_listen;
  for (Doors* doors : {&all_, &upstreams_}) {
    for (const std::string& address : doors->wanted) {
      auto opened = open_one(*doors, address);
      if (!opened) return opened;
    }
  }
  for (const Doors* doors : {&all_, &upstreams_})
    doors->connections->set_limits(server_limits(config));
  asks_for_keys_ = asks_for_keys(config);
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
  warn_if_open_to_all();
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
  all_.wanted = wanted(config);
  upstreams_.wanted = config.upstream_listen;
  asks_for_keys_ = asks_for_keys(config);
  settle(true);
}

bool Front::Doors::wants(const std::string& address) const {
  return std::ranges::find(wanted, address) != wanted.end();
}

std::vector<Front::Failure> Front::open_wanted() {
  std::vector<Failure> failures;
  for (Doors* doors : {&all_, &upstreams_}) {
    for (const std::string& address : doors->wanted) {
      if (doors->by_address.contains(address)) continue;
      if (const auto opened = open_one(*doors, address); !opened) {
        failures.push_back({doors, address, opened.error().message});
        continue;
      }
      net::Listener& listener = *doors->by_address[address];
      say(listener, address);
      listener.start(*doors->connections);
    }
  }
  return failures;
}

// Makes the open doors those that are wanted. `tell`: what cannot be opened has not been told yet.
void Front::settle(bool tell) {
  std::vector<Failure> failures = open_wanted();
  const auto in_the_way = [&](const std::string& address) {
    return std::ranges::any_of(
        failures, [&](const Failure& failed) { return same_place(failed.address, address); });
  };
  const auto fails = [&](const Doors* doors) {
    return std::ranges::any_of(failures,
                               [&](const Failure& failed) { return failed.doors == doors; });
  };
  // A door that is to go may hold the port of one that is to come, perhaps of the other set.
  std::vector<std::pair<Doors*, std::string>> gave_way;
  for (Doors* doors : {&all_, &upstreams_}) {
    std::erase_if(doors->by_address, [&](const auto& door) {
      const bool gives_way = !doors->wants(door.first) && in_the_way(door.first);
      if (gives_way) gave_way.emplace_back(doors, door.first);
      return gives_way;
    });
  }
  if (!gave_way.empty()) failures = open_wanted();
  for (const auto& [doors, address] : gave_way) {
    if (fails(doors) && open_one(*doors, address))
      doors->by_address[address]->start(*doors->connections);
    else
      log_.info("no longer listening on {}", address);
  }
  for (Doors* doors : {&all_, &upstreams_}) {
    std::erase_if(doors->by_address, [&](const auto& door) {
      if (doors->wants(door.first)) return false;
      if (!fails(doors))
        log_.info("no longer listening on {}", door.first);
      else if (tell)
        log_.info("still listening on {}, until all that is configured is open", door.first);
      return !fails(doors);
    });
  }
  for (const Failure& failed : failures)
    if (tell) log_.warn("http server error: {}", failed.why);
  if (failures.empty())
    retry_.clear();
  else
    retry_.set(util::Clock::now() + kRetry);
  warn_if_open_to_all();
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

void Front::warn_if_open_to_all() {
  const auto is_reachable = [](const net::Listener& listener) { return !listener.loopback_only(); };
  const auto lets_in = [&](const Doors* doors) {
    return std::ranges::any_of(doors->inherited, [&](const auto& l) { return is_reachable(*l); }) ||
           std::ranges::any_of(doors->by_address,
                               [&](const auto& door) { return is_reachable(*door.second); });
  };
  const bool open = !asks_for_keys_ && (lets_in(&all_) || lets_in(&upstreams_));
  if (std::exchange(open_to_all_, open) || !open) return;
  log_.warn(
      "no apiKeys are set: everybody on the network may use and stop models and read logs and "
      "requests");
}

std::size_t Front::connections() const {
  return all_.connections->size() + upstreams_.connections->size();
}

void Front::close() {
  retry_.clear();
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

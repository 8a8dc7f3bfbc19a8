// What endpoints get to work with.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/body.h"
#include "net/exchange.h"
#include "net/timer_wheel.h"
#include "net/worker.h"
#include "observe/events.h"
#include "observe/log_hub.h"
#include "observe/model_memory.h"
#include "observe/model_metrics.h"
#include "observe/performance.h"
#include "server/captures.h"
#include "server/endless_stream.h"
#include "server/event_feed.h"
#include "server/event_hub.h"
#include "server/failed_attempts.h"
#include "server/inflight.h"
#include "server/keys.h"
#include "server/measure.h"
#include "server/reachability.h"
#include "server/recorder.h"
#include "server/selector.h"
#include "server/sight.h"
#include "server/site.h"
#include "server/unknown_names.h"
#include "store/activity_store.h"
#include "swap/swap.h"

namespace llama_swap::trace {
class Exporter;
}

namespace llama_swap::server {

class RequestTrace;

struct Version {
  std::string version = "0";
  std::string commit = "abcd1234";
  std::string build_date = "unknown";
};

// All must outlive the server.
struct Deps {
  net::Loop& loop;
  net::TimerWheel& wheel;
  net::BodyMemory& body_memory;
  net::Worker& worker;
  swap::Actor& actor;
  observe::LogHub& log;
  observe::EventBus& events;
  Version version;
  // By which browsers may reach this server, like Config::allowed_hosts: the names in its
  // certificate.
  std::vector<std::string> host_names = {};
  const observe::Performance* performance = nullptr;  // null: nothing is measured
  // Of this machine, as JSON; "" or null: not known (yet).
  const std::string* hardware = nullptr;
  const observe::ModelMemory* memory = nullptr;  // null: not measured
  // How many connections of clients are open; empty: nobody knows.
  std::function<std::size_t()> connections = {};
};

// The state of the server.
struct Core {
  Core(Deps dependencies, config::ConfigPtr config);

  Deps deps;
  SitePtr site;                // of new requests
  std::string active_profile;  // "" = none
  EventHub hub;
  InflightTable inflight;
  SelectorTable selectors;
  Reachability peers;   // by id
  Reachability starts;  // of models, by id
  StreamSet streams;
  observe::ModelMetrics metrics;
  const std::chrono::system_clock::time_point began = std::chrono::system_clock::now();
  UnknownNames unknown_names;
  // Of rows and questions from now on; null: closed already. Shared with questions on their way.
  std::shared_ptr<store::ActivityStore> activity;
  // Where requests that come from now on are told of; null: nowhere.
  std::shared_ptr<trace::Exporter> tracer;
  const std::shared_ptr<Captures> captures;  // never null
  EventFeed feed;

  // Where rows go from now on, and whose ids count.
  void use_activity(std::shared_ptr<store::ActivityStore> store);
  // For requests from now on. What is known of selectors and peers that stay is kept; no profile is
  // active.
  void reconfigure(config::ConfigPtr config);
  // The same with the same configuration.
  void use_host_names(std::vector<std::string> names);
  // "" = none. Tells the event streams if that is a change.
  void set_active_profile(const std::string& name);
  // Null: none is active.
  const config::Profile* profile() const;
  // The data of the events `uiConfig` and `modelStatus` as of now; with a sight, what that sees.
  std::string ui_config_json() const;
  std::string model_status_json(const Sight* sight = nullptr) const;
  // Tells the event streams that states or models have changed.
  void publish_model_status();
  void publish_config();
};

// What is known of a request by the time it ends, for the log.
struct About {
  std::string_view request_id;  // of its exchange
  std::string key;              // the name of the client's; "": it has none
  std::string model;            // whom it was for, shortened; "": nobody yet
  Measure measure{};
  RequestTrace* trace = nullptr;  // null: not traced
};

// Who may come here, and from what pages (keys.h, site_guard.h; docs/security.md has the table).
enum class Access {
  everyone,   // without a key, from any page
  model,      // all keys, and pages of all origins
  upstream,   // all keys; the endpoint looks closer (upstream_guard.h)
  user,       // all keys; from here on not from foreign pages
  operating,  // keys of operators
  acting,     // the same with a GET that changes something
  admin,      // keys of administrators
};

// One request on its way through an endpoint.
struct Call {
  net::Exchange& exchange;
  Core& core;
  SitePtr site;
  Caller caller;
  std::string wildcard;                        // what {} or {...} of the route took, decoded
  std::string_view raw_wildcard;               // the same, escaped
  std::unique_ptr<Recorder> record = nullptr;  // null: not recorded
  About* about = nullptr;                      // null: nobody wants to know
  Access access = Access::admin;               // of its route

  // What the caller sees of displays. Points into this call and its site.
  Sight sight() const { return {caller, site->directory()}; }

  // Whom it is for: known to the record and to the log.
  void goes_to(const Recorder::Destination& destination);
  observe::LogFields log_fields() const;
};

using Endpoint = net::Awaitable<void> (*)(Call& call);

struct Route {
  std::string_view method;  // "" = any
  std::string_view pattern;
  Endpoint endpoint;
  Access access = Access::admin;
};
using Routes = std::vector<Route>;

Routes model_routes();       // model_route.cc
Routes upstream_routes();    // upstream_route.cc
Routes management_routes();  // management.cc
Routes profile_routes();     // profile_route.cc
Routes log_routes();         // log_route.cc
Routes event_routes();       // event_route.cc
Routes live_routes();        // live_route.cc
Routes activity_routes();    // activity_route.cc
Routes observe_routes();     // observe_route.cc
Routes instance_routes();    // instance_route.cc
Routes capture_routes();     // capture_route.cc

}  // namespace llama_swap::server

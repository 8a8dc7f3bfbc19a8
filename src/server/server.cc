#include "server/server.h"

#include <algorithm>
#include <exception>

#include "server/access_log.h"
#include "server/answer.h"
#include "server/client_address.h"
#include "server/errors.h"
#include "server/extra_headers.h"
#include "server/own_metrics.h"
#include "server/request_trace.h"
#include "server/upstream_guard.h"

namespace llama_swap::server {
namespace {

std::string text_of(const std::exception_ptr& failed) {
  try {
    std::rethrow_exception(failed);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

// The router's own answers are plain text, whatever the client accepts.
net::Awaitable<void> send_unknown(net::Exchange& exchange) {
  net::Headers extra;
  extra.push_back({"X-Content-Type-Options", "nosniff"});
  co_await send(exchange, 404, kText, "404 page not found\n", std::move(extra));
}

net::Awaitable<void> send_wrong_method(net::Exchange& exchange, std::string allow) {
  net::Headers extra;
  extra.push_back({"Allow", allow});
  extra.push_back({"X-Content-Type-Options", "nosniff"});
  co_await send(exchange, 405, kText, "Method Not Allowed\n", std::move(extra));
}

net::Awaitable<void> send_clean_path(net::Exchange& exchange, std::string path) {
  const std::string_view query = exchange.request().query();
  if (!query.empty()) path.append("?").append(query);
  co_await send_redirect(exchange, 307, std::move(path));
}

}  // namespace

Server::Server(Deps deps, config::ConfigPtr config)
    : core_(std::move(deps), std::move(config)), gate_(core_) {
  for (const auto& part : {model_routes(), upstream_routes(), management_routes(), profile_routes(),
                           log_routes(), event_routes(), live_routes(), activity_routes(),
                           observe_routes(), instance_routes(), capture_routes()})
    routes_.insert(routes_.end(), part.begin(), part.end());
  for (std::size_t i = 0; i < routes_.size(); ++i)
    router_.add(routes_[i].method, routes_[i].pattern, i);
  for (const Route& route : routes_) endpoints_.push_back(core_.metrics.endpoint(route.pattern));
}

net::Awaitable<void> Server::handle(net::Exchange& exchange) {
  return handle(exchange, Door::all);
}

net::Awaitable<void> Server::handle_upstream(net::Exchange& exchange) {
  return handle(exchange, Door::upstreams);
}

net::Awaitable<void> Server::handle(net::Exchange& exchange, Door door) {
  const util::Time began = util::Clock::now();
  const SitePtr site = core_.site;
  exchange.set_request_id(request_ids_.of(exchange.request()));
  About about{exchange.request_id(), {}, {}};
  std::optional<RequestTrace> trace;
  if (core_.tracer && is_logged(exchange.request().path())) {
    trace.emplace(core_.tracer, exchange.request());
    about.trace = &*trace;
  }
  std::exception_ptr failed;
  try {
    co_await serve(exchange, door, about);
  } catch (...) {  // a broken invariant ends one request, not the program
    failed = std::current_exception();
  }
  if (failed) {
    exchange.watch_client(nullptr);  // whoever watched is gone
    core_.deps.log.error({about.request_id, about.model, about.key, {}}, "internal error: {}",
                         text_of(failed));
    if (exchange.responded()) {
      exchange.abort();
    } else {
      co_await send_error(exchange, 500, "internal error");
    }
  }
  if (trace) trace->end(exchange, client_ip(exchange, site->proxies()), about);
  const auto took = util::Clock::now() - began;
  about.measure.count(core_.metrics, logged_status(exchange), took);
  log_access(exchange, *site, about, took);
}

void Server::log_access(const net::Exchange& exchange, const Site& site, const About& about,
                        std::chrono::nanoseconds took) {
  observe::LogHub& log = core_.deps.log;
  if (!log.enabled(config::LogLevel::info) || !is_logged(exchange.request().path())) return;
  const std::string_view ip = client_ip(exchange, site.proxies());
  access_line_.clear();
  if (log.is_json()) {
    append_access_members(access_line_, exchange, ip, took);
    log.log(config::LogLevel::info, kAccessMessage,
            {about.request_id, about.model, about.key, access_line_});
  } else {
    append_access_line(access_line_, exchange, ip, took, about.key);
    log.log(config::LogLevel::info, access_line_);
  }
}

net::Awaitable<void> Server::serve(net::Exchange& exchange, Door door, About& about) {
  const net::RequestHead& head = exchange.request();
  if (door == Door::upstreams && !is_upstream_path(head.path()) && head.path() != "/health")
    return send_unknown(exchange);
  if (head.method == "OPTIONS") return gate_.preflight(exchange, is_open_to_pages(head));
  Router::Match match = router_.match(head.method, head.path());
  if (auto* found = std::get_if<Router::Found>(&match))
    return dispatch(exchange, std::move(*found), about);
  if (auto* redirect = std::get_if<Router::Redirect>(&match))
    return send_clean_path(exchange, std::move(redirect->path));
  if (auto* wrong = std::get_if<Router::WrongMethod>(&match))
    return send_wrong_method(exchange, std::move(wrong->allow));
  return send_unknown(exchange);
}

// May foreign pages use what a preflight asks for? A browser remembers the answer for all methods
// of the path, so that all its routes count, not only that of this method.
bool Server::is_open_to_pages(const net::RequestHead& head) const {
  const std::string_view* method = head.find("Access-Control-Request-Method");
  if (!method) return true;  // no browser asks
  const std::string path = clean_path(head.path());
  const std::vector<Router::Found> found = router_.all(path);
  return std::ranges::all_of(found, [&](const Router::Found& one) {
    const Route& route = routes_[one.endpoint];
    if (route.access == Access::upstream)
      return is_upstream_model_endpoint(core_, *method, route.pattern, one.raw_wildcard);
    return route.access == Access::everyone || route.access == Access::model;
  });
}

net::Awaitable<void> Server::dispatch(net::Exchange& exchange, Router::Found found, About& about) {
  const Route& route = routes_[found.endpoint];
  about.measure.asks(endpoints_[found.endpoint]);
  Call call{exchange, core_, core_.site, Caller(), std::move(found.wildcard), found.raw_wildcard};
  call.about = &about;
  call.access = route.access;
  if (about.trace) about.trace->route(route.pattern);
  const std::optional<Gate::Refusal> refusal = gate_.examine(call);
  about.key = call.caller.name();  // also of one whose role is too low
  if (refusal) {
    co_await gate_.refuse(call, *refusal);
    co_return;
  }
  ExtraHeaders::Fields fields = Gate::extra_headers(call);
  if (fields.empty()) {
    co_await route.endpoint(call);
    co_return;
  }
  ExtraHeaders outer(exchange, std::move(fields));
  Call decorated{outer, core_, call.site, call.caller, std::move(call.wildcard), call.raw_wildcard};
  decorated.about = &about;
  decorated.access = call.access;
  co_await route.endpoint(decorated);
}

void Server::tell(const swap::News& news) {
  if (std::holds_alternative<swap::StateChange>(news)) core_.publish_model_status();
  count(core_.metrics, news);
  core_.feed.tell(news);
}

void Server::activity_stored(std::span<const store::Activity> rows) {
  if (core_.deps.events.has_subscribers())
    for (const store::Activity& row : rows)
      core_.deps.events.publish(observe::ActivityStored{row.id, row.model});
  core_.feed.activity_stored(rows);
}

void Server::reconfigure(config::ConfigPtr config) {
  const SitePtr before = core_.site;
  core_.reconfigure(std::move(config));
  gate_.judge_streams_anew(*before);
}

void Server::use_host_names(std::vector<std::string> names) {
  const SitePtr before = core_.site;
  core_.use_host_names(std::move(names));
  gate_.judge_streams_anew(*before);
}

}  // namespace llama_swap::server

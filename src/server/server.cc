#include "server/server.h"

#include <exception>

#include "server/access_log.h"
#include "server/answer.h"
#include "server/api_key.h"
#include "server/cors.h"
#include "server/errors.h"

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

bool is_upstream_content(std::string_view path) {
  return path.starts_with("/upstream/") || path == "/comfyui" || path.starts_with("/comfyui/") ||
         path == "/health";
}

net::Awaitable<void> send_clean_path(net::Exchange& exchange, std::string path) {
  const std::string_view query = exchange.request().query();
  if (!query.empty()) path.append("?").append(query);
  co_await send_redirect(exchange, 307, std::move(path));
}

net::Awaitable<void> send_unauthorized(net::Exchange& exchange) {
  net::Headers extra;
  extra.push_back({"WWW-Authenticate", "Basic realm=\"llama-swap\""});
  co_await send_error(exchange, 401, "unauthorized: invalid or missing API key", std::move(extra));
}

}  // namespace

Server::Server(Deps deps, config::ConfigPtr config) : core_(std::move(deps), std::move(config)) {
  for (const auto& part : {model_routes(), upstream_routes(), management_routes(), profile_routes(),
                           log_routes(), event_routes(), observe_routes()})
    routes_.insert(routes_.end(), part.begin(), part.end());
  for (std::size_t i = 0; i < routes_.size(); ++i)
    router_.add(routes_[i].method, routes_[i].pattern, i);
}

net::Awaitable<void> Server::handle(net::Exchange& exchange) {
  return handle(exchange, Door::all);
}

net::Awaitable<void> Server::handle_upstream(net::Exchange& exchange) {
  return handle(exchange, Door::upstreams);
}

net::Awaitable<void> Server::handle(net::Exchange& exchange, Door door) {
  const util::Time began = util::Clock::now();
  std::exception_ptr failed;
  try {
    co_await serve(exchange, door);
  } catch (...) {  // a broken invariant ends one request, not the program
    failed = std::current_exception();
  }
  if (failed) {
    exchange.watch_client(nullptr);  // whoever watched is gone
    core_.deps.log.error("internal error: {}", text_of(failed));
    if (exchange.responded()) {
      exchange.abort();
    } else {
      co_await send_error(exchange, 500, "internal error");
    }
  }
  if (!core_.deps.log.enabled(config::LogLevel::info) || !is_logged(exchange.request().path()))
    co_return;
  access_line_.clear();
  append_access_line(access_line_, exchange, util::Clock::now() - began);
  core_.deps.log.log(config::LogLevel::info, access_line_);
}

net::Awaitable<void> Server::serve(net::Exchange& exchange, Door door) {
  const net::RequestHead& head = exchange.request();
  if (door == Door::upstreams && !is_upstream_content(head.path())) return send_unknown(exchange);
  if (head.method == "OPTIONS") return send_preflight(exchange);
  Router::Match match = router_.match(head.method, head.path());
  if (auto* found = std::get_if<Router::Found>(&match))
    return dispatch(exchange, std::move(*found));
  if (auto* redirect = std::get_if<Router::Redirect>(&match))
    return send_clean_path(exchange, std::move(redirect->path));
  if (auto* wrong = std::get_if<Router::WrongMethod>(&match))
    return send_wrong_method(exchange, std::move(wrong->allow));
  return send_unknown(exchange);
}

net::Awaitable<void> Server::dispatch(net::Exchange& exchange, Router::Found found) {
  const Route& route = routes_[found.endpoint];
  Call call{exchange, core_, core_.site, std::move(found.wildcard), found.raw_wildcard};
  if (!route.open && !key_accepted(call.site->config().api_keys, exchange.request())) {
    co_await send_unauthorized(exchange);
    co_return;
  }
  co_await route.endpoint(call);
}

void Server::reconfigure(config::ConfigPtr config) {
  core_.reconfigure(std::move(config));
}

}  // namespace llama_swap::server

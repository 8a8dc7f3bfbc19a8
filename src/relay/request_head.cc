#include "relay/request_head.h"

#include "net/hop_by_hop.h"
#include "util/text.h"

namespace llama_swap::relay {
namespace {

bool is_key(std::string_view name) {
  return util::iequals(name, "Authorization") || util::iequals(name, "x-api-key");
}

bool is_trace_context(std::string_view name) {
  return util::iequals(name, "traceparent") || util::iequals(name, "tracestate");
}

bool is_forwarded(std::string_view name) {
  return util::iequals(name, "Forwarded") ||
         (name.size() > 12 && util::iequals(name.substr(0, 12), "X-Forwarded-"));
}

std::uint64_t spliced_size(const Request& request) {
  std::uint64_t size = request.body->size();
  for (const net::Splice& splice : request.splices)
    size = size - splice.length + splice.text.size();
  return size;
}

}  // namespace

bool is_upgrade(const net::RequestHead& head) {
  return net::header_has_token(head.headers, "Connection", "upgrade") &&
         net::header_has_token(head.headers, "Upgrade", "websocket");
}

std::string readable_codings(std::string_view accept_encoding) {
  std::string out;
  for (std::string_view item : util::split(accept_encoding, ',')) {
    item = util::trim(item);
    const std::string_view coding = util::trim(item.substr(0, item.find(';')));
    if (!util::iequals(coding, "gzip") && !util::iequals(coding, "deflate")) continue;
    out.append(out.empty() ? "" : ", ").append(item);
  }
  return out;
}

bool switches_to_websocket(const net::Headers& headers) {
  bool found = false;
  for (const net::Header& header : headers) {
    if (!util::iequals(header.name, "Upgrade")) continue;
    if (found || !util::iequals(header.value, "websocket")) return false;
    found = true;
  }
  return found;
}

void make_request_head(const net::Exchange& exchange, const net::Upstream& upstream,
                       const Request& request, std::string& out) {
  const net::RequestHead& head = exchange.request();
  const net::ConnectionTokens named(head.headers);
  out.clear();
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  out.append(head.method).append(" ").append(upstream.target_prefix());
  out.append(request.target).append(" HTTP/1.1\r\n");

  const std::string_view* const host = head.find("Host");
  const std::string_view authority = upstream.base().authority;
  add("Host", request.to_peer || host == nullptr ? authority : *host);
  std::string_view forwarded_for;  // what came; fields of one name are one list (RFC 9110 5.3)
  std::string several;
  bool has_id = request.request_id.empty();
  for (const net::Header& header : head.headers) {
    const std::string_view name = header.name;
    if (net::is_hop_by_hop(name) || named.names(name)) continue;
    // The body is here already, so its framing is ours, and nothing is to be waited for.
    if (util::iequals(name, "Host") || util::iequals(name, "Content-Length") ||
        util::iequals(name, "Expect"))
      continue;
    if (request.to_peer && is_forwarded(name)) continue;
    if (!request.trace_parent.empty() && is_trace_context(name)) continue;
    if ((request.drop_key || !request.api_key.empty()) && is_key(name)) continue;
    if (util::iequals(name, "X-Forwarded-For")) {
      if (!forwarded_for.empty())
        several = std::string(forwarded_for).append(", ").append(header.value);
      forwarded_for = several.empty() ? header.value : several;
      continue;
    }
    has_id = has_id || util::iequals(name, net::kRequestIdField);
    if (request.watcher && util::iequals(name, "Accept-Encoding")) {
      add(name, readable_codings(header.value));
      continue;
    }
    add(name, header.value);
  }
  if (!request.trace_parent.empty()) add("traceparent", request.trace_parent);
  if (!request.trace_state.empty()) add("tracestate", request.trace_state);
  if (!has_id) add(net::kRequestIdField, request.request_id);
  if (net::header_has_token(head.headers, "Te", "trailers")) add("Te", "trailers");
  if (!request.to_peer && !exchange.remote_ip().empty()) {
    out.append("X-Forwarded-For: ").append(forwarded_for);
    out.append(forwarded_for.empty() ? "" : ", ").append(exchange.remote_ip()).append("\r\n");
  }
  if (!request.api_key.empty()) {
    add("Authorization", "Bearer " + request.api_key);
    add("X-Api-Key", request.api_key);
  }
  if (!upstream.proxy_authorization().empty())
    add("Proxy-Authorization", upstream.proxy_authorization());
  if (request.allow_upgrade && is_upgrade(head)) {
    add("Connection", "Upgrade");
    // Of all that the client would speak: after another protocol's 101 (h2c, say) the tunnel would
    // carry requests that nobody has checked.
    add("Upgrade", "websocket");
  }
  if (request.body != nullptr) {
    out += "Content-Length: ";
    util::append_number(out, spliced_size(request));
    out += "\r\n";
  }
  out.append("\r\n");
}

}  // namespace llama_swap::relay

#include "server/request_trace.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/context.h"
#include "server/dialect.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                         "CONNECT", "OPTIONS", "TRACE", "PATCH"};

constexpr std::size_t kMaxText = 1000;  // bytes of an attribute: clients write what they like

void add(trace::Span& span, std::string_view key, std::string_view text) {
  if (!text.empty()) span.attributes.push_back({key, std::string(text.substr(0, kMaxText))});
}
void add(trace::Span& span, std::string_view key, std::int64_t number) {
  span.attributes.push_back({key, number});
}

// Host, and the port where one is written.
void add_host(trace::Span& span, const net::RequestHead& head) {
  const std::string_view* const field = head.find("Host");
  if (!field) return;
  std::string_view host = *field;
  const std::size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    std::uint16_t port = 0;
    const char* const end = host.data() + host.size();
    const auto [parsed, error] = std::from_chars(host.data() + colon + 1, end, port);
    host = host.substr(0, colon);
    add(span, "server.address", host);
    if (error == std::errc{} && parsed == end) add(span, "server.port", port);
  } else {
    add(span, "server.address", host);
  }
}

// Of the conventions' well-known ones; "": none fits.
std::string_view operation_of(std::string_view path) {
  switch (dialect_of(path)) {
    case Dialect::chat:
    case Dialect::responses:
    case Dialect::messages:
      return "chat";
    case Dialect::completions:
      return "text_completion";
    case Dialect::other:
      break;
  }
  return path.ends_with("/embeddings") ? "embeddings" : "";
}

}  // namespace

RequestTrace::RequestTrace(std::shared_ptr<trace::Exporter> exporter, const net::RequestHead& head)
    : exporter_(std::move(exporter)) {
  const std::optional<trace::Context> theirs = trace::context_of(head);
  if (theirs) parent_ = theirs->span;
  context_ = exporter_->begin(theirs);
}

trace::Time RequestTrace::at(util::Time time) const {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(began_at_) + (time - began_);
}

void RequestTrace::phase(std::string_view name, util::Time begin, util::Time end) {
  if (!phases_.empty() && phases_.back().name == name && phases_.back().end == begin) {
    phases_.back().end = end;
  } else if (phases_.size() < kMaxPhases) {
    phases_.push_back({name, begin, end});
  }
}

void RequestTrace::end(const net::Exchange& exchange, std::string_view client, const About& about) {
  if (!sampled()) return;
  std::vector<trace::Span> spans;
  spans.reserve(1 + phases_.size());
  trace::Span& whole = spans.emplace_back();
  whole.context = context_;
  whole.parent = parent_;
  whole.kind = trace::Kind::server;
  whole.begin = at(began_);
  whole.end = at(util::Clock::now());
  describe(whole, exchange, client, about);
  judge(whole, exchange);
  for (const Phase& phase : phases_) {
    trace::Span& part = spans.emplace_back();
    part.context = context_;
    part.context.span = exporter_->next_span();
    part.parent = context_.span;
    part.name = phase.name;
    part.begin = at(phase.begin);
    part.end = at(phase.end);
  }
  exporter_->add(std::move(spans));
}

void RequestTrace::describe(trace::Span& span, const net::Exchange& exchange,
                            std::string_view client, const About& about) const {
  const net::RequestHead& head = exchange.request();
  const bool known = std::ranges::find(kMethods, head.method) != std::end(kMethods);
  // Whatever a client invents would make a name of its own.
  span.name = known ? head.method : "HTTP";
  if (!route_.empty()) span.name.append(" ").append(route_);
  add(span, "http.request.method", known ? head.method : "_OTHER");
  if (!known) add(span, "http.request.method_original", head.method);
  add(span, "url.path", head.path());
  add(span, "http.route", route_);
  add_host(span, head);
  add(span, "client.address", client);
  std::string_view version = exchange.protocol();
  version.remove_prefix(std::min(version.size(), std::string_view("HTTP/").size()));
  add(span, "network.protocol.version", version == "2.0" ? "2" : version);
  if (const auto* const agent = head.find("User-Agent")) add(span, "user_agent.original", *agent);
  if (exchange.responded()) {
    add(span, "http.response.status_code", exchange.status());
    add(span, "http.response.body.size", static_cast<std::int64_t>(exchange.bytes_sent()));
  }
  add(span, "llama_swap.request.id", about.request_id);
  add(span, "llama_swap.key.name", about.key);
  if (row_) describe_model(span);
}

void RequestTrace::describe_model(trace::Span& span) const {
  add(span, "gen_ai.operation.name", operation_of(row_->path));
  add(span, "gen_ai.request.model", row_->model);
  if (row_->tokens.input > 0) add(span, "gen_ai.usage.input_tokens", row_->tokens.input);
  if (row_->tokens.output > 0) add(span, "gen_ai.usage.output_tokens", row_->tokens.output);
  add(span, "http.request.body.size", row_->bytes_in);
}

// What a client does wrong, or gives up, is no failure of a server.
void RequestTrace::judge(trace::Span& span, const net::Exchange& exchange) const {
  const int status = exchange.responded() ? exchange.status() : 0;
  std::string type;
  if (row_ && row_->ending == store::Ending::truncated) {
    type = "truncated";
  } else if (status >= 500) {
    type = std::to_string(status);
  }
  if (!type.empty()) {
    span.status = trace::Status::error;
    if (row_) span.status_text = row_->error;
  } else if (status == 0 || (row_ && row_->ending == store::Ending::cancelled)) {
    type = "cancelled";
  }
  add(span, "error.type", type);
}

}  // namespace llama_swap::server

#include "server/late_exchange.h"

#include <algorithm>

#include "server/answer.h"
#include "server/errors.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// An error body as one line of JSON: itself if it is JSON, else in an envelope of ours.
std::string one_line(Dialect dialect, int status, const std::string& body) {
  const Json value = Json::parse(body, nullptr, false);
  if (value.is_object()) return dump(value);
  std::string message = "the upstream answered with status " + std::to_string(status);
  const std::string_view text = util::trim(body);
  if (!text.empty()) message += ": " + std::string(text);
  return error_json(dialect, Problem(status, std::move(message)));
}

}  // namespace

LateExchange::LateExchange(net::Exchange& begun)
    : begun_(begun), request_(begun.request()), dialect_(dialect_of(request_.path())) {
  std::erase_if(request_.headers, [](const net::Header& header) {
    return util::iequals(header.name, "Accept-Encoding");
  });
}

net::Awaitable<util::Result<void>> LateExchange::respond(const net::ResponseHead& head,
                                                         net::BodyFraming, std::string_view first) {
  status_ = head.status;
  const std::string_view* const type = net::find_header(head.headers, "Content-Type");
  passes_ = status_ == 200 && (!type || util::icontains(*type, "text/event-stream")) &&
            !net::find_header(head.headers, "Content-Encoding");
  return write(first);
}

std::ptrdiff_t LateExchange::try_write(std::string_view data) {
  if (passes_) return begun_.try_write(data);
  keep(data);
  return static_cast<std::ptrdiff_t>(data.size());
}

net::Awaitable<util::Result<void>> LateExchange::write(std::string_view data) {
  if (passes_ && !data.empty()) co_return co_await begun_.write(data);
  if (!passes_) keep(data);
  co_return util::Result<void>();
}

net::Awaitable<util::Result<void>> LateExchange::finish() {
  if (finished_) co_return util::Result<void>();
  finished_ = true;
  if (!passes_) {
    const std::string events = kept_events();
    const auto sent = co_await begun_.write(events);
    if (!sent) co_return sent;
  }
  co_return co_await begun_.finish();
}

net::Awaitable<util::Result<void>> LateExchange::inform(const net::ResponseHead&) {
  co_return util::Result<void>();  // the time for that is over
}

net::Awaitable<util::Result<net::Stream*>> LateExchange::upgrade(const net::ResponseHead&,
                                                                 std::string&) {
  co_return util::fail(util::Errc::invalid, "the answer has begun");
}

void LateExchange::keep(std::string_view data) {
  const std::size_t most = status_ == 200 ? kMaxAnswer : kMaxError;
  const std::size_t room = most - std::min(most, kept_.size());
  too_large_ = too_large_ || data.size() > room;
  kept_.append(data.substr(0, room));
}

std::string LateExchange::kept_events() const {
  if (status_ != 200) return error_events(dialect_, one_line(dialect_, status_, kept_));
  if (Json::accept(kept_) && !too_large_) {
    // Line ends stand between its tokens only.
    std::string line = kept_;
    std::ranges::replace_if(
        line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return "data: " + line + "\n\ndata: [DONE]\n\n";
  }
  const Problem problem(502, "the upstream's answer is neither a stream nor a JSON document");
  return error_events(dialect_, error_json(dialect_, problem));
}

}  // namespace llama_swap::server

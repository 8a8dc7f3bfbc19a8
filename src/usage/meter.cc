#include "usage/meter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "util/text.h"

namespace llama_swap::usage {
namespace {

constexpr std::array<Member, 3> kWanted{{{"", "usage"}, {"", "timings"}, {"", "metrics"}}};

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

std::chrono::nanoseconds Timing::mean_gap() const {
  if (!first_token || token_events < 2) return std::chrono::nanoseconds(0);
  return (last_token - *first_token) / static_cast<std::int64_t>(token_events - 1);
}

std::optional<double> measured_tokens_per_second(const Result& result) {
  const Timing& timing = result.timing;
  if (!result.figures || result.figures->output < 2 || !timing.first_token) return std::nullopt;
  const std::chrono::duration<double> took = timing.last_token - *timing.first_token;
  if (took.count() <= 0) return std::nullopt;
  // The first one came before the time began.
  return static_cast<double>(result.figures->output - 1) / took.count();
}

Meter::Document::Document(bool infill)
    : members(kWanted,
              infill ? MemberExtractor::Array::last_element : MemberExtractor::Array::ignored) {}

void Meter::Document::feed(std::string_view piece) {
  if (kind == Kind::empty) {
    const std::size_t begin = piece.find_first_not_of(" \t\r\n\xef\xbb\xbf");
    if (begin == std::string_view::npos) return;
    kind = piece[begin] == '{' || piece[begin] == '[' ? Kind::json : Kind::other;
  }
  if (kind == Kind::json) members.feed(piece);
}

std::optional<Figures> Meter::Document::figures() const {
  Collector collector;
  collector.add_usage(members.text(0));
  collector.set_timings(members.text(1));
  collector.set_metrics(members.text(2));
  return collector.figures();
}

Meter::Meter(const AnswerHead& head, ExpansionLimit limit)
    : status_(head.status),
      status_text_(is_success(head.status) ? "" : status_text(head.status, head.reason)),
      decoder_(Decoder::make(head.content_encoding, limit)),
      reader_(make_reader(head)) {}

Meter::Reader Meter::make_reader(const AnswerHead& head) {
  if (!is_success(head.status)) return Reader(std::in_place_type<ErrorText>);
  if (util::icontains(head.content_type, "text/event-stream"))
    return Reader(std::in_place_type<EventScanner>);
  return Reader(std::in_place_type<Document>, head.request_path.starts_with("/infill"));
}

void Meter::feed(std::string_view bytes, util::Time now) {
  if (bytes.empty()) return;
  if (!result_.timing.first_byte) result_.timing.first_byte = now;
  result_.timing.last_byte = now;
  result_.body_bytes += bytes.size();
  if (!decoder_) return read(bytes);
  decoder_->feed(bytes);
  for (auto piece = decoder_->next(); !piece.empty(); piece = decoder_->next()) read(piece);
}

void Meter::read(std::string_view piece) {
  if (auto* events = std::get_if<EventScanner>(&reader_)) {
    count_tokens(*events, events->feed(piece));
  } else if (auto* document = std::get_if<Document>(&reader_)) {
    document->feed(piece);
  } else {
    std::get<ErrorText>(reader_).feed(piece);
  }
}

void Meter::count_tokens(const EventScanner& events, std::uint64_t tokens) {
  Timing& timing = result_.timing;
  const util::Time now = timing.last_byte;
  if (!first_event_ && events.events() > 0) first_event_ = now;
  if (tokens == 0) return;
  if (timing.first_token) timing.max_gap = std::max(timing.max_gap, now - timing.last_token);
  if (!timing.first_token) timing.first_token = now;
  timing.last_token = now;
  timing.token_events += tokens;
}

Result Meter::finish(Ending ending) {
  result_.ending = ending;
  if (auto* events = std::get_if<EventScanner>(&reader_)) {
    count_tokens(*events, events->finish());
    result_.events = events->events();
    result_.figures = events->figures();
    if (!result_.timing.first_token && first_event_)
      result_.timing.first_token = result_.timing.last_token = *first_event_;
  } else if (auto* document = std::get_if<Document>(&reader_)) {
    result_.unreadable = document->kind == Document::Kind::other;
    result_.figures = document->figures();
  }
  result_.decode_failed = decoder_ && !decoder_->complete();
  result_.error_msg = error_msg(ending);
  return std::move(result_);
}

std::string Meter::error_msg(Ending ending) const {
  // An answer that is cut off ends in the middle of its coding, too; that is no fault of the
  // coding.
  std::string fault = decoder_ ? decoder_->fault() : "";
  if (fault.empty() && result_.decode_failed && ending == Ending::complete)
    fault = "unexpected end of the body";
  if (!is_success(status_)) {
    if (!fault.empty()) return "response decode failed: " + fault;
    const std::string text = std::get<ErrorText>(reader_).text();
    return text.empty() ? status_text_ : text;
  }
  if (!fault.empty()) return "response decompression failed: " + fault;
  if (ending == Ending::broken) return "the response broke off";
  if (ending == Ending::cancelled) return "the request was cancelled";
  return "";
}

std::size_t Meter::kept_bytes() const {
  if (const auto* events = std::get_if<EventScanner>(&reader_)) return events->kept_bytes();
  if (const auto* document = std::get_if<Document>(&reader_)) return document->members.kept_bytes();
  return std::get<ErrorText>(reader_).kept_bytes();
}

}  // namespace llama_swap::usage

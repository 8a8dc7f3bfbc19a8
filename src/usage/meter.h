// Watches one answer pass and says in the end what is to be recorded of it: token figures, what the
// server says about a failure, and when its tokens came. Never changes or holds up a byte; memory
// is bounded, whatever passes (but for the windows of content codings some 100 KiB, mostly next to
// nothing).
//
// One thread at a time; no clock, times are passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "usage/decoder.h"
#include "usage/error_text.h"
#include "usage/event_scanner.h"
#include "usage/figures.h"
#include "usage/member_extractor.h"
#include "util/time.h"

namespace llama_swap::usage {

// What is known of an answer when its head has come. Read by the constructor of Meter only.
struct AnswerHead {
  std::string_view request_path;  // as sent to the server
  int status = 200;
  std::string_view reason;  // the standard phrase for `status`; "" if there is none
  std::string_view content_type;
  std::string_view content_encoding;
};

// How an answer ended.
enum class Ending {
  complete,   // as the server meant it
  broken,     // the server went away in the middle
  cancelled,  // the client left, or was sent away
};

// When the tokens of an event stream passed, by our clock. As exact as events come alone: those
// that came in one piece have one time.
struct Timing {
  std::optional<util::Time> first_byte;
  util::Time last_byte;  // if there is a first_byte
  // The first event that carries generated content. If none is known to: the first event.
  std::optional<util::Time> first_token;
  util::Time last_token;           // if there is a first_token
  std::uint64_t token_events = 0;  // since and with first_token; figures and end mark do not count
  std::chrono::nanoseconds max_gap{0};  // between two of them

  std::chrono::nanoseconds mean_gap() const;  // 0 with less than two
};

struct Result {
  Ending ending = Ending::complete;
  // Nothing: the server said nothing, and the activity row has zeros everywhere.
  std::optional<Figures> figures;
  // http-api.md 19.2. All of 2xx is success. A body that could not be decoded, or ended early, is
  // told here, too; figures that came before count.
  std::string error_msg;
  Timing timing;
  std::uint64_t events = 0;      // of an event stream, without the end mark
  std::uint64_t body_bytes = 0;  // as they passed
  bool decode_failed = false;  // the content coding is broken, or not whole: not fit for a capture
  bool unreadable = false;     // a success with a body that is neither events nor JSON
};

// The speed of generation that our own clock saw; nothing if there is nothing to measure by. For
// servers that tell none; the figures themselves keep their -1 (http-api.md 20.4).
std::optional<double> measured_tokens_per_second(const Result& result);

class Meter {
 public:
  explicit Meter(const AnswerHead& head, ExpansionLimit limit = {});

  // The next bytes of the body as they pass, cut anywhere, without the framing of HTTP.
  void feed(std::string_view bytes, util::Time now);
  // The answer is over. Once, and last.
  Result finish(Ending ending);

  // Events with generated content that have passed (Timing::token_events).
  std::uint64_t tokens_so_far() const { return result_.timing.token_events; }

  // Of all buffers but the windows of content codings.
  std::size_t kept_bytes() const;

 private:
  // A body of a success that is no event stream: its members, if it is JSON.
  struct Document {
    explicit Document(bool infill);
    void feed(std::string_view piece);
    std::optional<Figures> figures() const;

    enum class Kind { empty, json, other } kind = Kind::empty;
    MemberExtractor members;
  };

  using Reader = std::variant<EventScanner, Document, ErrorText>;

  static Reader make_reader(const AnswerHead& head);
  void read(std::string_view piece);
  void count_tokens(const EventScanner& events, std::uint64_t tokens);
  std::string error_msg(Ending ending) const;

  const int status_;
  const std::string status_text_;     // of a failure
  std::unique_ptr<Decoder> decoder_;  // null: the body is taken as it is
  Reader reader_;
  std::optional<util::Time> first_event_;
  Result result_;
};

}  // namespace llama_swap::usage

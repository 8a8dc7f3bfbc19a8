// Finds the token figures in the bytes of an event stream, whatever its length (http-api.md 20.1,
// stream rules), and counts its events. An event without figures costs a look at its bytes, 16 at a
// time; only what follows the key words is parsed.
//
// Lenient: lines end with LF, CR or CRLF; a last line without an end counts. The data of each line
// is one JSON document; several lines of one event are not joined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "usage/figures.h"
#include "usage/member_extractor.h"

namespace llama_swap::usage {

class EventScanner {
 public:
  EventScanner();

  // The next bytes of the stream, cut anywhere. Says how many events ended in them that carry
  // generated content: from the first one on that surely does, all that are not the end mark or
  // figures alone.
  std::uint64_t feed(std::string_view piece);
  // The stream is over: a line without an end is now complete. Answers as feed().
  std::uint64_t finish();

  // Lines of data, without the end mark "[DONE]".
  std::uint64_t events() const { return events_; }
  std::optional<Figures> figures() const { return collector_.figures(); }

  // A longer line that comes in pieces is looked through without being kept.
  static constexpr std::size_t kMaxHeld = 4096;
  // Of all buffers: bounded, whatever comes.
  std::size_t kept_bytes() const;

 private:
  // Of the line that is cut by the end of the pieces so far.
  enum class Cut {
    held,            // in held_, if there is one
    looked_through,  // too long to hold; its data goes through members_
    skipped,         // too long to hold, and no JSON object
  };

  void add_to_cut_line(std::string_view text);
  void end_cut_line();
  void whole_line(std::string_view line);
  bool take_figures();
  void end_line(std::string_view data, bool figures);

  Cut cut_ = Cut::held;
  bool content_seen_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t tokens_ = 0;  // to be told by the call in progress
  std::string held_;          // the cut line, or the beginning of one that is looked through
  MemberExtractor members_;   // of the line at hand
  Collector collector_;
};

}  // namespace llama_swap::usage

#include "usage/event_scanner.h"

#include <array>
#include <bit>
#include <utility>

#include "usage/content.h"
#include "util/byte_search.h"

namespace llama_swap::usage {
namespace {

constexpr std::array<Member, 5> kWanted{{
    {"", "usage"},
    {"response", "usage"},  // OpenAI's responses API
    {"message", "usage"},   // Anthropic's message_start
    {"", "timings"},
    {"", "metrics"},
}};
constexpr std::size_t kTimings = 3;
constexpr std::size_t kMetrics = 4;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

const char* find_line_end(const char* p, const char* end) {
  return util::find_first(
      p, end, [](util::Bytes16 b) { return b.equal('\n') | b.equal('\r'); },
      [](char c) { return c == '\n' || c == '\r'; });
}

// What follows "data:"; "" if the line is another.
std::string_view data_of(std::string_view line) {
  constexpr std::string_view kField = "data:";
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  if (!line.starts_with(kField)) return {};
  line.remove_prefix(kField.size());
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  return line;
}

// Whether the quote at `quote` ends one of the key words as a name, and its value is an object.
// "usage":null is in every event of some servers, so the value matters.
bool names_figures(std::string_view text, std::size_t quote) {
  const std::string_view before = text.substr(0, quote);
  if (!before.ends_with("\"usage") && !before.ends_with("\"timings") &&
      !before.ends_with("\"metrics"))
    return false;
  std::size_t at = quote + 1;
  while (at < text.size() && (is_blank(text[at]) || text[at] == ':')) ++at;
  return at < text.size() && text[at] == '{';
}

bool ends_key_word(const char* p) {
  return (p[0] == 'g' || p[0] == 'c') && (p[1] == 'e' || p[1] == 's') && p[2] == '"';
}

// Quotes within strings are escaped, so a key word between two bare ones is no generated text. Its
// last letters and the quote are looked for, as they are rarer than its first.
bool mentions_figures(std::string_view text) {
  using util::Bytes16;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* p = begin;
  for (; end - p >= 18; p += 16) {
    const Bytes16 first(p), second(p + 1), third(p + 2);
    unsigned hits = ((first.equal('g') | first.equal('c')) &
                     (second.equal('e') | second.equal('s')) & third.equal('"'))
                        .bits();
    for (; hits != 0; hits &= hits - 1)
      if (names_figures(text, static_cast<std::size_t>(p - begin + std::countr_zero(hits) + 2)))
        return true;
  }
  for (; end - p >= 3; ++p)
    if (ends_key_word(p) && names_figures(text, static_cast<std::size_t>(p - begin + 2)))
      return true;
  return false;
}

}  // namespace

EventScanner::EventScanner() : members_(kWanted) {}

std::uint64_t EventScanner::feed(std::string_view piece) {
  tokens_ = 0;
  const char* p = piece.data();
  const char* const end = p + piece.size();
  bool cut = cut_ != Cut::held || !held_.empty();
  while (p != end) {
    const char* const stop = find_line_end(p, end);
    const std::string_view line(p, static_cast<std::size_t>(stop - p));
    if (stop == end) {
      add_to_cut_line(line);
      break;
    }
    if (std::exchange(cut, false)) {
      add_to_cut_line(line);
      end_cut_line();
    } else if (!line.empty()) {
      whole_line(line);
    }
    p = stop + 1;
  }
  return tokens_;
}

std::uint64_t EventScanner::finish() {
  tokens_ = 0;
  end_cut_line();
  return tokens_;
}

void EventScanner::add_to_cut_line(std::string_view text) {
  if (cut_ == Cut::held) {
    const std::size_t room = kMaxHeld - held_.size();
    held_ += text.substr(0, room);
    if (text.size() <= room) return;
    text.remove_prefix(room);
    const std::string_view data = data_of(held_);
    cut_ = data.starts_with('{') ? Cut::looked_through : Cut::skipped;
    members_.restart();
    if (cut_ == Cut::looked_through) members_.feed(data);
  }
  if (cut_ == Cut::looked_through) members_.feed(text);
}

void EventScanner::end_cut_line() {
  if (cut_ == Cut::held) {
    whole_line(held_);
  } else {
    end_line(data_of(held_), cut_ == Cut::looked_through && take_figures());
  }
  held_.clear();
  cut_ = Cut::held;
}

void EventScanner::whole_line(std::string_view line) {
  const std::string_view data = data_of(line);
  bool figures = false;
  if (data.starts_with('{') && mentions_figures(data)) {
    members_.restart();
    members_.feed(data);
    figures = take_figures();
  }
  end_line(data_of(line.substr(0, kMaxHeld)), figures);
}

// True if there were some.
bool EventScanner::take_figures() {
  bool found = false;
  for (std::size_t i = 0; i < kWanted.size(); ++i) {
    const std::string& text = members_.text(i);
    if (!text.starts_with('{')) continue;
    found = true;
    if (i == kTimings) {
      collector_.set_timings(text);
    } else if (i == kMetrics) {
      collector_.set_metrics(text);
    } else {
      collector_.add_usage(text);
    }
  }
  return found;
}

// Judges by the beginning of the data, the same for lines that come whole and in pieces.
void EventScanner::end_line(std::string_view data, bool figures) {
  if (data.empty() || data.starts_with("[DONE]")) return;
  ++events_;
  if ((!content_seen_ || figures) && !carries_content(data)) return;
  content_seen_ = true;
  ++tokens_;
}

std::size_t EventScanner::kept_bytes() const {
  return held_.capacity() + members_.kept_bytes() + collector_.kept_bytes();
}

}  // namespace llama_swap::usage

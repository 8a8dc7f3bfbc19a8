#include "controls.h"

#include "util/text.h"

namespace fake_model {
namespace {

using llama_swap::util::split;
using llama_swap::util::trim;

bool set_death(Controls& c, Ending ending, std::string_view status) {
  c.ending = ending;
  return status.empty() || store(c.exit_status, parse_number<int>(status));
}

bool set_events(Controls& c, std::string_view value) {  // N or N/GAP
  const std::size_t slash = value.find('/');
  c.shape = Shape::events;
  if (slash != value.npos && !store(c.gap, parse_duration(value.substr(slash + 1)))) return false;
  return store(c.events, parse_number<int>(value.substr(0, slash)));
}

bool add_header(Controls& c, std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == value.npos) return false;
  c.headers.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  return true;
}

std::vector<Setting<Controls>> make_table() {
  using V = std::string_view;
  return {
      {"hold", "DUR", "wait before the first byte",
       [](Controls& c, V v) { return store(c.hold, parse_duration(v)); }},
      {"status", "N", "status of the answer",
       [](Controls& c, V v) { return store(c.status, parse_number<int>(v)); }},
      {"tokens", "N", "length of a generated answer",
       [](Controls& c, V v) { return store(c.tokens, parse_number<int>(v)); }},
      {"tps", "RATE", "tokens a second, 0 = at once",
       [](Controls& c, V v) { return store(c.tps, parse_number<double>(v)); }},
      {"echo", "", "answer with the request as JSON, whatever the path",
       [](Controls& c, V) {
         c.shape = Shape::echo;
         return true;
       }},
      {"events", "N[/DUR]", "N server-sent events {n,tag,pid}, DUR apart, then [DONE]", set_events},
      {"pad", "SIZE", "filling in each of those events",
       [](Controls& c, V v) { return store(c.pad, parse_size(v)); }},
      {"bytes", "SIZE", "that many bytes (0123456789abcdef…)",
       [](Controls& c, V v) {
         c.shape = Shape::bytes;
         return store(c.bytes, parse_size(v));
       }},
      {"ws", "", "switch protocols, then send back what comes",
       [](Controls& c, V) {
         c.shape = Shape::websocket;
         return true;
       }},
      {"die", "[STATUS]", "die before the first byte (without a status: by SIGKILL)",
       [](Controls& c, V v) { return set_death(c, Ending::die_before, v); }},
      {"die-mid", "[STATUS]", "die in the middle of the answer",
       [](Controls& c, V v) { return set_death(c, Ending::die, v); }},
      {"drop", "", "close the connection before the first byte",
       [](Controls& c, V) {
         c.ending = Ending::drop_before;
         return true;
       }},
      {"cut", "", "close the connection in the middle of the answer",
       [](Controls& c, V) {
         c.ending = Ending::cut;
         return true;
       }},
      {"reset", "", "reset the connection in the middle of the answer",
       [](Controls& c, V) {
         c.ending = Ending::reset;
         return true;
       }},
      {"chunked", "", "chunks even where the length is known",
       [](Controls& c, V) {
         c.framing = Framing::chunked;
         return true;
       }},
      {"eof", "", "no length: the answer ends with the connection",
       [](Controls& c, V) {
         c.framing = Framing::until_eof;
         return true;
       }},
      {"http10", "", "answer as HTTP/1.0",
       [](Controls& c, V) {
         c.http10 = true;
         return true;
       }},
      {"bare-lf", "", "end head lines with LF alone",
       [](Controls& c, V) {
         c.bare_lf = true;
         return true;
       }},
      {"bare-status", "", "status line without a space and a reason",
       [](Controls& c, V) {
         c.bare_status = true;
         return true;
       }},
      {"no-reason", "", "status line with an empty reason",
       [](Controls& c, V) {
         c.no_reason = true;
         return true;
       }},
      {"odd-headers", "", "odd but legal spelling: case, blanks, empty values, repeated lengths",
       [](Controls& c, V) {
         c.odd_headers = true;
         return true;
       }},
      {"early", "", "103 before the answer",
       [](Controls& c, V) {
         c.early_hints = true;
         return true;
       }},
      {"trailers", "", "chunked with a trailer X-Sum",
       [](Controls& c, V) {
         c.framing = Framing::chunked;
         c.trailers = true;
         return true;
       }},
      {"chunk-ext", "", "chunked with extensions",
       [](Controls& c, V) {
         c.framing = Framing::chunked;
         c.chunk_extensions = true;
         return true;
       }},
      {"close", "", "Connection: close, and close",
       [](Controls& c, V) {
         c.close = true;
         return true;
       }},
      {"slow-head", "DUR", "pause between the lines of the head",
       [](Controls& c, V v) { return store(c.head_gap, parse_duration(v)); }},
      {"type", "TEXT", "content type",
       [](Controls& c, V v) {
         c.type = v;
         return true;
       }},
      {"header", "NAME=TEXT", "one more header of the answer", add_header},
  };
}

}  // namespace

const std::vector<Setting<Controls>>& control_table() {
  static const std::vector<Setting<Controls>> table = make_table();
  return table;
}

std::optional<std::string> apply_controls(Controls& controls, std::string_view text) {
  for (std::string_view item : split(text, ',')) {
    item = trim(item);
    if (item.empty()) continue;
    const std::size_t colon = std::min(item.find(':'), item.size());
    const Setting<Controls>* control = find(control_table(), item.substr(0, colon));
    if (!control) return "unknown control: " + std::string(item);
    if (!control->set(controls,
                      colon < item.size() ? item.substr(colon + 1) : std::string_view{})) {
      return "bad value: " + std::string(item);
    }
  }
  return std::nullopt;
}

}  // namespace fake_model

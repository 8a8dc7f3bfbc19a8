// The token figures of an answer, and how they follow from what model servers say (http-api.md 20):
// `usage` (OpenAI, Anthropic), `timings` (llama.cpp), `metrics` (vLLM). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "usage/json_numbers.h"
#include "util/time.h"

namespace llama_swap::usage {

// -1 is "unknown" where it is the first value.
//
// Servers count differently, and so do these figures: `cached` is a part of `input` for OpenAI, and
// comes on top of it for Anthropic and in llama.cpp's timings.
struct Figures {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cached = -1;
  std::int64_t draft = -1;
  std::int64_t draft_accepted = -1;
  double prompt_per_second = -1;
  double tokens_per_second = -1;
  // What the server says it spent; a request lasts no shorter than this. 0: it does not say.
  util::Millis model_time{0};
  // The whole prompt, cached or not, whichever way the server counts `input`. Empty: unknown.
  std::optional<std::int64_t> prompt = std::nullopt;
  // What the server says it spent on the prompt, and on generating after it.
  std::optional<util::Millis> prefill = std::nullopt, decode = std::nullopt;

  bool operator==(const Figures&) const = default;
};

// What follows from each kind of object. Members that are not there, or no numbers, change nothing
// or count as the rules say; anything but an object changes nothing.
//
// A new input or output value counts if > 0, a cached value if >= 0, so that those of message_start
// live on when message_delta repeats only some.
void apply_usage(const JsonNumbers& usage, Figures& figures);
// Overrides usage; what is missing of input, output and speeds is 0.
void apply_timings(const JsonNumbers& timings, Figures& figures);
// To be applied last: the prompt's speed depends on input and cached.
void apply_metrics(const JsonNumbers& metrics, Figures& figures);

// Whether what usage object `text` says takes the place of all that `old` says: the same members,
// and no number became 0. May say no where it does.
bool replaces(std::string_view text, std::string_view old);

// Gathers over one answer: all usage objects in their order, the last timings and metrics.
class Collector {
 public:
  // The text of a JSON value each; anything but an object is passed over.
  void add_usage(std::string_view json);
  void set_timings(std::string_view json);
  void set_metrics(std::string_view json);

  // Nothing, if no object came: then the activity row keeps zeros everywhere.
  std::optional<Figures> figures() const;

  std::size_t kept_bytes() const {
    return usage_.capacity() + timings_.capacity() + metrics_.capacity();
  }

 private:
  std::optional<Figures> before_;  // from all usage objects before the last
  // The last ones, to be parsed in the end: some servers repeat them in every event.
  std::string usage_;
  std::string timings_;
  std::string metrics_;
};

}  // namespace llama_swap::usage

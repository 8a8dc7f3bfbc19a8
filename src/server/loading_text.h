// What a waiting client reads about the loading of its model (http-api 9.5, runtime 12), as
// server-sent events in the dialect of chat completions. Pure: the owner says when.
#pragma once

#include <string>
#include <string_view>

#include "swap/swap.h"

namespace llama_swap::server {

class LoadingText {
 public:
  explicit LoadingText(std::string model) : model_(std::move(model)) {}

  // Comes first.
  std::string begin() const;
  // What is new about the wait; "" if nothing is.
  std::string update(const swap::Wait& wait);
  // A sign of life.
  std::string tick() const;
  // The waiting is over.
  std::string end(std::chrono::nanoseconds waited) const;

 private:
  const std::string model_;
  int position_ = 0;
  std::string reason_;
};

// `data: {"choices":[{"delta":{"reasoning_content":"<text>"}}]}` and a blank line.
std::string reasoning_event(std::string_view text);
// `data: <one line of JSON>`, then `data: [DONE]`.
std::string failure_events(std::string_view json);

}  // namespace llama_swap::server

// What a waiting client reads about the loading of its model (http-api 9.5, runtime 12). Pure: the
// owner says when, and puts it into events.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "swap/swap.h"
#include "util/time.h"

namespace llama_swap::server {

class LoadingText {
 public:
  LoadingText(std::string model, util::Time began) : model_(std::move(model)), began_(began) {}

  // Comes first.
  std::string begin() const;
  // What is new about the wait; "" if nothing is.
  std::string update(const swap::Wait& wait, util::Time now);
  // A sign of life; now and then how long it has been, and how long it may be.
  std::string tick(const swap::Wait& wait, util::Time now);
  // The waiting is over.
  std::string end(util::Time now) const;

 private:
  const std::string model_;
  const util::Time began_;
  int position_ = 0;
  std::string reason_;
  std::vector<std::string> blockers_;
  bool estimated_ = false;  // said how long it may be
  int ticks_ = 0;
};

}  // namespace llama_swap::server

// For the tests of the scheduler, case by case: each step is a line of script (world.h) and what
// must come of it.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>

#include "sched/world.h"

namespace llama_swap::sched::testing {

struct Step {
  const char* line;
  const char* want;
};

inline void play(std::initializer_list<Step> steps) {
  World world;
  for (const Step& step : steps) {
    SCOPED_TRACE(step.line);
    EXPECT_EQ(world.run(step.line), step.want);
    ASSERT_EQ(world.violation(), "");
  }
}

}  // namespace llama_swap::sched::testing

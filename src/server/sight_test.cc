#include "server/sight.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

TEST(Sight, WhatANameMeansCounts) {
  config::Config config;
  testing::add_model(config, "big");
  testing::add_model(config, "small");
  testing::add_peer(config, "hub", {"bigger", "author/big"});
  testing::add_peer(config, "other", {"open"});
  config::NamedKey key;
  key.models = {"big*", "author/*", "other/*"};
  const Directory directory(config);
  const Caller caller(key);
  const Sight sight{caller, directory};
  const struct {
    const char* model;
    bool seen;
  } cases[] = {
      {"big", true},
      {"small", false},
      {"open", true},
      {"other/open", true},
      {"bigger", false},
      {"hub/bigger", false},  // matches, but means hub/bigger
      {"author/big", false},  // the same
      {"big-of-the-past", true},
      {"nobody", false},
  };
  EXPECT_FALSE(sight.all());
  for (const auto& c : cases) EXPECT_EQ(sight.sees(c.model), c.seen) << c.model;

  const Caller anybody;
  const Sight everything{anybody, directory};
  EXPECT_TRUE(everything.all());
  for (const auto& c : cases) EXPECT_TRUE(everything.sees(c.model)) << c.model;
}

}  // namespace
}  // namespace llama_swap::server

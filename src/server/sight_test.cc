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

TEST(Sight, OfAPeerAllOrNothing) {
  config::Config config;
  const config::Peer& hub = testing::add_peer(config, "hub", {"a", "b"});
  const config::Peer& empty = testing::add_peer(config, "empty", {});
  testing::add_model(config, "hub/b");  // takes the name, not the peer's model
  const Directory directory(config);
  const struct {
    std::vector<std::string> models;
    bool seen;
  } cases[] = {{{"hub/*"}, true},   {{"hub/a", "hub/b"}, true}, {{"hub/a"}, false},
               {{"a", "b"}, false}, {{"hub"}, false},           {{}, true}};
  for (const auto& c : cases) {
    config::NamedKey key;
    key.models = c.models;
    const Caller caller(key);
    EXPECT_EQ((Sight{caller, directory}.sees_all_of(hub)), c.seen);
    EXPECT_FALSE((Sight{caller, directory}.sees_all_of(empty)));
  }
}

}  // namespace
}  // namespace llama_swap::server

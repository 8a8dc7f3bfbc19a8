#include "server/directory.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

config::Config example() {
  config::Config config;
  for (const char* id : {"m1", "author", "author/model", "shadow"}) testing::add_model(config, id);
  config.aliases["nick"] = "m1";
  testing::add_peer(config, "P1", {"shared", "org/model", "unique", "shadow"});
  testing::add_peer(config, "P2", {"shared", "P1/unique", "twice", "twice"});
  return config;
}

std::string text(const Target& target) {
  if (target.local) return target.local->id;
  if (target.peer) return target.peer->peer->id + ": " + target.peer->model;
  return "-";
}

TEST(Directory, WhatTheCallerMayNotUseDoesNotExist) {
  const config::Config config = example();
  const Directory directory(config);
  config::NamedKey key;
  key.models = {"m?", "author", "P1/*"};
  const Caller caller(key);
  const std::pair<const char*, const char*> cases[] = {{"m1", "m1"},
                                                       {"nick", "m1"},
                                                       {"author/model", "-"},
                                                       {"shadow", "-"},
                                                       {"unique", "P1: unique"},
                                                       {"P1/unique", "P1: unique"},
                                                       {"P2/twice", "-"},
                                                       {"twice", "-"}};
  for (const auto& [name, want] : cases)
    EXPECT_EQ(text(directory.find(name, caller)), want) << name;
  // The longest name that is one to the caller.
  const auto match = directory.find_prefix("author/model/x", caller);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->name, "author");
  EXPECT_EQ(match->rest, "/model/x");
}

TEST(Directory, Names) {
  const struct {
    const char* name;
    const char* want;
  } cases[] = {
      {"m1", "m1"},
      {"M1", "-"},
      {"nick", "m1"},
      {"author/model", "author/model"},
      {"shadow", "shadow"},  // local wins
      {"P1/shadow", "P1: shadow"},
      {"shared", "-"},  // two offer it
      {"P2/shared", "P2: shared"},
      {"unique", "P1: unique"},
      {"org/model", "P1: org/model"},
      {"P1/org/model", "P1: org/model"},
      {"P1/unique", "P1: unique"},  // P2's bare name reads like P1's full one
      {"P2/P1/unique", "P2: P1/unique"},
      {"twice", "P2: twice"},
      {"", "-"},
  };
  const config::Config config = example();
  const Directory directory(config);
  for (const auto& c : cases) EXPECT_EQ(text(directory.find(c.name)), c.want) << c.name;
}

TEST(Directory, Prefixes) {
  const struct {
    const char* path;
    const char* want;
  } cases[] = {
      {"m1/v1/chat", "m1 /v1/chat"},
      {"m1", "m1 / whole"},
      {"m1/", "m1 /"},
      {"nick/abc", "m1 /abc"},
      {"author/model/v1/chat", "author/model /v1/chat"},
      {"author/v1/chat", "author /v1/chat"},
      {"author/model/x%2Fy", "author/model /x%2Fy"},
      {"author%2Fmodel/x%2Fy", "author/model /x%2Fy"},
      {"author%2fmodel%2fx", "author/model /x"},
      {"m1/e%252Fe.json", "m1 /e%252Fe.json"},
      {"m1/%E2%9C%93", "m1 /%E2%9C%93"},
      {"%6D1/x", "m1 /x"},
      {"P2/shared/x", "P2: shared /x"},
      {"shared/x", "-"},
      {"nope/v1", "-"},
      {"", "-"},
      {"m1%", "-"},
  };
  const config::Config config = example();
  const Directory directory(config);
  for (const auto& c : cases) {
    const auto match = directory.find_prefix(c.path);
    const std::string got =
        match ? text(match->target) + " " + match->rest + (match->whole ? " whole" : "") : "-";
    EXPECT_EQ(got, c.want) << c.path;
  }
}

}  // namespace
}  // namespace llama_swap::server

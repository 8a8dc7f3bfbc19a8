#include "server/keys.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

using config::Role;

config::NamedKey named(std::string name, std::string key, Role role = Role::user) {
  config::NamedKey out;
  out.name = std::move(name);
  out.digest = util::sha256(key);
  out.role = role;
  return out;
}

TEST(Keys, WithoutKeysEverybodyMayDoEverything) {
  const config::Config config;
  const auto caller = KeyRing(config).identify("");
  ASSERT_TRUE(caller);
  EXPECT_TRUE(caller->is(Role::admin));
  EXPECT_TRUE(caller->may_use("any"));
  EXPECT_TRUE(caller->may_swap());
  EXPECT_TRUE(caller->key_is_forwarded());
  EXPECT_EQ(caller->name(), "");
}

TEST(Keys, Identify) {
  config::Config config;
  config.api_keys = {"plain", "other"};
  config.named_keys = {named("anna", "anna-key"), named("ops", "ops-key", Role::operating)};
  const KeyRing ring(config);
  const struct {
    const char* key;
    const char* want;  // name, role, forwarded
  } cases[] = {
      {"plain", " admin forwarded"},
      {"other", " admin forwarded"},
      {"anna-key", "anna user kept"},
      {"ops-key", "ops operator kept"},
      {"anna-ke", "nobody"},
      {"anna-keyy", "nobody"},
      {"", "nobody"},
      {"anna", "nobody"},
  };
  for (const auto& c : cases) {
    const auto caller = ring.identify(c.key);
    std::string got = "nobody";
    if (caller) {
      got = std::string(caller->name()) + " ";
      got += caller->is(Role::admin) ? "admin" : caller->is(Role::operating) ? "operator" : "user";
      got += caller->key_is_forwarded() ? " forwarded" : " kept";
    }
    EXPECT_EQ(got, c.want) << c.key;
  }
  EXPECT_FALSE(ring.identify(""));
}

TEST(Keys, NothingIsNoKey) {
  config::Config config;
  config.api_keys = {""};
  config.named_keys = {named("anna", "")};
  EXPECT_FALSE(KeyRing(config).identify(""));
}

TEST(Keys, OnlyNamedKeys) {
  config::Config config;
  config.named_keys = {named("anna", "anna-key")};
  EXPECT_FALSE(KeyRing(config).identify(""));
  EXPECT_TRUE(KeyRing(config).identify("anna-key"));
}

TEST(Keys, Models) {
  config::NamedKey key = named("anna", "k");
  EXPECT_TRUE(Caller(key).may_use("anything"));
  EXPECT_TRUE(Caller(key).may_use_all());
  key.models = {"qwen*", "peer/*", "a?c"};
  EXPECT_FALSE(Caller(key).may_use_all());
  for (const char* mine : {"qwen", "qwen3-8b", "peer/x", "abc"})
    EXPECT_TRUE(Caller(key).may_use(mine)) << mine;
  for (const char* other : {"", "Qwen", "xqwen", "peer", "ac", "abbc"})
    EXPECT_FALSE(Caller(key).may_use(other)) << other;
}

TEST(Keys, WhatTwoCallersSee) {
  config::NamedKey admin = named("root", "r", Role::admin);
  const config::NamedKey operating = named("ops", "o", Role::operating);
  config::NamedKey few = operating;
  few.models = {"a"};
  config::NamedKey others = few;
  others.models = {"b"};
  config::NamedKey same = few;
  same.name = "other";
  same.may_swap = false;
  const Caller callers[] = {Caller(), Caller(operating), Caller(few), Caller(others)};
  for (const Caller& a : callers)
    for (const Caller& b : callers) EXPECT_EQ(a.sees_the_same_as(b), &a == &b);
  EXPECT_TRUE(Caller(admin).sees_the_same_as(Caller()));
  EXPECT_TRUE(Caller(same).sees_the_same_as(Caller(few)));
  admin.models = {"a"};
  EXPECT_FALSE(Caller(admin).sees_the_same_as(Caller()));
  EXPECT_FALSE(Caller(admin).sees_the_same_as(Caller(few)));
}

TEST(Keys, WhatTwoRingsShow) {
  config::Config before;
  before.api_keys = {"plain"};
  before.named_keys = {named("anna", "anna-key")};
  const auto same = [&before](const config::Config& after) {
    return KeyRing(before).shows_the_same_as(KeyRing(after));
  };
  config::Config after = before;
  after.named_keys[0].name = "hanna";
  EXPECT_TRUE(same(after));
  after.named_keys[0].models = {"a"};
  EXPECT_FALSE(same(after));
  after.named_keys = {named("anna", "other-key")};
  EXPECT_FALSE(same(after));
  after.named_keys.clear();
  EXPECT_FALSE(same(after));
}

TEST(Keys, Patterns) {
  const struct {
    const char *pattern, *text;
    bool want;
  } cases[] = {
      {"", "", true},       {"", "a", false},           {"*", "", true},
      {"*", "a/b", true},   {"a*", "a", true},          {"*a", "bba", true},
      {"*a", "bab", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false},
      {"?", "", false},     {"??", "ab", true},         {"**a**", "bab", true},
      {"[a]", "a", false},  {"a.c", "abc", false},      {"*aab", "aaaaab", true},
      {"a*", "ba", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(matches_pattern(c.pattern, c.text), c.want) << c.pattern << " " << c.text;
}

}  // namespace
}  // namespace llama_swap::server

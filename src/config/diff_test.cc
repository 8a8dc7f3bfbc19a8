#include "config/diff.h"

#include "config/keys.h"
#include "config/test_support.h"

namespace llama_swap::config {
namespace {

TEST(Diff, OneModel) {
  const std::string base = "cmd: s, proxy: p";
  static const struct {
    const char* body;
    Change want;
  } cases[] = {
      {"cmd: s, proxy: p", Change::unchanged},
      {"proxy: \"p\", cmd: 's', checkEndpoint: /health", Change::unchanged},
      {"cmd: s, proxy: p, unknown: 1", Change::unchanged},
      {"cmd: s2, proxy: p", Change::launch},
      {"cmd: s, proxy: q", Change::launch},
      {"cmd: s, proxy: p, cmdStop: t", Change::launch},
      {"cmd: s, proxy: p, env: [A=1]", Change::launch},
      {"cmd: s, proxy: p, checkEndpoint: /", Change::launch},
      {"cmd: s, proxy: p, stopScope: group", Change::launch},
      {"cmd: s, proxy: p, timeouts: {connect: 1}", Change::policy},
      {"cmd: s, proxy: p, caFile: c", Change::policy},
      {"cmd: s, proxy: p, ttl: 5", Change::policy},
      {"cmd: s, proxy: p, unloadTimeout: 5", Change::policy},
      {"cmd: s, proxy: p, aliases: [a]", Change::policy},
      {"cmd: s, proxy: p, concurrencyLimit: 5", Change::policy},
      {"cmd: s, proxy: p, filters: {stripParams: a}", Change::policy},
      {"cmd: s, proxy: p, metadata: {a: 1}", Change::policy},
      {"cmd: s, proxy: p, capabilities: {tools: true}", Change::policy},
      {"cmd: s, proxy: p, name: n", Change::policy},
      {"cmd: s, proxy: p, ttl: 5, env: [A=1]", Change::launch},
  };
  const auto before = accepted("models: {owl: {" + base + "}}");
  for (const auto& c : cases) {
    const auto after = accepted(std::string("models: {owl: {") + c.body + "}}");
    EXPECT_EQ(diff(*before, *after).of("owl"), c.want)
        << c.body << ": " << to_string(diff(*before, *after).of("owl"));
  }
}

TEST(Diff, LaunchKeys) {
  const auto before = accepted("models: {owl: {cmd: s, proxy: p}}");
  for (const Key& key : model_section().keys) {
    if (key.name == "cmd" || key.name == "proxy") continue;  // would be there twice
    std::string value;
    if (key.type == Type::string) value = key.choices.empty() ? "other" : "group";
    if (key.type == Type::integer) value = "77";
    if (key.type == Type::boolean) value = "true";
    if (key.type == Type::strings) value = "[A=1]";
    if (value.empty()) continue;
    const std::string written = std::string(key.name) + ": " + value;
    const auto after = accepted("models: {owl: {cmd: s, proxy: p, " + written + "}}");
    EXPECT_EQ(diff(*before, *after).of("owl") == Change::launch, is_launch_key(key.name))
        << written;
  }
  EXPECT_TRUE(is_launch_key("cmd"));
  EXPECT_TRUE(is_launch_key("proxy"));
  EXPECT_FALSE(is_launch_key("timeouts"));
}

TEST(Diff, ComesAndGoes) {
  const auto before = accepted("models: {a: {cmd: 's ${PORT}'}, c: {cmd: 's ${PORT}'}}");
  const auto after = accepted("models: {b: {cmd: 's ${PORT}'}, c: {cmd: 's ${PORT}'}}");
  EXPECT_EQ(diff(*before, *after).models,
            (std::map<std::string, Change>{
                {"a", Change::removed}, {"b", Change::added}, {"c", Change::unchanged}}));
  // A port that shifts is a launch setting.
  const auto more =
      accepted("models: {a: {cmd: 's ${PORT}'}, b: {cmd: 's ${PORT}'}, c: {cmd: 's ${PORT}'}}");
  EXPECT_EQ(diff(*before, *more).of("c"), Change::launch);
  EXPECT_TRUE(diff(Config(), Config()).models.empty());
}

}  // namespace
}  // namespace llama_swap::config

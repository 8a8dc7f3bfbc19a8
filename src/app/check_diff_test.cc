#include "app/check_diff.h"

#include "config/test_support.h"

namespace llama_swap::app {
namespace {

TEST(ReloadEffect, Table) {
  const std::string none = "no other setting changed\n";
  const struct {
    std::string before, after, want;
  } cases[] = {
      {"", "", none},
      {"models: {a: {proxy: p}}", "models: {b: {proxy: p}}", "a: removed\nb: added\n" + none},
      {"models: {a: {proxy: p}}", "models: {a: {proxy: 'p', ttl: -1, aliases: []}}",
       "a: unchanged\n" + none},
      {"models: {a: {proxy: p}}",
       "models: {a: {proxy: p, ttl: 5, timeouts: {connect: 1}, metadata: {x: 1}}}",
       "a: policy changed: ttl, metadata, timeouts.connect\n" + none},
      {"models: {a: {proxy: p}}", "models: {a: {proxy: q, env: [A=1], ttl: 5}}",
       "a: restarted on next use: proxy, env; policy changed: ttl\n" + none},
      {"models: {b: {cmd: 's ${PORT}'}}", "models: {a: {cmd: 's ${PORT}'}, b: {cmd: 's ${PORT}'}}",
       "a: added\nb: restarted on next use: cmd, proxy (port 5800 is now 5801)\n" + none},
      {"models: {a: {proxy: p}}", "models: {a: {proxy: p}}\nglobalTTL: 5",
       "a: policy changed: ttl\nchanged: globalTTL\n"},
      {"models: {a: {cmd: 's ${PORT}', ttl: 0}}",
       "models: {a: {cmd: 's 5800', proxy: 'http://localhost:5800'}}",
       "a: policy changed: ${PORT}\n" + none},
      {"apiKeys: [a]\npeers: {p: {proxy: h, models: [m]}, q: }\nlogLevel: warn",
       "apiKeys: [b]\npeers: {p: {proxy: h, models: [n]}, r: }\nlogLevel: WARN",
       "changed: apiKeys\nchanged: peers.p.models\npeers.q removed\npeers.r added\n"},
      {"models: {a: {proxy: p}}\ngroups: {g: {members: [a]}}",
       "models: {a: {proxy: p}}\nrouting: {router: {settings: {groups: {g: {members: [a]}}}}}",
       "a: unchanged\n" + none},
      {"models: {a: {proxy: p}}", "models: {a: {proxy: p}}\nmatrix: {sets: {s: a}}",
       "a: unchanged\nchanged: routing.router.use\nchanged: routing.router.settings.matrix.sets\n"},
  };
  for (const auto& c : cases) {
    const auto before = config::load_all({c.before}), after = config::load_all({c.after});
    ASSERT_TRUE(before.config && after.config) << c.before << "\n" << c.after;
    EXPECT_EQ(reload_effect(before, after), c.want) << c.before << "\n" << c.after;
  }
}

}  // namespace
}  // namespace llama_swap::app

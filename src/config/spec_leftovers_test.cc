// What must not be left after all substitutions, and what may (3.5): in each part of a
// configuration, and how it is called there.
#include <fmt/format.h>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

const std::string kModels = "models: {owl: {proxy: p, aliases: [bird]}, fox: {proxy: p}}\n";

TEST(SpecLeftovers, InModels) {
  // `${what}` in the place of @, within the model owl.
  static const struct {
    const char* body;
    const char* place;
  } cases[] = {
      {"cmd: 'x @'", "owl.cmd"},
      {"cmdStop: 'x @'", "owl.cmdStop"},
      {"name: 'x @'", "owl.name"},
      {"description: '@'", "owl.description"},
      {"checkEndpoint: '/@'", "owl.checkEndpoint"},
      {"useModelName: '@'", "owl.useModelName"},
      {"ttl: '@'", "owl.ttl"},
      {"unloadTimeout: '@'", "owl.unloadTimeout"},
      {"unlisted: '@'", "owl.unlisted"},
      {"concurrencyLimit: '@'", "owl.concurrencyLimit"},
      {"sendLoadingState: '@'", "owl.sendLoadingState"},
      {"healthCheckTimeout: '@'", "owl.healthCheckTimeout"},
      {"stopScope: '@'", "owl.stopScope"},
      {"aliases: [a, '@']", "owl.aliases"},
      {"env: ['A=@']", "owl.env"},
      {"filters: {stripParams: 'a, @'}", "owl.filters.stripParams"},
      {"filters: {strip_params: '@'}", "owl.filters.strip_params"},
      {"filters: {setParams: {t: '@'}}", "owl.filters.setParams.t"},
      {"filters: {setParamsByID: {owl: {t: [1, '@']}}}", "owl.filters.setParamsByID.owl.t"},
      {"filters: {setParamsByID: {'@': {t: 1}}}", "owl.filters.setParamsByID"},
      {"metadata: {a: [{b: '@'}]}", "owl.metadata.a.b"},
      {"timeouts: {connect: '@'}", "owl.timeouts.connect"},
      {"compat: {ignoreWebsockets: '@'}", "owl.compat.ignoreWebsockets"},
      {"capabilities: {out: ['@']}", "owl.capabilities.out"},
      {"capabilities: {context: '@'}", "owl.capabilities.context"},
      {"custom: {deep: '@'}", "owl.custom.deep"},
  };
  for (const auto& c : cases) {
    const auto with = [&](const std::string& placeholder) {
      std::string body = c.body;
      body.replace(body.find('@'), 1, placeholder);
      return "models: {owl: {proxy: p, " + body + "}}";
    };
    expect_refused(with("${what}"), {c.place, "unknown macro ${what}"});
    if (std::string_view(c.place) != "owl.cmd")
      expect_refused(with("${PORT}"), {c.place, "${PORT} could not be substituted"});
    if (std::string_view(c.place) != "owl.cmdStop")
      expect_refused(with("${PID}"), {c.place, "${PID} could not be substituted"});
    EXPECT_FALSE(load_all({with("${env.NOPE}")}).config) << c.body;
  }
}

TEST(SpecLeftovers, ElsewhereByPath) {
  static const struct {
    const char* text;
    const char* place;
  } cases[] = {
      {"healthCheckTimeout: '@'", "healthCheckTimeout"},
      {"logLevel: '@'", "logLevel"},
      {"logTimeFormat: '@'", "logTimeFormat"},
      {"logToStdout: '@'", "logToStdout"},
      {"logFormat: '@'", "logFormat"},
      {"logRequests: '@'", "logRequests"},
      {"metricsMaxInMemory: '@'", "metricsMaxInMemory"},
      {"captureBuffer: '@'", "captureBuffer"},
      {"store: {path: '/tmp/@'}", "store.path"},
      {"ui: {activity: {session_id: ['X-@']}}", "ui.activity.session_id"},
      {"ui: {unknown: '@'}", "ui.unknown"},
      {"performance: {every: '@'}", "performance.every"},
      {"startPort: '@'", "startPort"},
      {"globalTTL: '@'", "globalTTL"},
      {"unloadTimeout: '@'", "unloadTimeout"},
      {"sendLoadingState: '@'", "sendLoadingState"},
      {"includeAliasesInList: '@'", "includeAliasesInList"},
      {"apiKeys: [a, '@']", "apiKeys"},
      {"groups: {g: {members: ['@']}}", "groups.g.members"},
      {"matrix: {sets: {s: 'owl | @'}}", "matrix.sets.s"},
      {"matrix: {vars: {a: '@'}, sets: {s: owl}}", "matrix.vars.a"},
      {"matrix: {evict_costs: {owl: '@'}, sets: {s: owl}}", "matrix.evict_costs.owl"},
      {"routing: {scheduler: {use: '@'}}", "routing.scheduler.use"},
      {"routing: {scheduler: {settings: {fifo: {priority: {owl: '@'}}}}}",
       "routing.scheduler.settings.fifo.priority.owl"},
      {"routing: {router: {use: '@'}}", "routing.router.use"},
      // Of the router that is not used, too.
      {"routing: {router: {use: group, settings: {matrix: {sets: {s: '@'}}}}}",
       "routing.router.settings.matrix.sets.s"},
      {"profiles: {p: {description: '@', pins: {a: owl}}}", "profiles.p.description"},
      {"profiles: {p: {pins: {a: '@'}}}", "profiles.p.pins.a"},
      {"selectors: {s: {strategy: pin, targets: ['@']}}", "selectors.s.targets"},
      {"selectors: {s: {strategy: pin, targets: [owl], metadata: {k: '@'}}}",
       "selectors.s.metadata.k"},
      {"peers: {far: {proxy: 'http://@', models: [m]}}", "peers.far.proxy"},
      {"peers: {far: {proxy: p, models: ['@']}}", "peers.far.models"},
      {"peers: {far: {proxy: p, models: [m], apiKey: '@'}}", "peers.far.apiKey"},
      {"peers: {far: {proxy: p, models: [m], filters: {setParamsByID: {m: {a: '@'}}}}}",
       "peers.far.filters.setParamsByID.m.a"},
      {"peers: {far: {proxy: p, models: [m], timeouts: {connect: '@'}}}",
       "peers.far.timeouts.connect"},
      {"hooks: {on_startup: {preload: ['@']}}", "hooks.on_startup.preload"},
      {"upstream: {ignorePaths: ['@']}", "upstream.ignorePaths"},
  };
  for (const auto& c : cases) {
    const auto with = [&](const std::string& placeholder) {
      std::string text = c.text;
      text.replace(text.find('@'), 1, placeholder);
      return kModels + text;
    };
    expect_refused(with("${what}"), {fmt::format(": {}: unknown macro ${{what}}", c.place)});
    expect_refused(with("${MODEL_ID}"), {c.place, "${MODEL_ID} could not be substituted"});
    expect_refused(with("${PORT}"), {c.place, "${PORT} could not be substituted"});
    expect_refused(with("${PID}"), {c.place, "${PID} could not be substituted"});
  }
}

TEST(SpecLeftovers, PlacesOfErrors) {
  static const struct {
    const char* text;
    const char* said;
  } cases[] = {
      {"models:\n  owl:\n    proxy: p\n    cmd: |\n      serve\n      ${what}\n",
       "1.yaml:4:10: models.owl.cmd: unknown macro ${what}\n        cmd: |\n             ^"},
      {"apiKeys:\n  - secret-one\n  - secret-${two}\n",
       "1.yaml:3:5: apiKeys: unknown macro ${two}"},  // the line is not quoted
      {"macros: {a: '${b}'}\nmodels: {owl: {proxy: p, name: '${a}'}}",
       "1.yaml:2:32: models.owl.name: unknown macro ${b}\n"
       "    models: {owl: {proxy: p, name: '${a}'}}\n"
       "                                   ^"},
  };
  for (const auto& c : cases) {
    const LoadResult result = load_all({c.text});
    ASSERT_EQ(result.problems.size(), 1u) << c.text;
    EXPECT_EQ(result.problems[0].text(), c.said);
  }
}

TEST(SpecLeftovers, WhatIsNotLookedAt) {
  for (const char* text :
       {"x-notes: {deep: ['${what}', '${PORT}']}", "'${what}': 1", "ui: {'${what}': 1}",
        "peers: {far: {proxy: p, models: [m], filters: {setParams: {'${what}': 1}}}}",
        "peers: {far: {proxy: p, models: [m], filters: {setParamsByID: {'${what}': {}}}}}",
        "macros: {unused: '${what}'}", "# ${what}", "logLevel: '${a.b}${}${ a }${a$}${'"})
    accepted(kModels + text);
  EXPECT_EQ(
      model_of(accepted("models: {owl: {proxy: p, name: '${PIDS${a.b}', cmdStop: 'x ${PID}'}}"))
          .name,
      "${PIDS${a.b}");
}

}  // namespace
}  // namespace llama_swap::config

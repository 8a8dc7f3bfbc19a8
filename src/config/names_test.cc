// Names: aliases (6), peer models (5.3), profiles (5.4), selectors (5.5).
#include "config/names.h"

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

const std::string kModels = R"(
models:
  owl: {proxy: p, aliases: [bird]}
  fox: {proxy: p, filters: {setParamsByID: {fox: {a: 1}, "fox:fast": {a: 2}}}}
  elk: {proxy: p}
peers:
  far: {proxy: "http://far", models: [big, both, owl]}
  near: {proxy: "http://near", models: [both, deep/er]}
)";

ConfigPtr with_models(const std::string& text) {
  return accepted(kModels + text);
}
void refused_with_models(const std::string& text, const std::vector<std::string>& words) {
  expect_refused(kModels + text, words);
}

TEST(Aliases, Table) {
  const auto config = with_models("");
  EXPECT_EQ(config->aliases,
            (std::map<std::string, std::string>{{"bird", "owl"}, {"fox:fast", "fox"}}));
  EXPECT_EQ(model_of(config, "fox").aliases, std::vector<std::string>{"fox:fast"});
  EXPECT_EQ(config->find_model("bird"), &config->models.at("owl"));
  EXPECT_EQ(config->find_model("fox"), &config->models.at("fox"));
  EXPECT_EQ(config->find_model("nobody"), nullptr);
}

TEST(Aliases, Rules) {
  // A model id wins over an alias of its name.
  const auto config = accepted("models: {a: {proxy: p, aliases: [b]}, b: {proxy: q}}");
  EXPECT_EQ(config->find_model("b")->proxy, "q");
  EXPECT_TRUE(config->aliases.empty());
  // Already its own alias: nothing more.
  EXPECT_EQ(
      model_of(
          accepted(
              "models: {owl: {proxy: p, aliases: [x], filters: {setParamsByID: {x: {}, y: {}}}}}"))
          .aliases,
      (std::vector<std::string>{"x", "y"}));
  const std::vector<Refused> cases = {
      {"models: {a: {proxy: p, aliases: [x]}, b: {proxy: p, aliases: [x]}}",
       {"\"x\"", "duplicate", "a"}},
      {"models: {a: {proxy: p, aliases: [x, x]}}", {"\"x\"", "duplicate", "a"}},
      {"models: {a: {proxy: p, filters: {setParamsByID: {b: {}}}}, b: {proxy: p}}",
       {"models.a", "\"b\"", "ID of another model"}},
      {"models: {a: {proxy: p, aliases: [x]}, b: {proxy: p, filters: {setParamsByID: {x: {}}}}}",
       {"b", "\"x\"", "model a"}},
      {"models: {b: {proxy: p, filters: {setParamsByID: {x: {}}}}, a: {proxy: p, filters: "
       "{setParamsByID: {x: {}}}}}",
       {"models.b", "\"x\"", "model a"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

TEST(Names, Resolution) {
  const auto config = with_models("");
  static const struct {
    const char* name;
    const char* model;
    const char* peer;
    const char* peer_model;
  } cases[] = {
      {"owl", "owl", nullptr, ""},  // also at a peer: local first
      {"bird", "owl", nullptr, ""},
      {"fox:fast", "fox", nullptr, ""},
      {"far/owl", nullptr, "far", "owl"},
      {"far/big", nullptr, "far", "big"},
      {"big", nullptr, "far", "big"},
      {"near/deep/er", nullptr, "near", "deep/er"},
      {"deep/er", nullptr, "near", "deep/er"},
      {"both", nullptr, nullptr, ""},  // two peers offer it
      {"near/both", nullptr, "near", "both"},
      {"far/nobody", nullptr, nullptr, ""},
      {"nobody", nullptr, nullptr, ""},
      {"", nullptr, nullptr, ""},
  };
  for (const auto& c : cases) {
    const Resolved found = resolve(*config, c.name);
    EXPECT_EQ(found.model ? found.model->id : "", c.model ? c.model : "") << c.name;
    EXPECT_EQ(found.peer ? found.peer->id : "", c.peer ? c.peer : "") << c.name;
    EXPECT_EQ(found.peer_model, c.peer_model) << c.name;
  }
}

TEST(Names, PeerModelsMustNotCollide) {
  const std::string peer = "\npeers: {p: {proxy: h, models: [m]}}";
  const std::vector<Refused> cases = {
      {"peers: {a: {proxy: h, models: [b/c]}, a/b: {proxy: h, models: [c]}}",
       {"a/b/c", "\"b/c\"", "\"a/b\""}},
      {"models: {p/m: {proxy: p}}\npeers: {p: {proxy: h, models: [m]}}", {"p/m", "model ID"}},
      {"models: {owl: {proxy: p, aliases: [p/m]}}\npeers: {p: {proxy: h, models: [m]}}",
       {"p/m", "alias"}},
      {"models: {owl: {proxy: p, filters: {setParamsByID: {p/m: {}}}}}\npeers: {p: {proxy: h, "
       "models: [m]}}",
       {"p/m", "alias"}},
      {"models: {owl: {proxy: p}}\nselectors: {p/m: {strategy: pin, targets: [owl]}}\npeers: {p: "
       "{proxy: h, models: [m]}}",
       {"p/m", "selector"}},
      {"models: {owl: {proxy: p}}\nprofiles: {x: {pins: {p/m: owl}}}\npeers: {p: {proxy: h, "
       "models: [m]}}",
       {"p/m", "pin"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
  // The bare name may be anybody's.
  accepted("models: {m: {proxy: p}}" + peer);
  accepted("models: {owl: {proxy: p, aliases: [m]}}" + peer);
  accepted("models: {owl: {proxy: p}}\nselectors: {m: {strategy: pin, targets: [owl]}}" + peer);
  accepted("models: {owl: {proxy: p}}\nprofiles: {x: {pins: {m: owl}}}" + peer);
}

TEST(PeerNames, AmbiguousOnesAreWarnedOf) {
  const struct {
    const char* more;
    const char* want;  // key of the warning and two words of it; empty: none
  } cases[] = {
      {"", "peers.near.models"},
      {"selectors: {both: {strategy: pin, targets: [owl]}}", ""},
      {"profiles: {x: {pins: {a: far/both}}}", "peers.near.models"},
  };
  for (const auto& c : cases) {
    const LoadResult result = load_all({kModels + c.more});
    std::string got;
    for (const Problem& problem : result.problems) {
      if (problem.message.find("offered") == std::string::npos) continue;
      got += problem.key;
      EXPECT_EQ(problem.severity, Severity::warning);
      EXPECT_EQ(problem.line, 8);
      EXPECT_NE(problem.message.find("far/both or near/both"), std::string::npos)
          << problem.message;
    }
    EXPECT_EQ(got, c.want) << c.more;
  }
  // Two peers may offer what a model here is called; one peer may say it twice.
  const LoadResult quiet = load_all(
      {"models: {m: {proxy: p}}\npeers: {a: {proxy: h, models: [m]}, b: {proxy: h, models: [m, t, "
       "t]}}"});
  EXPECT_TRUE(quiet.problems.empty()) << quiet.text(Severity::warning);
}

TEST(Profiles, Values) {
  const auto config = with_models(R"(
selectors: {s: {strategy: pin, targets: [owl]}}
profiles:
  work: {description: D, pins: {owl: fox, gpt: bird, a: far/big, b: big, c: s, off: "", none: ~, auto: "fox:fast"}}
)");
  const Profile& work = config->profiles.at("work");
  EXPECT_EQ(work.description, "D");
  ASSERT_EQ(work.pins.size(), 8u);
  EXPECT_EQ(work.pins[0], (std::pair<std::string, std::string>("owl", "fox")));
  EXPECT_EQ(work.pins[5].second, "");
  EXPECT_EQ(work.pins[6].second, "");
}

TEST(Profiles, Refused) {
  refused_with_models("profiles: {p: [owl, fox]}", {"profiles.p", "list", "description", "pins"});
  refused_with_models("profiles: {p: text}", {"profiles.p", "mapping"});
  refused_with_models("profiles: {p: {pins: {}}}", {"profiles.p", "at least one pin"});
  refused_with_models("profiles: {p: ~}", {"profiles.p", "at least one pin"});
  refused_with_models("profiles: {p: {pins: ~}}", {"profiles.p", "at least one pin"});
  refused_with_models("profiles: {p: {description: x}}", {"profiles.p", "at least one pin"});
  refused_with_models("profiles: {p: {pins: [owl]}}", {"profiles.p.pins", "mapping"});
  refused_with_models("profiles: {p: {pins: {'': owl}}}", {"profiles.p", "blank"});
  refused_with_models("profiles: {p: []}", {"profiles.p", "list", "description", "pins"});
  refused_with_models("profiles: {p: {pins: {x: 'owl '}}}", {"profiles.p", "\"owl \""});
  refused_with_models("profiles: {' ': {pins: {a: owl}}}", {"blank"});
  refused_with_models("profiles: {p: {pins: {' ': owl}}}", {"profiles.p", "blank"});
  refused_with_models("profiles: {p: {pins: {x: nobody}}}", {"profiles.p", "\"x\"", "\"nobody\""});
  refused_with_models("profiles: {p: {pins: {x: owl, y: x}}}", {"profiles.p", "\"y\"", "\"x\""});
  refused_with_models("profiles: {p: {pins: {x: both}}}", {"profiles.p", "\"both\""});
  refused_with_models("profiles: {p: {pins: {x: [owl]}}}", {"profiles.p.pins.x", "string"});
}

TEST(Selectors, Values) {
  const auto config = with_models(R"(
selectors:
  s: {strategy: spillover, targets: [bird, far/big], settings: {spillover: 3, retryAfter: 1.5s}, name: N, description: D,
      unlisted: true, metadata: {a: 1}}
  w: {strategy: warm, targets: [owl, fox]}
  p: {strategy: pin, targets: [far/big], settings: {retryAfter: 0}}
)");
  ASSERT_EQ(config->selectors.size(), 3u);
  const Selector& s = config->selectors.at("s");
  EXPECT_EQ(s.strategy, Strategy::spillover);
  EXPECT_EQ(s.targets, (std::vector<std::string>{"bird", "far/big"}));
  EXPECT_EQ(s.spillover, 3);
  EXPECT_EQ(s.name + s.description, "ND");
  EXPECT_TRUE(s.unlisted);
  EXPECT_EQ(s.metadata->dump(), R"({"a":1})");
  EXPECT_EQ(config->selectors.at("w").strategy, Strategy::warm);
  EXPECT_EQ(config->selectors.at("w").spillover, 1);
  EXPECT_EQ(s.retry_after, milliseconds(1500));
  EXPECT_EQ(config->selectors.at("w").retry_after, milliseconds(30000));
  EXPECT_EQ(config->selectors.at("p").retry_after, milliseconds(0));
  EXPECT_EQ(config->selectors.at("p").strategy, Strategy::pin);
}

TEST(Selectors, Refused) {
  const std::vector<std::pair<const char*, std::vector<std::string>>> cases = {
      {"s: {targets: [owl]}", {"selectors.s.strategy", "required"}},
      {"s: ~", {"selectors.s.strategy", "required"}},
      {"s: {strategy: best, targets: [owl]}",
       {"selectors.s.strategy", "best", "warm", "pin", "spillover"}},
      {"s: {strategy: pin}", {"selectors.s.targets", "at least one"}},
      {"s: {strategy: pin, targets: []}", {"selectors.s.targets", "at least one"}},
      {"s: {strategy: spillover, targets: [owl], settings: {spillover: 0}}",
       {"selectors.s.settings.spillover", "at least 1"}},
      {"s: {strategy: pin, targets: [owl], settings: {retryAfter: -1s}}",
       {"selectors.s.settings.retryAfter", "negative"}},
      {"s: {strategy: pin, targets: [owl], settings: {retryAfter: 30}}",
       {"selectors.s.settings.retryAfter", "duration"}},
      {"' ': {strategy: pin, targets: [owl]}", {"blank"}},
      {"owl: {strategy: pin, targets: [fox]}", {"selectors.owl", "model ID"}},
      {"bird: {strategy: pin, targets: [fox]}", {"selectors.bird", "alias"}},
      {"'fox:fast': {strategy: pin, targets: [fox]}", {"selectors.fox:fast", "alias"}},
      {"s: {strategy: pin, targets: [owl, t]}, t: {strategy: pin, targets: [owl]}",
       {"selectors.s.targets", "1", "\"t\"", "chained"}},
      {"s: {strategy: pin, targets: [s]}", {"selectors.s.targets", "chained"}},
      {"s: {strategy: pin, targets: [owl, nobody]}", {"selectors.s.targets", "1", "nobody"}},
      {"s: {strategy: pin, targets: [both]}", {"selectors.s.targets", "both"}},
      {"s: {strategy: Warm, targets: [owl]}", {"selectors.s.strategy", "Warm", "warm"}},
      {"s: {strategy: '', targets: [owl]}", {"selectors.s.strategy", "required"}},
      {"s: {strategy: pin, targets: owl}", {"selectors.s.targets", "list"}},
      {"s: {strategy: pin, targets: [~]}", {"selectors.s.targets", "at least one"}},
      {"s: {strategy: spillover, targets: [owl], settings: {spillover: -1}}",
       {"selectors.s.settings.spillover", "at least 1"}},
      {"s: {strategy: spillover, targets: [owl], settings: {spillover: many}}",
       {"selectors.s.settings.spillover", "integer"}},
      {"'': {strategy: pin, targets: [owl]}", {"blank"}},
      {"s: {strategy: spillover, targets: [both]}", {"selectors.s.targets", "both"}},
      {"s: {strategy: warm, targets: [owl, far/big]}", {"selectors.s.targets", "far/big", "local"}},
      {"s: {strategy: spillover, targets: [owl, bird]}",
       {"selectors.s.targets", "bird", "same model"}},
      {"s: {strategy: spillover, targets: [big, far/big]}",
       {"selectors.s.targets", "far/big", "same model"}},
      {"s: {strategy: spillover, targets: [owl, fox]}",
       {"selectors.s.targets", "group", "swap: false"}},
  };
  for (const auto& [body, words] : cases)
    refused_with_models(std::string("selectors: {") + body + "}", words);
  refused_with_models(
      "selectors: {s: {strategy: spillover, targets: [owl, fox]}}\n"
      "groups: {g: {swap: true, members: [owl, fox]}}",
      {"selectors.s.targets", "swap: false"});
  refused_with_models(
      "selectors: {s: {strategy: spillover, targets: [owl, fox]}}\n"
      "groups: {g: {swap: false, members: [owl]}, h: {swap: false, members: [fox]}}",
      {"selectors.s.targets"});
  with_models(
      "selectors: {s: {strategy: spillover, targets: [owl, fox, far/big]}}\n"
      "groups: {g: {swap: false, members: [owl, fox]}}");
  // One model on its own, and peers, however many.
  with_models("selectors: {s: {strategy: spillover, targets: [far/big, near/both, far/both]}}");
  with_models("selectors: {w: {strategy: warm, targets: [bird, 'fox:fast', owl]}}");
  EXPECT_EQ(with_models("selectors: {s: {strategy: spillover, targets: [owl], settings: ~}}")
                ->selectors.at("s")
                .spillover,
            1);
  with_models(
      "selectors: {s: {strategy: spillover, targets: [owl, big]}, p: {strategy: pin, targets: "
      "[owl, fox], settings: {spillover: 0}}}");

  const std::string spillover =
      "selectors: {s: {strategy: spillover, targets: [bird, fox, far/big]}}\n";
  with_models(spillover + "matrix: {sets: {r: fox, s: +r & (fox | owl)}}");
  with_models(spillover + "matrix: {vars: {x: fox}, sets: {s: owl & x}}");
  refused_with_models(spillover + "matrix: {sets: {r: fox, s: +r | owl}}",
                      {"selectors.s.targets", "one combination of the matrix"});
}

}  // namespace
}  // namespace llama_swap::config

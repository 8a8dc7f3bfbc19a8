// Macros, ports, and what must not be left of them (3.2 to 3.5).
#include "config/macros.h"

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

const std::string k63(63, 'q');
const std::string k64(64, 'q');

// The command of the only model after macros.
std::string command(const std::string& macros, const std::string& cmd) {
  return model_of(accepted("macros: " + macros + "\nmodels: {owl: {proxy: p, cmd: " + cmd + "}}"))
      .cmd;
}

Json metadata(const std::string& text) {
  return model_of(accepted(text)).metadata.value_or(Json());
}

TEST(Macros, TextOfValues) {
  static const struct {
    const char* value;
    const char* want;
  } cases[] = {
      {"0.7", "0.7"},
      {"0.1", "0.1"},
      {"3.14", "3.14"},
      {"1e3", "1000"},
      {"1000000.0", "1e+06"},
      {"999999.5", "999999.5"},
      {"1234567.5", "1.2345675e+06"},
      {"123456789.5", "1.234567895e+08"},
      {"0.00001", "1e-05"},
      {".inf", "+Inf"},
      {"0x1F", "31"},
      {"-7", "-7"},
      {"false", "false"},
      {"True", "true"},
      {"text", "text"},
      {"'0x1F'", "0x1F"},
      {"''", ""},
      {"yes", "yes"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(command(std::string("{m: ") + c.value + "}", "'<${m}>'"),
              std::string("<") + c.want + ">")
        << c.value;
  }
}

TEST(Macros, AValueThatIsOneMacroTakesItsType) {
  const Json meta = metadata(R"(
macros: {n: 12, f: 0.25, b: true, s: text, q: "45", via: "${n}", twice: "${via}"}
models:
  owl:
    proxy: p
    metadata: {n: "${n}", f: "${f}", b: "${b}", s: "${s}", q: "${q}", via: "${twice}",
               mix: "${n}/${f}/${b}", list: ["${n}", "id ${MODEL_ID}", {deep: "${MODEL_ID}"}]}
)");
  EXPECT_EQ(meta.dump(),
            R"({"n":12,"f":0.25,"b":true,"s":"text","q":"45","via":12,"mix":"12/0.25/true",)"
            R"("list":[12,"id owl",{"deep":"owl"}]})");
  EXPECT_EQ(model_of(accepted("macros: {t: 60}\nglobalTTL: ${t}\nmodels: {owl: {proxy: p}}")).ttl,
            seconds(60));
  expect_refused("macros: {t: \"60\"}\nglobalTTL: ${t}", {"globalTTL", "60", "integer"});
}

TEST(Macros, OrderOfApplication) {
  EXPECT_EQ(command("{root: R, bin: '${root}/bin', tool: '${bin}/s'}", "'${tool} -v'"),
            "R/bin/s -v");
  EXPECT_EQ(command("{a: x, b: '${a}${a}'}", "'${b}-${a}'"), "xx-x");
  EXPECT_EQ(command("{a: '${ghost}'}", "plain"), "plain");  // not used: no error
  expect_refused(
      "macros: {first: '<${second}>', second: two}\nmodels: {owl: {proxy: p, cmd: 'x ${first}'}}",
      {"models.owl.cmd", "second"});
  expect_refused("macros: {a: '${b}', b: '${a}'}\nmodels: {owl: {proxy: p, cmd: '${b}'}}",
                 {"models.owl.cmd"});
}

TEST(Macros, ModelMacrosReplaceGlobalOnesInPlace) {
  const auto config = accepted(R"(
macros: {who: all, hi: "hello-${who}"}
models:
  owl: {proxy: p, macros: {who: owl}, cmd: "${hi}"}
  fox: {proxy: p, cmd: "${hi}"}
  elk: {proxy: p, macros: {both: "${hi}${who}"}, cmd: "${both}"}
)");
  EXPECT_EQ(model_of(config, "owl").cmd, "hello-owl");
  EXPECT_EQ(model_of(config, "fox").cmd, "hello-all");
  EXPECT_EQ(model_of(config, "elk").cmd, "hello-allall");
  expect_refused(
      "macros: {one: 1, two: 2}\nmodels: {owl: {macros: {one: '[${two}]'}, cmd: 'x ${one}', proxy: "
      "p}}",
      {"models.owl.cmd", "two"});
  expect_refused(
      "models:\n  owl: {macros: {loc: 1}, cmd: '${loc}', proxy: p}\n  fox: {cmd: '${loc}', proxy: "
      "p}",
      {"models.fox.cmd", "loc"});
}

TEST(Macros, Declarations) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"macros: {PID: 3}", {"PID", "reserved"}},
      {"macros: {PORT: 3}", {"PORT", "reserved"}},
      {"models: {owl: {proxy: p, macros: {MODEL_ID: z}}}", {"owl", "MODEL_ID", "reserved"}},
      {"macros: {'a.b': 1}", {"a.b", "^[a-zA-Z0-9_-]+$"}},
      {"macros: {'': 1}", {"invalid macro name"}},
      {"macros: {'ä': 1}", {"ä", "^[a-zA-Z0-9_-]+$"}},
      {"macros: {many: [1, 2]}", {"many", "scalar"}},
      {"macros: {many: {a: 1}}", {"many", "scalar"}},
      {"macros:\n  none:\n", {"none", "scalar"}},
      {"macros: {none: ~}", {"none", "scalar"}},
      {"macros: {day: 2024-01-02}", {"day", "scalar"}},
      {"macros: {loop: 'a ${loop}'}", {"loop", "self-reference"}},
      {"macros: {loop: '${loop}'}", {"loop", "self-reference"}},
      {"models: {owl: {proxy: p, macros: {" + k64 + ": 1}}}", {"models.owl.macros", k64, "63"}},
      {"models: {owl: {proxy: p, macros: {'a b': 1}}}", {"models.owl.macros", "a b"}},
      {"models: {owl: {proxy: p, macros: {none: ~}}}", {"models.owl.macros.none", "scalar"}},
      {"models: {owl: {proxy: p, macros: {loop: '${loop}'}}}",
       {"models.owl.macros.loop", "self-reference"}},
      // Of several faults the first in this order is told: length, name, value, self-reference.
      {"macros: {'" + k63 + " .': ~}", {"too long", "63"}},
      {"macros: {'a.b': ~}", {"a.b", "invalid macro name"}},
      {"macros: {PID: ~}", {"PID", "scalar"}},
      {"macros: {PID: '${PID}'}", {"PID", "self-reference"}},
      {"macros: [a]", {"macros", "mapping"}},
      {"macros: text", {"macros", "mapping"}},
      {"models: {owl: {proxy: p, macros: [a]}}", {"owl", "macros", "mapping"}},
      {"x: &x {a: 1}\nmacros: {<<: *x}", {"<<", "invalid macro name"}},
      {"x: &x {a: 1}\nmodels: {owl: {proxy: p, macros: {<<: *x}}}",
       {"owl", "<<", "invalid macro name"}},
      {"macros: {a: 1, a: 2}", {"duplicate key"}},
  };
  for (const auto& [text, words] : cases) expect_refused(text, words);
  expect_refused("macros: {" + k64 + ": 1}", {k64, "63"});
  EXPECT_EQ(command("{" + k63 + ": 1}", "'x ${" + k63 + "}'"), "x 1");
  EXPECT_EQ(command("{port: 1, pid: 2, A-b_9: 3}", "'${port} ${pid} ${A-b_9}'"), "1 2 3");
  accepted("macros:\n");
  accepted("macros: {}");
}

TEST(Macros, OfModelsFurther) {
  static const struct {
    const char* name;
    const char* text;
    const char* want;  // command of owl
  } cases[] = {
      {"the id of the model in a global macro",
       "macros: {run: 'box --name ${MODEL_ID}'}\nmodels: {owl: {proxy: p, cmd: '${run}'}}",
       "box --name owl"},
      {"an overriding macro uses an earlier global one",
       "macros: {one: 1, two: 2}\nmodels: {owl: {proxy: p, macros: {two: '[${one}]'}, cmd: 'x "
       "${two}'}}",
       "x [1]"},
      {"an overriding macro may have another type",
       "macros: {n: 1, s: '<${n}>'}\nmodels: {owl: {proxy: p, macros: {n: one}, cmd: '${s}'}}",
       "<one>"},
      {"a new macro uses an earlier new one",
       "models: {owl: {proxy: p, macros: {a: 1, b: '${a}${a}'}, cmd: 'x ${b}'}}", "x 11"},
      {"new macros come after all global ones",
       "macros: {z: '${MODEL_ID}'}\nmodels: {owl: {proxy: p, macros: {a: '${z}-${z}'}, cmd: "
       "'${a}'}}",
       "owl-owl"},
      {"a macro brings a comment line, which is none when it is loaded",
       "macros: {m: \"x\\n# y\"}\nmodels: {owl: {proxy: p, cmd: 'a ${m}'}}", "a x\n# y"},
  };
  for (const auto& c : cases) EXPECT_EQ(model_of(accepted(c.text)).cmd, c.want) << c.name;
  // Nothing of a model is known outside of it.
  expect_refused("globalTTL: ${t}\nmodels: {owl: {proxy: p, macros: {t: 5}}}",
                 {"globalTTL", "${t}"});
}

TEST(Macros, KeysAreLeftAlone) {
  EXPECT_EQ(
      metadata("macros: {k: v}\nmodels: {owl: {proxy: p, metadata: {'${k}': '${k}'}}}").dump(),
      R"({"${k}":"v"})");
}

TEST(Macros, KeysOfSetParamsByIdAreReplaced) {
  const auto config = accepted(R"(
startPort: 7000
macros: {k: v, n: 3}
models:
  owl: {cmd: "s ${PORT}", filters: {setParamsByID: {"${MODEL_ID}-${k}": {a: "${n}"}, "p${PORT}": {b: 1}, "${n}": {c: 1}}}}
)");
  const Model owl = model_of(config);
  ASSERT_EQ(owl.filters.set_params_by_id.size(), 3u);
  EXPECT_EQ(owl.filters.set_params_by_id.at("owl-v").at(0).second, "3");
  EXPECT_TRUE(owl.filters.set_params_by_id.contains("p7000"));
  EXPECT_TRUE(owl.filters.set_params_by_id.contains("3"));
  EXPECT_EQ(owl.aliases, (std::vector<std::string>{"3", "owl-v", "p7000"}));

  expect_refused(
      "macros: {a: x, b: x}\nmodels: {owl: {proxy: p, filters: {setParamsByID: {'${a}': {}, "
      "'${b}': {}}}}}",
      {"owl", "${a}", "${b}", "collide"});
  expect_refused(
      "startPort: 7\nmodels: {owl: {cmd: '${PORT}', filters: {setParamsByID: {'x${PORT}': {}, x7: "
      "{}}}}}",
      {"owl", "x${PORT}", "\"x7\"", "collide"});
  expect_refused("models: {owl: {proxy: p, filters: {setParamsByID: {'${ghost}': {}}}}}",
                 {"owl", "setParamsByID", "ghost"});
  // Not those of peers.
  const auto peers = accepted(
      "macros: {k: v}\npeers: {far: {proxy: 'http://x', models: [m], filters: {setParamsByID: "
      "{'${k}': {}}}}}");
  EXPECT_TRUE(peers->peers.at("far").filters.set_params_by_id.contains("${k}"));
}

TEST(Ports, InByteOrderOfModels) {
  const auto config = accepted(R"(
models:
  b: {cmd: "s ${PORT}"}
  a9: {cmd: "s ${PORT}", metadata: {port: "${PORT}", text: "p${PORT}"}, checkEndpoint: "/h/${PORT}", aliases: ["al${PORT}"],
       env: ["P=${PORT}"], cmdStop: "stop ${PORT} ${PID}", custom: "${PORT}"}
  a10: {cmd: "s ${PORT}"}
  B: {cmd: "s ${PORT}"}
  none: {cmd: s, proxy: "http://h:1"}
)");
  EXPECT_EQ(model_of(config, "B").cmd, "s 5800");
  EXPECT_EQ(model_of(config, "a10").port, 5801);
  EXPECT_EQ(model_of(config, "b").proxy, "http://localhost:5803");
  EXPECT_EQ(model_of(config, "none").port, std::nullopt);
  const Model a9 = model_of(config, "a9");
  EXPECT_EQ(a9.port, 5802);
  EXPECT_EQ(a9.metadata->dump(), R"({"port":5802,"text":"p5802"})");
  EXPECT_EQ(a9.check_endpoint, "/h/5802");
  EXPECT_EQ(a9.aliases, std::vector<std::string>{"al5802"});
  EXPECT_EQ(a9.env, std::vector<std::string>{"P=5802"});
  EXPECT_EQ(a9.cmd_stop, "stop 5802 ${PID}");
}

TEST(Ports, StartAndMacros) {
  EXPECT_EQ(model_of(accepted("startPort: 1\nmodels: {owl: {cmd: 's ${PORT}'}}")).cmd, "s 1");
  EXPECT_EQ(
      model_of(accepted("macros: {p: 9000}\nstartPort: ${p}\nmodels: {owl: {cmd: 's ${PORT}'}}"))
          .cmd,
      "s 9000");
  EXPECT_EQ(model_of(accepted("macros: {a: '--port ${PORT}'}\nmodels: {owl: {cmd: 's ${a}'}}")).cmd,
            "s --port 5800");
  EXPECT_EQ(model_of(accepted("startPort: 6000.5\nmodels: {owl: {cmd: 's ${PORT}'}}")).cmd,
            "s 6000");
  EXPECT_EQ(model_of(accepted("startPort: 70000\nmodels: {owl: {cmd: 's ${PORT}'}}")).port, 70000);
  EXPECT_EQ(model_of(accepted("models: {owl: {cmd: '${PORT}'}}")).cmd, "5800");
}

TEST(Ports, OnlyWithCmd) {
  const std::vector<Refused> cases = {
      {"models: {owl: {cmd: s}}",
       {"1.yaml: models.owl.cmd: cmd does not use ${PORT}: use it, or set proxy",
        "only available"}},
      {"models: {owl: {}}", {"models.owl.cmd: is missing", "proxy", "PORT"}},
      {"models: {owl: {cmd: ~, ttl: 1}}", {"models.owl.cmd: is missing", "proxy", "PORT"}},
      {"models: {owl: {cmd: s, proxy: ~}}", {"models.owl.cmd", "PORT", "set proxy"}},
      {"models: {owl: {cmd: s, proxy: 'http://h:${PORT}'}}", {"owl.proxy", "PORT", "cmd"}},
      {"models:\n  owl:\n    cmd: |\n      # ${PORT}\n      s\n", {"owl", "PORT", "cmd"}},
      {"models: {owl: {cmd: s, proxy: p, name: 'n ${PORT}'}}",
       {"owl.name", "PORT", "could not be substituted"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

TEST(Placeholders, Left) {
  const std::vector<Refused> cases = {
      {"models: {owl: {cmd: 'x ${what}', proxy: p}}", {"owl.cmd", "what"}},
      {"models: {owl: {cmd: x, proxy: 'http://${what}'}}", {"owl.proxy", "what"}},
      {"models: {owl: {cmdStop: '${what}', proxy: p}}", {"owl.cmdStop", "what"}},
      {"models: {owl: {checkEndpoint: '/${what}', proxy: p}}", {"owl.checkEndpoint", "what"}},
      {"models: {owl: {name: '${what}', proxy: p}}", {"owl.name", "what"}},
      {"models: {owl: {description: '${what}', proxy: p}}", {"owl.description", "what"}},
      {"models: {owl: {filters: {stripParams: '${what}'}, proxy: p}}",
       {"owl.filters.stripParams", "what"}},
      {"models: {owl: {env: [A=1, 'B=${what}'], proxy: p}}", {"owl.env", "what"}},
      {"models: {owl: {capabilities: {in: ['${what}']}, proxy: p}}", {"owl.capabilities", "what"}},
      {"models: {owl: {metadata: {deep: [{k: '${what}'}]}, proxy: p}}", {"owl.metadata", "what"}},
      {"models: {owl: {custom: '${what}', proxy: p}}", {"owl.custom", "what"}},
      {"models: {owl: {cmd: 'x ${PID}', proxy: p}}", {"owl.cmd", "PID"}},
      {"models: {owl: {cmdStop: '${PID} ${what}', proxy: p}}", {"owl.cmdStop", "what"}},
      {"peers: {p1: {proxy: 'http://far', models: [m], apiKey: '${MODEL_ID}'}}",
       {"peers.p1.apiKey", "MODEL_ID", "could not"}},
      {"peers: {p1: {proxy: 'http://far', models: [m], filters: {setParams: {value: '${x}'}}}}",
       {"peers.p1.filters.setParams.value", "x"}},
      {"globalTTL: ${x}", {"globalTTL", "x"}},
      {"profiles: {p: {pins: {a: '${x}'}}}", {"profiles.p.pins.a", "x"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

TEST(Placeholders, NotTheirs) {
  EXPECT_EQ(command("{a: 1}", "'x ${a.b} ${} ${ a } $a {a} ${a'"),
            "x ${a.b} ${} ${ a } $a {a} ${a");
  accepted("x-notes: '${what}'\nnotes: ['${what}']\nmodels: {owl: {proxy: p, cmd: x}}");
  EXPECT_EQ(
      model_of(
          accepted("macros: {stop: 'kill ${PID}'}\nmodels: {owl: {proxy: p, cmdStop: '${stop}'}}"))
          .cmd_stop,
      "kill ${PID}");
  // Each copy of an anchored part is a model's own.
  const auto config = accepted(
      "x-base: &b {cmd: 'x ${tag}', proxy: p}\nmodels:\n  owl: {<<: *b, macros: {tag: one}}\n"
      "  fox: {<<: *b, macros: {tag: two}}");
  EXPECT_EQ(model_of(config, "owl").cmd, "x one");
  EXPECT_EQ(model_of(config, "fox").cmd, "x two");
}

TEST(Macros, ModelIdIsAString) {
  const auto config = accepted("models: {\"7\": {proxy: p, metadata: {id: '${MODEL_ID}'}}}");
  EXPECT_EQ(model_of(config, "7").metadata->dump(), R"({"id":"7"})");
}

TEST(Macros, GrowthIsBounded) {
  std::string macros = "macros:\n  a0: xxxxxxxxxxxxxxxx\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "${a" + std::to_string(i - 1) + "}";
    macros += "  a" + std::to_string(i) + ": '" + before + before + "'\n";
  }
  expect_refused(macros + "models: {owl: {proxy: p, cmd: '${a39}'}}", {"expands to more"});
}

TEST(Macros, ErrorsPointAtTheUse) {
  const auto result = load_all({"macros: {t: x}\nmodels:\n  owl:\n    proxy: p\n    ttl: ${t}\n"});
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].text(),
            "1.yaml:5:10: models.owl.ttl: expected an integer, got the string \"x\"\n"
            "        ttl: ${t}\n"
            "             ^");
}

}  // namespace
}  // namespace llama_swap::config

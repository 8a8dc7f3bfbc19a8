// Models (5.2) and peers, each for itself (5.3).
#include "config/test_support.h"

namespace llama_swap::config {
namespace {

Model owl(const std::string& body, const std::string& global = "") {
  return model_of(accepted(global + "\nmodels: {owl: {" + body + "}}"));
}
Peer far(const std::string& body) {
  const auto config = accepted("peers: {far: {proxy: 'http://far', models: [m], " + body + "}}");
  return config->peers.contains("far") ? config->peers.at("far") : Peer();
}
std::string dump(const Params& params) {
  std::string out;
  for (const auto& [key, value] : params) out += key + "=" + value + " ";
  return out;
}

TEST(Models, Defaults) {
  const Model model = owl("cmd: 's ${PORT}'");
  EXPECT_EQ(model.id, "owl");
  EXPECT_EQ(model.cmd, "s 5800");
  EXPECT_EQ(model.cmd_stop, "");
  EXPECT_EQ(model.proxy, "http://localhost:5800");
  EXPECT_EQ(model.port, 5800);
  EXPECT_TRUE(model.aliases.empty() && model.env.empty());
  EXPECT_EQ(model.check_endpoint, "/health");
  EXPECT_EQ(model.ttl, seconds(0));
  EXPECT_EQ(model.unload_timeout, seconds(10));
  EXPECT_EQ(model.health_check_timeout, seconds(120));
  EXPECT_EQ(model.stop_scope, StopScope::tree);
  EXPECT_FALSE(model.unlisted || model.send_loading_state || model.ignore_websockets);
  EXPECT_EQ(model.use_model_name + model.name + model.description, "");
  EXPECT_EQ(model.concurrency_limit, 10);
  EXPECT_TRUE(model.filters.empty());
  EXPECT_EQ(model.metadata, std::nullopt);
  EXPECT_EQ(model.timeouts, Timeouts());
  EXPECT_FALSE(model.capabilities.any());
}

TEST(Models, EveryKey) {
  const Model model = owl(R"(
    cmd: "s", cmdStop: "t ${PID}", proxy: "http://h:1/x", aliases: [a, 7], env: [A=1, B], checkEndpoint: " none ",
    caFile: /c.pem,
    ttl: 90, unloadTimeout: 3, stopScope: group, unlisted: yes, useModelName: real, name: N, description: D,
    concurrencyLimit: 3, metadata: {b: 1, a: [x, {c: ~}]}, sendLoadingState: on, healthCheckTimeout: 900,
    timeouts: {connect: 1, keepalive: -2, responseHeader: 3, tlsHandshake: 4, expectContinue: 5, idleConn: 6},
    compat: {ignoreWebsockets: true}, capabilities: {in: [text, image, text], out: [], tools: true, reranker: true, context: 4096}
)",
                          "healthCheckTimeout: 16");
  EXPECT_EQ(model.cmd_stop, "t ${PID}");
  EXPECT_EQ(model.proxy, "http://h:1/x");
  EXPECT_EQ(model.ca_file, "/c.pem");
  EXPECT_EQ(model.aliases, (std::vector<std::string>{"a", "7"}));
  EXPECT_EQ(model.env, (std::vector<std::string>{"A=1", "B"}));
  EXPECT_EQ(model.check_endpoint, "none");
  EXPECT_EQ(model.ttl, seconds(90));
  EXPECT_EQ(model.unload_timeout, seconds(3));
  EXPECT_EQ(model.stop_scope, StopScope::group);
  EXPECT_TRUE(model.unlisted && model.send_loading_state && model.ignore_websockets);
  EXPECT_EQ(model.use_model_name + model.name + model.description, "realND");
  EXPECT_EQ(model.concurrency_limit, 3);
  EXPECT_EQ(model.metadata->dump(), R"({"b":1,"a":["x",{"c":null}]})");
  EXPECT_EQ(model.health_check_timeout, seconds(16));
  EXPECT_EQ(model.timeouts,
            (Timeouts{seconds(1), seconds(-2), seconds(3), seconds(4), seconds(5), seconds(6)}));
  EXPECT_EQ(model.capabilities.in, (std::vector<std::string>{"text", "image", "text"}));
  EXPECT_TRUE(model.capabilities.tools && model.capabilities.reranker);
  EXPECT_EQ(model.capabilities.context, 4096);
  EXPECT_EQ(model.port, std::nullopt);
}

TEST(Models, Inheritance) {
  const std::string global =
      "globalTTL: 120\nunloadTimeout: 4\nsendLoadingState: true\nhealthCheckTimeout: -3";
  EXPECT_EQ(owl("proxy: p", global).ttl, seconds(120));
  EXPECT_EQ(owl("proxy: p, ttl: -1", global).ttl, seconds(120));
  EXPECT_EQ(owl("proxy: p, ttl: ~", global).ttl, seconds(120));
  EXPECT_EQ(owl("proxy: p, ttl: 0", global).ttl, seconds(0));
  EXPECT_EQ(owl("proxy: p, ttl: 90", global).ttl, seconds(90));
  EXPECT_EQ(owl("proxy: p", global).unload_timeout, seconds(4));
  EXPECT_EQ(owl("proxy: p, unloadTimeout: 0", global).unload_timeout, seconds(4));
  EXPECT_EQ(owl("proxy: p, unloadTimeout: 1", global).unload_timeout, seconds(1));
  EXPECT_EQ(owl("proxy: p", "unloadTimeout: 0").unload_timeout, seconds(10));
  EXPECT_TRUE(owl("proxy: p", global).send_loading_state);
  EXPECT_FALSE(owl("proxy: p, sendLoadingState: off", global).send_loading_state);
  EXPECT_EQ(owl("proxy: p", global).health_check_timeout, seconds(15));
  EXPECT_EQ(owl("proxy: p", "healthCheckTimeout: 14").health_check_timeout, seconds(15));
}

TEST(Models, SmallRules) {
  EXPECT_EQ(owl("cmd: s, proxy: ''").proxy, "");
  EXPECT_EQ(owl("proxy: localhost:8080").proxy, "localhost:8080");
  EXPECT_EQ(owl("proxy: p, checkEndpoint: ''").check_endpoint, "");
  EXPECT_EQ(owl("proxy: p, concurrencyLimit: -4").concurrency_limit, 10);
  EXPECT_EQ(owl("proxy: p, concurrencyLimit: 99999999999").concurrency_limit, 2147483647);
  EXPECT_EQ(owl("proxy: p, name: 0x10").name, "16");
  EXPECT_EQ(owl("proxy: p, aliases: ~").aliases.size(), 0u);
  EXPECT_EQ(owl("proxy: p, timeouts: {connect: 7}").timeouts.tls_handshake, seconds(10));
  EXPECT_FALSE(owl("proxy: p, capabilities: {in: []}").capabilities.any());
  EXPECT_EQ(owl("proxy: p, metadata: {}").metadata, Json::object());
  EXPECT_EQ(owl("proxy: p, metadata: ~").metadata, std::nullopt);
  EXPECT_EQ(owl("proxy: p, ttl: 9999999999999").ttl, seconds(9'000'000'000));

  const auto config = accepted("models: {comfyui_auto: {proxy: p, concurrencyLimit: 3}}");
  EXPECT_EQ(model_of(config, "comfyui_auto").concurrency_limit, 50);
  EXPECT_TRUE(model_of(config, "comfyui_auto").ignore_websockets);
  EXPECT_EQ(
      model_of(accepted("models: {comfyui_auto: {proxy: p, concurrencyLimit: 60}}"), "comfyui_auto")
          .concurrency_limit,
      60);
}

TEST(Models, CommentsInCommandsAreRemovedAtLoading) {
  const auto config = accepted(
      "models:\n  owl:\n    proxy: p\n    cmd: |\n      # ${ghost}\n      serve\n        # more\n  "
      "    -x # y\n"
      "    cmdStop: |\n      #a\n      stop\n");
  EXPECT_EQ(model_of(config).cmd, "serve\n-x # y\n");
  EXPECT_EQ(model_of(config).cmd_stop, "stop\n");
}

TEST(Models, Filters) {
  const Filters filters =
      owl(R"(proxy: p, filters: {stripParams: " top_k, model ,, temperature,top_k",
    setParams: {z: 1, model: no, a: {deep: [true, 0.5]}}, setParamsByID: {owl: {model: no, y: 1, x: ~}, other: ~}})")
          .filters;
  EXPECT_EQ(filters.strip_params, (std::vector<std::string>{"temperature", "top_k"}));
  EXPECT_EQ(dump(filters.set_params), R"(a={"deep":[true,0.5]} z=1 )");
  EXPECT_EQ(dump(filters.set_params_by_id.at("owl")), "x=null y=1 ");
  EXPECT_TRUE(filters.set_params_by_id.at("other").empty());
  EXPECT_EQ(owl("proxy: p, filters: {strip_params: 'b,a'}").filters.strip_params,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(owl("proxy: p, filters: {strip_params: b, stripParams: a}").filters.strip_params,
            std::vector<std::string>{"a"});
  EXPECT_TRUE(owl("proxy: p, filters: ~").filters.empty());
  EXPECT_TRUE(
      owl("proxy: p, filters: {stripParams: ~, strip_params: ~, setParams: ~, setParamsByID: ~}")
          .filters.empty());
  EXPECT_TRUE(owl("proxy: p, filters: {stripParams: ' , model,, '}").filters.empty());
  EXPECT_EQ(owl("proxy: p, filters: {stripParams: 5}").filters.strip_params,
            std::vector<std::string>{"5"});
}

TEST(Models, FiltersLeaveTheNameOfTheModelAloneHoweverItIsWritten) {
  for (const std::string key : {"model", ":model", "\\model", "mode\\l", "model.x", "model.-1"}) {
    const std::string set = "{'" + key + "': 1}";
    const Filters filters = owl("proxy: p, filters: {stripParams: '" + key + "', setParams: " + set +
                                ", setParamsByID: {owl: " + set + "}}")
                                .filters;
    EXPECT_TRUE(filters.strip_params.empty() && filters.set_params.empty()) << key;
    EXPECT_TRUE(filters.set_params_by_id.at("owl").empty()) << key;
  }
  const Filters others =
      owl("proxy: p, filters: {stripParams: 'Model, x.model', setParams: {models: 1}}").filters;
  EXPECT_EQ(others.strip_params, (std::vector<std::string>{"Model", "x.model"}));
  EXPECT_EQ(dump(others.set_params), "models=1 ");
}

TEST(Models, FaultsOfFiltersHaveTheirPlace) {
  const auto place = [](const std::string& filters) {
    const std::string text =
        load_all({"models:\n  owl:\n    proxy: p\n    filters:\n      " + filters})
            .text(Severity::error);
    return text.substr(0, text.find(": "));
  };
  EXPECT_EQ(place("setParams: {a: [1, .inf]}"), "1.yaml:5:26");
  EXPECT_EQ(place("setParams: {a: 1, b.#: 2}"), "1.yaml:5:25");
  EXPECT_EQ(place("setParamsByID: {x: {'@b': 2}}"), "1.yaml:5:27");
  EXPECT_EQ(place("stripParams: a, b?"), "1.yaml:5:20");
}

TEST(Models, ValuesOfFiltersKeepTheSpellingOfNumbers) {
  struct Case {
    const char* value;
    const char* want;
  };
  static const Case cases[] = {
      {"0.10", "0.10"},
      {"1e3", "1e3"},
      {"1.50E-07", "1.50E-07"},
      {"-0", "-0"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"18446744073709551615", "18446744073709551615"},
      {"'${tenth}'", "0.10"},
      {"'x${tenth}'", R"("x0.1")"},
      // not as JSON spells them
      {"0x1F", "31"},
      {"-0b101", "-5"},
      {"010", "8"},
      {"1_000", "1000"},
      {"+7", "7"},
      {".5", "0.5"},
      {"-.5e1", "-5.0"},
      {"1.", "1.0"},
      {"+1.25", "1.25"},
      {"!!float 3", "3"},
      // anything else
      {"", "null"},
      {"'0.10'", R"("0.10")"},
      {"yes", R"("yes")"},
      {"True", "true"},
      {"2024-01-02", R"("2024-01-02T00:00:00Z")"},
      {R"("a\"b\n\u00e9")", "\"a\\\"b\\n\xc3\xa9\""},
      {"[1.0, [~, {}], []]", "[1.0,[null,{}],[]]"},
      {R"({b: 2.50, a: "x", 3: [1]})", R"({"b":2.50,"a":"x","3":[1]})"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value);
    const Filters filters = owl(std::string("proxy: p, filters: {setParams: {v: ") + c.value + "}}",
                                "macros: {tenth: 0.10}")
                                .filters;
    EXPECT_EQ(dump(filters.set_params), std::string("v=") + c.want + " ");
  }
}

TEST(Models, Refused) {
  const std::vector<std::pair<const char*, std::vector<std::string>>> cases = {
      {"proxy: '127.0.0.1:8080'", {"owl", "proxy", "127.0.0.1:8080"}},
      {"proxy: 'http://h:abc'", {"owl", "proxy"}},
      {"proxy: '://x'", {"owl", "proxy"}},
      {"proxy: \"http://h/\\x01\"", {"owl", "proxy"}},
      {"proxy: 'http://h/%zz'", {"owl", "proxy"}},
      {"proxy: p, checkEndpoint: '%zz'", {"owl", "checkEndpoint", "%zz"}},
      {"proxy: p, checkEndpoint: '/health%'", {"owl", "checkEndpoint"}},
      {"proxy: p, ttl: -2", {"owl", "ttl", "-2"}},
      {"proxy: p, unloadTimeout: -4", {"owl", "unloadTimeout", "-4"}},
      {"proxy: p, stopScope: all", {"owl", "stopScope", "tree", "group"}},
      {"proxy: p, stopScope: ''", {"owl", "stopScope"}},
      {"proxy: p, aliases: a", {"owl.aliases", "list"}},
      {"proxy: p, aliases: [{a: b}]", {"owl.aliases", "string"}},
      {"proxy: p, env: A=1", {"owl.env", "list"}},
      {"proxy: p, metadata: [a]", {"owl.metadata", "mapping"}},
      {"proxy: p, filters: {setParams: [a]}", {"owl.filters.setParams", "mapping"}},
      {"proxy: p, filters: {setParams: {a: .inf}}",
       {"owl.filters.setParams.a", ".inf is no number in JSON"}},
      {"proxy: p, filters: {setParamsByID: {owl: {a: [{b: .nan}]}}}",
       {"owl.filters.setParamsByID.owl.a", ".nan is no number in JSON"}},
      {"proxy: p, filters: {setParams: {'a|b': 1}}",
       {"owl.filters.setParams.a|b", "patterns are not supported: write \\|"}},
      {"proxy: p, filters: {setParams: {'': 1}}", {"a parameter needs a name"}},
      {"proxy: p, filters: {setParamsByID: {x: {'a.#': 1}}}",
       {"owl.filters.setParamsByID.x.a.#", "write \\#"}},
      {"proxy: p, filters: {stripParams: 'a, b.*'}",
       {"owl.filters.stripParams", "b.*", "write \\*"}},
      {"proxy: p, filters: {strip_params: '@a'}", {"owl.filters.strip_params", "write \\@"}},
      {"proxy: p, filters: {setParamsByID: {owl: [a]}}",
       {"owl.filters.setParamsByID.owl", "mapping"}},
      {"proxy: p, filters: {strip_params: 5}", {"owl.filters.strip_params", "string"}},
      {"proxy: p, filters: {strip_params: [a]}", {"owl.filters.strip_params", "string"}},
      {"proxy: p, timeouts: {connect: 5s}", {"owl.timeouts.connect", "integer"}},
      {"proxy: p, capabilities: {in: [text, Video]}", {"owl.capabilities.in", "Video"}},
      {"proxy: p, capabilities: {out: [Text]}", {"owl.capabilities.out", "Text"}},
      {"proxy: p, capabilities: {context: -1}", {"owl.capabilities.context"}},
      {"proxy: p, sendLoadingState: 1", {"owl.sendLoadingState", "boolean"}},
      {"proxy: p, concurrencyLimit: many", {"owl.concurrencyLimit", "integer"}},
      {"proxy: p, proxy: q", {"duplicate key"}},
  };
  for (const auto& [body, words] : cases)
    expect_refused(std::string("models: {owl: {") + body + "}}", words);
}

TEST(Models, NoBody) {
  const auto result = load_all({"models:\n  owl:\npeers:\n  far:\n"});
  ASSERT_TRUE(result.config) << result.text(Severity::error);
  EXPECT_EQ(model_of(result.config).proxy, "");
  EXPECT_EQ(model_of(result.config).ttl, seconds(0));
  EXPECT_TRUE(result.config->peers.at("far").models.empty());
  EXPECT_EQ(result.problems.size(), 2u);  // warnings
}

TEST(Models, AnIdThatIsNoStringIsTakenAsText) {
  const auto result = load_all({"models: {7: {proxy: p}}"});
  ASSERT_TRUE(result.config);
  EXPECT_EQ(model_of(result.config, "7").proxy, "p");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_NE(result.problems[0].message.find("quote it"), std::string::npos);
}

TEST(Peers, Values) {
  const Peer plain = far("unknown: 1");
  EXPECT_EQ(plain.proxy, "http://far");
  EXPECT_EQ(plain.timeouts.response_header, seconds(60));
  EXPECT_EQ(plain.timeouts.connect, seconds(30));
  EXPECT_EQ(plain.api_key, "");
  const Peer full =
      far("apiKey: k, caFile: /c.pem, filters: {stripParams: a, setParams: {b: 1}, setParamsByID: {m: {c: 2}}}, "
          "timeouts: {responseHeader: 0, expectContinue: 9}");
  EXPECT_EQ(full.api_key, "k");
  EXPECT_EQ(full.ca_file, "/c.pem");
  EXPECT_EQ(full.filters.strip_params, std::vector<std::string>{"a"});
  EXPECT_EQ(dump(full.filters.set_params_by_id.at("m")), "c=2 ");
  EXPECT_EQ(full.timeouts.response_header, seconds(0));
  EXPECT_EQ(full.timeouts.expect_continue, seconds(9));
  EXPECT_EQ(accepted("peers: {p: {proxy: h, models: [m], allowPaths: ['^/x$']}}")
                ->peers.at("p")
                .allow_paths,
            std::vector<std::string>{"^/x$"});
  EXPECT_EQ(accepted("peers: {p: {proxy: nowhere, models: [b, a, b]}}")->peers.at("p").models,
            (std::vector<std::string>{"b", "a"}));
}

TEST(Peers, Refused) {
  const std::vector<Refused> cases = {
      {"peers: {p: {models: [m]}}", {"proxy required"}},
      {"peers: {p: {proxy: '', models: [m]}}", {"proxy required"}},
      {"peers: {p: {proxy: '127.0.0.1:80', models: [m]}}", {"proxy", "127.0.0.1:80"}},
      {"peers: {p: {proxy: h}}", {"models"}},
      {"peers: {p: {proxy: h, models: [m], allowPaths: ['^/ok', '(']}}",
       {"peers.p.allowPaths", "invalid pattern \"(\""}},
      {"peers: {p: {proxy: h, models: [m], allowPaths: /ok}}", {"peers.p.allowPaths", "list"}},
      {"peers: {p: {proxy: h, models: []}}", {"models"}},
      {"peers: {p: {proxy: h, models: m}}", {"models", "list"}},
      {"peers: [p]", {"peers", "mapping"}},
      {"peers: {p: text}", {"peers.p", "mapping"}},
      {"peers: {p: {proxy: ~, models: [m]}}", {"proxy required"}},
      {"peers: {p: {proxy: h, models: [~]}}", {"models"}},
      {"peers: {p: {proxy: 'http://h:x', models: [m]}}", {"proxy", "http://h:x"}},
      {"peers: {p: {proxy: h, models: [m], timeouts: {connect: soon}}}",
       {"peers.p.timeouts.connect", "integer"}},
      {"peers: {p: {proxy: h, models: [m], filters: {setParamsByID: {m: 1}}}}",
       {"peers.p.filters.setParamsByID.m", "mapping"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

}  // namespace
}  // namespace llama_swap::config

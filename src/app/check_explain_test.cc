#include "app/check_explain.h"

#include "config/test_support.h"

namespace llama_swap::app {
namespace {

std::string explained(const std::string& text, const std::string& name) {
  return explain(config::accepted(text), name).value_or("nothing");
}

TEST(Explain, Model) {
  EXPECT_EQ(explained("models:\n"
                      "  a:\n"
                      "    cmd: s --port ${PORT} 'x y' --api-key k\n"
                      "    cmdStop: stop ${PID}\n"
                      "    aliases: [z]\n"
                      "    env: [A=1, A_KEY=2]\n"
                      "    ttl: 60\n"
                      "  b: {proxy: p}\n",
                      "z"),
            "model:       a\n"
            "aliases:     z\n"
            "command:     s\n"
            "             --port\n"
            "             5800\n"
            "             x y\n"
            "             --api-key\n"
            "             ********\n"
            "environment: A=1\n"
            "             A_KEY=********\n"
            "port:        5800\n"
            "proxy:       http://localhost:5800\n"
            "ready:       when GET /health answers 200, within 2m0s\n"
            "stop:        stop\n"
            "             ${PID}\n"
            "             then SIGKILL, after 10s; what is left of the process tree goes, too\n"
            "idle:        unloaded after 1m0s\n"
            "requests:    10 at a time\n"
            "timeouts:    connect 30s, head of the answer unlimited\n"
            "group:       (default): swap, exclusive, not persistent\n"
            "             members a, b\n"
            "makes room:  while b runs: stops b\n");
}

// The lines from one label on.
std::string from(const std::string& text, const std::string& label) {
  const auto at = text.find(label);
  return at == text.npos ? text : text.substr(at);
}

TEST(Explain, Groups) {
  const std::string text =
      "models: {a: {proxy: p}, b: {proxy: p}, c: {proxy: p}, d: {proxy: p}}\n"
      "groups: {g: {swap: false, members: [a, b]}, h: {persistent: true, members: [c]}}\n";
  EXPECT_EQ(from(explained(text, "a"), "group:"),
            "group:       g: no swap, exclusive, not persistent\n"
            "             members a, b\n"
            "makes room:  while b runs: stops nothing\n"
            "             while c runs: stops nothing\n"
            "             while d runs: stops d\n"
            "             while all others run: stops d\n");
}

TEST(Explain, Sets) {
  const std::string text =
      "models: {a: {proxy: p}, b: {proxy: p}, c: {proxy: p}}\n"
      "matrix: {vars: {x: a}, evict_costs: {b: 3}, sets: {s1: x & b, s2: +s1 | c}}\n";
  EXPECT_EQ(from(explained(text, "a"), "sets:"),
            "sets:        s1: x & b\n"
            "             s2: +s1 | c\n"
            "makes room:  while b runs: stops nothing (set s1, cost 0)\n"
            "             while c runs: stops c (set s1, cost 1)\n"
            "             while all others run: stops c (set s1, cost 1)\n");
  EXPECT_EQ(from(explained("models: {a: {proxy: p}, b: {proxy: p}}\nmatrix: {sets: {s: b}}", "a"),
                 "sets:"),
            "sets:        none: it runs alone\n"
            "makes room:  while b runs: stops b (no set has it with others)\n");
}

TEST(Explain, OtherNames) {
  const std::string text =
      "models: {a: {proxy: p}}\n"
      "peers: {p: {proxy: 'http://h', models: [m]}}\n"
      "selectors: {s: {strategy: pin, targets: [a, m]}}\n";
  EXPECT_EQ(explained(text, "m"), "peer:        p\nmodel:       m\nproxy:       http://h\n");
  EXPECT_EQ(explained(text, "p/m"), explained(text, "m"));
  EXPECT_EQ(explained(text, "s"),
            "selector:    s\nstrategy:    pin\ntargets:     a\n             m\n");
  EXPECT_EQ(explained(text, "nobody"), "nothing");
}

TEST(Explain, CannotStart) {
  const std::string text = explained("models: {a: {proxy: ''}, }", "a");
  EXPECT_NE(text.find("command:     none: it cannot be started"), text.npos) << text;
  EXPECT_NE(text.find("proxy:       none: it cannot be started"), text.npos) << text;
  EXPECT_NE(text.find("makes room:  nothing: it is the only model"), text.npos) << text;
}

}  // namespace
}  // namespace llama_swap::app

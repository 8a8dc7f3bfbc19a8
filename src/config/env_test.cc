// Environment substitution (3.1).
#include "config/env.h"

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

const Environment kEnv{{"KEY", "secret"},
                       {"EMPTY", ""},
                       {"T", "300"},
                       {"QUOTE", "a \"b\" \\c"},
                       {"LF", "a\nb"},
                       {"CR", "a\rb"},
                       {"YAML", "x: y"},
                       {"LIST", "a, b"},
                       {"NEST", "${env.KEY}"},
                       {"DEEP", "${env.NEST}"},
                       {"NUL", std::string("a\0b", 3)},
                       {"LATIN", "caf\xe9"},
                       {"BELL", "a\x07"},
                       {"_x9", "nine"}};

// The description of the only model, with `text` as its YAML value.
std::string described(const std::string& text) {
  return model_of(accepted("models: {owl: {proxy: x, description: " + text + "}}", kEnv))
      .description;
}

TEST(Env, Values) {
  static const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"${env.KEY}", "secret"},
      {"'<${env.KEY}${env.KEY}>'", "<secretsecret>"},
      {"a${env.EMPTY}b", "ab"},
      {"\"${env.QUOTE}\"", "a \"b\" \\c"},      // right within double quotes
      {"'${env.QUOTE}'", "a \\\"b\\\" \\\\c"},  // elsewhere the backslashes stay
      {"${env.QUOTE}", "a \\\"b\\\" \\\\c"},
      {"'${env.NEST}'", "secret"},  // a value is expanded one level deep
      {"\"${env.1X} ${env.A-B} ${env.}\"", "${env.1X} ${env.A-B} ${env.}"},
      {"\"${env.T}\"", "300"},
      {"'${env._x9} ${env.T'", "nine ${env.T"},
  };
  for (const auto& c : cases) EXPECT_EQ(described(c.text), c.want) << c.text;
}

TEST(Env, TypedByYaml) {
  EXPECT_EQ(model_of(accepted("models: {owl: {proxy: x, ttl: ${env.T}}}", kEnv)).ttl, seconds(300));
  expect_refused("models: {owl: {proxy: x, ttl: '${env.T}'}}", {"owl.ttl", "300", "integer"}, kEnv);
}

TEST(Env, ValuesMayBringSyntax) {
  EXPECT_EQ(accepted("apiKeys: [${env.LIST}]", kEnv)->api_keys,
            (std::vector<std::string>{"a", "b"}));
  expect_refused("logLevel: ${env.YAML}", {"1.yaml", "mapping values"}, kEnv);
}

TEST(Env, WorksAnywhere) {
  const auto config = accepted(
      "macros: {m: '${env.KEY}'}\napiKeys: ['${env.KEY}']\n"
      "models: {'${env.KEY}': {cmd: 'x ${m}', proxy: y}}\nunknown: '${env.KEY}'",
      kEnv);
  EXPECT_EQ(model_of(config, "secret").cmd, "x secret");
  EXPECT_EQ(config->api_keys, std::vector<std::string>{"secret"});
}

TEST(Env, Refused) {
  const std::vector<Refused> cases = {
      {"logLevel: ${env.NOPE}", {"1.yaml", "NOPE", "not set"}},
      {"unknown: {deep: ['${env.NOPE}']}", {"NOPE", "not set"}},
      {"${env.NOPE}: 1", {"NOPE", "not set"}},
      {"logLevel: ${env.LF}", {"LF", "line break"}},
      {"logLevel: ${env.CR}", {"CR", "line break"}},
      {"logLevel: ${env.NUL}", {"NUL", "not allowed"}},
      {"logLevel: ${env.LATIN}", {"1.yaml", "LATIN", "UTF-8"}},
      {"logLevel: '${env.BELL}'", {"1.yaml", "BELL", "control characters"}},
      // Two rounds only: what the second one brings in is left.
      {"logLevel: '${env.DEEP}'", {"logLevel", "env.KEY"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words, kEnv);
}

TEST(Env, CommentsCountOnlyIfTheTextIsNoYaml) {
  accepted("# ${env.NOPE}\nlogLevel: info # ${env.NOPE}", kEnv);
  expect_refused("# ${env.NOPE}\napiKeys: [${env.KEY}]", {"NOPE", "not set"}, kEnv);
  // In the comment it is replaced only if it occurs elsewhere.
  accepted("# ${env.KEY} ${env.NOPE}\nlogLevel: '${env.KEY}'", kEnv);
}

TEST(Env, PlacesAreThoseOfTheFile) {
  const auto result = load_all({"a: &a 1\nmodels: {'${env.KEY}': {cmd: 'ä ${env.KEY} "
                                "${env.EMPTY}', ttl: x}, b: {ttl: -5, proxy: x}}"},
                               kEnv);
  ASSERT_GE(result.problems.size(), 2u);
  std::map<std::string, std::pair<int, int>> places;
  for (const Problem& problem : result.problems)
    places[problem.key] = {problem.line, problem.column};
  EXPECT_EQ(places["models.secret.ttl"], (std::pair{2, 64}));
  EXPECT_EQ(places["models.b.ttl"], (std::pair{2, 77}));

  const auto unset = load_all({"# ${env.NOPE}\nlogLevel: [\"a b ${env.NOPE}\"]"}, kEnv);
  ASSERT_EQ(unset.problems.size(), 1u);
  EXPECT_EQ(unset.problems[0].line, 2);
  EXPECT_EQ(unset.problems[0].column, 17);

  // What the parser cannot even read is the fault of the reference, not of what it read last.
  const auto latin = load_all(
      {"# ${env.LATIN}\nä: ${env.KEY}\nlogLevel: \"<${env.KEY} ${env.LATIN}>\"\nb: 1"}, kEnv);
  ASSERT_EQ(latin.problems.size(), 1u);
  EXPECT_EQ(latin.problems[0].line, 3);
  EXPECT_EQ(latin.problems[0].column, 24);
}

TEST(Env, EveryFileNamesItsOwnVariables) {
  const auto result = load_all({"logLevel: ${env.KEY}", "globalTTL: ${env.NOPE}"}, kEnv);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].text(),
            "2.yaml:1:12: environment variable NOPE is not set\n"
            "    globalTTL: ${env.NOPE}\n"
            "               ^");
}

}  // namespace
}  // namespace llama_swap::config

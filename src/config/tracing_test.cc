// Where spans go.
#include "config/test_support.h"

namespace llama_swap::config {
namespace {

TEST(Tracing, Defaults) {
  EXPECT_FALSE(accepted("")->tracing);
  for (const char* none : {"tracing: ~", "tracing: {}", "tracing: {sample: 0.5, endpoint: ''}"})
    EXPECT_FALSE(accepted(none)->tracing) << none;
  const auto config = accepted("tracing: {endpoint: ' http://localhost:4318/v1/traces '}");
  ASSERT_TRUE(config->tracing);
  Tracing want;
  want.endpoint = "http://localhost:4318/v1/traces";
  EXPECT_EQ(*config->tracing, want);
  EXPECT_EQ(want.service_name, "llama-swap");
  EXPECT_EQ(want.sample, 1);
  EXPECT_EQ(want.max_queue, 2048u);
}

TEST(Tracing, Values) {
  const auto config = accepted(R"(
tracing:
  endpoint: https://otel.example/x
  caFile: /etc/otel.pem
  headers: {X-Key: secret, authorization: Bearer abc}
  serviceName: gpu-7
  sample: 0.25
  maxQueue: 99
)");
  ASSERT_TRUE(config->tracing);
  const Tracing want{"https://otel.example/x",
                     "/etc/otel.pem",
                     {{"X-Key", "secret"}, {"authorization", "Bearer abc"}},
                     "gpu-7",
                     0.25,
                     99};
  EXPECT_EQ(*config->tracing, want);
  for (const auto& [text, share] :
       {std::pair{"0", 0.0}, {"1", 1.0}, {"'1.0'", 1.0}, {"1e-3", 1e-3}})
    EXPECT_EQ(accepted(std::string("tracing: {endpoint: 'http://h', sample: ") + text + "}")
                  ->tracing->sample,
              share);
}

TEST(Tracing, AnEndpointWithoutAPathIsWarnedOf) {
  for (const auto& [endpoint, warned] : {std::pair{"http://h:4318", true},
                                         {"HTTP://h:4318/", true},
                                         {"http://h:4318/v1/traces", false},
                                         {"https://h/x", false}}) {
    const LoadResult result =
        load_all({std::string("tracing: {endpoint: '") + endpoint + "'}"}, {});
    ASSERT_TRUE(result.config) << endpoint;
    EXPECT_EQ(result.problems.size(), warned ? 1u : 0u) << endpoint;
  }
}

TEST(Tracing, Refused) {
  const std::vector<Refused> cases = {
      {"tracing: {endpoint: 'localhost:4318'}", {"tracing.endpoint", "URL"}},
      {"tracing: {endpoint: 'http://'}", {"tracing.endpoint", "URL"}},
      {"tracing: {endpoint: 'http:///v1'}", {"tracing.endpoint", "URL"}},
      {"tracing: {endpoint: 'http://a b'}", {"tracing.endpoint", "URL"}},
      {"tracing: {endpoint: 'http://h', sample: 1.1}", {"tracing.sample", "0 to 1"}},
      {"tracing: {endpoint: 'http://h', sample: -0.1}", {"tracing.sample", "0 to 1"}},
      {"tracing: {endpoint: 'http://h', sample: nan}", {"tracing.sample", "0 to 1"}},
      {"tracing: {endpoint: 'http://h', sample: often}", {"tracing.sample", "0 to 1"}},
      {"tracing: {endpoint: 'http://h', maxQueue: 0}", {"tracing.maxQueue"}},
      {"tracing: {endpoint: 'http://h', headers: {'a b': c}}", {"tracing.headers", "a b"}},
      {"tracing: {endpoint: 'http://h', headers: {host: c}}", {"tracing.headers", "host"}},
      {"tracing: {endpoint: 'http://h', headers: {a: \"b\\r\\nc: d\"}}",
       {"tracing.headers", "control"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

}  // namespace
}  // namespace llama_swap::config

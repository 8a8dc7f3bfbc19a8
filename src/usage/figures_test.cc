#include "usage/figures.h"

#include <gtest/gtest.h>

#include "usage/test_support.h"

namespace llama_swap::usage {

namespace {

struct Case {
  const char* name;
  // What an answer says, in this order; usage may come several times.
  std::vector<const char*> usage;
  const char* timings;
  const char* metrics;
  std::optional<Figures> expected;
};

Figures counts(std::int64_t input, std::int64_t output, std::int64_t cached = -1) {
  return {.input = input, .output = output, .cached = cached};
}
Figures with_speeds(Figures figures, double prompt, double generation) {
  figures.prompt_per_second = prompt;
  figures.tokens_per_second = generation;
  return figures;
}
Figures with_drafts(Figures figures, std::int64_t all, std::int64_t accepted) {
  figures.draft = all;
  figures.draft_accepted = accepted;
  return figures;
}
Figures with_model_time(Figures figures, int ms) {
  figures.model_time = util::Millis(ms);
  return figures;
}

std::vector<Case> cases() {
  const auto timings = [](Figures figures, double prompt, double generation, int ms) {
    return with_model_time(with_speeds(figures, prompt, generation), ms);
  };
  return {
      {"nothing", {}, "", "", std::nullopt},
      {"null, as many stream events have", {"null"}, "null", "null", std::nullopt},
      {"no objects", {"[1]", "\"prompt_tokens\"", "7"}, "[]", "true", std::nullopt},
      {"broken texts", {"{\"prompt_tokens\":"}, "{\"prompt_n\"", "{]", std::nullopt},
      {"empty objects", {"{}"}, "", "", counts(0, 0)},

      {"OpenAI chat",
       {R"({"prompt_tokens":12,"completion_tokens":7,"total_tokens":19,
            "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":3,"accepted_prediction_tokens":0}})"},
       "",
       "",
       counts(12, 7, 4)},
      {"OpenAI completions, without details",
       {R"({"prompt_tokens":12,"completion_tokens":7})"},
       "",
       "",
       counts(12, 7)},
      {"vLLM: details that are null",
       {R"({"prompt_tokens":12,"completion_tokens":7,"prompt_tokens_details":null})"},
       "",
       "",
       counts(12, 7)},
      {"OpenAI embeddings", {R"({"prompt_tokens":5,"total_tokens":5})"}, "", "", counts(5, 0)},
      {"rerank", {R"({"prompt_tokens":91,"total_tokens":91})"}, "", "", counts(91, 0)},
      {"rerank that tells the total only", {R"({"total_tokens":91})"}, "", "", counts(0, 0)},
      {"OpenAI transcription, by tokens",
       {R"({"type":"tokens","input_tokens":14,"input_token_details":{"audio_tokens":14},
            "output_tokens":45,"total_tokens":59})"},
       "",
       "",
       counts(14, 45)},
      {"OpenAI transcription, by seconds",
       {R"({"type":"duration","seconds":9})"},
       "",
       "",
       counts(0, 0)},
      {"OpenAI responses",
       {R"({"input_tokens":36,"input_tokens_details":{"cached_tokens":8},"output_tokens":87,
            "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123})"},
       "",
       "",
       counts(36, 87, 8)},
      {"Anthropic message",
       {R"({"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":2048,
            "output_tokens":503,"service_tier":"standard"})"},
       "",
       "",
       counts(10, 503, 2048)},
      {"Anthropic stream: message_start, message_delta",
       {R"({"input_tokens":25,"cache_read_input_tokens":3,"output_tokens":1})",
        R"({"output_tokens":15})"},
       "",
       "",
       counts(25, 15, 3)},
      {"zeros do not replace, a cached zero does",
       {R"({"input_tokens":25,"cache_read_input_tokens":3,"output_tokens":9})",
        R"({"input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0})"},
       "",
       "",
       counts(25, 9, 0)},
      {"negative values do not replace",
       {R"({"prompt_tokens":25,"completion_tokens":9,"cache_read_input_tokens":3})",
        R"({"prompt_tokens":-1,"completion_tokens":-1,"cache_read_input_tokens":-1})"},
       "",
       "",
       counts(25, 9, 3)},
      {"usage that grows with every event: the last one",
       {R"({"prompt_tokens":5,"completion_tokens":1})",
        R"({"prompt_tokens":5,"completion_tokens":2})",
        R"({"prompt_tokens":5,"completion_tokens":3})"},
       "",
       "",
       counts(5, 3)},
      {"the first name that exists",
       {R"({"prompt_tokens":1,"input_tokens":2,"completion_tokens":3,"output_tokens":4,
            "cache_read_input_tokens":5,"input_tokens_details":{"cached_tokens":6},
            "prompt_tokens_details":{"cached_tokens":7}})"},
       "",
       "",
       counts(1, 3, 5)},
      {"responses details before chat details",
       {R"({"input_tokens_details":{"cached_tokens":6},"prompt_tokens_details":{"cached_tokens":7}})"},
       "",
       "",
       counts(0, 0, 6)},
      {"null does not exist",
       {R"({"prompt_tokens":null,"input_tokens":2,"cache_read_input_tokens":null,
            "input_tokens_details":{"cached_tokens":6}})"},
       "",
       "",
       counts(2, 0, 6)},
      {"numbers with a point",
       {R"({"prompt_tokens":12.0,"completion_tokens":7.9})"},
       "",
       "",
       counts(12, 7)},
      {"senseless numbers",
       {R"({"prompt_tokens":1e300,"completion_tokens":99999999999999999999})"},
       "",
       "",
       counts(0, 0)},

      {"llama.cpp",
       {},
       R"({"cache_n":236,"prompt_n":1,"prompt_ms":30.958,"prompt_per_token_ms":30.958,
           "prompt_per_second":32.5,"predicted_n":35,"predicted_ms":661.064,
           "predicted_per_token_ms":18.887,"predicted_per_second":52.25})",
       "",
       timings(counts(1, 35, 236), 32.5, 52.25, 692)},
      {"llama.cpp: timings override usage",
       {R"({"prompt_tokens":237,"completion_tokens":36,"prompt_tokens_details":{"cached_tokens":1}})"},
       R"({"cache_n":236,"prompt_n":1,"predicted_n":35,"prompt_per_second":2,"predicted_per_second":3})",
       "",
       with_speeds(counts(1, 35, 236), 2, 3)},
      {"timings without cache: that of usage stays",
       {R"({"prompt_tokens":237,"prompt_tokens_details":{"cached_tokens":9}})"},
       R"({"prompt_n":1,"predicted_n":35,"prompt_per_second":2,"predicted_per_second":3})",
       "",
       with_speeds(counts(1, 35, 9), 2, 3)},
      {"timings: what is missing is 0",
       {R"({"prompt_tokens":237,"completion_tokens":36})"},
       R"({"predicted_ms":12})",
       "",
       timings(counts(0, 0), 0, 0, 12)},
      {"timings: no number is 0",
       {},
       R"({"prompt_n":4,"prompt_per_second":null})",
       "",
       with_speeds(counts(4, 0), 0, 0)},
      {"timings with drafts",
       {},
       R"({"prompt_n":4,"predicted_n":9,"draft_n":6,"draft_n_accepted":0})",
       "",
       with_drafts(with_speeds(counts(4, 9), 0, 0), 6, 0)},
      {"timings with a half of the drafts",
       {},
       R"({"prompt_n":4,"draft_n":6})",
       "",
       with_speeds(counts(4, 0), 0, 0)},
      {"the time is rounded down",
       {},
       R"({"prompt_ms":0.9,"predicted_ms":1.05})",
       "",
       timings(counts(0, 0), 0, 0, 1)},
      {"a time that cannot be",
       {},
       R"({"prompt_ms":1e30,"predicted_ms":-4})",
       "",
       with_speeds(counts(0, 0), 0, 0)},

      {"vLLM: first example",
       {R"({"prompt_tokens":14,"completion_tokens":152})"},
       "",
       R"({"time_to_first_token_ms":70,"mean_itl_ms":10,"tokens_per_second":5,"queue_time_ms":1})",
       with_speeds(counts(14, 152), 14 / 0.07, 100)},
      {"vLLM: second example",
       {R"({"prompt_tokens":42,"completion_tokens":128,"prompt_tokens_details":{"cached_tokens":20}})"},
       "",
       R"({"time_to_first_token_ms":85.2,"mean_itl_ms":9.1})",
       with_speeds(counts(42, 128, 20), 22 / 0.0852, 1000 / 9.1)},
      {"vLLM: drafts",
       {R"({"prompt_tokens":14})"},
       "",
       R"({"speculative_decoding":{"num_draft_tokens":40,"num_accepted_draft_tokens":30}})",
       with_drafts(counts(14, 0), 40, 30)},
      {"vLLM: a half of the drafts",
       {},
       "",
       R"({"speculative_decoding":{"num_draft_tokens":40}})",
       counts(0, 0)},
      {"vLLM: times of 0 and null",
       {},
       "",
       R"({"time_to_first_token_ms":0,"mean_itl_ms":null})",
       counts(0, 0)},
      {"metrics come after timings",
       {},
       R"({"prompt_n":10,"cache_n":4,"predicted_n":9,"prompt_per_second":1,"predicted_per_second":2})",
       R"({"time_to_first_token_ms":1000,"mean_itl_ms":4})",
       with_speeds(counts(10, 9, 4), 6, 250)},
      {"more cached than read: no speed of it",
       {R"({"input_tokens":10,"cache_read_input_tokens":400})"},
       "",
       R"({"time_to_first_token_ms":50})",
       counts(10, 0, 400)},
  };
}

TEST(Figures, Table) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Collector collector;
    for (const char* usage : c.usage) collector.add_usage(usage);
    collector.set_timings(c.timings);
    collector.set_metrics(c.metrics);
    const auto found = original(collector.figures());
    ASSERT_EQ(found.has_value(), c.expected.has_value());
    if (!found) continue;
    EXPECT_DOUBLE_EQ(found->prompt_per_second, c.expected->prompt_per_second);
    EXPECT_DOUBLE_EQ(found->tokens_per_second, c.expected->tokens_per_second);
    Figures rest = *found;
    rest.prompt_per_second = c.expected->prompt_per_second;
    rest.tokens_per_second = c.expected->tokens_per_second;
    EXPECT_EQ(rest, *c.expected);
  }
}

TEST(Figures, TheWholePromptByDialect) {
  const struct {
    const char* name;
    std::vector<const char*> usage;
    const char* timings;
    std::optional<std::int64_t> prompt;
  } cases[] = {
      {"OpenAI chat counts cached tokens in",
       {R"({"prompt_tokens":12,"prompt_tokens_details":{"cached_tokens":4}})"},
       "",
       12},
      {"so do the responses",
       {R"({"input_tokens":36,"input_tokens_details":{"cached_tokens":8}})"},
       "",
       36},
      {"Anthropic does not, neither read nor written",
       {R"({"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":2000})"},
       "",
       2110},
      {"Anthropic, all from the cache",
       {R"({"input_tokens":0,"cache_read_input_tokens":2000})"},
       "",
       2000},
      {"Anthropic's stream: the delta repeats no input",
       {R"({"input_tokens":25,"cache_read_input_tokens":3,"output_tokens":1})",
        R"({"output_tokens":15})"},
       "",
       28},
      {"both names: those that count it in win",
       {R"({"prompt_tokens":50,"input_tokens":50,"cache_read_input_tokens":40})"},
       "",
       50},
      {"llama.cpp does not", {}, R"({"prompt_n":1,"cache_n":236})", 237},
      {"llama.cpp after usage",
       {R"({"prompt_tokens":237})"},
       R"({"prompt_n":1,"cache_n":236})",
       237},
      {"an older llama.cpp, after usage", {R"({"prompt_tokens":237})"}, R"({"prompt_n":1})", 237},
      {"an older llama.cpp alone", {}, R"({"prompt_n":9})", 9},
      {"nothing said", {R"({"total_tokens":91})"}, R"({"predicted_n":1})", std::nullopt},
  };
  for (const auto& c : cases) {
    Collector collector;
    for (const char* usage : c.usage) collector.add_usage(usage);
    collector.set_timings(c.timings);
    EXPECT_EQ(collector.figures()->prompt, c.prompt) << c.name;
  }
}

TEST(Figures, WhatTheServerSpentOnEachPhase) {
  const struct {
    const char* name;
    const char* timings;
    const char* metrics;
    std::optional<util::Millis> prefill, decode;
  } cases[] = {
      {"llama.cpp", R"({"prompt_ms":30.958,"predicted_ms":661.064})", "", util::Millis(30),
       util::Millis(661)},
      {"llama.cpp, nothing generated", R"({"prompt_ms":12,"predicted_ms":0})", "", util::Millis(12),
       util::Millis(0)},
      {"what cannot be", R"({"prompt_ms":-1,"predicted_ms":1e30})", "", std::nullopt, std::nullopt},
      {"vLLM", "", R"({"time_to_first_token_ms":70,"mean_itl_ms":10})", util::Millis(70),
       util::Millis(40)},
      {"nothing", "{}", "{}", std::nullopt, std::nullopt},
  };
  for (const auto& c : cases) {
    Collector collector;
    collector.add_usage(R"({"prompt_tokens":14,"completion_tokens":5})");
    collector.set_timings(c.timings);
    collector.set_metrics(c.metrics);
    const auto found = collector.figures();
    EXPECT_EQ(found->prefill, c.prefill) << c.name;
    EXPECT_EQ(found->decode, c.decode) << c.name;
  }
}

TEST(Figures, TheLastTimingsAndMetricsWin) {
  Collector collector;
  collector.set_timings(R"({"prompt_n":1,"draft_n":5,"draft_n_accepted":5})");
  collector.set_timings(R"({"prompt_n":2})");
  collector.set_timings("null");
  collector.set_metrics(R"({"mean_itl_ms":1})");
  collector.set_metrics(R"({"mean_itl_ms":2})");
  const auto found = collector.figures();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->input, 2);
  EXPECT_EQ(found->draft, -1);
  EXPECT_EQ(found->tokens_per_second, 500);
}

TEST(Figures, WhatReplacesTheUsageBefore) {
  const struct {
    const char* old;
    const char* text;
    bool expected;
  } cases[] = {
      {R"({"prompt_tokens":5})", R"({"prompt_tokens":5})", true},
      {R"({"prompt_tokens":9,"x":{"cached_tokens":0}})",
       R"({"prompt_tokens":10,"x":{"cached_tokens":0}})", true},
      {R"({"prompt_tokens":0})", R"({"prompt_tokens":7})", true},
      {R"({"prompt_tokens":7})", R"({"prompt_tokens":0})", false},
      {R"({"prompt_tokens":1.5})", R"({"prompt_tokens":0.5})", false},
      {R"({"prompt_tokens":7})", R"({"prompt_tokens":-7})", false},
      {R"({"prompt_tokens":1e2})", R"({"prompt_tokens":1e99})", false},
      {R"({"prompt_tokens":7})", R"({"prompt_tokens":99999999999999999})", false},
      {R"({"prompt_tokens":7})", R"({"input_tokens":7})", false},
      {R"({"prompt_tokens":7})", R"({"prompt_tokens":null})", false},
      {R"({"prompt_tokens":7})", R"({"prompt_tokens":7,"x":1})", false},
      {R"({"prompt_tokens":7,"x":1})", R"({"prompt_tokens":7})", false},
      {"", R"({"prompt_tokens":7})", false},
  };
  for (const auto& c : cases) EXPECT_EQ(replaces(c.text, c.old), c.expected) << c.old << c.text;
}

TEST(Figures, TheLastOfManyCounts) {
  Collector collector;
  for (int i = 0; i < 1200; ++i)
    collector.add_usage("{\"prompt_tokens\":7,\"completion_tokens\":" + std::to_string(i) + "}");
  EXPECT_EQ(original(collector.figures()), counts(7, 1199));
  collector.add_usage("{\"prompt_tokens\":7,\"completion_tokens\":0}");
  collector.add_usage("{\"completion_tokens\":0}");
  EXPECT_EQ(original(collector.figures()), counts(7, 1199));
}

TEST(Figures, AnythingButAnObjectChangesNothing) {
  for (const char* text : {"null", "[1,2]", "\"prompt_n\"", "3"}) {
    Figures figures = counts(1, 2, 3);
    apply_usage(JsonNumbers(text), figures);
    apply_timings(JsonNumbers(text), figures);
    apply_metrics(JsonNumbers(text), figures);
    EXPECT_EQ(figures, counts(1, 2, 3)) << text;
  }
}

}  // namespace
}  // namespace llama_swap::usage

#include "observe/model_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/text.h"

namespace llama_swap::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

config::Config config_of(const std::vector<std::string>& models,
                         const std::vector<std::string>& peers = {}) {
  config::Config config;
  for (const std::string& id : models) config.models[id].id = id;
  for (const std::string& id : peers) config.peers[id].id = id;
  return config;
}

// The samples of the families whose names begin so, without "llamaswap_".
std::vector<std::string> samples(const ModelMetrics& metrics, std::string_view family,
                                 const ModelMetrics::Sees& sees = {}) {
  PrometheusText text;
  metrics.write(text, sees);
  std::vector<std::string> out;
  const std::string all = text.take();
  for (std::string_view line : util::split(all, '\n')) {
    constexpr std::string_view kPrefix = "llamaswap_";
    if (!line.starts_with(kPrefix)) continue;
    line.remove_prefix(kPrefix.size());
    if (line.starts_with(family)) out.emplace_back(line);
  }
  return out;
}

// All samples of one model.
std::vector<std::string> samples_of(const ModelMetrics& metrics, const std::string& model) {
  std::vector<std::string> out = samples(metrics, "");
  std::erase_if(out, [&](const std::string& line) {
    return line.find("{model=\"" + model + "\"") == line.npos;
  });
  return out;
}

TEST(Histogram, Buckets) {
  struct Case {
    milliseconds value;
    std::string first_bound;  // the least one that includes it
  };
  for (const Case& c : {Case{milliseconds(0), "0.005"}, Case{milliseconds(5), "0.005"},
                        Case{milliseconds(6), "0.025"}, Case{milliseconds(1000), "1"},
                        Case{milliseconds(2500), "2.5"}, Case{milliseconds(2501), "5"},
                        Case{milliseconds(600'000), "600"}, Case{milliseconds(600'001), "+Inf"}}) {
    Histogram histogram;
    histogram.observe(c.value);
    PrometheusText text;
    text.family("h", "histogram", "Help.");
    histogram.write(text, {{"model", "m"}});
    const std::string out = text.take();
    const std::size_t first = out.find("\"} 1\n");
    ASSERT_NE(first, out.npos);
    const std::size_t begin = out.rfind('"', first - 1) + 1;
    EXPECT_EQ(out.substr(begin, first - begin), c.first_bound) << c.value.count();
    EXPECT_THAT(out, HasSubstr("llamaswap_h_count{model=\"m\"} 1\n"));
  }
}

TEST(Histogram, SumAndCumulation) {
  Histogram histogram;
  for (const milliseconds value : {milliseconds(1), milliseconds(200), milliseconds(700'000)})
    histogram.observe(value);
  PrometheusText text;
  text.family("h", "histogram", "Help.");
  histogram.write(text, {});
  const std::string out = text.take();
  EXPECT_THAT(out,
              HasSubstr("llamaswap_h_bucket{le=\"0.1\"} 1\nllamaswap_h_bucket{le=\"0.25\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("{le=\"600\"} 2\nllamaswap_h_bucket{le=\"+Inf\"} 3\n"
                             "llamaswap_h_sum 700.201\nllamaswap_h_count 3\n"));
}

TEST(ModelMetrics, Requests) {
  ModelMetrics metrics(config_of({"m"}, {"p"}));
  const std::size_t chat = metrics.endpoint("/v1/chat/completions");
  EXPECT_EQ(metrics.endpoint("/v1/chat/completions"), chat);
  EXPECT_NE(metrics.endpoint("/props"), chat);
  const auto count = [&](std::string_view model, std::size_t endpoint, int status) {
    RequestFacts facts;
    facts.model = model;
    facts.endpoint = endpoint;
    facts.status = status;
    facts.duration = seconds(3);
    metrics.count(facts);
  };
  count("m", chat, 200);
  count("m", chat, 200);
  count("m", chat, 503);
  count("p", chat, 200);
  count("whatever a client writes", chat, 404);
  count("", ModelMetrics::kOtherEndpoint, 404);
  EXPECT_THAT(
      samples(metrics, "requests_total"),
      ElementsAre(R"(requests_total{model="",endpoint="other",status="404"} 1)",
                  R"(requests_total{model="m",endpoint="/v1/chat/completions",status="200"} 2)",
                  R"(requests_total{model="m",endpoint="/v1/chat/completions",status="503"} 1)",
                  R"(requests_total{model="other",endpoint="/v1/chat/completions",status="404"} 1)",
                  R"(requests_total{model="p",endpoint="/v1/chat/completions",status="200"} 1)"));
  EXPECT_THAT(samples(metrics, "request_duration_seconds_sum"),
              ElementsAre(R"(request_duration_seconds_sum{model="m"} 9)",
                          R"(request_duration_seconds_sum{model="other"} 3)",
                          R"(request_duration_seconds_sum{model="p"} 3)"));
  EXPECT_THAT(samples(metrics, "request_load"), IsEmpty());
}

TEST(ModelMetrics, TimesThatDoNotExistAreNotCounted) {
  ModelMetrics metrics(config_of({"m"}));
  RequestFacts facts;
  facts.model = "m";
  facts.queue = milliseconds(1);
  metrics.count(facts);
  facts.load = seconds(2);
  facts.first_byte = milliseconds(300);
  metrics.count(facts);
  EXPECT_THAT(samples(metrics, "request_queue_seconds_count"), ElementsAre(Not(IsEmpty())));
  EXPECT_THAT(samples(metrics, "request_"),
              Contains(R"(request_queue_seconds_count{model="m"} 2)"));
  EXPECT_THAT(samples(metrics, "request_"), Contains(R"(request_load_seconds_count{model="m"} 1)"));
  EXPECT_THAT(samples(metrics, "request_"),
              Contains(R"(request_first_byte_seconds_sum{model="m"} 0.3)"));
}

TEST(ModelMetrics, Tokens) {
  ModelMetrics metrics(config_of({"m"}));
  metrics.count_tokens("m", {10, -1, 5, 0, 0});
  metrics.count_tokens("m", {1, 7, 2, 4, 3});
  EXPECT_THAT(samples(metrics, "tokens_total{model=\"m\""),
              ElementsAre(R"(tokens_total{model="m",kind="input"} 11)",
                          R"(tokens_total{model="m",kind="cached"} 7)",
                          R"(tokens_total{model="m",kind="output"} 7)",
                          R"(tokens_total{model="m",kind="drafted"} 4)",
                          R"(tokens_total{model="m",kind="draft_accepted"} 3)"));
}

TEST(ModelMetrics, Lives) {
  ModelMetrics metrics(config_of({"a", "b"}, {"p"}));
  metrics.started("a", "request");
  metrics.started("a", "request");
  metrics.displaced_others("a", "request");
  metrics.ready("a", seconds(4));
  metrics.stopped("a", "evicted");
  metrics.start_failed("b");
  metrics.crashed("a");
  metrics.crashed("p");
  metrics.started("gone", "request");
  metrics.displaced_others("gone", "request");
  EXPECT_THAT(samples(metrics, "model_"), Not(Contains(HasSubstr("gone"))));
  EXPECT_THAT(samples(metrics, "model_st"),
              Contains(R"(model_starts_total{model="a",reason="request"} 2)"));
  EXPECT_THAT(samples(metrics, "model_swaps"),
              ElementsAre(R"(model_swaps_total{model="a",reason="request"} 1)"));
  EXPECT_THAT(samples(metrics, "model_stops"),
              ElementsAre(R"(model_stops_total{model="a",reason="evicted"} 1)"));
  EXPECT_THAT(
      samples(metrics, "model_crashes"),
      ElementsAre(R"(model_crashes_total{model="a"} 1)", R"(model_crashes_total{model="b"} 0)"));
  EXPECT_THAT(samples(metrics, "model_start_failures"),
              ElementsAre(R"(model_start_failures_total{model="a"} 0)",
                          R"(model_start_failures_total{model="b"} 1)"));
  EXPECT_THAT(samples(metrics, "model_start_duration_seconds_sum"),
              ElementsAre(R"(model_start_duration_seconds_sum{model="a"} 4)"));
}

TEST(ModelMetrics, OnlySomeSeries) {
  ModelMetrics metrics(config_of({"a", "b"}, {"p"}));
  RequestFacts facts;
  for (const std::string_view model : {"a", "b", "p", "gone", ""}) {
    facts.model = model;
    facts.queue = facts.load = facts.first_byte = seconds(1);
    metrics.count(facts);
    metrics.started(model, "request");
    metrics.displaced_others(model, "request");
    metrics.stopped(model, "ttl");
    metrics.ready(model, seconds(1));
  }
  const auto shown = samples(metrics, "", [](const std::string& id) { return id == "b"; });
  EXPECT_THAT(shown, Each(HasSubstr("model=\"b\"")));
  EXPECT_EQ(shown, samples_of(metrics, "b"));
  EXPECT_THAT(samples(metrics, "", [](const std::string&) { return false; }), IsEmpty());
  EXPECT_EQ(samples(metrics, "", [](const std::string&) { return true; }), samples(metrics, ""));
}

TEST(ModelMetrics, WhatIsNotConfiguredAnyMoreGoes) {
  ModelMetrics metrics(config_of({"a", "b"}, {"p", "q"}));
  RequestFacts facts;
  for (const std::string_view model : {"a", "b", "p", "q"}) {
    facts.model = model;
    metrics.count(facts);
  }
  metrics.keep_those_of(config_of({"b"}, {"q"}));
  facts.model = "a";
  metrics.count(facts);
  EXPECT_THAT(samples(metrics, "requests_total"),
              ElementsAre(R"(requests_total{model="b",endpoint="other",status="0"} 1)",
                          R"(requests_total{model="other",endpoint="other",status="0"} 1)",
                          R"(requests_total{model="q",endpoint="other",status="0"} 1)"));
}

TEST(PrometheusText, EscapesLabelValues) {
  PrometheusText text;
  text.family("x", "gauge", "Help.");
  text.sample({{"a", "q\"b\\n\nl"}, {"b", ""}}, 0.5);
  EXPECT_EQ(text.take(),
            "# HELP llamaswap_x Help.\n# TYPE llamaswap_x gauge\n"
            "llamaswap_x{a=\"q\\\"b\\\\n\\nl\",b=\"\"} 0.5\n");
}

}  // namespace
}  // namespace llama_swap::observe

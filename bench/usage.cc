// What it costs to watch answers for their token figures: nanoseconds for one event or document,
// and gigabytes a second, by kind of answer.
//
//   usage         the median of many short rounds each
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "usage/meter.h"
#include "usage/test_support.h"

namespace {

using namespace llama_swap;

struct Case {
  const char* name;
  usage::AnswerHead head;
  std::string unit;   // an event, or a document
  std::size_t units;  // of them in the whole body
  std::size_t piece;  // the body comes in pieces of this size; 0: each unit by itself
};

// A round is shorter than a time slice, so a busy machine disturbs the median little.
constexpr int kRounds = 151;

constexpr const char* kEvents = "text/event-stream";

std::string chunk(const std::string& text, const std::string& rest) {
  return R"(data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk",)"
         R"("created":1700000000,"model":"qwen3-30b","choices":[{"index":0,"delta":{"content":")" +
         text + R"("},"finish_reason":null}])" + rest + "}\n\n";
}

std::string embeddings() {
  std::string out = R"({"object":"list","data":[{"object":"embedding","embedding":[)";
  for (int i = 0; i < 4096; ++i) out += "-0.01234567" + std::to_string(i) + ",";
  return out + R"(0]}],"usage":{"prompt_tokens":5,"total_tokens":5}})";
}

std::vector<Case> cases() {
  const std::string plain = chunk("token", "");
  const std::string null_usage = chunk("token", R"(,"usage":null)");
  const std::string with_usage = chunk(
      "token", R"(,"usage":{"prompt_tokens":123,"total_tokens":579,"completion_tokens":456})");
  const std::string with_timings =
      chunk("token", R"(,"timings":{"cache_n":0,"prompt_n":9,"prompt_ms":30.9,"predicted_n":35})");
  const std::string large =
      R"(data: {"response":{"output":")" + std::string(1 << 20, 'x') + R"("}})" + "\n\n";
  const usage::AnswerHead stream{"/v1/chat/completions", 200, "OK", kEvents, ""};
  const usage::AnswerHead document{"/v1/embeddings", 200, "OK", "application/json", ""};
  usage::AnswerHead zipped = stream;
  zipped.content_encoding = "gzip";
  return {
      {"event of 200 bytes, each by itself", stream, plain, 2'000, 0},
      {"the same, in pieces of 16 KiB", stream, plain, 2'000, 16'384},
      {"the same, in pieces of 50 bytes", stream, plain, 2'000, 50},
      {"the same, gzip in pieces of 16 KiB", zipped, plain, 2'000, 16'384},
      {"\"usage\":null in each", stream, null_usage, 2'000, 0},
      {"usage in each", stream, with_usage, 500, 0},
      {"timings in each", stream, with_timings, 500, 0},
      {"event of 1 MiB, in pieces of 16 KiB", stream, large, 2, 16'384},
      {"embeddings of 4096 numbers", document, embeddings(), 1, 16'384},
  };
}

struct Measured {
  double ns_per_unit = 0;
  double gb_per_second = 0;  // decoded
};

Measured measure(const Case& c) {
  std::string body;
  std::mt19937 random(1);
  const std::size_t word = c.unit.find("token");
  for (std::size_t i = 0; i < c.units; ++i) {
    body += c.unit;
    // Text that is not the same in each event, for the sake of the compressed ones.
    for (std::size_t j = 0; word != std::string::npos && j < 5; ++j)
      body[body.size() - c.unit.size() + word + j] = static_cast<char>('a' + random() % 26);
  }
  const double decoded = static_cast<double>(body.size());
  if (!c.head.content_encoding.empty()) body = usage::deflated(body, 31);
  const std::size_t piece = c.piece == 0 ? c.unit.size() : c.piece;

  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    usage::Meter meter(c.head);
    const auto begin = std::chrono::steady_clock::now();
    for (std::string_view rest = body; !rest.empty();) {
      const std::string_view now = rest.substr(0, piece);
      meter.feed(now, begin);
      rest.remove_prefix(now.size());
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    if (meter.finish(usage::Ending::complete).error_msg != "") std::puts("broken");
    rounds.push_back(took.count());
  }
  std::ranges::nth_element(rounds, rounds.begin() + kRounds / 2);
  return {rounds[kRounds / 2] / static_cast<double>(c.units), decoded / rounds[kRounds / 2]};
}

}  // namespace

int main() {
  for (const Case& c : cases()) {
    const Measured measured = measure(c);
    std::printf("%10.0f ns %8.2f GB/s  %s\n", measured.ns_per_unit, measured.gb_per_second, c.name);
  }
}

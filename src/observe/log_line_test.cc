#include "observe/log_line.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace llama_swap::observe {
namespace {

using config::LogLevel;
using namespace std::chrono_literals;

const JsonLines::Time kTime =
    std::chrono::sys_days(std::chrono::year(2024) / 5 / 6) + 7h + 8min + 9s + 10ms;

std::string json(LogLevel level, std::string_view text, const LogFields& fields = {}) {
  std::string out;
  JsonLines().append(out, kTime, level, text, fields);
  return out;
}

TEST(LogLine, Text) {
  std::string out;
  append_text_line(out, LogLevel::warn, "a\nb");
  EXPECT_EQ(out, "[WARN] a\nb\n");
}

TEST(LogLine, Json) {
  EXPECT_EQ(json(LogLevel::info, "hello"),
            R"({"time":"2024-05-06T07:08:09.010Z","level":"info","msg":"hello"})"
            "\n");
  LogFields fields{"r1", "m", "anna", R"("status":200)"};
  EXPECT_EQ(json(LogLevel::error, "x", fields),
            R"({"time":"2024-05-06T07:08:09.010Z","level":"error","request_id":"r1","model":"m",)"
            R"("key":"anna","msg":"x","status":200})"
            "\n");
}

TEST(LogLine, JsonIsOneValidLineWhateverItSays) {
  const std::string line = json(LogLevel::warn, "a\nb\"\\\x1b\xff", {"", "m\"", "", ""});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["msg"], "a\nb\"\\\x1b\xEF\xBF\xBD");
  EXPECT_EQ(parsed["model"], "m\"");
}

TEST(LogLine, ModelInFrontOfTheText) {
  const struct {
    const char* text;
    const char* model;
    const char* rest;
  } cases[] = {
      {"<m1> started", "m1", "started"},
      {"<a/b c> x", "a/b c", "x"},
      {"<m1>x", "", "<m1>x"},
      {"x <m> y", "", "x <m> y"},
      {"", "", ""},
  };
  for (const auto& c : cases) {
    const ModelMessage got = split_model(c.text);
    EXPECT_EQ(got.model, c.model) << c.text;
    EXPECT_EQ(got.text, c.rest) << c.text;
  }
  EXPECT_NE(json(LogLevel::info, "<m1> started").find(R"("model":"m1","msg":"started")"),
            std::string::npos);
}

TEST(LogLine, TimeFollowsTheClock) {
  JsonLines lines;
  std::string out;
  for (const auto later : {0ms, 5ms, 989ms, 990ms, -20ms})
    lines.append(out, kTime + later, LogLevel::info, "");
  std::vector<std::string> times;
  for (std::size_t at = 0; (at = out.find("T07:", at)) != out.npos; ++at)
    times.push_back(out.substr(at + 7, 6));
  EXPECT_EQ(times, (std::vector<std::string>{"09.010", "09.015", "09.999", "10.000", "08.990"}));
}

TEST(LogLine, Output) {
  std::string out;
  JsonLines().append_output(out, kTime, "m", "loading \"x\"");
  EXPECT_EQ(out, R"({"time":"2024-05-06T07:08:09.010Z","level":"info","source":"upstream",)"
                 R"("model":"m","msg":"loading \"x\""})"
                 "\n");
}

TEST(LineCutter, LinesInWhateverPieces) {
  const std::string text = "one\r\n\ntwo\nthr\ree\nrest";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    std::vector<std::string> lines;
    const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
    LineCutter cutter;
    for (std::size_t at = 0; at < text.size(); at += piece)
      cutter.feed(std::string_view(text).substr(at, piece), keep);
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two", "thr\ree"})) << piece;
    cutter.finish(keep);
    cutter.finish(keep);
    EXPECT_EQ(lines.back(), "rest") << piece;
    EXPECT_EQ(lines.size(), 5u) << piece;
  }
}

TEST(LineCutter, EndlessLinesComeInPieces) {
  LineCutter cutter;
  std::vector<std::size_t> sizes;
  const auto keep = [&](std::string_view line) { sizes.push_back(line.size()); };
  cutter.feed(std::string(LineCutter::kMaxLine - 1, 'x'), keep);
  EXPECT_TRUE(sizes.empty());
  cutter.feed(std::string(LineCutter::kMaxLine + 2, 'x'), keep);
  cutter.feed("\n", keep);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{LineCutter::kMaxLine, LineCutter::kMaxLine, 1}));
}

TEST(LineCutter, ALineThatJustFitsIsOneLine) {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::size_t piece :
         {std::size_t{1}, LineCutter::kMaxLine, 2 * LineCutter::kMaxLine}) {
      const std::string text = std::string(LineCutter::kMaxLine + 1 - end.size(), 'x') + end + "\n";
      LineCutter cutter;
      std::vector<std::size_t> sizes;
      const auto keep = [&](std::string_view line) { sizes.push_back(line.size()); };
      for (std::size_t at = 0; at < text.size(); at += piece)
        cutter.feed(std::string_view(text).substr(at, piece), keep);
      EXPECT_EQ(sizes, (std::vector<std::size_t>{LineCutter::kMaxLine + 1 - end.size(), 0}))
          << piece;
    }
  }
}

}  // namespace
}  // namespace llama_swap::observe

#include "observe/log_hub.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <regex>

namespace llama_swap::observe {
namespace {

using config::LogLevel;
using config::LogTarget;

TEST(LogHub, TargetDecidesWhatIsCombined) {
  const struct {
    LogTarget target;
    const char* want;
  } cases[] = {
      {LogTarget::proxy, "[INFO] hello\n"},
      {LogTarget::upstream, "raw text"},
      {LogTarget::both, "[INFO] hello\nraw text"},
      {LogTarget::none, ""},
  };
  for (const auto& c : cases) {
    LogHub hub(c.target, nullptr);
    hub.log(LogLevel::info, "hello");
    hub.model_output("m1", "raw ");
    hub.model_output("m2", "text");
    EXPECT_EQ(hub.combined().history(), c.want);
    EXPECT_EQ(hub.proxy().history(), "[INFO] hello\n");
    EXPECT_EQ(hub.upstream().history(), "raw text");
    EXPECT_EQ(hub.model("m1").history(), "raw ");
    EXPECT_EQ(hub.model("m2").history(), "text");
  }
}

TEST(LogHub, LevelsAndFormats) {
  LogHub hub(LogTarget::proxy, nullptr);
  hub.debug("not {}", "seen");
  hub.info("a={}", 1);
  hub.warn("w");
  hub.set_level(LogLevel::error);
  hub.warn("not seen");
  hub.error("e");
  hub.set_level(LogLevel::debug);
  hub.debug("d");
  EXPECT_EQ(hub.proxy().history(), "[INFO] a=1\n[WARN] w\n[ERROR] e\n[DEBUG] d\n");
}

TEST(LogHub, TimestampComesFirst) {
  LogHub hub(LogTarget::proxy, nullptr);
  hub.set_time_format("rfc3339");
  hub.info("x");
  const std::regex line(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) \[INFO\] x\n)");
  EXPECT_TRUE(std::regex_match(hub.proxy().history(), line)) << hub.proxy().history();
}

TEST(LogHub, GoesToStdout) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    StdoutWriter out(ends[1]);
    LogHub hub(LogTarget::proxy, &out);
    hub.info("one");
    hub.model_output("m", "not this");
    hub.info("two");
    ASSERT_TRUE(out.flush(std::chrono::seconds(10)));
  }
  close(ends[1]);
  char text[100];
  const ssize_t n = read(ends[0], text, sizeof text);
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(n)), "[INFO] one\n[INFO] two\n");
  close(ends[0]);
}

// What a hub writes to stdout.
template <class Say>
std::string written(LogTarget target, const Say& say) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  {
    StdoutWriter out(ends[1]);
    LogHub hub(target, &out);
    say(hub);
    out.flush(std::chrono::seconds(10));
  }
  close(ends[1]);
  std::string text(10'000, '\0');
  const ssize_t n = read(ends[0], text.data(), text.size());
  close(ends[0]);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return text;
}

std::string without_time(const std::string& text) {
  static const std::regex time(R"("time":"[-\dT:.]+Z",)");
  return std::regex_replace(text, time, "");
}

TEST(LogHub, Json) {
  LogHub hub(LogTarget::both, nullptr);
  hub.set_time_format("rfc3339");
  hub.set_format(config::LogFormat::json);
  hub.warn({"r1", "m", "", ""}, "<m> {}", "hi");
  hub.model_output("m", "one\ntw");
  hub.info("x");
  hub.model_output("m", "o\nthr");
  hub.model_output("n", "other\n");
  hub.model_output_ended("m");
  hub.model_output_ended("m");
  const std::string first = R"({"level":"warn","request_id":"r1","model":"m","msg":"hi"})";
  const auto output = [](std::string model, std::string text) {
    return R"({"level":"info","source":"upstream","model":")" + model + R"(","msg":")" + text +
           "\"}\n";
  };
  EXPECT_EQ(without_time(hub.proxy().history()),
            first + "\n" + R"({"level":"info","msg":"x"})" + "\n");
  EXPECT_EQ(without_time(hub.combined().history()),
            first + "\n" + output("m", "one") + R"({"level":"info","msg":"x"})" + "\n" +
                output("m", "two") + output("n", "other") + output("m", "thr"));
  EXPECT_EQ(hub.model("m").history(), "one\ntwo\nthr");
  EXPECT_EQ(hub.upstream().history(), "one\ntwo\nthrother\n");
}

TEST(LogHub, FormatChangesAtAnyTime) {
  LogHub hub(LogTarget::both, nullptr);
  hub.set_format(config::LogFormat::json);
  hub.model_output("m", "begun");
  hub.set_format(config::LogFormat::text);
  hub.info("x");
  hub.model_output("m", " and ended\n");
  EXPECT_EQ(without_time(hub.combined().history()),
            R"({"level":"info","source":"upstream","model":"m","msg":"begun"})"
            "\n[INFO] x\n and ended\n");
}

TEST(LogHub, PrioritiesGoToStdoutOnly) {
  std::string kept;
  const std::string got = written(LogTarget::both, [&](LogHub& hub) {
    hub.give_priorities();
    hub.info("one");
    hub.error("two\nthree");
    hub.model_output("m", "from a ");
    hub.model_output("m", "model\n");
    kept = hub.combined().history();
  });
  EXPECT_EQ(got, "<6>[INFO] one\n<3>[ERROR] two\n<3>three\n<6>from a model\n");
  EXPECT_EQ(kept, "[INFO] one\n[ERROR] two\nthree\nfrom a model\n");
}

TEST(LogHub, RemovedModelsAreForgotten) {
  LogHub hub(LogTarget::none, nullptr);
  hub.model_output("gone", "x");
  hub.model_output("kept", "y");
  int woken = 0;
  LogSubscription follower(hub.model("gone"), [&] { ++woken; });
  config::Config config;
  config.models["kept"];
  hub.keep_models_of(config);
  EXPECT_TRUE(follower.ended());
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(hub.model("kept").history(), "y");
  EXPECT_EQ(hub.model("gone").history(), "");
}

TEST(LogSource, HistoryAndFollowersJoinWithoutGap) {
  LogSource source;
  source.write("before ");
  int woken = 0;
  LogSubscription follower(source, [&] { ++woken; });
  EXPECT_EQ(source.history(), "before ");
  EXPECT_EQ(follower.take(), "");
  source.write("a");
  source.write("b");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(follower.take(), "ab");
  source.write("");
  EXPECT_EQ(woken, 1);
  source.write("c");
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(source.history(), "before abc");
}

TEST(LogSource, KeepsTheLast100KiB) {
  LogSource source;
  for (int i = 0; i < 2000; ++i) source.write(std::string(99, 'x') + "\n");
  EXPECT_EQ(source.history().size(), LogSource::kHistory);
}

TEST(LogSource, SlowFollowerSeesTheGap) {
  LogSource source;
  LogSubscription follower(source, [] {});
  for (std::size_t i = 0; i < LogSubscription::kMaxChunks; ++i) source.write("x");
  source.write("dropped");
  source.write("also");
  EXPECT_EQ(follower.take(), std::string(LogSubscription::kMaxChunks, 'x'));
  source.write("next");
  EXPECT_EQ(follower.take(), "\n— 11 bytes dropped —\nnext");
}

TEST(LogSource, BytesAreBoundedToo) {
  LogSource source;
  LogSubscription follower(source, [] {});
  const std::string big(LogSubscription::kMaxBytes - 1, 'x');
  source.write(big);
  source.write("yy");
  source.write("z");
  const std::string got = follower.take();
  EXPECT_EQ(got.size(), big.size());
  source.write("n");
  EXPECT_EQ(follower.take(), "\n— 3 bytes dropped —\nn");
}

}  // namespace
}  // namespace llama_swap::observe

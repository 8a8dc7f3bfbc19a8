#include "observe/log_hub.h"

#include <gtest/gtest.h>
#include <unistd.h>

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

// What recording costs the event loop: nanoseconds for one request, from its head to the hand-over
// of its row, and for the steps of it. Writing the row is another thread's (store.cc).
#include "server/recorder.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "server/core_fixture.h"
#include "server/testing.h"

namespace {

using namespace llama_swap;

struct Setting : server::testing::CoreFixture {
  server::testing::FakeExchange exchange{"POST",
                                         "/v1/chat/completions",
                                         {{"Host", "localhost:8080"},
                                          {"User-Agent", "bench"},
                                          {"Content-Type", "application/json"},
                                          {"Content-Length", "512"}}};

  Setting() {
    server::testing::add_model(*config, "bench");
    make_core();
    // Never opened: rows come and go in its buffer.
    store::StoreOptions options;
    options.retention.max_rows = 1000;
    core->activity = std::make_shared<store::ActivityStore>(loop, std::move(options));
  }

  const std::shared_ptr<const net::Body> body = std::make_shared<net::Body>(memory, worker);
};

// An answer of 1 KiB, as of llama-server.
std::string answer(bool timings) {
  std::string out = R"({"choices":[{"message":{"role":"assistant","content":")";
  out += std::string(timings ? 600 : 840, 'x');
  out += R"("}}],"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33})";
  if (timings)
    out +=
        R"(,"timings":{"cache_n":0,"prompt_n":11,"prompt_ms":30.958,"prompt_per_token_ms":30.958,)"
        R"("prompt_per_second":32.301,"predicted_n":35,"predicted_ms":661.064,)"
        R"("predicted_per_token_ms":18.887,"predicted_per_second":52.94494935437416})";
  return out + "}";
}

void request(Setting& setting, const net::ResponseHead& head, const std::string& body) {
  setting.exchange.set_request_id("9f86d081884c7d65");
  server::Measure measure;
  auto recorder = std::make_unique<server::Recorder>(*setting.core, setting.core->site,
                                                     setting.exchange, "", measure);
  recorder->goes_to({"bench", "/v1/chat/completions", "", true});
  recorder->received(setting.body);
  measure.enter(server::Measure::Stage::queued);
  measure.enter(server::Measure::Stage::asking);
  if (!body.empty()) {
    measure.answered();
    recorder->answered(head, {});
    recorder->on_payload(body);
    relay::Outcome outcome;
    outcome.kind = relay::Outcome::complete;
    recorder->relayed(outcome);
  }
}

// Of this thread alone, so that a busy machine does not count.
double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Work>
double median_ns(Work work) {
  constexpr int kTurns = 51, kRepeats = 2000;
  std::vector<double> times;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double begin = cpu_ns();
    for (int i = 0; i < kRepeats; ++i) work();
    times.push_back((cpu_ns() - begin) / kRepeats);
  }
  std::ranges::nth_element(times, times.begin() + kTurns / 2);
  return times[kTurns / 2];
}

}  // namespace

int main() {
  Setting setting;
  net::ResponseHead head;
  head.status = 200;
  head.headers = {{"Server", "llama.cpp"},
                  {"Content-Type", "application/json; charset=utf-8"},
                  {"Content-Length", "1024"}};
  const std::string usage = answer(false), timings = answer(true);
  std::printf("%8.0f ns  a request with usage\n",
              median_ns([&] { request(setting, head, usage); }));
  std::printf("%8.0f ns  a request with usage and timings\n",
              median_ns([&] { request(setting, head, timings); }));
  std::printf("%8.0f ns  the same without an answer\n",
              median_ns([&] { request(setting, head, ""); }));
  const auto meter = [&](const std::string& body) {
    usage::AnswerHead seen;
    seen.content_type = "application/json; charset=utf-8";
    usage::Meter watcher(seen);
    watcher.feed(body, util::Time());
    (void)watcher.finish(usage::Ending::complete);
  };
  std::printf("%8.0f ns  the meter alone, with usage\n", median_ns([&] { meter(usage); }));
  std::printf("%8.0f ns  the meter alone, with usage and timings\n",
              median_ns([&] { meter(timings); }));
  std::printf("%8.0f ns  a look at the clock\n", median_ns([&] { (void)util::Clock::now(); }));
}

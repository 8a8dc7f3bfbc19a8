#include "server/loading_text.h"

#include <gtest/gtest.h>

#include "server/answer.h"

namespace llama_swap::server {
namespace {

// The reasoning text of one event.
std::string text(const std::string& event) {
  if (event.empty()) return "";
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return Json::parse(event.substr(6))["choices"][0]["delta"]["reasoning_content"];
}

TEST(LoadingText, BeginAndEnd) {
  const LoadingText loading("m\"1");
  EXPECT_EQ(text(loading.begin()), "━━━━━\nllama-swap loading model: m\"1\n");
  EXPECT_EQ(text(loading.end(std::chrono::milliseconds(1234))), "\nDone! (1.23s)\n━━━━━\n \n");
  EXPECT_EQ(loading.tick(), "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\".\"}}]}\n\n");
  EXPECT_EQ(failure_events("{}"), "data: {}\n\ndata: [DONE]\n\n");
}

TEST(LoadingText, OnlyNews) {
  LoadingText loading("m");
  swap::Wait wait;
  wait.reason = "queue";
  wait.blockers = {"b", "c"};
  wait.position = 2;
  EXPECT_EQ(text(loading.update(wait)), "\nQueue position: #2 \nWaiting for b, c to finish ");
  EXPECT_EQ(loading.update(wait), "");
  wait.position = 1;
  EXPECT_EQ(text(loading.update(wait)), "\nQueue position: #1 ");
  wait.position = 0;
  wait.reason = "stop";
  wait.blockers = {"b"};
  EXPECT_EQ(text(loading.update(wait)), "\nMaking room: stopping b ");
  wait.reason = "load";
  wait.blockers = {};
  EXPECT_EQ(loading.update(wait), "");
  wait.expected = std::chrono::milliseconds(12'300);
  EXPECT_EQ(text(loading.update(wait)), "\nUsually ready after 12s ");
}

}  // namespace
}  // namespace llama_swap::server

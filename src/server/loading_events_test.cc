#include "server/loading_events.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

using namespace std::chrono_literals;

const util::Time kBegan = util::Time() + 1h;

struct Event {
  std::string name;
  Json data;
};

Event parse(std::string text) {
  Event out;
  EXPECT_TRUE(text.ends_with("\n\n"));
  if (text.starts_with("event: ")) {
    const auto end = text.find('\n');
    out.name = text.substr(7, end - 7);
    text.erase(0, end + 1);
  }
  EXPECT_TRUE(text.starts_with("data: "));
  out.data = Json::parse(text.substr(6));
  return out;
}

swap::Wait queued() {
  swap::Wait wait;
  wait.reason = "busy";
  wait.blockers = {"b"};
  wait.position = 3;
  wait.expected_at = kBegan + 5s;
  return wait;
}

TEST(LoadingEvents, Chat) {
  const LoadingEvents events(Dialect::chat, "m", 1700000000, kBegan);
  const swap::Wait wait = queued();
  const Event event = parse(events.event("x\n", &wait, kBegan + 1500ms));
  EXPECT_EQ(event.name, "");
  EXPECT_EQ(event.data, Json::parse(R"({
    "id": "chatcmpl-loading", "object": "chat.completion.chunk", "created": 1700000000, "model": "m",
    "choices": [{"index": 0, "delta": {"reasoning_content": "x\n"}, "finish_reason": null}],
    "llama_swap": {"model": "m", "loading": "x\n", "waiting_for": "busy", "blockers": ["b"],
                   "queue_position": 3, "expected_seconds": 3.5, "elapsed_seconds": 1.5}})"));
  EXPECT_EQ(events.event("", &wait, kBegan), "");
}

TEST(LoadingEvents, TheEndHasNoReason) {
  const LoadingEvents events(Dialect::chat, "m", 0, kBegan);
  EXPECT_EQ(parse(events.event("x", nullptr, kBegan)).data["llama_swap"],
            Json::parse(R"({"model": "m", "loading": "x", "elapsed_seconds": 0.0})"));
}

TEST(LoadingEvents, CompletionsGetNoText) {
  const LoadingEvents events(Dialect::completions, "m", 7, kBegan);
  const Json data = parse(events.event("x", nullptr, kBegan)).data;
  EXPECT_EQ(data["object"], "text_completion");
  EXPECT_EQ(data["choices"],
            Json::parse(R"([{"index": 0, "text": "", "logprobs": null, "finish_reason": null}])"));
}

TEST(LoadingEvents, ResponsesGetComments) {
  const LoadingEvents events(Dialect::responses, "m", 7, kBegan);
  const std::string event = events.event("x\ny", nullptr, kBegan);
  const std::string begin = ": llama_swap ";
  ASSERT_TRUE(event.starts_with(begin) && event.ends_with("}\n\n")) << event;
  EXPECT_EQ(event.find('\n'), event.size() - 2) << "a comment has one line";
  EXPECT_EQ(Json::parse(event.substr(begin.size()))["loading"], "x\ny");
}

TEST(LoadingEvents, MessagesArePinged) {
  const LoadingEvents events(Dialect::messages, "m", 7, kBegan);
  const Event event = parse(events.event("x", nullptr, kBegan));
  EXPECT_EQ(event.name, "ping");
  EXPECT_EQ(event.data["type"], "ping");
  EXPECT_EQ(event.data["llama_swap"]["loading"], "x");
}

}  // namespace
}  // namespace llama_swap::server

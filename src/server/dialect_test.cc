#include "server/dialect.h"

#include <gtest/gtest.h>

#include "server/answer.h"

namespace llama_swap::server {
namespace {

TEST(Dialect, ByPath) {
  const struct {
    const char* path;
    Dialect dialect;
  } cases[] = {
      {"/v1/chat/completions", Dialect::chat},
      {"/v/chat/completions", Dialect::chat},
      {"/upstream/m/v1/chat/completions", Dialect::chat},
      {"/v1/completions", Dialect::completions},
      {"/v/completions", Dialect::completions},
      {"/v1/responses", Dialect::responses},
      {"/v1/messages", Dialect::messages},
      {"/v/messages/count_tokens", Dialect::messages},
      {"/upstream/a/b/v1/messages", Dialect::messages},
      {"/completions", Dialect::other},
      {"/v1/embeddings", Dialect::other},
      {"/messages", Dialect::other},
      {"/xv1x/messages", Dialect::other},
      {"/", Dialect::other},
  };
  for (const auto& c : cases) EXPECT_EQ(dialect_of(c.path), c.dialect) << c.path;
}

TEST(Dialect, ErrorEvents) {
  const char* const error = R"({"error":{"message":"m","code":"c"}})";
  EXPECT_EQ(error_events(Dialect::chat, error),
            "data: " + std::string(error) + "\n\ndata: [DONE]\n\n");
  EXPECT_EQ(error_events(Dialect::messages, error),
            "event: error\ndata: " + std::string(error) + "\n\n");
  const std::string event = error_events(Dialect::responses, error);
  const std::string begin = "event: error\ndata: ";
  ASSERT_TRUE(event.starts_with(begin) && event.ends_with("}\n\n")) << event;
  EXPECT_EQ(Json::parse(event.substr(begin.size())),
            Json::parse(R"({"type":"error","code":"c","message":"m","param":null,
                            "sequence_number":0,"error":{"message":"m","code":"c"}})"));
}

}  // namespace
}  // namespace llama_swap::server

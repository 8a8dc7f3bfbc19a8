#include "usage/content.h"

#include <gtest/gtest.h>

namespace llama_swap::usage {
namespace {

TEST(Content, Table) {
  const struct {
    const char* json;
    bool expected;
  } cases[] = {
      {"", false},
      {"{}", false},
      // OpenAI chat: the role first, then content.
      {R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})", false},
      {R"({"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]})", false},
      {R"({"choices":[{"index":0,"delta":{"content":"Hi"}}]})", true},
      {R"({"choices":[{"index":0,"delta":{"content": "Hi"}}]})", true},
      {R"({"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]})", true},
      {R"({"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]})",
       false},
      {R"({"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"a"}}]}}]})", true},
      {R"({"choices":[],"usage":{"prompt_tokens":1}})", false},
      // completions, llama.cpp's own
      {R"({"choices":[{"text":"Hi","index":0}]})", true},
      {R"({"index":0,"content":"Hi","tokens":[4],"stop":false})", true},
      {R"({"index":0,"content":"","stop":true,"timings":{"prompt_n":1}})", false},
      // Anthropic
      {R"({"type":"message_start","message":{"role":"assistant","content":[]}})", false},
      {R"({"type":"content_block_start","content_block":{"type":"text","text":""}})", false},
      {R"({"type":"ping"})", false},
      {R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}})", true},
      {R"({"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"Hm"}})", true},
      {R"({"type":"content_block_delta","delta":{"partial_json":"{\"a"}})", true},
      // responses API
      {R"({"type":"response.created","response":{"text":{"format":{"type":"text"}},"output":[]}})",
       false},
      {R"({"type":"response.output_text.delta","delta":"Hi"})", true},
      // What the text itself says does not matter; one that is cut off has begun.
      {R"({"x":"\"content\":\"Hi\""})", false},
      {R"({"content":"H)", true},
      {R"({"content":")", false},
      {R"({"content":)", false},
  };
  for (const auto& c : cases) EXPECT_EQ(carries_content(c.json), c.expected) << c.json;
}

}  // namespace
}  // namespace llama_swap::usage

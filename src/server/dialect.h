// What the clients of an endpoint take for an error, and for an event of a stream.
#pragma once

#include <string>
#include <string_view>

namespace llama_swap::server {

enum class Dialect {
  chat,         // OpenAI /chat/completions
  completions,  // OpenAI /completions
  responses,    // OpenAI /responses
  messages,     // Anthropic /messages, and its count_tokens
  other,        // errors as in `chat`, no streams
};

// By the path of the request, that of a model server below /upstream/ included.
Dialect dialect_of(std::string_view path);

// An error in the middle of a stream, and the end of that stream: `error` is what error_json() says
// in the same dialect, or the error of an upstream, on one line.
std::string error_events(Dialect dialect, std::string_view error);

}  // namespace llama_swap::server

#include "server/dialect.h"

#include "server/answer.h"

namespace llama_swap::server {
namespace {

struct Ending {
  std::string_view text;
  Dialect dialect;
};
constexpr Ending kEndings[] = {
    {"/chat/completions", Dialect::chat},
    {"/completions", Dialect::completions},
    {"/responses", Dialect::responses},
    {"/messages", Dialect::messages},
    {"/messages/count_tokens", Dialect::messages},
};

}  // namespace

Dialect dialect_of(std::string_view path) {
  for (const auto& [text, dialect] : kEndings) {
    if (!path.ends_with(text)) continue;
    const std::string_view before = path.substr(0, path.size() - text.size());
    if (before.ends_with("/v1") || before.ends_with("/v")) return dialect;
  }
  return Dialect::other;
}

std::string error_events(Dialect dialect, std::string_view error) {
  if (dialect == Dialect::messages) return "event: error\ndata: " + std::string(error) + "\n\n";
  if (dialect == Dialect::responses) {
    Json event = Json::parse(error, nullptr, false);
    // The members that the API documents for this event, beside those that clients of errors read.
    Json own{{"type", "error"}, {"code", nullptr}, {"message", ""}, {"param", nullptr}};
    if (event.is_object() && event.contains("error") && event["error"].is_object()) {
      for (const char* member : {"code", "message"})
        if (event["error"].contains(member)) own[member] = event["error"][member];
    }
    own["sequence_number"] = 0;
    if (event.is_object()) own.update(event);
    return "event: error\ndata: " + dump(own) + "\n\n";
  }
  return "data: " + std::string(error) + "\n\ndata: [DONE]\n\n";
}

}  // namespace llama_swap::server

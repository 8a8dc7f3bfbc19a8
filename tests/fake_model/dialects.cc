#include "dialects.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "json.h"

namespace fake_model {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEvents = "text/event-stream";

struct Generation {
  const Server& server;
  const Request& request;
  Connection& connection;
  Writer& writer;
  std::string model{};
  bool stream = false;
  int tokens = 0;
  double tps = 0;
  Clock::time_point begin = Clock::now();

  int prompt_tokens() const { return std::max(1, static_cast<int>(request.body_size / 4)); }
  std::string token(int i) const { return i == 0 ? server.options.tag : " " + std::to_string(i); }
  std::string text() const {
    std::string out;
    for (int i = 0; i < tokens; ++i) out += token(i);
    return out;
  }
  // Until token i is due; false when the client has left.
  bool pace(int i) const {
    if (tps <= 0) return true;
    return connection.wait_until(
        begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(i / tps)));
  }
};

std::string now() {
  return json(static_cast<long long>(std::time(nullptr)));
}

std::string usage(const Generation& g) {
  return json_object({{"prompt_tokens", json(g.prompt_tokens())},
                      {"completion_tokens", json(g.tokens)},
                      {"total_tokens", json(g.prompt_tokens() + g.tokens)},
                      {"prompt_tokens_details", json_object({{"cached_tokens", "0"}})}});
}

std::string usage_in_out(const Generation& g, int output) {
  return json_object({{"input_tokens", json(g.prompt_tokens())},
                      {"output_tokens", json(output)},
                      {"total_tokens", json(g.prompt_tokens() + output)}});
}

std::string timings(const Generation& g) {
  const double milliseconds =
      std::max(0.001, std::chrono::duration<double, std::milli>(Clock::now() - g.begin).count());
  return json_object({{"cache_n", "0"},
                      {"prompt_n", json(g.prompt_tokens())},
                      {"prompt_ms", "1.0"},
                      {"prompt_per_second", json(g.prompt_tokens() * 1000.0)},
                      {"predicted_n", json(g.tokens)},
                      {"predicted_ms", json(milliseconds)},
                      {"predicted_per_second", json(g.tokens * 1000.0 / milliseconds)}});
}

// The members that every OpenAI answer begins with, then those of ours that tell who answered.
Fields openai_frame(const Generation& g, std::string_view id, std::string_view object) {
  return {{"id", json(id)},
          {"object", json(object)},
          {"created", now()},
          {"model", json(g.model)},
          {"tag", json(g.server.options.tag)},
          {"pid", json(::getpid())}};
}

std::string with(Fields frame, const Fields& more) {
  frame.insert(frame.end(), more.begin(), more.end());
  return json_object(frame);
}

std::string chat_delta(const Fields& delta, const std::string& finish) {
  return json_array(
      {json_object({{"index", "0"}, {"delta", json_object(delta)}, {"finish_reason", finish}})});
}

void chat_stream(Generation& g) {
  const Fields frame = openai_frame(g, "chatcmpl-1", "chat.completion.chunk");
  const auto send = [&](const Fields& more) { return g.writer.event(with(frame, more)); };
  if (!g.writer.begin(kEvents)) return;
  if (!send({{"choices", chat_delta({{"role", json("assistant")}, {"content", "null"}}, "null")}}))
    return;
  for (int i = 0; i < g.tokens; ++i) {
    if (!g.pace(i) || !send({{"choices", chat_delta({{"content", json(g.token(i))}}, "null")}}))
      return;
  }
  const bool include_usage = json_member(g.request.body, "include_usage") == "true";
  Fields last{{"choices", chat_delta({}, json("stop"))}};
  if (!include_usage) last.emplace_back("timings", timings(g));
  if (!send(last)) return;
  if (include_usage && !send({{"choices", "[]"}, {"usage", usage(g)}, {"timings", timings(g)}}))
    return;
  if (g.writer.event("[DONE]")) g.writer.finish();
}

void chat(Generation& g) {
  if (g.stream) return chat_stream(g);
  if (!g.pace(g.tokens)) return;
  const std::string message =
      json_object({{"role", json("assistant")}, {"content", json(g.text())}});
  g.writer.whole(
      kJson, with(openai_frame(g, "chatcmpl-1", "chat.completion"),
                  {{"choices",
                    json_array({json_object(
                        {{"index", "0"}, {"message", message}, {"finish_reason", json("stop")}})})},
                   {"usage", usage(g)},
                   {"timings", timings(g)}}));
}

void completion(Generation& g) {
  const Fields frame = openai_frame(g, "cmpl-1", "text_completion");
  const auto choice = [](const std::string& text, const std::string& finish) {
    return json_array(
        {json_object({{"index", "0"}, {"text", json(text)}, {"finish_reason", finish}})});
  };
  if (!g.stream) {
    if (!g.pace(g.tokens)) return;
    g.writer.whole(kJson, with(frame, {{"choices", choice(g.text(), json("stop"))},
                                       {"usage", usage(g)},
                                       {"timings", timings(g)}}));
    return;
  }
  if (!g.writer.begin(kEvents)) return;
  for (int i = 0; i < g.tokens; ++i) {
    if (!g.pace(i) || !g.writer.event(with(frame, {{"choices", choice(g.token(i), "null")}})))
      return;
  }
  if (!g.writer.event(
          with(frame, {{"choices", choice("", json("stop"))}, {"timings", timings(g)}})))
    return;
  if (g.writer.event("[DONE]")) g.writer.finish();
}

void embeddings(Generation& g) {
  std::vector<std::string> data;
  const int count = json_count(json_member(g.request.body, "input"));
  for (int i = 0; i < count; ++i) {
    data.push_back(
        json_object({{"object", json("embedding")},
                     {"index", json(i)},
                     {"embedding", json_array({json(0.25), json(-0.5), json(1.0 * i)})}}));
  }
  g.writer.whole(
      kJson, json_object({{"object", json("list")},
                          {"model", json(g.model)},
                          {"tag", json(g.server.options.tag)},
                          {"pid", json(::getpid())},
                          {"data", json_array(data)},
                          {"usage", json_object({{"prompt_tokens", json(g.prompt_tokens())},
                                                 {"total_tokens", json(g.prompt_tokens())}})}}));
}

std::string anthropic_message(const Generation& g, const std::string& content, int output,
                              const std::string& stop_reason) {
  return json_object({{"id", json("msg_1")},
                      {"type", json("message")},
                      {"role", json("assistant")},
                      {"model", json(g.model)},
                      {"content", content},
                      {"stop_reason", stop_reason},
                      {"stop_sequence", "null"},
                      {"usage", json_object({{"cache_read_input_tokens", "0"},
                                             {"input_tokens", json(g.prompt_tokens())},
                                             {"output_tokens", json(output)}})}});
}

// Named events, as Anthropic and the responses API send them: the name is also the "type" of the
// data.
bool named_event(Generation& g, const std::string& type, Fields fields) {
  fields.insert(fields.begin(), {"type", json(type)});
  return g.writer.piece("event: " + type + "\ndata: " + json_object(fields) + "\n\n");
}

void messages_stream(Generation& g) {
  if (!g.writer.begin(kEvents)) return;
  const auto block = [](const std::string& type, const std::string& text) {
    return json_object({{"type", json(type)}, {"text", json(text)}});
  };
  if (!named_event(g, "message_start", {{"message", anthropic_message(g, "[]", 0, "null")}}))
    return;
  if (!named_event(g, "content_block_start",
                   {{"index", "0"}, {"content_block", block("text", "")}}))
    return;
  for (int i = 0; i < g.tokens; ++i) {
    const std::string delta = block("text_delta", g.token(i));
    if (!g.pace(i) || !named_event(g, "content_block_delta", {{"index", "0"}, {"delta", delta}}))
      return;
  }
  if (!named_event(g, "content_block_stop", {{"index", "0"}})) return;
  const std::string stop =
      json_object({{"stop_reason", json("end_turn")}, {"stop_sequence", "null"}});
  const std::string tokens = json_object({{"output_tokens", json(g.tokens)}});
  if (!named_event(g, "message_delta", {{"delta", stop}, {"usage", tokens}})) return;
  if (named_event(g, "message_stop", {})) g.writer.finish();
}

void messages(Generation& g) {
  if (g.stream) return messages_stream(g);
  if (!g.pace(g.tokens)) return;
  const std::string content =
      json_array({json_object({{"type", json("text")}, {"text", json(g.text())}})});
  g.writer.whole(kJson, anthropic_message(g, content, g.tokens, json("end_turn")));
}

void count_tokens(Generation& g) {
  g.writer.whole(kJson, json_object({{"input_tokens", json(g.prompt_tokens())}}));
}

std::string response_part(const std::string& text) {
  return json_object({{"type", json("output_text")}, {"text", json(text)}, {"annotations", "[]"}});
}

std::string response_item(const std::string& status, const std::vector<std::string>& parts) {
  return json_object({{"id", json("msg_1")},
                      {"type", json("message")},
                      {"role", json("assistant")},
                      {"status", json(status)},
                      {"content", json_array(parts)}});
}

std::string response_object(const Generation& g, const std::string& status,
                            const std::vector<std::string>& items) {
  return json_object({{"id", json("resp_1")},
                      {"object", json("response")},
                      {"created_at", now()},
                      {"status", json(status)},
                      {"model", json(g.model)},
                      {"output", json_array(items)},
                      {"parallel_tool_calls", "false"},
                      {"tool_choice", json("auto")},
                      {"tools", "[]"},
                      {"usage", usage_in_out(g, items.empty() ? 0 : g.tokens)}});
}

void responses_stream(Generation& g) {
  if (!g.writer.begin(kEvents)) return;
  int number = 0;
  const auto send = [&](const std::string& type, Fields fields) {
    fields.emplace_back("sequence_number", json(number++));
    return named_event(g, type, std::move(fields));
  };
  const Fields place{{"item_id", json("msg_1")}, {"output_index", "0"}, {"content_index", "0"}};
  const auto placed = [&](std::string_view name, const std::string& value) {
    Fields fields = place;
    fields.emplace_back(name, value);
    return fields;
  };
  const std::string empty = response_object(g, "in_progress", {});
  if (!send("response.created", {{"response", empty}}) ||
      !send("response.in_progress", {{"response", empty}}))
    return;
  if (!send("response.output_item.added",
            {{"output_index", "0"}, {"item", response_item("in_progress", {})}}))
    return;
  if (!send("response.content_part.added", placed("part", response_part("")))) return;
  for (int i = 0; i < g.tokens; ++i) {
    if (!g.pace(i) || !send("response.output_text.delta", placed("delta", json(g.token(i)))))
      return;
  }
  const std::string item = response_item("completed", {response_part(g.text())});
  if (!send("response.output_text.done", placed("text", json(g.text())))) return;
  if (!send("response.content_part.done", placed("part", response_part(g.text())))) return;
  if (!send("response.output_item.done", {{"output_index", "0"}, {"item", item}})) return;
  if (send("response.completed",
           {{"response", response_object(g, "completed", {item})}, {"timings", timings(g)}})) {
    g.writer.finish();
  }
}

void responses(Generation& g) {
  if (g.stream) return responses_stream(g);
  if (!g.pace(g.tokens)) return;
  g.writer.whole(kJson, response_object(g, "completed",
                                        {response_item("completed", {response_part(g.text())})}));
}

void models(Generation& g) {
  const std::string& tag = g.server.options.tag;
  g.writer.whole(
      kJson,
      json_object({{"object", json("list")},
                   {"data", json_array({json_object({{"id", json(tag)},
                                                     {"object", json("model")},
                                                     {"created", now()},
                                                     {"owned_by", json("fake-model")}})})}}));
}

void props(Generation& g) {
  const std::string& tag = g.server.options.tag;
  g.writer.whole(kJson, json_object({{"total_slots", "1"},
                                     {"model_alias", json(tag)},
                                     {"model_path", json("/models/" + tag + ".gguf")},
                                     {"tag", json(tag)},
                                     {"pid", json(::getpid())}}));
}

struct Route {
  std::string_view path;
  void (*answer)(Generation&);
};

// The ones with "/v1" are also answered without it, for servers that are addressed through "/v/…".
constexpr Route kRoutes[] = {
    {"/v1/chat/completions", chat}, {"/v1/completions", completion},
    {"/v1/embeddings", embeddings}, {"/v1/messages", messages},
    {"/v1/responses", responses},   {"/v1/messages/count_tokens", count_tokens},
    {"/v1/models", models},         {"/props", props},
};

void (*find_route(std::string_view path))(Generation&) {
  for (const Route& route : kRoutes) {
    if (route.path == path || (route.path.starts_with("/v1/") && route.path.substr(3) == path))
      return route.answer;
  }
  return nullptr;
}

}  // namespace

bool answer_in_dialect(const Server& server, const Request& request, const Controls& controls,
                       Connection& connection, Writer& writer) {
  const auto route = find_route(request.path);
  if (!route) return false;
  Generation g{server, request, connection, writer};
  g.model = json_member(request.body, "model");
  g.stream = json_member(request.body, "stream") == "true";
  g.tokens = controls.tokens.value_or(server.options.tokens);
  for (const std::string_view name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
    const auto limit = parse_number<int>(json_member(request.body, name));
    if (limit && *limit > 0) g.tokens = std::min(g.tokens, *limit);
  }
  g.tps = controls.tps.value_or(server.options.tps);
  route(g);
  return true;
}

}  // namespace fake_model

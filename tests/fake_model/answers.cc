#include "answers.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "dialects.h"
#include "json.h"
#include "writer.h"

namespace fake_model {
namespace {

constexpr std::string_view kJson = "application/json";

// FNV-1a, so that a test can tell whether a large body arrived as it was sent.
std::string checksum(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return std::to_string(hash);
}

std::string header_list(const Request& request) {
  std::vector<std::string> out;
  for (const auto& [name, value] : request.headers)
    out.push_back(json_array({json_bytes(name), json_bytes(value)}));
  return json_array(out);
}

bool answer_health(Server& server, Connection& connection, const Request& request) {
  const Options& o = server.options;
  Controls controls;
  controls.status = o.health_status;
  if (Clock::now() < server.started + o.load) controls.status = 503;
  if (!o.health_file.empty() && ::access(o.health_file.c_str(), F_OK) != 0) controls.status = 503;
  if (controls.status / 100 == 3) controls.headers.emplace_back("Location", "/elsewhere");
  server.recorder.write("health", {{"path", json(request.target)},
                                   {"status", json(o.health_hang ? 0 : controls.status)},
                                   {"headers", header_list(request)}});
  if (o.health_hang) return connection.wait(std::chrono::hours(24));
  Writer writer(connection, request, controls, o.tag);
  if (o.health_endless) {
    if (!writer.begin("text/plain")) return false;
    while (writer.piece("ok\n") && connection.wait(std::chrono::milliseconds(1))) {
    }
    return false;
  }
  writer.whole(kJson, controls.status == 200 ? "{\"status\":\"ok\"}"
                                             : "{\"error\":{\"message\":\"Loading model\"}}");
  return writer.keep();
}

void answer_echo(const Server& server, const Request& request, Writer& writer) {
  constexpr std::size_t kShown = std::size_t{1} << 20;
  writer.whole(
      kJson, json_object({{"tag", json(server.options.tag)},
                          {"pid", json(::getpid())},
                          {"method", json_bytes(request.method)},
                          {"path", json_bytes(request.path)},
                          {"query", json_bytes(request.query)},
                          {"proto", json_bytes(request.proto)},
                          {"headers", header_list(request)},
                          {"chunked", request.chunked ? "true" : "false"},
                          {"body_size", std::to_string(request.body_size)},
                          {"body_fnv", json(checksum(request.body))},
                          {"body", json_bytes(std::string_view(request.body).substr(0, kShown))}}));
}

void answer_events(const Server& server, const Controls& controls, Connection& connection,
                   Writer& writer) {
  const std::string tail =
      ",\"tag\":" + json(server.options.tag) + ",\"pid\":" + json(::getpid()) +
      (controls.pad ? ",\"pad\":\"" + std::string(controls.pad, 'x') + "\"}" : "}");
  if (!writer.begin("text/event-stream")) return;
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < controls.events; ++i) {
    if (!writer.event("{\"n\":" + std::to_string(i) + tail)) return;
    if (controls.gap.count() > 0 && !connection.wait_until(begin + (i + 1) * controls.gap)) return;
  }
  if (writer.event("[DONE]")) writer.finish();
}

// `size` bytes from the cycle 0…9a…f, which shows where something is missing.
void answer_bytes(const Controls& controls, Writer& writer) {
  std::string block;
  while (block.size() < 65536) block += "0123456789abcdef";
  if (controls.framing == Framing::automatic && controls.bytes <= (std::uint64_t{64} << 20)) {
    std::string body;
    body.reserve(controls.bytes + block.size());
    while (body.size() < controls.bytes) body += block;
    body.resize(controls.bytes);
    return writer.whole("application/octet-stream", body);
  }
  if (!writer.begin("application/octet-stream")) return;
  for (std::uint64_t left = controls.bytes; left > 0;) {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left, block.size()));
    if (!writer.piece(std::string_view(block).substr(0, n))) return;
    left -= n;
  }
  writer.finish();
}

void answer_websocket(const Request& request, Connection& connection, Writer& writer) {
  const std::string_view protocol = request.header("Upgrade");
  if (!writer.upgrade(protocol.empty() ? "websocket" : protocol)) return;
  for (std::string data = connection.read_some(); !data.empty(); data = connection.read_some()) {
    if (!connection.send(data)) return;
  }
}

void answer_as_told(Server& server, const Request& request, const Controls& controls,
                    Connection& connection, Writer& writer) {
  switch (controls.shape) {
    case Shape::events:
      return answer_events(server, controls, connection, writer);
    case Shape::bytes:
      return answer_bytes(controls, writer);
    case Shape::websocket:
      return answer_websocket(request, connection, writer);
    case Shape::echo:
      return answer_echo(server, request, writer);
    case Shape::by_path:
      break;
  }
  if (!answer_in_dialect(server, request, controls, connection, writer))
    answer_echo(server, request, writer);
}

}  // namespace

bool answer(Server& server, Connection& connection, const Request& request, int number) {
  if (request.path == server.options.health_path) return answer_health(server, connection, request);

  const int count = ++server.requests;
  Controls controls = server.options.answer;
  const std::optional<std::string> wrong = apply_controls(controls, request.header("X-Fake"));
  const Fields place{{"conn", json(number)}, {"path", json_bytes(request.target)}};
  if (server.recorder.on()) {
    Fields fields = place;
    fields.insert(fields.end(), {{"method", json_bytes(request.method)},
                                 {"headers", header_list(request)},
                                 {"body_size", std::to_string(request.body_size)},
                                 {"body_fnv", json(checksum(request.body))},
                                 {"chunked", request.chunked ? "true" : "false"}});
    server.recorder.write("request", fields);
  }
  if (count == server.options.crash_on) ::kill(::getpid(), SIGKILL);
  if (wrong) controls.status = 400;

  Writer writer(connection, request, controls, server.options.tag);
  if (wrong) {
    writer.whole("text/plain", *wrong);
  } else {
    answer_as_told(server, request, controls, connection, writer);
  }
  server.recorder.write(connection.client_left() ? "closed" : "answered", place);
  if (writer.streamed() && server.options.stream_close) {
    connection.wait(std::chrono::milliseconds(20));
    return false;
  }
  return writer.keep() && !connection.client_left();
}

}  // namespace fake_model

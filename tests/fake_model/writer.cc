#include "writer.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

namespace fake_model {
namespace {

std::string chunk_line(std::size_t size, bool extension) {
  char line[48];
  std::snprintf(line, sizeof line, "%zx%s\r\n", size, extension ? ";fake=\"a;b\"" : "");
  return line;
}

[[noreturn]] void die(const Controls& controls) {
  if (controls.exit_status) ::_exit(*controls.exit_status);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace

Writer::Writer(Connection& connection, const Request& request, const Controls& controls,
               std::string tag)
    : connection_(connection),
      request_(request),
      controls_(controls),
      tag_(std::move(tag)),
      eol_(controls.bare_lf ? "\n" : "\r\n"),
      framing_(controls.framing),
      keep_(request.keep_alive && !controls.close && !controls.http10) {}

bool Writer::give_up() {
  keep_ = false;
  return false;
}

bool Writer::before_first_byte() {
  if (controls_.hold.count() > 0 && !connection_.wait(controls_.hold)) return give_up();
  if (controls_.ending == Ending::die_before) die(controls_);
  if (controls_.ending == Ending::drop_before) return give_up();
  if (controls_.early_hints) {
    return connection_.send("HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n");
  }
  return true;
}

std::string Writer::head(std::string_view type, std::string_view framing) const {
  std::string out = controls_.http10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  const auto line = [&](std::string_view name, std::string_view value) {
    out.append(name).append(value).append(eol_);
  };
  out += std::to_string(controls_.status);
  if (controls_.no_reason) out += " ";
  if (!controls_.no_reason && !controls_.bare_status)
    out += controls_.status == 200 ? " OK" : " Fake";
  out += eol_;
  const std::string_view shown = controls_.type.empty() ? type : std::string_view(controls_.type);
  if (!shown.empty()) line("Content-Type: ", shown);
  line("X-Fake-Tag: ", tag_);
  if (controls_.odd_headers) {
    for (const std::string_view odd : {"x-oDD:\t  a  b\t", "X-Empty:", "X-Twice: 1", "x-twice: 2"})
      line(odd, "");
  }
  for (const auto& [name, value] : controls_.headers) line(name + ": ", value);
  if (!framing.empty()) line(framing, "");
  if (controls_.odd_headers && framing.starts_with("Content-Length")) line(framing, "");
  if (!keep_ && !controls_.http10) line("Connection: close", "");
  return out.append(eol_);
}

bool Writer::send_head(const std::string& head, std::string_view body) {
  if (controls_.head_gap.count() == 0) return connection_.send(head, body);
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = head.find('\n', begin) + 1;
    if (!connection_.send(std::string_view(head).substr(begin, end - begin))) return false;
    if (!connection_.wait(controls_.head_gap)) return false;
    begin = end;
  }
  return connection_.send(body);
}

bool Writer::end_in_the_middle() {
  if (controls_.ending == Ending::normal) return false;
  if (controls_.ending == Ending::die) die(controls_);
  if (controls_.ending == Ending::reset) connection_.reset();
  keep_ = false;
  return true;
}

void Writer::whole(std::string_view type, std::string_view body) {
  if (framing_ == Framing::chunked || framing_ == Framing::until_eof) {
    const std::size_t half = body.size() / 2;
    if (begin(type) && piece(body.substr(0, half)) && piece(body.substr(half))) finish();
    return;
  }
  if (!before_first_byte()) return;
  const std::string framing = "Content-Length: " + std::to_string(body.size());
  if (request_.method == "HEAD") body = {};
  const bool middle = controls_.ending != Ending::normal;
  if (!send_head(head(type, framing), middle ? body.substr(0, body.size() / 2) : body))
    keep_ = false;
  // Whoever reads along has time to see the half.
  if (middle && connection_.wait(std::chrono::milliseconds(100))) end_in_the_middle();
}

bool Writer::begin(std::string_view type) {
  streamed_ = true;
  if (framing_ == Framing::automatic) {
    framing_ =
        request_.proto == "HTTP/1.0" || controls_.http10 ? Framing::until_eof : Framing::chunked;
  }
  if (!before_first_byte()) return false;
  std::string framing;
  if (framing_ == Framing::chunked) {
    framing = "Transfer-Encoding: chunked";
    if (controls_.trailers) framing += std::string(eol_) + "Trailer: X-Sum";
  } else {
    keep_ = false;
  }
  return send_head(head(type, framing), {}) || give_up();
}

bool Writer::send_body(std::string_view data) {
  if (framing_ != Framing::chunked) return connection_.send(data);
  std::string chunk = chunk_line(data.size(), controls_.chunk_extensions);
  chunk += data;
  chunk += "\r\n";
  return connection_.send(chunk);
}

bool Writer::piece(std::string_view data) {
  if (data.empty()) return true;
  if (!send_body(data)) return give_up();
  if (++pieces_ == 1 && controls_.ending != Ending::normal) {
    if (!connection_.wait(std::chrono::milliseconds(100))) return give_up();
    return !end_in_the_middle();
  }
  return true;
}

void Writer::finish() {
  if (framing_ != Framing::chunked) return;
  if (!connection_.send(controls_.trailers ? "0\r\nX-Sum: 42\r\n\r\n" : "0\r\n\r\n")) keep_ = false;
}

bool Writer::upgrade(std::string_view protocol) {
  if (!before_first_byte()) return false;
  keep_ = false;
  return connection_.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " +
                          std::string(protocol) + "\r\n\r\n");
}

}  // namespace fake_model

#include "server/access_log.h"

#include <fmt/format.h>

#include <iterator>

#include "util/text.h"
#include "util/time.h"

namespace llama_swap::server {
namespace {

// How many bytes at `at` need escaping: ASCII controls, quote, backslash, and the C1 controls
// (U+0080 to U+009F), which terminals obey too.
std::size_t unsafe_bytes(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte > '"' && byte < 0x7f && byte != '\\') return 0;  // nearly all there is
  if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') return 1;
  const bool c1 =
      byte == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
  return c1 ? 2 : 0;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t begin = 0;  // of what has not been appended yet
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t unsafe = unsafe_bytes(text, i);
    if (unsafe == 0) {
      ++i;
      continue;
    }
    out.append(text, begin, i - begin);
    for (const std::size_t end = i + unsafe; i < end; ++i) {
      if (text[i] == '"' || text[i] == '\\') {
        out += '\\';
        out += text[i];
      } else {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[i]));
      }
    }
    begin = i;
  }
  out.append(text, begin);
}

int logged_status(const net::Exchange& exchange) {
  return exchange.responded() ? exchange.status() : kClientGone;
}

bool is_logged(std::string_view path) {
  for (const std::string_view quiet : {"/wol-health", "/api/performance", "/metrics"})
    if (path.starts_with(quiet)) return false;
  return true;
}

void append_access_line(std::string& out, const net::Exchange& exchange, std::string_view ip,
                        std::chrono::nanoseconds took, std::string_view key_name) {
  const net::RequestHead& head = exchange.request();
  const std::string_view path = head.path();
  const std::string_view* agent = head.find("User-Agent");
  out += "Request ";
  append_escaped(out, ip);
  out += " \"";
  append_escaped(out, head.method);
  out += ' ';
  if (path.find('%') == std::string_view::npos) {
    append_escaped(out, path);
  } else {
    append_escaped(out, util::percent_decode(path));
  }
  out.append(" ").append(exchange.protocol()).append("\" ");
  util::append_number(out, static_cast<std::uint64_t>(logged_status(exchange)));
  out += ' ';
  util::append_number(out, exchange.bytes_sent());
  out += " \"";
  append_escaped(out, agent ? *agent : std::string_view());
  out += "\" ";
  out += util::duration_text(std::chrono::duration_cast<std::chrono::microseconds>(took));
  if (key_name.empty()) return;
  out += " key=";
  append_escaped(out, key_name);
}

void append_access_members(std::string& out, const net::Exchange& exchange, std::string_view ip,
                           std::chrono::nanoseconds took) {
  const net::RequestHead& head = exchange.request();
  const std::string_view* agent = head.find("User-Agent");
  const auto text = [&out](std::string_view name, std::string_view value) {
    out.append(name);
    util::append_json_quoted(out, value);
  };
  const auto number = [&out](std::string_view name, std::uint64_t value) {
    out.append(name);
    util::append_number(out, value);
  };
  text(R"("client":)", ip);
  text(R"(,"method":)", head.method);
  text(R"(,"path":)", util::percent_decode(head.path()));
  text(R"(,"proto":)", exchange.protocol());
  number(R"(,"status":)", static_cast<std::uint64_t>(logged_status(exchange)));
  number(R"(,"bytes":)", exchange.bytes_sent());
  text(R"(,"user_agent":)", agent ? *agent : std::string_view());
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  fmt::format_to(std::back_inserter(out), R"(,"duration_ms":{}.{:03})", us / 1000, us % 1000);
}

}  // namespace llama_swap::server

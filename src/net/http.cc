#include "net/http.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

// The IANA registry, in order.
constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

struct TargetParts {
  std::string_view path;
  std::string_view query;
};

TargetParts split_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  if (!target.empty() && target.front() != '/') {
    const auto scheme_end = target.find("://");
    if (scheme_end != std::string_view::npos && scheme_end < target.find_first_of("/?")) {
      target.remove_prefix(scheme_end + 3);
      target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    }
  }
  const auto question = target.find('?');
  TargetParts parts{target.substr(0, question), {}};
  if (question != std::string_view::npos) parts.query = target.substr(question + 1);
  if (parts.path.empty()) parts.path = "/";
  return parts;
}

}  // namespace

const std::string_view* find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers)
    if (util::iequals(header.name, name)) return &header.value;
  return nullptr;
}

bool header_has_token(const Headers& headers, std::string_view name, std::string_view token) {
  for (const Header& header : headers) {
    if (!util::iequals(header.name, name)) continue;
    std::string_view rest = header.value;
    for (;;) {
      const auto comma = rest.find(',');
      if (util::iequals(util::trim(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

std::string_view RequestHead::path() const {
  return split_target(target).path;
}
std::string_view RequestHead::query() const {
  return split_target(target).query;
}

std::string_view reason_phrase(int status) {
  const auto* at = std::ranges::lower_bound(kPhrases, status, {}, &Phrase::status);
  return at != std::end(kPhrases) && at->status == status ? at->text : std::string_view();
}

// Made once a second.
std::string_view http_date() {
  static std::time_t made_at = 0;
  static std::array<char, 40> text;
  static std::size_t length = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    made_at = now;
  }
  return {text.data(), length};
}

std::optional<std::string> form_value(std::string_view urlencoded, std::string_view key) {
  for (;;) {
    const auto end = urlencoded.find('&');
    const std::string_view piece = urlencoded.substr(0, end);
    // A cheap look first: most pieces are of another key, and a form may be megabytes.
    const auto equals = piece.find('=');
    const std::string_view raw_key = piece.substr(0, equals);
    if (raw_key.size() >= key.size() && raw_key.size() <= 3 * key.size() && !piece.empty() &&
        piece.find(';') == std::string_view::npos) {
      if (util::form_decode(raw_key) == key) {
        const auto raw_value =
            equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
        if (auto value = util::form_decode(raw_value)) return value;
      }
    }
    if (end == std::string_view::npos) return std::nullopt;
    urlencoded.remove_prefix(end + 1);
  }
}

}  // namespace llama_swap::net

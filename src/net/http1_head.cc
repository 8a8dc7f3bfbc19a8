#include "net/http1_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <type_traits>

#include "net/field_name.h"
#include "util/byte_search.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

using CharSet = std::array<bool, 256>;

constexpr CharSet alphanumeric_and(std::string_view others) {
  CharSet set{};
  for (char c = '0'; c <= '9'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (char c : others) set[static_cast<unsigned char>(c)] = true;
  return set;
}

constexpr CharSet kToken = alphanumeric_and("!#$%&'*+-.^_`|~");     // RFC 9110 5.6.2
constexpr CharSet kRegName = alphanumeric_and("-._~!$&'()*+,;=%");  // RFC 3986 3.2.2

bool in(const CharSet& set, char c) {
  return set[static_cast<unsigned char>(c)];
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The first byte that may not stand in a request target: outside 0x21-0x7e.
const char* find_target_end(const char* p, const char* end) {
  return util::find_first(
      p, end, [](util::Bytes16 b) { return b.at_most(0x20) | b.at_least(0x7f); },
      [](char c) { return c <= 0x20 || c == 0x7f; });
}

// Behind the token at the front. Names are mostly letters and '-', which go 16 at a time.
const char* find_token_end(const char* p, const char* end) {
  p = util::find_first(
      p, end,
      [](util::Bytes16 b) {
        const util::Bytes16 lower = b.with(0x20);
        return ~((lower.at_least('a') & lower.at_most('z')) | b.equal('-'));
      },
      [](char c) { return c != '-' && ((c | 0x20) < 'a' || (c | 0x20) > 'z'); });
  while (p != end && in(kToken, *p)) ++p;
  return p;
}

// Walks over the lines of a head. The functions take one thing off the front each: `done` when it
// is taken, `need_more` when the buffer ends in it, `error` with `status` and `reason` set.
// Strictness comes with the type of the buffer: answers have a writable one, as their folded lines
// are joined in place.
template <class Char>
class Lines {
 public:
  static constexpr bool kStrict = std::is_const_v<Char>;

  Lines(Char* begin, Char* end) : p_(begin), end_(end) {}

  Char* position() const { return p_; }
  HeadResult error() const { return {HeadResult::error, 0, kStrict ? status_ : 502, reason_}; }

  HeadResult::Kind request_line(RequestHead& out);
  HeadResult::Kind status_line(ReceivedHead& out);
  // All fields and the empty line behind them.
  HeadResult::Kind fields(Headers& out);

 private:
  HeadResult::Kind fail(std::string_view reason, int status = 400) {
    reason_ = reason;
    status_ = status;
    return HeadResult::error;
  }
  // `shape` where 'd' stands for any digit.
  HeadResult::Kind literal(std::string_view shape, std::string_view what_if_not);
  HeadResult::Kind line_end();
  // The rest of the line without blanks around it, and the line's end.
  HeadResult::Kind rest_of_line(std::string_view& text);
  HeadResult::Kind name(std::string_view& out);
  // Lines that begin with a blank continue the value before.
  HeadResult::Kind folded_lines(std::string_view& value);

  Char* p_;
  Char* const end_;
  int status_ = 400;
  std::string_view reason_;
};

template <class Char>
HeadResult::Kind Lines<Char>::literal(std::string_view shape, std::string_view what_if_not) {
  for (const char want : shape) {
    if (p_ == end_) return HeadResult::need_more;
    if (want == 'd' ? !is_digit(*p_) : *p_ != want) return fail(what_if_not);
    ++p_;
  }
  return HeadResult::done;
}

template <class Char>
HeadResult::Kind Lines<Char>::line_end() {
  if (p_ == end_) return HeadResult::need_more;
  if (*p_ == '\r') {
    if (p_ + 1 == end_) return HeadResult::need_more;
    if (p_[1] != '\n') return fail("carriage return inside a line");
    p_ += 2;
    return HeadResult::done;
  }
  if (*p_ != '\n') return fail("control character or blank where a line should end");
  if (kStrict) return fail("line feed without carriage return");
  ++p_;
  return HeadResult::done;
}

template <class Char>
HeadResult::Kind Lines<Char>::rest_of_line(std::string_view& text) {
  while (p_ != end_ && is_blank(*p_)) ++p_;
  const char* begin = p_;
  p_ += util::find_control(p_, end_) - p_;
  const char* last = p_;
  while (last != begin && is_blank(last[-1])) --last;
  text = {begin, static_cast<std::size_t>(last - begin)};
  if (end_ - p_ < 2 || p_[0] != '\r' || p_[1] != '\n') return line_end();
  p_ += 2;
  return HeadResult::done;
}

template <class Char>
HeadResult::Kind Lines<Char>::request_line(RequestHead& out) {
  const char* begin = p_;
  p_ += find_token_end(p_, end_) - p_;
  if (p_ == end_) return HeadResult::need_more;
  if (p_ == begin || *p_ != ' ') return fail("malformed request line: method");
  out.method = {begin, static_cast<std::size_t>(p_ - begin)};

  begin = ++p_;
  p_ = find_target_end(p_, end_);
  if (p_ == end_) return HeadResult::need_more;
  if (p_ == begin || *p_ != ' ') return fail("malformed request line: target");
  out.target = {begin, static_cast<std::size_t>(p_ - begin)};

  const char* version = ++p_;
  const auto kind = literal("HTTP/d.d", "malformed request line: version");
  if (kind != HeadResult::done) return kind;
  if (version[5] != '1' || version[7] > '1') return fail("HTTP version not supported", 505);
  out.version_minor = version[7] - '0';
  return line_end();
}

template <class Char>
HeadResult::Kind Lines<Char>::status_line(ReceivedHead& out) {
  auto kind = literal("HTTP/1.d", "not an HTTP/1 answer");
  if (kind != HeadResult::done) return kind;
  out.version_minor = p_[-1] - '0';
  if (out.version_minor > 1) return fail("HTTP version not supported");

  kind = literal(" ", "malformed status line");
  if (kind != HeadResult::done) return kind;
  while (p_ != end_ && *p_ == ' ') ++p_;
  kind = literal("ddd", "malformed status line");
  if (kind != HeadResult::done) return kind;
  out.status = (p_[-3] - '0') * 100 + (p_[-2] - '0') * 10 + (p_[-1] - '0');
  if (out.status < 100) return fail("malformed status line");

  if (p_ == end_) return HeadResult::need_more;
  if (*p_ != ' ' && *p_ != '\r' && *p_ != '\n') return fail("malformed status line");
  return rest_of_line(out.reason);
}

template <class Char>
HeadResult::Kind Lines<Char>::name(std::string_view& out) {
  const char* begin = p_;
  p_ += find_token_end(p_, end_) - p_;
  if (p_ == end_) return HeadResult::need_more;
  out = {begin, static_cast<std::size_t>(p_ - begin)};
  if (out.empty()) return fail(is_blank(*p_) ? "folded header line" : "malformed header name");
  if (!kStrict) {
    while (p_ != end_ && is_blank(*p_)) ++p_;
    if (p_ == end_) return HeadResult::need_more;
  }
  if (*p_ != ':') return fail(is_blank(*p_) ? "space before colon" : "malformed header name");
  ++p_;
  return HeadResult::done;
}

template <class Char>
HeadResult::Kind Lines<Char>::folded_lines(std::string_view& value) {
  if constexpr (!kStrict) {
    while (p_ != end_ && is_blank(*p_)) {
      const std::string_view so_far = value;
      for (Char* c = p_ - 1; *c == '\n' || *c == '\r'; --c) *c = ' ';
      std::string_view more;
      const auto kind = rest_of_line(more);
      if (kind != HeadResult::done) return kind;
      if (so_far.empty()) {
        value = more;
      } else if (!more.empty()) {
        value = {so_far.data(),
                 static_cast<std::size_t>(more.data() + more.size() - so_far.data())};
      }
    }
  }
  // The next line must have begun before it is sure that this one is not continued.
  return p_ == end_ ? HeadResult::need_more : HeadResult::done;
}

template <class Char>
HeadResult::Kind Lines<Char>::fields(Headers& out) {
  out.clear();
  for (;;) {
    if (p_ == end_) return HeadResult::need_more;
    if (*p_ == '\r' || *p_ == '\n') return line_end();
    if (out.size() == kMaxHeaderLines) return fail("too many header lines", 431);
    Header header;
    auto kind = name(header.name);
    if (kind == HeadResult::done) kind = rest_of_line(header.value);
    if (kind == HeadResult::done) kind = folded_lines(header.value);
    if (kind != HeadResult::done) return kind;
    out.push_back(header);
  }
}

// Of a target in absolute form; "" for any other.
std::string_view authority_of(std::string_view target) {
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!util::iequals(scheme, "http") && !util::iequals(scheme, "https")) return {};
  target.remove_prefix(scheme_end + 3);
  return target.substr(0, target.find_first_of("/?#"));
}

// There is no tunnel here, so the form of CONNECT is none of ours.
bool is_valid_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT" || target.empty()) return false;
  if (target.front() == '/') return true;
  if (target == "*") return method == "OPTIONS";
  const std::string_view authority = authority_of(target);
  return !authority.empty() && is_valid_host(authority);
}

// RFC 9112 3.2.2: the authority of an absolute target counts, whatever Host says.
void take_authority(RequestHead& head) {
  if (head.target.front() == '/') return;
  const std::string_view authority = authority_of(head.target);
  if (authority.empty()) return;
  for (Header& header : head.headers)
    if (is_field(header.name, "host")) header.value = authority;
}

// What is wrong with a request whose lines are in order; empty: nothing.
std::string_view request_fault(const RequestHead& head) {
  if (!is_valid_target(head.method, head.target)) return "malformed request target";
  const std::string_view* host = nullptr;
  for (const Header& header : head.headers) {
    if (!is_field(header.name, "host")) continue;
    if (host) return "more than one Host";
    host = &header.value;
  }
  if (!host) return head.version_minor == 0 ? "" : "no Host";
  return is_valid_host(*host) ? "" : "malformed Host";
}

bool is_token(std::string_view text) {
  const char* const end = text.data() + text.size();
  return !text.empty() && find_token_end(text.data(), end) == end;
}

bool is_target_text(std::string_view text) {
  const char* const end = text.data() + text.size();
  return find_target_end(text.data(), end) == end;
}

bool is_value(std::string_view text) {
  const char* const end = text.data() + text.size();
  return util::find_control(text.data(), end) == end && util::trim(text).size() == text.size();
}

// Is the empty line that ends a head in the buffer? Looks only at what earlier calls have not.
bool head_ends(std::string_view buffer, const HeadProgress& progress) {
  std::size_t at =
      std::max(progress.begin, progress.searched - std::min<std::size_t>(progress.searched, 2));
  for (;;) {
    at = buffer.find('\n', at);
    if (at == std::string_view::npos) return false;
    const std::string_view after = buffer.substr(++at, 2);
    if (after.starts_with('\n') || after == "\r\n") return true;
  }
}

// The first call tries at once, as nearly every head comes in one piece; later ones look for the
// end before they parse.
template <class Parse>
HeadResult parse_when_whole(std::string_view buffer, HeadProgress& progress, Parse parse) {
  HeadResult result;
  if (progress.searched == 0 || head_ends(buffer, progress)) result = parse();
  if (result.kind == HeadResult::need_more && buffer.size() < kMaxHeadBytes) {
    progress.searched = buffer.size();
    return result;
  }
  progress = {};
  if (result.kind == HeadResult::need_more || result.consumed > kMaxHeadBytes)
    result = {HeadResult::error, 0, 431, "head too large"};
  return result;
}

// Only digits, below 2^63.
std::optional<std::uint64_t> parse_length(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

MessageFraming bad_framing(std::string_view reason) {
  return {MessageFraming::error, 0, reason};
}

// Calls `item(text)` for each item of a comma list; stops with false when it answers false.
template <class Item>
bool each_item(std::string_view list, Item item) {
  for (;;) {
    const auto comma = list.find(',');
    if (!item(util::trim(list.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

HeadResult parse_request(std::string_view buffer, RequestHead& out, HeadProgress& progress) {
  if (progress.searched == 0) {
    while (buffer.substr(progress.begin, 2) == "\r\n") progress.begin += 2;
    const std::string_view line = buffer.substr(progress.begin);
    if ((line.empty() || line == "\r") && buffer.size() < kMaxHeadBytes) return {};
  }
  return parse_when_whole(buffer, progress, [&]() -> HeadResult {
    Lines<const char> lines(buffer.data() + progress.begin, buffer.data() + buffer.size());
    auto kind = lines.request_line(out);
    if (kind == HeadResult::done) kind = lines.fields(out.headers);
    if (kind == HeadResult::need_more) return {};
    if (kind == HeadResult::error) return lines.error();
    if (const std::string_view fault = request_fault(out); !fault.empty())
      return {HeadResult::error, 0, 400, fault};
    take_authority(out);
    return {HeadResult::done, static_cast<std::size_t>(lines.position() - buffer.data()), 0, {}};
  });
}

HeadResult parse_response(std::span<char> buffer, ReceivedHead& out, HeadProgress& progress) {
  HeadResult result =
      parse_when_whole({buffer.data(), buffer.size()}, progress, [&]() -> HeadResult {
        Lines<char> lines(buffer.data(), buffer.data() + buffer.size());
        auto kind = lines.status_line(out);
        if (kind == HeadResult::done) kind = lines.fields(out.headers);
        if (kind == HeadResult::need_more) return {};
        if (kind == HeadResult::error) return lines.error();
        return {
            HeadResult::done, static_cast<std::size_t>(lines.position() - buffer.data()), 0, {}};
      });
  if (result.kind == HeadResult::error) result.status = 502;
  return result;
}

MessageFraming request_framing(const RequestHead& head) {
  const std::string_view* length = nullptr;
  const std::string_view* coding = nullptr;
  for (const Header& header : head.headers) {
    if (is_field(header.name, "content-length")) {
      if (length) return bad_framing("more than one Content-Length");
      length = &header.value;
    } else if (is_field(header.name, "transfer-encoding")) {
      if (coding) return bad_framing("more than one Transfer-Encoding");
      coding = &header.value;
    }
  }
  if (coding) {
    if (length) return bad_framing("both Content-Length and Transfer-Encoding");
    if (head.version_minor == 0) return bad_framing("Transfer-Encoding in HTTP/1.0");
    if (!util::iequals(*coding, "chunked")) return bad_framing("unsupported Transfer-Encoding");
    return {MessageFraming::chunked, 0, {}};
  }
  if (!length) return {};
  const auto bytes = parse_length(*length);
  if (!bytes) return bad_framing("malformed Content-Length");
  return {MessageFraming::length, *bytes, {}};
}

MessageFraming response_framing(const ReceivedHead& head, std::string_view method) {
  std::optional<std::uint64_t> length;
  int chunked = 0;
  for (const Header& header : head.headers) {
    if (is_field(header.name, "content-length")) {
      const bool same = each_item(header.value, [&](std::string_view item) {
        const auto bytes = parse_length(item);
        if (!bytes || (length && *length != *bytes)) return false;
        length = bytes;
        return true;
      });
      if (!same) return bad_framing("malformed or contradictory Content-Length");
    } else if (is_field(header.name, "transfer-encoding")) {
      const bool known = each_item(header.value, [&](std::string_view item) {
        if (util::iequals(item, "chunked")) return ++chunked == 1;
        return item.empty() || util::iequals(item, "identity");
      });
      if (!known) return bad_framing("unsupported Transfer-Encoding");
    }
  }
  if (head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD") return {};
  if (method == "CONNECT" && head.status < 300) return {};
  if (chunked > 0) return {MessageFraming::chunked, 0, {}};
  if (length) return {MessageFraming::length, *length, {}};
  return {MessageFraming::until_close, 0, {}};
}

std::string_view fault_of(const RequestHead& head) {
  if (!is_token(head.method)) return "malformed method";
  if (!is_target_text(head.target)) return "malformed request target";
  for (const Header& header : head.headers) {
    if (!is_token(header.name)) return "malformed header name";
    if (!is_value(header.value)) return "malformed header value";
  }
  if (const std::string_view fault = request_fault(head); !fault.empty()) return fault;
  return request_framing(head).reason;
}

bool is_valid_host(std::string_view text) {
  if (text.empty()) return true;
  std::size_t host_end = 0;
  if (text.front() == '[') {
    host_end = text.find(']');
    if (host_end == std::string_view::npos || host_end < 3) return false;
    const std::string_view address = text.substr(1, host_end++ - 1);
    if (address.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
      return false;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (host_end == 0) return false;
    for (const char c : text.substr(0, host_end))
      if (!in(kRegName, c)) return false;
  }
  const std::string_view port = text.substr(host_end);
  if (port.empty()) return true;
  if (port.front() != ':' || port.size() > 6) return false;
  if (port.size() == 1) return true;
  const auto number = parse_length(port.substr(1));
  return number && *number <= 65535;
}

}  // namespace llama_swap::net

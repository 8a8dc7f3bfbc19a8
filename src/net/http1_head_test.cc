#include "net/http1_head.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llama_swap::net {
namespace {

using namespace std::string_view_literals;

// The outcome in a few words: "need more", "400 no Host", or "done METHOD target 1.x | name=value |
// ... + rest".
std::string text(const HeadResult& result, const RequestHead& head, std::string_view buffer) {
  if (result.kind == HeadResult::need_more) return "need more";
  if (result.kind == HeadResult::error)
    return std::to_string(result.status) + ' ' + std::string(result.reason);
  std::string out = "done " + std::string(head.method) + ' ' + std::string(head.target) + " 1." +
                    std::to_string(head.version_minor);
  for (const Header& h : head.headers)
    out += " | " + std::string(h.name) + '=' + std::string(h.value);
  return out + " + " + std::string(buffer.substr(result.consumed));
}

std::string request(std::string_view buffer) {
  RequestHead head;
  HeadProgress progress;
  const HeadResult result = parse_request(buffer, head, progress);
  return text(result, head, buffer);
}

// Fed in growing buffers of fresh memory, `step` bytes more each time.
std::string request_in_steps(std::string_view whole, std::size_t step) {
  RequestHead head;
  HeadProgress progress;
  for (std::size_t size = step;; size += step) {
    const std::vector<char> buffer(whole.begin(), whole.begin() + std::min(size, whole.size()));
    const std::string_view view(buffer.data(), buffer.size());
    const HeadResult result = parse_request(view, head, progress);
    if (result.kind == HeadResult::done) {
      EXPECT_EQ(progress.begin, 0u);
      EXPECT_EQ(progress.searched, 0u);
      return text(result, head, view.substr(0, result.consumed));
    }
    if (result.kind == HeadResult::error || size >= whole.size()) return text(result, head, view);
  }
}

struct Case {
  std::string_view input;
  std::string_view want;
};

TEST(ParseRequest, Accepts) {
  static const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "done GET / 1.1 | Host=a + "},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", "done GET / 1.1 | Host=a + body"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "done GET / 1.1 | Host=a + "},
      {"GET /?x=%zz|{}\" HTTP/1.0\r\n\r\n", "done GET /?x=%zz|{}\" 1.0 + "},
      {"M-SEARCH!#$%&'*+.^_`|~9 /x HTTP/1.1\r\nhOsT:a:80\r\n\r\n",
       "done M-SEARCH!#$%&'*+.^_`|~9 /x 1.1 | hOsT=a:80 + "},
      {"GET / HTTP/1.1\r\nHost: \t a \t \r\nEmpty:\r\nBlank: \t\r\n\r\n",
       "done GET / 1.1 | Host=a | Empty= | Blank= + "},
      {"GET / HTTP/1.1\r\nHost:\r\nX: a\tb \xc3\xa9 \x80\r\n\r\n",
       "done GET / 1.1 | Host= | X=a\tb \xc3\xa9 \x80 + "},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "done OPTIONS * 1.1 | Host=a + "},
      {"GET http://u.example:8080/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
       "done GET http://u.example:8080/p?q 1.1 | Host=u.example:8080 + "},
      {"GET HTTPS://[::1]?q HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
       "done GET HTTPS://[::1]?q 1.1 | Host=[::1] + "},
      {"POST /a HTTP/1.1\r\nHost: a\r\nA: 1\r\nA: 2\r\n\r\n",
       "done POST /a 1.1 | Host=a | A=1 | A=2 + "},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.input);
    EXPECT_EQ(request(c.input), c.want);
  }
}

TEST(ParseRequest, Refuses) {
  static const Case cases[] = {
      // request line
      {" GET / HTTP/1.1\r\n", "400 malformed request line: method"},
      {"G(T / HTTP/1.1\r\n", "400 malformed request line: method"},
      {"GET\t/ HTTP/1.1\r\n", "400 malformed request line: method"},
      {"GET\r\n", "400 malformed request line: method"},
      {"\x16\x03\x01", "400 malformed request line: method"},  // TLS on a plain port
      {"\nGET / HTTP/1.1\r\n", "400 malformed request line: method"},
      {"\rGET / HTTP/1.1\r\n", "400 malformed request line: method"},
      {"GET  / HTTP/1.1\r\n", "400 malformed request line: target"},
      {"GET /\r\n", "400 malformed request line: target"},
      {"GET /\xc3\xa9 HTTP/1.1\r\n", "400 malformed request line: target"},
      {"GET /a\x7f HTTP/1.1\r\n", "400 malformed request line: target"},
      {"GET /a\tb HTTP/1.1\r\n", "400 malformed request line: target"},
      {"GET /0123456789abcdef\xff HTTP/1.1\r\n", "400 malformed request line: target"},
      {"GET /a b HTTP/1.1\r\n", "400 malformed request line: version"},
      {"GET /  HTTP/1.1\r\n", "400 malformed request line: version"},
      {"GET / http/1.1\r\n", "400 malformed request line: version"},
      {"GET / HTTP/1\r\n", "400 malformed request line: version"},
      {"GET / \r\n", "400 malformed request line: version"},
      {"GET / HTTP/1.1 \r\n", "400 control character or blank where a line should end"},
      {"GET / HTTP/1.10\r\n", "400 control character or blank where a line should end"},
      {"GET / HTTP/1.1\n\n", "400 line feed without carriage return"},
      {"GET / HTTP/1.2\r\n", "505 HTTP version not supported"},
      {"GET / HTTP/0.9\r\n", "505 HTTP version not supported"},
      {"PRI * HTTP/2.0\r\n\r\n", "505 HTTP version not supported"},
      // target
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "400 malformed request target"},
      {"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed request target"},
      // Host
      {"GET / HTTP/1.1\r\n\r\n", "400 no Host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "400 more than one Host"},
      {"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", "400 more than one Host"},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 malformed Host"},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 malformed Host"},
      // fields
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", "400 folded header line"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 folded header line"},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 space before colon"},
      {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "400 space before colon"},
      {"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "400 malformed header name"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n", "400 malformed header name"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: x\r\n\r\n", "400 malformed header name"},
      {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400 space before colon"},
      {"GET / HTTP/1.1\r\nHost: a\r\ncolon\r\n\r\n", "400 malformed header name"},
      {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "400 line feed without carriage return"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400 line feed without carriage return"},
      {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "400 carriage return inside a line"},
      {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "400 carriage return inside a line"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
       "400 control character or blank where a line should end"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789abcdefgh\x7f\r\n\r\n",
       "400 control character or blank where a line should end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.input);
    EXPECT_EQ(request(c.input), c.want);
  }
  EXPECT_EQ(request("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"sv),
            "400 control character or blank where a line should end");
  EXPECT_EQ(request("GET /\0 HTTP/1.1\r\n"sv), "400 malformed request line: target");
}

TEST(ParseRequest, NeedsMoreUntilTheLastByte) {
  const std::string_view whole =
      "\r\nPOST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(request(whole.substr(0, size)), "need more") << size;
  const std::string want = request(whole);
  EXPECT_EQ(want.substr(0, 4), "done");
  for (std::size_t step = 1; step <= whole.size(); ++step)
    EXPECT_EQ(request_in_steps(whole, step), want) << step;
}

TEST(ParseRequest, ErrorsAreFoundHoweverTheHeadArrives) {
  static const std::string_view heads[] = {
      "GET / HTTP/1.1\n\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
      "\r\n\r\nGET x HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  for (const std::string_view head : heads) {
    SCOPED_TRACE(head);
    const std::string want = request(head);
    EXPECT_EQ(want.substr(0, 3), "400");
    for (std::size_t step = 1; step <= head.size(); ++step)
      EXPECT_EQ(request_in_steps(head, step), want) << step;
  }
}

TEST(ParseRequest, Limits) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  std::string many = start;
  for (std::size_t i = 1; i < kMaxHeaderLines; ++i) many += "a:b\r\n";
  EXPECT_EQ(request(many + "\r\n").substr(0, 4), "done");
  EXPECT_EQ(request(many + "a:b\r\n\r\n"), "431 too many header lines");

  const std::string field = "X: ", end = "\r\n\r\n";
  const std::string fill(kMaxHeadBytes - start.size() - field.size() - end.size(), 'x');
  EXPECT_EQ(request(start + field + fill + end).substr(0, 4), "done");
  EXPECT_EQ(request(start + field + fill + "x" + end), "431 head too large");
  EXPECT_EQ(request(start + field + fill), "need more");
  EXPECT_EQ(request(start + field + fill + "xxxx"), "431 head too large");
  EXPECT_EQ(request(std::string(kMaxHeadBytes, 'G')), "431 head too large");
  std::string empty_lines;
  while (empty_lines.size() < kMaxHeadBytes) empty_lines += "\r\n";
  EXPECT_EQ(request(empty_lines), "431 head too large");
}

// A buffer that grows byte by byte to the limit: a quadratic parser would not come back.
TEST(ParseRequest, SlowSenderIsCheap) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (head.size() < kMaxHeadBytes - 10) head += "a:\r\n";
  RequestHead out;
  HeadProgress progress;
  for (std::size_t size = 1; size < head.size(); ++size) {
    const HeadResult result = parse_request(std::string_view(head).substr(0, size), out, progress);
    ASSERT_EQ(result.kind, HeadResult::need_more);
    ASSERT_EQ(progress.searched, size);
  }
}

std::string response(std::string buffer, std::size_t step = std::string::npos) {
  ReceivedHead head;
  HeadProgress progress;
  HeadResult result;
  std::size_t size = 0;
  do {
    size = std::min(buffer.size(), step == std::string::npos ? buffer.size() : size + step);
    result = parse_response({buffer.data(), size}, head, progress);
  } while (result.kind == HeadResult::need_more && size < buffer.size());
  if (result.kind == HeadResult::need_more) return "need more";
  if (result.kind == HeadResult::error)
    return std::to_string(result.status) + ' ' + std::string(result.reason);
  std::string out = "done 1." + std::to_string(head.version_minor) + ' ' +
                    std::to_string(head.status) + " '" + std::string(head.reason) + "'";
  for (const Header& h : head.headers)
    out += " | " + std::string(h.name) + '=' + std::string(h.value);
  return out + " + " + buffer.substr(result.consumed);
}

TEST(ParseResponse, Table) {
  static const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", "done 1.1 200 'OK' | A=b + body"},
      {"HTTP/1.0 404 Not Found here\r\n\r\n", "done 1.0 404 'Not Found here' + "},
      {"HTTP/1.1 200\r\n\r\n", "done 1.1 200 '' + "},
      {"HTTP/1.1 200 \r\n\r\n", "done 1.1 200 '' + "},
      {"HTTP/1.1  200  OK \r\n\r\n", "done 1.1 200 'OK' + "},
      {"HTTP/1.1 999 \xc3\xa9\r\n\r\n", "done 1.1 999 '\xc3\xa9' + "},
      {"HTTP/1.1 200 OK\nA: b\nC: d\n\nbody", "done 1.1 200 'OK' | A=b | C=d + body"},
      {"HTTP/1.1 200 OK\r\nA: b\n\r\n", "done 1.1 200 'OK' | A=b + "},
      {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "done 1.1 200 'OK' | A=b + "},
      {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td  \r\nE: f\r\n\r\n",
       "done 1.1 200 'OK' | A=b   c  \td | E=f + "},
      {"HTTP/1.1 200 OK\r\nA:\r\n b\r\n \r\n\r\n", "done 1.1 200 'OK' | A=b + "},
      {"HTTP/1.1 200 OK\nA: b\n  c\n\n", "done 1.1 200 'OK' | A=b   c + "},
      {"", "need more"},
      {"HTTP/1.1 200 OK\r\nA: b\r\n", "need more"},
      {"HTTP/2 200\r\n\r\n", "502 not an HTTP/1 answer"},
      {"http/1.1 200\r\n\r\n", "502 not an HTTP/1 answer"},
      {"HTTP/1.2 200\r\n\r\n", "502 HTTP version not supported"},
      {"\r\nHTTP/1.1 200\r\n\r\n", "502 not an HTTP/1 answer"},
      {"HTTP/1.1\r\n\r\n", "502 malformed status line"},
      {"HTTP/1.1 20\r\n\r\n", "502 malformed status line"},
      {"HTTP/1.1 2000\r\n\r\n", "502 malformed status line"},
      {"HTTP/1.1 099\r\n\r\n", "502 malformed status line"},
      {"HTTP/1.1 OK\r\n\r\n", "502 malformed status line"},
      {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "502 folded header line"},
      {"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "502 malformed header name"},
      {"HTTP/1.1 200 OK\r\n: b\r\n\r\n", "502 malformed header name"},
      {"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "502 carriage return inside a line"},
      {"HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n",
       "502 control character or blank where a line should end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.input);
    EXPECT_EQ(response(std::string(c.input)), c.want);
    for (std::size_t step = 1; step < c.input.size(); ++step) {
      const std::string got = response(std::string(c.input), step);
      EXPECT_EQ(got, c.want) << step;
    }
  }
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nA: " + std::string(kMaxHeadBytes, 'x')),
            "502 head too large");
}

std::string text(const MessageFraming& framing) {
  switch (framing.kind) {
    case MessageFraming::none:
      return "none";
    case MessageFraming::length:
      return std::to_string(framing.length_bytes);
    case MessageFraming::chunked:
      return "chunked";
    case MessageFraming::until_close:
      return "until close";
    case MessageFraming::error:
      return std::string(framing.reason);
  }
  return "?";
}

struct FramingCase {
  Headers headers;
  std::string_view want;
  int version_minor = 1;
};

TEST(RequestFraming, Table) {
  static const std::string_view cl = "Content-Length", te = "transfer-ENCODING";
  static const FramingCase cases[] = {
      {{}, "none"},
      {{{"Host", "a"}}, "none"},
      {{{cl, "0"}}, "0"},
      {{{cl, "17"}}, "17"},
      {{{"content-length", "0017"}}, "17"},
      {{{cl, "9223372036854775807"}}, "9223372036854775807"},
      {{{cl, "9223372036854775808"}}, "malformed Content-Length"},
      {{{cl, "99999999999999999999999"}}, "malformed Content-Length"},
      {{{cl, ""}}, "malformed Content-Length"},
      {{{cl, "+5"}}, "malformed Content-Length"},
      {{{cl, "-5"}}, "malformed Content-Length"},
      {{{cl, "0x5"}}, "malformed Content-Length"},
      {{{cl, "5 5"}}, "malformed Content-Length"},
      {{{cl, "5, 5"}}, "malformed Content-Length"},
      {{{cl, "5,6"}}, "malformed Content-Length"},
      {{{cl, "5"}, {cl, "5"}}, "more than one Content-Length"},
      {{{cl, "5"}, {cl, "6"}}, "more than one Content-Length"},
      {{{te, "chunked"}}, "chunked"},
      {{{te, "Chunked"}}, "chunked"},
      {{{te, "chunked"}, {cl, "5"}}, "both Content-Length and Transfer-Encoding"},
      {{{cl, "5"}, {te, "chunked"}}, "both Content-Length and Transfer-Encoding"},
      {{{cl, "5"}, {te, "identity"}}, "both Content-Length and Transfer-Encoding"},
      {{{te, "chunked"}, {te, "chunked"}}, "more than one Transfer-Encoding"},
      {{{te, "chunked, chunked"}}, "unsupported Transfer-Encoding"},
      {{{te, "gzip, chunked"}}, "unsupported Transfer-Encoding"},
      {{{te, "chunked;x=y"}}, "unsupported Transfer-Encoding"},
      {{{te, "\"chunked\""}}, "unsupported Transfer-Encoding"},
      {{{te, "xchunked"}}, "unsupported Transfer-Encoding"},
      {{{te, "identity"}}, "unsupported Transfer-Encoding"},
      {{{te, ""}}, "unsupported Transfer-Encoding"},
      {{{te, "chunked"}}, "Transfer-Encoding in HTTP/1.0", 0},
      {{{cl, "5"}}, "5", 0},
  };
  for (const FramingCase& c : cases) {
    RequestHead head;
    head.headers = c.headers;
    head.version_minor = c.version_minor;
    std::string trace;
    for (const Header& h : c.headers)
      trace += std::string(h.name) + ": " + std::string(h.value) + "; ";
    SCOPED_TRACE(trace);
    EXPECT_EQ(text(request_framing(head)), c.want);
  }
}

TEST(ResponseFraming, Table) {
  static const std::string_view cl = "Content-Length", te = "Transfer-Encoding";
  struct ResponseCase {
    int status;
    std::string_view method;
    Headers headers;
    std::string_view want;
  };
  static const ResponseCase cases[] = {
      {200, "GET", {}, "until close"},
      {200, "GET", {{cl, "5"}}, "5"},
      {200, "GET", {{cl, "5"}, {cl, "5"}}, "5"},
      {200, "GET", {{cl, "5 , 5"}}, "5"},
      {200, "GET", {{cl, "5"}, {cl, "6"}}, "malformed or contradictory Content-Length"},
      {200, "GET", {{cl, "5, 6"}}, "malformed or contradictory Content-Length"},
      {200, "GET", {{cl, "x"}}, "malformed or contradictory Content-Length"},
      {200, "GET", {{cl, ""}}, "malformed or contradictory Content-Length"},
      {200, "GET", {{te, "chunked"}}, "chunked"},
      {200, "GET", {{te, "CHUNKED"}, {cl, "5"}}, "chunked"},
      {200,
       "GET",
       {{te, "chunked"}, {cl, "5"}, {cl, "6"}},
       "malformed or contradictory Content-Length"},
      {200, "GET", {{te, "identity"}, {cl, "5"}}, "5"},
      {200, "GET", {{te, "identity, chunked"}}, "chunked"},
      {200, "GET", {{te, "gzip, chunked"}}, "unsupported Transfer-Encoding"},
      {200, "GET", {{te, "chunked, chunked"}}, "unsupported Transfer-Encoding"},
      {200, "GET", {{te, "chunked"}, {te, "chunked"}}, "unsupported Transfer-Encoding"},
      {200, "HEAD", {{cl, "5"}}, "none"},
      {200, "HEAD", {{te, "chunked"}}, "none"},
      {204, "GET", {{cl, "5"}}, "none"},
      {304, "GET", {{cl, "5"}}, "none"},
      {101, "GET", {}, "none"},
      {100, "POST", {}, "none"},
      {200, "CONNECT", {{cl, "5"}}, "none"},
      {403, "CONNECT", {{cl, "5"}}, "5"},
  };
  for (const ResponseCase& c : cases) {
    ReceivedHead head;
    head.status = c.status;
    head.headers = c.headers;
    std::string trace = std::to_string(c.status) + ' ' + std::string(c.method);
    for (const Header& h : c.headers)
      trace += "; " + std::string(h.name) + ": " + std::string(h.value);
    SCOPED_TRACE(trace);
    EXPECT_EQ(text(response_framing(head, c.method)), c.want);
  }
}

TEST(IsValidHost, Table) {
  for (const std::string_view good : {"", "a", "a.b-c_d", "127.0.0.1:8080", "localhost:", "[::1]",
                                      "[fe80::1]:80", "a:65535", "a%20b", "!$&'()*+,;=~"})
    EXPECT_TRUE(is_valid_host(good)) << good;
  for (const std::string_view bad :
       {":80", "a b", "a/b", "a:b", "a:65536", "a:-1", "a:+1", "a:000080", "u@a", "[]", "[::1",
        "[::1]x", "::1", "[g::1]", "a\"", "\xc3\xa9", "a?b", "a#b", "a:80:80"})
    EXPECT_FALSE(is_valid_host(bad)) << bad;
}

}  // namespace
}  // namespace llama_swap::net

#include "server/multipart_scan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llama_swap::server {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=B";

// "model 'm' stream 's' spans[text][text]", or "failed: why".
std::string scan(std::string_view body, std::size_t step = std::string_view::npos,
                 std::string_view content_type = kType) {
  MultipartScan scan(content_type);
  for (std::size_t at = 0; at < body.size(); at += std::min(step, body.size() - at)) {
    const std::string piece(body.substr(at, step));
    scan.feed(piece);
  }
  scan.finish();
  if (scan.failed()) return "failed: " + std::string(scan.failure());
  std::string out = "model ";
  out += scan.model() ? "'" + *scan.model() + "'" : "none";
  if (scan.stream()) out += " stream '" + *scan.stream() + "'";
  for (const ByteSpan span : scan.model_spans())
    out += " [" + std::string(body.substr(span.offset, span.length)) + ']';
  return out;
}

std::string field(std::string_view name, std::string_view value) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" +
         std::string(value) + "\r\n";
}
std::string file(std::string_view name, std::string_view data) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + std::string(name) +
         "\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n" + std::string(data) + "\r\n";
}

struct Case {
  std::string body;
  std::string_view want;
};

TEST(MultipartScan, Table) {
  static const Case cases[] = {
      {field("model", "whisper") + "--B--\r\n", "model 'whisper' [whisper]"},
      {field("model", "whisper") + "--B--", "model 'whisper' [whisper]"},
      {file("file", "RIFF\r\n-- \r\n\r\n--\r\n--C\r\n") + field("model", "m") +
           field("stream", "true") + "--B--\r\n",
       "model 'm' stream 'true' [m]"},
      {field("other", "x") + "--B--", "model none"},
      {field("model", "") + "--B--", "model '' []"},
      {field("model", "a\r\nb\r\n") + "--B--", "model 'a\r\nb\r\n' [a\r\nb\r\n]"},
      {field("model", "a") + field("model", "b") + "--B--", "model 'a' [a] [b]"},
      {field("stream", "x") + field("stream", "true") + "--B--", "model none stream 'x'"},
      {field("Model", "a") + "--B--", "model none"},
      {file("model", "a") + "--B--", "model none"},
      {"--B--", "model none"},
      // around the parts
      {"preamble\r\n" + field("model", "a") + "--B--epilogue\r\n--B\r\n" + field("model", "b"),
       "model 'a' [a]"},
      {"\r\n" + field("model", "a") + "--B--", "model 'a' [a]"},
      // almost delimiters
      {field("model", "\r\n--A\r\r\n--\r\n--BB\r\n--B \tx\r\n--B-\r\n--B\rx\r\n--B\r\r") + "--B--",
       "model '\r\n--A\r\r\n--\r\n--BB\r\n--B \tx\r\n--B-\r\n--B\rx\r\n--B\r\r' "
       "[\r\n--A\r\r\n--\r\n--BB\r\n--B \tx\r\n--B-\r\n--B\rx\r\n--B\r\r]"},
      {field("model", "--B") + "--B--", "failed: multipart form without its last delimiter"},
      {field("model", "a\r\n--B\r") + "--B--", "model 'a\r\n--B\r' [a\r\n--B\r]"},
      {field("model", "a") +
           "--B \t \r\nContent-Disposition: form-data; name=stream\r\n\r\n1\r\n--B--",
       "model 'a' stream '1' [a]"},
      // headers of a part
      {"--B\r\ncontent-type: "
       "text/plain\r\nCONTENT-disposition:form-data;name=model\r\n\r\na\r\n--B--",
       "model 'a' [a]"},
      {"--B\r\nContent-Disposition: form-data;\r\n  name=\"model\"\r\n\r\na\r\n--B--",
       "model 'a' [a]"},
      {"--B\nContent-Disposition: form-data; name=\"model\"\n\na\r\n--B--", "model none"},
      {"--B\r\nContent-Disposition: form-data; name=\"model\"\n\na\r\n--B--", "model 'a' [a]"},
      {"--B\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\na\r\n--B--", "model none"},
      {"--B\r\nContent-Disposition: form-data; name=\"model\"; filename=\"\"\r\n\r\na\r\n--B--",
       "model 'a' [a]"},
      {"--B\r\nContent-Disposition: form-data; name=\"model\"; "
       "filename*=utf-8''x\r\n\r\na\r\n--B--",
       "model none"},
      {"--B\r\n\r\nno header\r\n" + field("model", "a") + "--B--", "model 'a' [a]"},
      // an empty part without the line end of its data
      {"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--B--", "model '' []"},
      {"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--Bx\r\n--B--",
       "model '--Bx' [--Bx]"},
      // broken
      {"", "failed: multipart form without its last delimiter"},
      {"no form", "failed: multipart form without its last delimiter"},
      {field("model", "a"), "failed: multipart form without its last delimiter"},
      {field("model", "a") + "--B", "failed: multipart form without its last delimiter"},
      {field("model", "a") + "--B-", "failed: multipart form without its last delimiter"},
      {"--B\r\nContent-Disposition: form-data; name=\"model\"",
       "failed: multipart form without its last delimiter"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.body);
    EXPECT_EQ(scan(c.body), c.want);
    for (std::size_t step = 1; step < c.body.size(); ++step)
      EXPECT_EQ(scan(c.body, step), c.want) << "step " << step;
  }
}

TEST(MultipartScan, Boundary) {
  const std::string body =
      "--a b:?='\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--a b:?='--";
  EXPECT_EQ(scan(body, 1000, "multipart/form-data; charset=x; BOUNDARY=\"a b:?='\" ; y=z"),
            "model 'm' [m]");
  for (const std::string_view type :
       {"multipart/form-data", "multipart/form-data; boundary",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"", "multipart/form-data; boundary=\"a\rb\"",
        "multipart/form-data; boundary=\xc3\xa9", "multipart/form-data; xboundary=a"})
    EXPECT_EQ(scan(body, 1000, type), "failed: multipart form without a valid boundary") << type;
  const std::string longest(256, 'b');
  EXPECT_EQ(scan("--" + longest + "--", 7, "multipart/form-data; boundary=" + longest),
            "model none");
  EXPECT_EQ(scan("", 7, "multipart/form-data; boundary=b" + longest),
            "failed: multipart form without a valid boundary");
}

TEST(MultipartScan, Limits) {
  std::string many;
  for (std::size_t i = 0; i < MultipartScan::kMaxParts; ++i) many += field("a", "b");
  EXPECT_EQ(scan(many + "--B--", 4096), "model none");
  EXPECT_EQ(scan(many + field("a", "b") + "--B--", 4096),
            "failed: multipart form with too many parts");

  const std::string fits(MultipartScan::kMaxValue, 'x');
  EXPECT_EQ(scan(field("model", fits) + "--B--", 4096), "model '" + fits + "' [" + fits + "]");
  EXPECT_EQ(scan(field("model", fits + "x") + field("model", "b") + "--B--", 4096),
            "model '' [" + fits + "x] [b]");

  const std::string header = "--B\r\nX: ";
  const std::string filling(MultipartScan::kMaxPartHeader - 3 - 4, 'x');
  EXPECT_EQ(scan(header + filling + "\r\n\r\n\r\n--B--", 100), "model none");
  EXPECT_EQ(scan(header + filling + "x\r\n\r\n\r\n--B--", 100),
            "failed: multipart form with a part header that is too long");
}

TEST(HeaderParameter, Table) {
  struct ParameterCase {
    std::string_view header;
    std::optional<std::string> want;
  };
  static const ParameterCase cases[] = {
      {"", std::nullopt},
      {"form-data", std::nullopt},
      {"name=x", std::nullopt},  // that is the value itself
      {"form-data; name=x", "x"},
      {"form-data;NAME = x ;y=z", "x"},
      {"form-data; name=\"a;b=c\"; y", "a;b=c"},
      {"form-data; x=\"; name=q\"; name=r", "r"},
      {R"(form-data; name="a\"b\\c\d")", R"(a"b\c\d)"},
      {"form-data; name=\"open", "open"},
      {"form-data; name", std::nullopt},
      {"form-data; name; name=x", "x"},
      {"form-data;;; name=x", "x"},
      {"form-data; name=\"x\"junk; y=z", "x"},
      {"form-data; name=a; name=b", "a"},
  };
  for (const ParameterCase& c : cases)
    EXPECT_EQ(header_parameter(c.header, "name"), c.want) << c.header;
}

}  // namespace
}  // namespace llama_swap::server

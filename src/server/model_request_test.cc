#include "server/model_request.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

using Where = ModelRequest::Where;

struct Case {
  std::string_view method;
  std::string_view target;
  std::string_view content_type;  // empty: none
  std::string_view body;
  std::string_view want;  // "where model [text of span]... stream", or "nowhere", or "failed: why"
};

std::string ask(const Case& c, std::size_t step) {
  net::RequestHead head;
  head.method = c.method;
  head.target = c.target;
  if (!c.content_type.empty()) head.headers.push_back({"content-TYPE", c.content_type});
  ModelScan scan(head);
  for (std::size_t at = 0; at < c.body.size() && scan.wants_body(); at += step)
    scan.feed(c.body.substr(at, step));
  const ModelRequest request = scan.finish();
  if (!request.failure.empty()) {
    EXPECT_EQ(request.model, "");
    EXPECT_EQ(request.where, Where::nowhere);
    return "failed: " + std::string(request.failure);
  }
  static const char* const kNames[] = {"nowhere", "query", "json", "multipart", "form"};
  std::string out = kNames[static_cast<int>(request.where)];
  if (!request.model.empty()) out += ' ' + request.model;
  for (const ByteSpan span : request.spans)
    out += " [" + std::string(c.body.substr(span.offset, span.length)) + ']';
  return out + (request.streaming ? " stream" : "");
}

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";
constexpr std::string_view kMultipart = "multipart/form-data; boundary=B";
constexpr std::string_view kMultipartBody =
    "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfield\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--B--\r\n";

TEST(ModelScan, Table) {
  static const Case cases[] = {
      // GET: the query alone
      {"GET", "/props?model=a%2Fb+c", "", "", "query a/b c"},
      {"GET", "/props?model=a&stream=true", "", "", "query a stream"},
      {"GET", "/props?model=a&stream=1", "", "", "query a"},
      {"GET", "/props?model=&model=b", "", "", "nowhere"},
      {"GET", "/props", "", "", "nowhere"},
      {"GET", "/props?model=a", kJson, R"({"model":"b"})", "query a"},
      {"GET", "/props?x;y&model=a", "", "", "query a"},
      {"HEAD", "/props?model=a", "", "", "query a"},
      {"HEAD", "/props?model=a", kJson, "", "query a"},
      // JSON: the body alone
      {"POST", "/x", kJson, R"({"model":"m","stream":true})", "json m [\"m\"] stream"},
      {"POST", "/x", "Application/JSON; charset=utf-8", R"({"model":5})", "json 5 [5]"},
      {"POST", "/x?model=q", kJson, R"({"stream":true})", "nowhere stream"},
      {"POST", "/x?a;b", kJson, R"({"model":"m"})", "json m [\"m\"]"},
      {"POST", "/x", kJson, "\x1f\x8b gzip", "nowhere"},
      {"POST", "/x", "application/vnd.x+JSON; v=1", R"({"model":"m"})", "json m [\"m\"]"},
      {"PUT", "/x", kJson, R"({"model":"m"})", "json m [\"m\"]"},
      // multipart: the query, then the fields
      {"POST", "/x", kMultipart, kMultipartBody, "multipart field [field] stream"},
      {"POST", "/x", "Multipart/Form-Data; boundary=B", kMultipartBody,
       "multipart field [field] stream"},
      {"POST", "/x?model=q&stream=false", kMultipart, kMultipartBody, "query q [field]"},
      {"POST", "/x?model=", kMultipart, kMultipartBody, "nowhere [field] stream"},
      {"POST", "/x?a;b", kMultipart, kMultipartBody, "failed: malformed query"},
      {"POST", "/x?model=q", kMultipart, "--B\r\n",
       "failed: multipart form without its last delimiter"},
      {"POST", "/x", "multipart/form-data", kMultipartBody,
       "failed: multipart form without a valid boundary"},
      // urlencoded: the body, then the query
      {"POST", "/x?model=q", kForm, "a=1&model=m&stream=true", "form m stream"},
      {"POST", "/x?model=q&stream=true", kForm, "a=1", "query q stream"},
      {"POST", "/x?model=q", kForm, "model=", "nowhere"},
      {"POST", "/x", "application/x-www-FORM-urlencoded; charset=utf-8", "model=m", "form m"},
      {"POST", "/x", kForm, "model=m&a=%zz", "failed: malformed form"},
      {"POST", "/x", kForm, "model=m;x", "failed: malformed form"},
      {"POST", "/x?%", kForm, "model=m", "failed: malformed query"},
      // anything else: the query alone
      {"POST", "/x?model=q&stream=true", "", R"({"model":"m"})", "query q stream"},
      {"POST", "/x?model=q", "text/plain", "model=m", "query q"},
      {"POST", "/x", "", R"({"model":"m"})", "nowhere"},
      {"POST", "/x?model=q&a;b", "", "", "failed: malformed query"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.method) + ' ' + std::string(c.target) + ' ' +
                 std::string(c.content_type) + ' ' + std::string(c.body));
    for (const std::size_t step : {1, 2, 3, 7, 1000}) EXPECT_EQ(ask(c, step), c.want) << step;
  }
}

TEST(ModelScan, FormLimit) {
  const std::string fits = "model=m&x=" + std::string(ModelScan::kMaxForm - 10, 'x');
  EXPECT_EQ(ask({"POST", "/x", kForm, fits, ""}, 65536), "form m");
  EXPECT_EQ(ask({"POST", "/x", kForm, fits + "x", ""}, 65536), "failed: form too large");
}

TEST(ModelScan, StopsWithTheLastThingItIsAskedFor) {
  net::RequestHead head;
  head.method = "POST";
  head.target = "/x";
  head.headers.push_back({"Content-Type", kJson});
  ModelScan both(head);
  ModelScan model(head, JsonScan::Wanted::model);
  for (ModelScan* scan : {&both, &model}) {
    scan->feed(R"({"x":1,"mod)");
    EXPECT_TRUE(scan->wants_body());
    scan->feed(R"(el":"m","messages":[)");
  }
  EXPECT_TRUE(both.wants_body());
  EXPECT_FALSE(model.wants_body());
  both.feed(R"(],"stream":true,"x":")");
  EXPECT_FALSE(both.wants_body());
  for (ModelScan* scan : {&both, &model}) EXPECT_EQ(scan->finish().model, "m");
}

TEST(BodyKind, Table) {
  EXPECT_EQ(body_kind("text/x; application/json"), BodyKind::json);
  EXPECT_EQ(body_kind("APPLICATION/JSON"), BodyKind::json);
  EXPECT_EQ(body_kind("multipart/form-data"), BodyKind::multipart);
  EXPECT_EQ(body_kind("application/x-www-form-urlencoded"), BodyKind::form);
  EXPECT_EQ(body_kind("multipart/mixed"), BodyKind::opaque);
  EXPECT_EQ(body_kind("application/vnd.api+json"), BodyKind::json);
  EXPECT_EQ(body_kind("application/ld+json ;x=y"), BodyKind::json);
  EXPECT_EQ(body_kind("text/plain; x=a+json"), BodyKind::opaque);
  EXPECT_EQ(body_kind("+json"), BodyKind::opaque);
  EXPECT_EQ(body_kind(""), BodyKind::opaque);
}

TEST(ModelRequest, OtherReadersMayFindAnotherModel) {
  const struct {
    const char* target;
    const char* type;
    const char* body;
    bool ambiguous;
  } cases[] = {
      {"/", "application/json", R"({"model":"a","x":{"model":"b"}})", false},
      {"/", "application/json", R"({"model":"a","model":"b"})", true},
      {"/", "application/json", R"({"model":"a","stream":true,"Model":"b"})", true},
      {"/", "application/json", R"({"model":"a","\u006dodel":"b"})", true},
      {"/?model=b", "application/json", R"({"model":"a"})", true},
      {"/", "application/x-www-form-urlencoded", "model=a&x=1", false},
      {"/", "application/x-www-form-urlencoded", "model=a&model=b", true},
      {"/?model=b", "application/x-www-form-urlencoded", "model=a", true},
      {"/", "multipart/form-data; boundary=B",
       "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--B--\r\n", false},
      {"/?model=a", "multipart/form-data; boundary=B",
       "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nb\r\n--B--\r\n", true},
      {"/?model=a", "text/plain", "text", false},
      {"/?model=a", "text/plain", R"({"model":"b"})", true},
      {"/?model=a&model=b", "text/plain", "", true},
  };
  for (const auto& c : cases) {
    net::RequestHead head;
    head.method = "POST";
    head.target = c.target;
    head.headers = {{"Content-Type", c.type}};
    ModelScan scan(head, JsonScan::Wanted::every_model);
    scan.feed(c.body);
    const ModelRequest request = scan.finish();
    EXPECT_EQ(request.model, "a") << c.target << " " << c.body;
    EXPECT_EQ(request.ambiguous, c.ambiguous) << c.target << " " << c.body;
  }
}

}  // namespace
}  // namespace llama_swap::server

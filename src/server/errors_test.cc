#include "server/errors.h"

#include <gtest/gtest.h>

#include "server/answer.h"

namespace llama_swap::server {
namespace {

TEST(Errors, TypeAndCodeByStatus) {
  const struct {
    int status;
    const char* type;
    const char* code;
  } cases[] = {
      {400, "invalid_request_error", "bad_request"},
      {401, "authentication_error", "unauthorized"},
      {403, "authentication_error", "forbidden"},
      {404, "invalid_request_error", "not_found"},
      {409, "invalid_request_error", "conflict"},
      {413, "invalid_request_error", "invalid_request"},
      {429, "rate_limit_error", "rate_limit_exceeded"},
      {500, "server_error", "internal_error"},
      {502, "server_error", "bad_gateway"},
      {503, "server_error", "service_unavailable"},
      {504, "server_error", "gateway_timeout"},
      {599, "server_error", "internal_error"},
  };
  for (const auto& c : cases) {
    const Json got = Json::parse(error_json(Dialect::other, {c.status, "m"}));
    EXPECT_EQ(got["error"]["type"], c.type) << c.status;
    EXPECT_EQ(got["error"]["code"], c.code) << c.status;
  }
}

TEST(Errors, Envelope) {
  EXPECT_EQ(error_json(Dialect::chat, {404, "no \"x\""}),
            R"({"src":"llama-swap","error":{"message":"no \"x\"","type":"invalid_request_error",)"
            R"("param":null,"code":"not_found"}})");
  EXPECT_NE(error_json(Dialect::other, {500, "\xff"}).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Errors, MessagesApi) {
  const struct {
    int status;
    const char* type;
  } cases[] = {
      {400, "invalid_request_error"},
      {401, "authentication_error"},
      {403, "permission_error"},
      {404, "not_found_error"},
      {409, "invalid_request_error"},
      {413, "request_too_large"},
      {429, "rate_limit_error"},
      {500, "api_error"},
      {502, "api_error"},
      {503, "overloaded_error"},
      {504, "timeout_error"},
  };
  for (const auto& c : cases) {
    const Json got = Json::parse(error_json(Dialect::messages, {c.status, "m"}));
    EXPECT_EQ(got["type"], "error");
    EXPECT_EQ(got["error"]["type"], c.type) << c.status;
    EXPECT_EQ(got["error"]["message"], "m");
  }
}

TEST(Errors, Refusals) {
  using swap::Refusal;
  const Problem limit = problem_of({Refusal::too_many, "Too many requests"});
  EXPECT_EQ(limit.status, 429);
  EXPECT_EQ(limit.retry_after, "1");
  const ErrorBody body = error_body("text/plain", Dialect::other, limit);
  EXPECT_EQ(body.content_type, "application/json") << "whatever the client accepts";
  EXPECT_EQ(Json::parse(body.text)["error"]["code"], "concurrency_limit");

  const Problem start =
      problem_of({Refusal::start_failed, "unspecific error: x", {"out of", "vram"}});
  EXPECT_EQ(start.status, 503);
  EXPECT_FALSE(start.retry_after.empty());
  EXPECT_EQ(Json::parse(error_json(Dialect::other, start))["error"]["details"],
            Json::parse(R"(["out of", "vram"])"));
  EXPECT_EQ(problem_of({Refusal::unloaded, "x"}).status, 500);
  EXPECT_EQ(problem_of({Refusal::unknown_model, "x"}).status, 404);
}

TEST(Errors, RepresentationByAccept) {
  const struct {
    const char* accept;
    const char* type;
    const char* body;
  } cases[] = {
      {"text/plain", "text/plain", "llama-swap: a <b>"},
      {"text/html,text/plain", "text/plain", "llama-swap: a <b>"},
      {"text/html;q=0.9, */*", "text/html",
       "<html><body><h1>llama-swap</h1><p>a &lt;b&gt;</p></body></html>"},
  };
  for (const auto& c : cases) {
    const ErrorBody got = error_body(c.accept, Dialect::other, {404, "a <b>"});
    EXPECT_EQ(got.content_type, c.type);
    EXPECT_EQ(got.text, c.body);
  }
  for (const char* accept : {"", "*/*", "application/json", "TEXT/PLAIN"})
    EXPECT_EQ(error_body(accept, Dialect::other, {404, "x"}).content_type, "application/json")
        << accept;
}

}  // namespace
}  // namespace llama_swap::server

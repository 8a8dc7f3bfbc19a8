#include "server/router.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

Router example() {
  Router router;
  router.add("GET", "/", 1);
  router.add("POST", "/v1/chat/completions", 2);
  router.add("GET", "/v1/audio/voices", 3);
  router.add("POST", "/v1/audio/voices", 4);
  router.add("GET", "/upstream", 5);
  router.add("", "/upstream/{...}", 6);
  router.add("POST", "/api/inflight/{}/cancel", 7);
  router.add("POST", "/api/models/unload", 8);
  router.add("POST", "/api/models/unload/{...}", 9);
  router.add("GET", "/ui/{...}", 10);
  router.add("GET", "/logs/stream", 11);
  router.add("GET", "/logs/stream/{...}", 12);
  router.add("GET", "/api/captures/{}", 13);
  return router;
}

std::string text(const Router::Match& match) {
  struct {
    std::string operator()(const Router::Found& f) const {
      std::string out = std::to_string(f.endpoint);
      if (!f.raw_wildcard.empty()) out += " " + f.wildcard + " " + std::string(f.raw_wildcard);
      return out;
    }
    std::string operator()(const Router::Redirect& r) const { return "-> " + r.path; }
    std::string operator()(const Router::WrongMethod& w) const { return "405 " + w.allow; }
    std::string operator()(const Router::Unknown&) const { return "404"; }
  } visitor;
  return std::visit(visitor, match);
}

TEST(Router, Table) {
  const struct {
    const char* method;
    const char* path;
    const char* want;
  } cases[] = {
      {"GET", "/", "1"},
      {"HEAD", "/", "1"},
      {"POST", "/", "405 GET, HEAD"},
      {"POST", "/v1/chat/completions", "2"},
      {"GET", "/v1/chat/completions", "405 POST"},
      {"HEAD", "/v1/chat/completions", "405 POST"},
      {"PUT", "/v1/audio/voices", "405 GET, HEAD, POST"},
      {"HEAD", "/v1/audio/voices", "3"},
      {"GET", "/v1/chat", "404"},
      {"GET", "/v1/chat/completions/", "404"},
      {"POST", "/v1/ch%61t/completions", "2"},
      {"POST", "/v1%2Fchat/completions", "404"},
      {"GET", "/upstream", "5"},
      {"POST", "/upstream", "-> /upstream/"},
      {"POST", "/upstream/", "6"},
      {"DELETE", "/upstream/m/x%2Fy", "6 m/x/y m/x%2Fy"},
      {"GET", "/upstream/a%252Fb", "6 a%2Fb a%252Fb"},
      {"POST", "/api/inflight/12/cancel", "7 12 12"},
      {"POST", "/api/inflight//cancel", "-> /api/inflight/cancel"},
      {"POST", "/api/inflight/cancel", "404"},
      {"POST", "/api/inflight/1/2/cancel", "404"},
      {"GET", "/api/inflight/1/cancel", "405 POST"},
      {"POST", "/api/models/unload", "8"},
      {"POST", "/api/models/unload/", "9"},
      {"POST", "/api/models/unload/a/b", "9 a/b a/b"},
      {"POST", "/api/models/unload/a%2Fb", "9 a/b a%2Fb"},
      {"GET", "/api/models/unload", "405 POST"},
      {"GET", "/ui", "-> /ui/"},
      {"PUT", "/ui", "405 GET, HEAD"},
      {"GET", "/ui/", "10"},
      {"GET", "/ui/models", "10 models models"},
      {"GET", "/logs/stream", "11"},
      {"GET", "/logs/stream/proxy", "12 proxy proxy"},
      {"GET", "/api/captures/", "404"},
      {"GET", "/api/captures", "404"},
      {"GET", "/v1//models", "-> /v1/models"},
      {"GET", "/v1/./x/../y/", "-> /v1/y/"},
      {"GET", "/%2e%2e/x", "404"},
      {"GET", "", "-> /"},
      {"GET", "*", "-> /*"},
      {"GET", "/.well-known/x", "404"},
  };
  const Router router = example();
  for (const auto& c : cases)
    EXPECT_EQ(text(router.match(c.method, c.path)), c.want) << c.method << " " << c.path;
}

TEST(Router, AllRoutesOfAPath) {
  Router router;
  router.add("GET", "/a", 1);
  router.add("PUT", "/a", 2);
  router.add("GET", "/a/{...}", 3);
  router.add("", "/b/{...}", 4);
  const struct {
    const char *path, *want;
  } cases[] = {{"/a", "1 2 3 "}, {"/%61", "1 2 3 "},   {"/a/", "3 "}, {"/a/x", "3 x "},
               {"/b", "4 "},     {"/b/x/y", "4 x/y "}, {"/c", ""},    {"/", ""}};
  for (const auto& c : cases) {
    std::string got;
    for (const Router::Found& found : router.all(c.path)) {
      got += std::to_string(found.endpoint) + " ";
      if (!found.raw_wildcard.empty()) got += std::string(found.raw_wildcard) + " ";
    }
    EXPECT_EQ(got, c.want) << c.path;
  }
}

TEST(CleanPath, Table) {
  const struct {
    const char* path;
    const char* want;
  } cases[] = {
      {"", "/"},
      {"/", "/"},
      {"//", "/"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b/"},
      {"/a//b", "/a/b"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/../../x", "/x"},
      {"/a/..", "/"},
      {"/a/b/..", "/a"},
      {"/a/.", "/a"},
      {"//evil.com/x", "/evil.com/x"},
      {"/a%2F..%2Fb", "/a%2F..%2Fb"},
  };
  for (const auto& c : cases) EXPECT_EQ(clean_path(c.path), c.want) << c.path;
}

}  // namespace
}  // namespace llama_swap::server

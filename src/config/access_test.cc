// Keys with names, origins, hosts, proxies.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

constexpr const char* kDigest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

TEST(Access, NamedKeys) {
  const ConfigPtr config = accepted(
      "apiKeys: [plain, {key: anna-key, name: anna}, plain,\n"
      "          {sha256: 2BB80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b,\n"
      "           name: ops, role: operator, models: [qwen*, 'p/?'], maySwap: no},\n"
      "          {key: 12, name: root, role: admin}]\n");
  EXPECT_EQ(config->api_keys, (std::vector<std::string>{"plain", "plain"}));
  ASSERT_EQ(config->named_keys.size(), 3u);
  const NamedKey& anna = config->named_keys[0];
  EXPECT_EQ(anna.name, "anna");
  EXPECT_EQ(anna.text, "anna-key");
  EXPECT_EQ(anna.digest, util::sha256("anna-key"));
  EXPECT_EQ(anna.role, Role::user);
  EXPECT_TRUE(anna.models.empty());
  EXPECT_TRUE(anna.may_swap);
  const NamedKey& ops = config->named_keys[1];
  EXPECT_EQ(ops.text, "");
  EXPECT_EQ(ops.digest, util::sha256("secret"));
  EXPECT_EQ(ops.role, Role::operating);
  EXPECT_EQ(ops.models, (std::vector<std::string>{"qwen*", "p/?"}));
  EXPECT_FALSE(ops.may_swap);
  EXPECT_EQ(config->named_keys[2].text, "12");
  EXPECT_EQ(config->named_keys[2].role, Role::admin);
}

TEST(Access, RefusedKeys) {
  const std::string digest = kDigest;
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"{name: a}", {"apiKeys[0]", "exactly one of"}},
      {"{name: a, key: x, keyFile: y}", {"apiKeys[0]", "exactly one of"}},
      {"{name: a, key: x, sha256: " + digest + "}", {"apiKeys[0]", "exactly one of"}},
      {"{key: x}", {"apiKeys[0].name", "empty"}},
      {"{key: x, name: 'a b'}", {"apiKeys[0].name", "spaces"}},
      {"{key: x, name: \"a\\nb\"}", {"apiKeys[0].name", "control"}},
      {"{key: 'x y', name: a}", {"apiKeys[0].key", "space"}},
      {"{key: '', name: a}", {"apiKeys[0].key", "empty"}},
      {"{key: x, name: a, role: root}", {"apiKeys[0].role", "user, operator, admin"}},
      {"{key: x, name: a, models: []}", {"apiKeys[0].models", "no model"}},
      {"{key: x, name: a, maySwap: perhaps}", {"apiKeys[0].maySwap", "boolean"}},
      {"{sha256: abc, name: a}", {"apiKeys[0].sha256", "64 hexadecimal"}},
      {"{sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, name: a}",
       {"apiKeys[0].sha256", "empty text"}},
      {"{keyFile: /nonexistent-zz/key, name: a}", {"apiKeys[0].keyFile", "/nonexistent-zz/key"}},
      {"{keyFile: /dev/zero, name: a}", {"apiKeys[0].keyFile", "no regular file"}},
      {"{keyFile: /, name: a}", {"apiKeys[0].keyFile", "no regular file"}},
      {"{key: x, name: a}, {key: x, name: b}", {"apiKeys[1]", "twice"}},
      {"{key: secret, name: a}, {sha256: " + digest + ", name: b}", {"apiKeys[1]", "twice"}},
      {"x, {key: x, name: b}", {"apiKeys[1]", "twice"}},
      {"{key: x, name: b}, x", {"apiKeys", "key 1 is given twice"}},
      {"[a]", {"apiKeys", "a string or a mapping"}},
  };
  for (const auto& [text, words] : cases) expect_refused("apiKeys: [" + text + "]", words);
}

TEST(Access, WhatIsWrongWithAKeyDoesNotTellIt) {
  for (const char* text :
       {"apiKeys: [{key: hush, name: a}, {key: hush, name: b}]",
        "apiKeys: [{key: [hush], name: a}]", "apiKeys: [{sha256: hush, name: a}]"}) {
    const auto result = load_all({text});
    EXPECT_FALSE(result.config) << text;
    for (const Problem& problem : result.problems)
      EXPECT_EQ(problem.text().find("hush"), std::string::npos) << problem.text();
  }
}

TEST(Access, UnknownKeysOfAKey) {
  const auto result = load_all({"apiKeys: [x, {key: y, name: a, mayswap: no}]"});
  EXPECT_NE(result.text(Severity::warning).find("apiKeys[1].mayswap"), std::string::npos);
  EXPECT_NE(result.text(Severity::warning).find("maySwap"), std::string::npos);
}

TEST(Access, KeyFile) {
  char folder[] = "/tmp/access-test-XXXXXX";
  ASSERT_TRUE(::mkdtemp(folder));
  const std::filesystem::path path(folder);
  std::ofstream(path / "key") << "from-file \r\nnot this\n";
  std::ofstream(path / "empty") << "\nx\n";
  std::ofstream(path / "c.yaml") << "apiKeys: [{keyFile: key, name: a}]\n";
  Sources sources;
  sources.file = path / "c.yaml";
  const LoadResult result = load(sources, lookup_in({}));
  ASSERT_TRUE(result.config) << result.text(Severity::error);
  EXPECT_EQ(result.config->named_keys[0].text, "from-file");
  const std::string absolute = (path / "key").string();
  EXPECT_EQ(accepted("apiKeys: [{keyFile: " + absolute + ", name: a}]")->named_keys[0].text,
            "from-file");
  expect_refused("apiKeys: [{keyFile: " + (path / "empty").string() + ", name: a}]",
                 {"apiKeys[0].keyFile", "empty"});
  std::filesystem::remove_all(path);
}

TEST(Access, OriginsHostsProxies) {
  const ConfigPtr config = accepted(
      "allowedOrigins: ['https://Example.org/', 'http://a:80', 'https://a:443', 'https://a:80', "
      "'null', '*', 'chrome-extension://abc']\n"
      "allowedHosts: [Swap.Example.org, '*.lan', '*']\n"
      "trustedProxies: [127.0.0.1, 10.0.0.0/8, 'fd00::/8']\n"
      "upstream: {sandbox: yes}\n");
  EXPECT_EQ(config->allowed_origins,
            (std::vector<std::string>{"https://example.org", "http://a", "https://a",
                                      "https://a:80", "null", "*", "chrome-extension://abc"}));
  EXPECT_EQ(config->allowed_hosts, (std::vector<std::string>{"swap.example.org", "*.lan", "*"}));
  EXPECT_EQ(config->trusted_proxies->size(), 3u);
  EXPECT_TRUE(config->sandbox_upstream);
  EXPECT_FALSE(accepted("{}")->trusted_proxies);
  EXPECT_TRUE(accepted("trustedProxies: []")->trusted_proxies->empty());

  for (const char* bad : {"example.org", "https://", "https://a/b", "https://*.a", "://a", "''"})
    expect_refused(std::string("allowedOrigins: ['") + (bad[0] == '\'' ? "" : bad) + "']",
                   {"allowedOrigins", "no origin"});
  for (const char* bad : {"http://a", "a:80", "a/b", "*a", "a.*", "*."})
    expect_refused(std::string("allowedHosts: ['") + bad + "']", {"allowedHosts", "no host"});
  for (const char* bad : {"example.org", "10.0.0.0/40"})
    expect_refused(std::string("trustedProxies: ['") + bad + "']", {"trustedProxies", "no IP"});
}

}  // namespace
}  // namespace llama_swap::config

#include "app/check_secrets.h"

#include <gtest/gtest.h>

#include "app/check_effective.h"
#include "app/check_print.h"
#include "config/test_support.h"

namespace llama_swap::app {
namespace {

TEST(Secrets, Commands) {
  const Secrets secrets{config::Config()};
  const struct {
    const char *text, *want;
  } cases[] = {
      {"s --api-key abc --port 1", "s --api-key ******** --port 1"},
      {"s --api-key=abc", "s --api-key=********"},
      {"s --API-KEY \"a b\" -x", "s --API-KEY ******** -x"},
      {"s --api-key 'a b' -x", "s --api-key ******** -x"},
      {"s --api-key \\\n  abc", "s --api-key \\\n  ********"},
      {"docker run -e HF_TOKEN=abc -e A=1", "docker run -e HF_TOKEN=******** -e A=1"},
      {"s -p ftp://me:pass@h/x", "s -p ftp://me:********@h/x"},
      {"s --max-tokens 5 --keys 7 --cache-type-k q8",
       "s --max-tokens 5 --keys 7 --cache-type-k q8"},
      {"s --api-key-file f", "s --api-key-file f"},
      {"s -hft hf_x -m a", "s -hft ******** -m a"},
      {"curl -H \"Authorization: Bearer abc-def\" x",
       "curl -H \"Authorization: Bearer ********\" x"},
      {"curl -H 'X-Api-Key: abc' x", "curl -H 'X-Api-Key: ********' x"},
      {"export OPENAI_AUTH=abc && s", "export OPENAI_AUTH=******** && s"},
      {"AUTH=Bearer abc", "AUTH=Bearer ********"},
      {"s --pass abc --passes 3", "s --pass ******** --passes 3"},
      {"s http://h/v1?a=1&api_key=abc&b=2", "s http://h/v1?a=1&api_key=********&b=2"},
      {"s sk-abcdefgh 'hf_abcdefgh' task-abcdefgh", "s ******** '********' task-abcdefgh"},
      {"s", "s"},
  };
  for (const auto& c : cases) EXPECT_EQ(secrets.in_command(c.text), c.want);
}

TEST(Secrets, Arguments) {
  const Secrets secrets{config::Config()};
  EXPECT_EQ(secrets.in_arguments({"s", "--api-key", "a b", "--port", "1", "--token=x", "--key"}),
            (std::vector<std::string>{"s", "--api-key", "********", "--port", "1",
                                      "--token=********", "--key"}));
}

TEST(Secrets, Variables) {
  const Secrets secrets{config::Config()};
  for (const char* name : {"API_KEY", "hf_token", "TheSecret", "PASSWORD", "DB_PASS", "AUTH"})
    EXPECT_EQ(secrets.in_env(std::string(name) + "=a=b"), std::string(name) + "=********");
  for (const char* entry : {"CUDA_VISIBLE_DEVICES=0", "A=KEY", "KEY", "KEY=", ""})
    EXPECT_EQ(secrets.in_env(entry), entry);
}

TEST(Secrets, NowhereInWhatIsPrinted) {
  const auto loaded = config::load_text(
      "c.yaml",
      "apiKeys: [client-secret, short, {key: named-secret, name: anna, models: [m]},\n"
      "          {name: b, sha256: "
      "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]\n"
      "tracing: {endpoint: 'http://h', headers: {X-A: of-tracing, X-B: tiny}}\n"
      "peers: {p: {proxy: 'http://h', models: [m], apiKey: peer-secret, filters: {setParams: {x: "
      "peer-secret, y: named-secret}}}}\n"
      "models: {a: {cmd: 's ${PORT} -k client-secret -e A_TOKEN=in-cmd --api-key of-server', env: "
      "[A_KEY=in-env-1], "
      "cmdStop: 'stop in-env-1', proxy: 'http://me:in-url@h', metadata: {y: [in-env-1]}}}\n",
      config::lookup_in({}));
  ASSERT_TRUE(loaded.config) << loaded.text(config::Severity::error);
  config::Node tree = effective(loaded);
  const std::vector<std::string> secrets{
      "client-secret", "short",  "peer-secret",  "in-cmd",     "in-env-1",
      "of-server",     "in-url", "named-secret", "of-tracing", "tiny"};
  const std::string open = yaml_with_places(tree, loaded.sources);
  Secrets(*loaded.config).hide(tree);
  const std::string masked = yaml_with_places(tree, loaded.sources);
  for (const std::string& secret : secrets) {
    EXPECT_NE(open.find(secret), open.npos) << secret;
    EXPECT_EQ(masked.find(secret), masked.npos) << secret << " in\n" << masked;
  }
}

}  // namespace
}  // namespace llama_swap::app

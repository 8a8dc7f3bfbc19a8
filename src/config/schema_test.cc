// The schema holds what the table of keys says, and its copy in docs/ is up to date. That it
// accepts what the loader accepts is seen in tests/e2e/test_config_schema.py, where there is a
// validator.
#include "config/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace llama_swap::config {
namespace {

using Json = nlohmann::ordered_json;

TEST(Schema, HoldsWhatTheTableSays) {
  const Json all = schema();
  const Json& root = all["properties"];
  EXPECT_EQ(all["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_FALSE(all.contains("additionalProperties"));  // unknown keys are only warned about

  const Json& model = root["models"]["additionalProperties"]["properties"];
  EXPECT_EQ(model["ttl"], Json::parse(R"({
    "description": "Seconds without requests until the model is unloaded; 0: never, -1: globalTTL.",
    "default": -1, "$ref": "#/$defs/integer", "minimum": -1})"));
  EXPECT_EQ(model["proxy"]["default"], "http://localhost:${PORT}");
  EXPECT_EQ(model["unlisted"]["default"], false);
  EXPECT_EQ(model["stopScope"]["anyOf"], Json::parse(R"([{"enum": ["tree", "group", null]},
                                                         {"$ref": "#/$defs/macro"}])"));
  EXPECT_EQ(model["timeouts"]["properties"]["responseHeader"]["default"], 0);
  EXPECT_FALSE(model["cmd"].contains("default"));

  EXPECT_EQ(root["peers"]["additionalProperties"]["properties"]["timeouts"]["properties"]
                ["responseHeader"]["default"],
            60);
  EXPECT_EQ(root["matrix"]["properties"]["evict_costs"]["additionalProperties"],
            Json::parse(R"({"$ref": "#/$defs/integer", "minimum": 1})"));
  EXPECT_EQ(root["ui"]["properties"]["activity"]["properties"]["session_id"]["default"],
            Json::parse(R"(["X-Session-ID", "X-Litellm-Session-Id"])"));
  EXPECT_EQ(root["maxRequestBody"]["default"], "1GiB");
  EXPECT_EQ(root["logLevel"]["anyOf"][0]["enum"],
            Json::parse(R"(["debug", "info", "warn", "error", null])"));
  EXPECT_EQ(root["store"]["description"],
            "The persistent activity log; absent: in memory.");
  EXPECT_EQ(root["peers"]["additionalProperties"]["properties"]["timeouts"]["properties"]
                ["expectContinue"]["description"],
            "Seconds to wait for a 100-continue answer. Read, not used yet.");
}

TEST(Schema, CopyInDocsIsUpToDate) {
  const std::string path = SOURCE_DIR "/docs/config-schema.json";
  const std::string text = schema().dump(2) + "\n";
  if (std::getenv("WRITE_SCHEMA")) std::ofstream(path) << text;
  std::ostringstream copy;
  copy << std::ifstream(path).rdbuf();
  EXPECT_TRUE(copy.str() == text) << path
                                  << " is not what the table of keys makes; write it anew with\n"
                                  << "  WRITE_SCHEMA=1 config_test --gtest_filter='Schema.*'";
}

}  // namespace
}  // namespace llama_swap::config

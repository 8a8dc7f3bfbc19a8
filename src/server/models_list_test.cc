#include "server/models_list.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

using swap::State;

// States by id; all others are stopped.
StateOf states(std::map<std::string, State> by_id) {
  return [by_id = std::move(by_id)](const std::string& id) {
    const auto found = by_id.find(id);
    return found == by_id.end() ? State::stopped : found->second;
  };
}

Json list_of(const config::Config& config, const StateOf& state_of,
             const config::Profile* active = nullptr) {
  const Directory directory(config);
  return models_list(config, directory, state_of, active, 1767225600)["data"];
}

std::vector<std::string> ids(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list) out.push_back(item["id"]);
  return out;
}

TEST(ModelsList, OfASelectorOnlyTargetsThatTheCallerMayUse) {
  config::Config config;
  testing::add_model(config, "mine");
  testing::add_model(config, "other");
  for (const char* id : {"first-is-mine", "pin-mine", "pin-other"}) config.selectors[id].id = id;
  config.selectors["first-is-mine"].targets = {"other", "mine"};
  config.selectors["first-is-mine"].strategy = config::Strategy::warm;
  config.selectors["pin-mine"].targets = {"mine", "other"};
  config.selectors["pin-mine"].strategy = config::Strategy::pin;
  config.selectors["pin-other"].targets = {"other", "mine"};
  config.selectors["pin-other"].strategy = config::Strategy::pin;
  config::NamedKey key;
  key.models = {"mine"};
  const Directory directory(config);
  const StateOf state_of = states({{"other", State::ready}});
  const Json list = models_list(config, directory, state_of, nullptr, 0, Caller(key))["data"];
  ASSERT_EQ(ids(list), (std::vector<std::string>{"first-is-mine", "mine", "pin-mine"}));
  for (const std::size_t i : {0, 2}) {
    EXPECT_EQ(list[i]["meta"]["llamaswap"]["targets"], Json({"mine"}));
    EXPECT_EQ(list[i]["status"]["value"], "unloaded");
  }
  const Json all = models_list(config, directory, state_of, nullptr, 0)["data"];
  EXPECT_EQ(all[0]["meta"]["llamaswap"]["targets"], Json({"other", "mine"}));
  EXPECT_EQ(all[0]["status"]["value"], "loaded");
}

TEST(ModelsList, OnlyWhatTheCallerMayUse) {
  config::Config config;
  config.include_aliases_in_list = true;
  testing::add_model(config, "mine").aliases = {"nick"};
  testing::add_model(config, "other").aliases = {"theirs"};
  testing::add_peer(config, "p", {"a", "b"});
  for (const char* id : {"s-mine", "s-other"}) config.selectors[id].id = id;
  config.selectors["s-mine"].strategy = config::Strategy::warm;
  config.selectors["s-mine"].targets = {"other", "mine"};
  config.selectors["s-other"].targets = {"other"};
  config::Profile profile;
  profile.pins = {{"pin-mine", "mine"}, {"pin-other", "other"}, {"pin-selector", "s-mine"}};
  config::NamedKey key;
  key.models = {"mine", "p/a"};
  const Caller caller(key);
  const Directory directory(config);
  const auto state_of = states({{"mine", State::ready}, {"other", State::ready}});
  EXPECT_EQ(
      ids(models_list(config, directory, state_of, &profile, 0, caller)["data"]),
      (std::vector<std::string>{"mine", "nick", "p/a", "pin-mine", "pin-selector", "s-mine"}));
  EXPECT_EQ(running_list(config, state_of, caller)["running"].size(), 1u);
  EXPECT_EQ(running_list(config, state_of)["running"].size(), 2u);
}

TEST(ModelsList, LocalRecord) {
  config::Config config;
  config::Model& m1 = testing::add_model(config, "m1");
  m1.name = " Model One ";
  m1.aliases = {"gpt-x"};
  m1.capabilities.context = 32768;
  m1.metadata = Json{{"note", "hi"}, {"type", "mine"}, {"context_length", 1}};
  EXPECT_EQ(list_of(config, states({{"m1", State::stopping}}))[0],
            Json::parse(R"({"id":"m1","object":"model","created":1767225600,"owned_by":"llama-swap",
              "name":"Model One","context_length":32768,
              "meta":{"llamaswap":{"note":"hi","type":"model","aliases":["gpt-x"]},"n_ctx":32768},
              "status":{"value":"loaded"}})"));
}

TEST(ModelsList, MetadataStaysWithoutCapabilities) {
  config::Config config;
  testing::add_model(config, "m").metadata = Json{{"context_length", 4096}};
  const Json record = list_of(config, states({}))[0];
  EXPECT_EQ(record["meta"], Json::parse(R"({"llamaswap":{"context_length":4096,"type":"model"}})"));
  EXPECT_EQ(record["status"]["value"], "unloaded");
  for (const char* absent :
       {"name", "description", "architecture", "capabilities", "context_length"})
    EXPECT_FALSE(record.contains(absent)) << absent;
}

TEST(ModelsList, Capabilities) {
  const struct {
    config::Capabilities capabilities;
    const char* architecture;
    const char* flags;
  } cases[] = {
      {{{"text", "image"}, {"text", "audio"}, true, false, 0},
       R"({"input_modalities":["text","image"],"output_modalities":["text","audio"],
           "modality":"text+image->text+audio"})",
       R"({"vision":true,"audio_speech":true,"function_calling":true})"},
      {{{"audio"}, {"text"}, false, false, 0},
       R"({"input_modalities":["audio"],"output_modalities":["text"],"modality":"audio->text"})",
       R"({"audio_transcriptions":true})"},
      {{{"text", "image"}, {"image"}, false, false, 0},
       R"({"input_modalities":["text","image"],"output_modalities":["image"],
           "modality":"text+image->image"})",
       R"({"vision":true,"image_generation":true,"image_to_image":true})"},
      {{{"image"}, {}, false, false, 0}, R"({"input_modalities":["image"]})", R"({"vision":true})"},
      {{{"text"}, {"text"}, false, false, 0},
       R"({"input_modalities":["text"],"output_modalities":["text"],"modality":"text->text"})",
       "null"},
      {{{}, {}, false, true, 0}, "null", R"({"reranker":true})"},
  };
  for (const auto& c : cases) {
    config::Config config;
    testing::add_model(config, "m").capabilities = c.capabilities;
    const Json record = list_of(config, states({}))[0];
    EXPECT_EQ(record.value("architecture", Json()), Json::parse(c.architecture));
    EXPECT_EQ(record.value("capabilities", Json()), Json::parse(c.flags));
    EXPECT_EQ(record.contains("supported_parameters"), c.capabilities.tools);
  }
}

TEST(ModelsList, KindsAndOrder) {
  config::Config config;
  config::Model& b = testing::add_model(config, "b");
  b.aliases = {"z", " "};
  b.description = "first";
  testing::add_model(config, "hidden").unlisted = true;
  config.aliases = {{"z", "b"}};
  testing::add_peer(config, "p", {"m", "a/b"});
  config::Selector selector;
  selector.id = "auto";
  selector.strategy = config::Strategy::spillover;
  selector.targets = {"z", "p/m"};
  selector.spillover = 3;
  config.selectors["auto"] = selector;
  selector.unlisted = true;
  config.selectors["secret"] = selector;

  EXPECT_EQ(ids(list_of(config, states({}))),
            (std::vector<std::string>{"auto", "b", "p/a/b", "p/m"}));
  config.include_aliases_in_list = true;
  const Json list = list_of(config, states({{"b", State::starting}}));
  ASSERT_EQ(ids(list), (std::vector<std::string>{"auto", "b", "p/a/b", "p/m", "z"}));
  EXPECT_EQ(
      list[0]["meta"]["llamaswap"],
      Json::parse(
          R"({"type":"selector","strategy":"spillover","targets":["z","p/m"],"spillover":3})"));
  EXPECT_EQ(list[0]["status"]["value"], "loaded");
  EXPECT_EQ(list[3]["name"], "p: m");
  EXPECT_EQ(list[3]["meta"]["llamaswap"], Json::parse(R"({"type":"peer","peerID":"p"})"));
  EXPECT_EQ(list[3]["status"]["value"], "unloaded");
  EXPECT_EQ(list[4]["meta"]["llamaswap"], Json::parse(R"({"type":"alias","modelID":"b"})"));
  EXPECT_EQ(list[4]["description"], "first");
  EXPECT_EQ(list[4]["status"]["value"], "loaded");
}

TEST(ModelsList, SelectorStatus) {
  using config::Strategy;
  const struct {
    Strategy strategy;
    State first, second;
    const char* want;
  } cases[] = {
      {Strategy::warm, State::stopped, State::ready, "loaded"},
      {Strategy::warm, State::stopped, State::stopping, "unloaded"},
      {Strategy::pin, State::stopped, State::ready, "unloaded"},
      {Strategy::pin, State::starting, State::stopped, "loaded"},
  };
  for (const auto& c : cases) {
    config::Config config;
    testing::add_model(config, "a");
    testing::add_model(config, "b");
    config::Selector selector;
    selector.id = "s";
    selector.strategy = c.strategy;
    selector.targets = {"a", "b"};
    config.selectors["s"] = selector;
    const Json list = list_of(config, states({{"a", c.first}, {"b", c.second}}));
    EXPECT_EQ(list[2]["status"]["value"], c.want);
  }
}

TEST(ModelsList, PinsOfTheActiveProfile) {
  config::Config config;
  testing::add_model(config, "real");
  testing::add_model(config, "hidden").unlisted = true;
  testing::add_peer(config, "p", {"bare"});
  config.aliases["alias"] = "real";
  config.selectors["sel"].id = "sel";
  config.selectors["sel"].unlisted = true;
  config::Profile profile;
  for (const char* name : {"real", "hidden", "alias", "p/bare", "bare", "sel", "new"})
    profile.pins.emplace_back(name, "real");
  profile.pins.emplace_back("off", "");
  const Json list = list_of(config, states({}), &profile);
  EXPECT_EQ(ids(list), (std::vector<std::string>{"new", "p/bare", "real"}));
  EXPECT_EQ(list[0]["meta"]["llamaswap"], Json::parse(R"({"type":"profile"})"));
}

TEST(ModelsList, RunningAndStatus) {
  config::Config config;
  config::Model& a = testing::add_model(config, "a");
  a.cmd = "srv --port 5800";
  a.proxy = "http://localhost:5800";
  a.ttl = std::chrono::seconds(300);
  testing::add_model(config, "b").unlisted = true;
  testing::add_peer(config, "p", {"m"});
  const StateOf state_of = states({{"a", State::ready}});
  EXPECT_EQ(running_list(config, state_of),
            Json::parse(R"({"running":[{"model":"a","state":"ready","cmd":"srv --port 5800",
              "proxy":"http://localhost:5800","ttl":300,"name":"","description":""}]})"));
  EXPECT_EQ(running_list(config, states({})), Json::parse(R"({"running":[]})"));
  EXPECT_EQ(
      model_status(config, state_of),
      Json::parse(
          R"([{"id":"a","name":"","description":"","state":"ready","unlisted":false,"peerID":""},
              {"id":"b","name":"","description":"","state":"stopped","unlisted":true,"peerID":""},
              {"id":"p/m","name":"","description":"","state":"","unlisted":false,"peerID":"p"}])"));
}

}  // namespace
}  // namespace llama_swap::server

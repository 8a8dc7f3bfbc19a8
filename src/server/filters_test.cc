#include "server/filters.h"

#include <gtest/gtest.h>

#include "server/testing.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

config::Config example() {
  config::Config config;
  config::Model& model = testing::add_model(config, "m");
  model.filters.strip_params = {"a", "b.c"};
  model.filters.set_params = {{"d", "0.10"}, {"e.f", "{\"g\":1}"}};
  model.filters.set_params_by_id = {{"m", {{"h", "1"}}}, {"m:x", {{"h", "2"}, {"i", "3"}}}};
  config.aliases = {{"m:x", "m"}, {"nick", "m"}};
  testing::add_model(config, "plain");
  config::Peer& peer = testing::add_peer(config, "p", {"far"});
  peer.filters.set_params_by_id = {{"p/far", {{"j", "4"}}}, {"far", {{"j", "5"}}}};
  testing::add_peer(config, "q", {"near"});
  return config;
}

// "-key" and "key=value", in their order.
std::string edits(const config::Config& config, const std::string& name) {
  const Filters filters(config);
  const Directory directory(config);
  std::string out;
  for (const JsonEdit* edit : filters.find(directory.find(name), name)) {
    EXPECT_EQ(edit->path, *util::parse_json_path(edit->key));
    out += (edit->value ? edit->key + "=" + *edit->value : "-" + edit->key) + " ";
  }
  return out;
}

TEST(Filters, AreFoundByTheRequestedName) {
  const config::Config config = example();
  EXPECT_EQ(edits(config, "m"), "-a -b.c d=0.10 e.f={\"g\":1} h=1 ");
  EXPECT_EQ(edits(config, "m:x"), "-a -b.c d=0.10 e.f={\"g\":1} h=2 i=3 ");
  EXPECT_EQ(edits(config, "nick"), "-a -b.c d=0.10 e.f={\"g\":1} ");
  EXPECT_EQ(edits(config, "plain"), "");
  EXPECT_EQ(edits(config, "p/far"), "j=4 ");
  EXPECT_EQ(edits(config, "far"), "j=5 ");
  EXPECT_EQ(edits(config, "q/near"), "");
  EXPECT_EQ(edits(config, "nobody"), "");
  EXPECT_EQ(edits(config::Config(), "m"), "");
}

TEST(Filters, NameUpstream) {
  config::Config config = example();
  config.models["m"].use_model_name = "real";
  const Directory directory(config);
  ModelRequest in_body;
  in_body.spans = {{9, 3}};
  const auto name = [&](const std::string& requested, const ModelRequest& found) {
    return upstream_name(directory.find(requested), found, requested);
  };
  EXPECT_EQ(name("m", in_body), "real");
  EXPECT_EQ(name("nick", in_body), "real");
  EXPECT_EQ(name("nick", ModelRequest()), "nick");
  EXPECT_EQ(name("plain", in_body), "plain");
  EXPECT_EQ(name("p/far", in_body), "far");
  EXPECT_EQ(name("p/far", ModelRequest()), "far");
  EXPECT_EQ(name("nobody", in_body), "nobody");
}

}  // namespace
}  // namespace llama_swap::server

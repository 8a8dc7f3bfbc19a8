// Which files are read (1.1), and what happens if that fails.
#include "config/sources.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

namespace fs = std::filesystem;

class SourcesTest : public ::testing::Test {
 protected:
  SourcesTest()
      : root_(fs::path(::testing::TempDir()) / ("config_sources_" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_ / "dir");
  }
  ~SourcesTest() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text = "") {
    std::ofstream(root_ / name) << text;
  }
  std::vector<std::string> listed(const Sources& sources) {
    std::vector<std::string> out;
    const auto files = list_sources(sources);
    if (!files) return {files.error().message};
    for (const fs::path& path : *files) out.push_back(path.lexically_relative(root_).string());
    return out;
  }

  const fs::path root_;
};

using Names = std::vector<std::string>;

TEST_F(SourcesTest, DirectoryInByteOrderBehindTheFile) {
  for (const char* name : {"dir/b.yaml", "dir/a.yml", "dir/B.yaml", "dir/.hidden.yaml",
                           "dir/x.YAML", "dir/y.json", "dir/yaml", "one.yaml"})
    write(name);
  fs::create_directory(root_ / "dir/sub.yaml");
  const Names in_directory{"dir/.hidden.yaml", "dir/B.yaml", "dir/a.yml", "dir/b.yaml"};
  EXPECT_EQ(listed({{}, root_ / "dir"}), in_directory);
  Names both = in_directory;
  both.insert(both.begin(), "one.yaml");
  EXPECT_EQ(listed({root_ / "one.yaml", root_ / "dir"}), both);
  EXPECT_EQ(listed({root_ / "one.yaml", {}}), Names{"one.yaml"});
}

TEST_F(SourcesTest, Refused) {
  const auto no_flags = list_sources({});
  ASSERT_FALSE(no_flags);
  EXPECT_NE(no_flags.error().message.find("-config-dir"), std::string::npos);

  const auto empty = list_sources({{}, root_ / "dir"});
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("no sources"), std::string::npos);
  write("one.yaml");
  EXPECT_TRUE(list_sources({root_ / "one.yaml", root_ / "dir"}));

  const auto missing = list_sources({{}, root_ / "none"});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find((root_ / "none").string()), std::string::npos);

  write("dir/a.yaml");
  const fs::path detour = root_ / "dir/../dir/./a.yaml";
  const auto twice = list_sources({detour, root_ / "dir"});
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find(detour.string()), std::string::npos);
  EXPECT_NE(twice.error().message.find((root_ / "dir/a.yaml").string() + ")"), std::string::npos);
}

TEST_F(SourcesTest, LinksAreFollowedButNotCompared) {
  write("real.yaml", "globalTTL: 0");
  fs::create_symlink(root_ / "real.yaml", root_ / "dir/link.yaml");
  EXPECT_TRUE(load({root_ / "real.yaml", root_ / "dir"}, lookup_in({})).config);

  fs::create_directory_symlink(root_ / "dir", root_ / "dir/loop.yaml");
  const auto result = load({{}, root_ / "dir"}, lookup_in({}));
  EXPECT_FALSE(result.config);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].file, (root_ / "dir/loop.yaml").string());
}

TEST_F(SourcesTest, Loading) {
  write("one.yaml", "models: {owl: {proxy: p, ttl: ${env.T}}}");
  write("dir/two.yaml", "globalTTL: 5\nmodels: {fox: {proxy: p}}");
  const auto result = load({root_ / "one.yaml", root_ / "dir"}, lookup_in({{"T", "7"}}));
  ASSERT_TRUE(result.config) << result.text(Severity::error);
  EXPECT_EQ(model_of(result.config, "owl").ttl, seconds(7));
  EXPECT_EQ(model_of(result.config, "fox").ttl, seconds(5));

  const auto missing = load({root_ / "none.yaml", {}}, lookup_in({}));
  EXPECT_FALSE(missing.config);
  EXPECT_EQ(missing.problems.at(0).file, (root_ / "none.yaml").string());
  EXPECT_NE(missing.text(Severity::error).find("No such file"), std::string::npos);

  write("dir/two.yaml", "models: {owl: {}}");
  const auto clash = load({root_ / "one.yaml", root_ / "dir"}, lookup_in({{"T", "7"}}));
  ASSERT_EQ(clash.problems.size(), 1u);
  EXPECT_EQ(clash.problems[0].file, (root_ / "dir/two.yaml").string());
  EXPECT_EQ(clash.problems[0].key, "models.owl");
}

TEST(ProcessEnvironment, IsThatOfTheProcess) {
  EXPECT_EQ(process_environment()("PATH"), std::string(std::getenv("PATH")));
  EXPECT_EQ(process_environment()("NO_SUCH_VARIABLE_ZZ"), std::nullopt);
}

}  // namespace
}  // namespace llama_swap::config

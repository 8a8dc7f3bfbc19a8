// What is written about the configuration is true: docs/configuration.md has every key with its
// type and default, and an example of it; and whatever is shown anywhere can be loaded.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "config/keys.h"
#include "config/load.h"
#include "config/yaml_tree.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = SOURCE_DIR;
constexpr const char* kReference = "docs/configuration.md";

std::string read(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(kSource / path).rdbuf();
  EXPECT_FALSE(out.str().empty()) << path;
  return out.str();
}

// The YAML blocks of a Markdown file, under the name "file:line" of their first line.
std::vector<Source> yaml_blocks(const std::string& file) {
  const std::string text = read(file);
  std::vector<Source> out;
  int number = 0;
  bool inside = false;
  for (const std::string_view line : util::split(text, '\n')) {
    ++number;
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      out.back().text.append(line).push_back('\n');
    } else if (line == "```yaml") {
      inside = true;
      out.push_back({fmt::format("{}:{}", file, number + 1), ""});
    }
  }
  return out;
}

std::vector<Source> all_examples() {
  std::vector<Source> out;
  for (const auto& entry : fs::directory_iterator(kSource / "examples"))
    if (entry.path().extension() == ".yaml")
      out.push_back({entry.path().filename(), read(entry.path())});
  for (const char* file : {"README.md", kReference})
    for (Source& block : yaml_blocks(file)) out.push_back(std::move(block));
  return out;
}

TEST(Documents, ExamplesLoadWithoutErrorOrWarning) {
  // Every variable is set: which ones there are is the business of who uses the example.
  const EnvLookup anything = [](const std::string& name) { return std::optional(name); };
  // The file with a key that they speak of.
  const fs::path home = fs::path(::testing::TempDir()) / "documents_test";
  fs::create_directories(home / "keys");
  std::ofstream(home / "keys" / "ci") << "a-key\n";
  const auto examples = all_examples();
  EXPECT_GE(examples.size(), 15u);
  for (const Source& example : examples) {
    const fs::path name = home / util::replace_all(example.name, "/", "-");
    const LoadResult result = load_text(name.string(), example.text, anything);
    for (const Problem& problem : result.problems) ADD_FAILURE() << problem.text();
  }
}

std::string listed(std::string_view words) {
  return "`" + util::replace_all(std::string(words), " ", "` `") + "`";
}

std::string type_word(const Key& key) {
  const std::string least = key.least ? fmt::format(" ≥ {}", *key.least) : "";
  switch (key.type) {
    case Type::integer:
      return "integer" + least;
    case Type::boolean:
      return "boolean";
    case Type::string:
      if (!key.choices.empty()) return listed(key.choices);
      return key.words.empty() ? "text" : listed(key.words);
    case Type::duration:
      return "duration";
    case Type::wait:
      return "duration or 0";
    case Type::size:
      return "size" + least;
    case Type::strings:
      return key.choices.empty() ? "list" : "list of " + listed(key.choices);
    case Type::records:
      return "list of texts or sections";
    case Type::value_map:
      return "mapping";
    case Type::value_maps:
      return "mapping of mappings";
    case Type::string_map:
      return "mapping to texts";
    case Type::integer_map:
      return "mapping to integers" + least;
    case Type::section:
      return "section";
    case Type::sections:
      return "named sections";
    case Type::macros:
      return "mapping to scalars";
  }
  return {};
}

// The line of the reference about a key.
std::string row(const Key& key, const std::string& path, bool unused) {
  const std::string initial =
      key.initial.empty() ? "–"
                          : "`" + util::replace_all(std::string(key.initial), "|", "\\|") + "`";
  return fmt::format("| `{}` | {} | {} | {}{} |", path, type_word(key), initial, key.doc,
                     unused ? " *Read, not used yet.*" : "");
}

// What leads from a key to those inside.
std::string_view step(const Key& key) {
  if (key.type == Type::sections) return ".<id>.";
  return key.type == Type::records ? "[]." : ".";
}

// Of the section and all within it. What is used in two places has rows for the first one.
std::vector<std::string> rows(const Section& section, const std::string& prefix, bool unused,
                              std::set<const Section*>& done) {
  std::vector<std::string> out;
  if (!done.insert(&section).second) return out;
  for (const Key& key : section.keys) {
    const std::string path = prefix + std::string(key.name);
    out.push_back(row(key, path, unused || key.unused));
    if (!key.inside) continue;
    const std::string below = path + std::string(step(key));
    for (std::string& line : rows(*key.inside, below, unused || key.unused, done))
      out.push_back(std::move(line));
  }
  return out;
}

TEST(Documents, ReferenceHasEveryKey) {
  std::set<std::string_view> lines;
  const std::string text = read(kReference);
  for (const std::string_view line : util::split(text, '\n')) lines.insert(line);
  std::set<const Section*> done;
  for (const std::string& line : rows(root_section(), "", false, done))
    EXPECT_TRUE(lines.contains(line)) << kReference << " needs this line:\n" << line;
}

TEST(Documents, ReferenceHasNoKeyThatDoesNotExist) {
  std::set<const Section*> done;
  std::set<std::string> known;
  for (std::string& line : rows(root_section(), "", false, done)) known.insert(std::move(line));
  const std::string text = read(kReference);
  for (const std::string_view line : util::split(text, '\n')) {
    if (!line.starts_with("| `")) continue;
    EXPECT_TRUE(known.contains(std::string(line))) << kReference << " has this line:\n" << line;
  }
}

void collect(const Node& node, const Section& section, std::set<const Key*>& out) {
  for (const Entry& entry : node.entries) {
    const Key* key = section.find(entry.key.text);
    if (!key) continue;
    out.insert(key);
    if (key->type == Type::section) collect(entry.value, *key->inside, out);
    for (const Node& item : entry.value.items)
      if (key->type == Type::records) collect(item, *key->inside, out);
    if (key->type != Type::sections) continue;
    for (const Entry& named : entry.value.entries) collect(named.value, *key->inside, out);
  }
}

void expect_all(const Section& section, const std::string& prefix,
                const std::set<const Key*>& shown) {
  for (const Key& key : section.keys) {
    const std::string path = prefix + std::string(key.name);
    EXPECT_TRUE(shown.contains(&key)) << kReference << " has no example of " << path;
    if (key.inside) expect_all(*key.inside, path + std::string(step(key)), shown);
  }
}

TEST(Documents, ReferenceHasAnExampleOfEveryKey) {
  std::set<const Key*> shown;
  for (const Source& block : yaml_blocks(kReference)) {
    const auto parsed = parse_yaml(block.text, -1);
    ASSERT_TRUE(parsed) << block.name << ": " << parsed.error().message;
    collect(parsed->root, root_section(), shown);
  }
  expect_all(root_section(), "", shown);
}

}  // namespace
}  // namespace llama_swap::config

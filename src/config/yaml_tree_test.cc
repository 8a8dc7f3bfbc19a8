#include "config/yaml_tree.h"

#include <gtest/gtest.h>

#include "config/expand.h"
#include "config/test_support.h"
#include "config/yaml_scalar.h"

namespace llama_swap::config {
namespace {

Node parsed(const std::string& text) {
  auto document = parse_yaml(text, 0);
  EXPECT_TRUE(document) << text << (document ? "" : document.error().message);
  if (!document) return {};
  EXPECT_TRUE(document->faults.empty()) << text;
  return std::move(document->root);
}

std::string flat(const Node& node) {
  return json_value(node).dump();
}

// After aliases and merges, as JSON; what was wrong, if it was.
std::string expanded(const std::string& text) {
  const std::vector<Source> sources{{"x", text}};
  Report report(sources);
  const Node root = expand(parsed(text), report);
  if (!report.failed()) return flat(root);
  return report.take().front().message;
}

TEST(YamlTree, TagsOfPlainScalars) {
  static const struct {
    const char* text;
    Tag tag;
    const char* value;  // as text
  } cases[] = {
      {"", Tag::null, ""},
      {"~", Tag::null, ""},
      {"null", Tag::null, ""},
      {"NULL", Tag::null, ""},
      {"nUll", Tag::string, "nUll"},
      {"true", Tag::boolean, "true"},
      {"TRUE", Tag::boolean, "true"},
      {"False", Tag::boolean, "false"},
      {"yes", Tag::string, "yes"},
      {"on", Tag::string, "on"},
      {"0", Tag::integer, "0"},
      {"-7", Tag::integer, "-7"},
      {"+12", Tag::integer, "12"},
      {"0x1F", Tag::integer, "31"},
      {"0o17", Tag::integer, "15"},
      {"010", Tag::integer, "8"},
      {"0b101", Tag::integer, "5"},
      {"-0x10", Tag::integer, "-16"},
      {"1_000", Tag::integer, "1000"},
      {"9223372036854775807", Tag::integer, "9223372036854775807"},
      {"-9223372036854775808", Tag::integer, "-9223372036854775808"},
      {"18446744073709551615", Tag::integer, "18446744073709551615"},
      {"18446744073709551616", Tag::floating, "1.8446744073709552e+19"},
      {"08", Tag::floating, "8"},
      {"1.0", Tag::floating, "1"},
      {".5", Tag::floating, "0.5"},
      {"1e3", Tag::floating, "1000"},
      {"1000000.0", Tag::floating, "1e+06"},
      {"999999.5", Tag::floating, "999999.5"},
      {"1234567.5", Tag::floating, "1.2345675e+06"},
      {"123456789.5", Tag::floating, "1.234567895e+08"},
      {"0.0001", Tag::floating, "0.0001"},
      {"0.00001", Tag::floating, "1e-05"},
      {"-2.5e-7", Tag::floating, "-2.5e-07"},
      {"0.7", Tag::floating, "0.7"},
      {"3.14", Tag::floating, "3.14"},
      {".inf", Tag::floating, "+Inf"},
      {"-.INF", Tag::floating, "-Inf"},
      {".nan", Tag::floating, "NaN"},
      {"0.0", Tag::floating, "0"},
      {"1e-999", Tag::floating, "0"},
      {"1e999", Tag::string, "1e999"},
      {"1.2.3", Tag::string, "1.2.3"},
      {"_1", Tag::string, "_1"},
      {"0x", Tag::string, "0x"},
      {"-", Tag::string, "-"},
      {"2024-01-02", Tag::timestamp, "2024-01-02T00:00:00Z"},
      {"2024-1-2 3:04:05.5", Tag::timestamp, "2024-01-02T03:04:05.5Z"},
      {"2024-01-02T03:04:05.120+01:00", Tag::timestamp, "2024-01-02T03:04:05.12+01:00"},
      {"2024-13-02", Tag::string, "2024-13-02"},
      {"2024-02-30", Tag::string, "2024-02-30"},
      {"text", Tag::string, "text"},
      {"5s", Tag::string, "5s"},
  };
  for (const auto& c : cases) {
    const Node node = scalar(c.text, {});
    EXPECT_EQ(node.tag, c.tag) << c.text;
    EXPECT_EQ(value_text(node), c.value) << c.text;
    EXPECT_EQ(node.text, c.text);
  }
}

TEST(YamlTree, QuotesAndTagsDecide) {
  const Node root = parsed(
      "- \"7\"\n- '~'\n- !!str 7\n- !!int \"7\"\n- !!float 3\n- ! 5\n- !custom 6\n- |\n  8\n- "
      "!!null ''\n");
  const std::vector<Tag> want{Tag::string, Tag::string, Tag::string, Tag::integer, Tag::floating,
                              Tag::string, Tag::string, Tag::string, Tag::null};
  ASSERT_EQ(root.items.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(root.items[i].tag, want[i]) << i;
  EXPECT_EQ(root.items[7].text, "8\n");
}

TEST(YamlTree, BooleanSpellings) {
  for (const char* word : {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"})
    EXPECT_EQ(boolean_value(scalar(word, {})), true) << word;
  for (const char* word :
       {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"})
    EXPECT_EQ(boolean_value(scalar(word, {})), false) << word;
  for (const char* word : {"yEs", "oN", "1", "0", "t", "", "tRue"})
    EXPECT_EQ(boolean_value(scalar(word, {})), std::nullopt) << word;
  EXPECT_EQ(boolean_value(parsed("'yes'")), true);
  EXPECT_EQ(boolean_value(parsed("\"off\"")), false);
  EXPECT_EQ(boolean_value(parsed("\"true\"")), std::nullopt);
}

TEST(YamlTree, NullTildeAndNothingAreToldApart) {
  const Node root = parsed("a:\nb: ~\nc: null\nd: ''\n");
  EXPECT_TRUE(root.find("a")->is_blank());
  EXPECT_TRUE(root.find("b")->is_null());
  EXPECT_FALSE(root.find("b")->is_blank());
  EXPECT_EQ(root.find("c")->text, "null");
  EXPECT_FALSE(root.find("d")->is_null());
  EXPECT_EQ(root.find("e"), nullptr);
}

TEST(YamlTree, Places) {
  const Node root = parsed("a: 1\nb:\n  - x\n  - {ä: \"y z\", k: v}\n");
  EXPECT_EQ(root.entries[1].key.start, (Mark{0, 2, 1}));
  const Node& map = root.find("b")->items[1];
  EXPECT_EQ(map.start, (Mark{0, 4, 5}));
  EXPECT_EQ(map.entries[0].value.start, (Mark{0, 4, 9}));
  EXPECT_EQ(map.entries[0].value.end, (Mark{0, 4, 14}));
  EXPECT_EQ(map.entries[1].key.start, (Mark{0, 4, 16}));
  EXPECT_EQ(map.end, (Mark{0, 4, 21}));
}

TEST(YamlTree, OnlyTheFirstDocument) {
  EXPECT_EQ(flat(parsed("a: 1\n---\na: [2\n")), R"({"a":1})");
  EXPECT_EQ(flat(parsed("---\na: 1\n...\n---\nb: 2\n")), R"({"a":1})");
  EXPECT_TRUE(parsed("").is_null());
  EXPECT_TRUE(parsed("# only a comment\n").is_null());
  EXPECT_TRUE(parsed("---\n").is_null());
}

TEST(YamlTree, AliasesAndMerges) {
  static const struct {
    const char* name;
    const char* text;
    const char* want;
  } cases[] = {
      {"alias", "a: &a [1, x]\nb: *a", R"({"a":[1,"x"],"b":[1,"x"]})"},
      {"the last anchor of a name counts", "a: &a 1\nb: *a\nc: &a 2\nd: *a",
       R"({"a":1,"b":1,"c":2,"d":2})"},
      {"alias within an anchor", "a: &a {k: &k 1}\nb: &b [*a, *k]\nc: *b",
       R"({"a":{"k":1},"b":[{"k":1},1],"c":[{"k":1},1]})"},
      {"merge", "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}",
       R"({"a":{"x":1,"y":2},"b":{"y":3,"z":4,"x":1}})"},
      {"merge of a list, the earlier wins", "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}",
       R"({"a":{"x":1},"b":{"x":2,"y":2},"c":{"x":1,"y":2}})"},
      {"merge of a merge", "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}",
       R"({"a":{"x":1},"b":{"y":2,"x":1},"c":{"y":2,"x":1}})"},
      {"merge of a mapping in place", "c: {<<: {x: 1}}", R"({"c":{"x":1}})"},
      {"quoted, it is a key", "c: {'<<': 1}", R"({"c":{"<<":1}})"},
      {"alias as a key", "a: &a k\nb: {*a : 1}", R"({"a":"k","b":{"k":1}})"},
      {"merge of something else", "c: {<<: 5}", "a merge needs a mapping, or a list of mappings"},
      {"in a macros block it is no merge", "a: &a {x: 1}\nmacros: {<<: *a}",
       R"({"a":{"x":1},"macros":{"<<":{"x":1}}})"},
  };
  for (const auto& c : cases) EXPECT_EQ(expanded(c.text), c.want) << c.name;
}

TEST(YamlTree, SyntaxErrors) {
  static const struct {
    const char* text;
    Mark at;
    const char* words;
  } cases[] = {
      {"a: [1, 2\nb: 3", {0, 2, 2}, "flow sequence"},
      {"a: 1\n b: 2", {0, 2, 3}, "mapping values"},
      {"a: *x", {0, 1, 4}, "unknown anchor \"x\""},
      {"a: &a [*a]", {0, 1, 8}, "contains itself"},
      {"\tb", {0, 1, 1}, "token"},
      {"a: \"x", {0, 1, 6}, "quoted scalar"},
      {"a: b\x01", {0, 1, 5}, "control characters"},
      {"ä: 1\nb: ä\x01\nc: 2", {0, 2, 5}, "control characters"},
      {"a: 1\nb: caf\xe9\nc: 2\n", {0, 2, 7}, "UTF-8"},
      {"a: 1\nb: \xe2\x82-\nc: 2\n", {0, 2, 4}, "UTF-8"},  // broken off
      {"a: 1\nb: ä\x80\n", {0, 2, 5}, "UTF-8"},
      {"\xEF\xBB\xBF"
       "a: \xff",
       {0, 1, 4},
       "UTF-8"},
  };
  for (const auto& c : cases) {
    const auto document = parse_yaml(c.text, 0);
    ASSERT_FALSE(document) << c.text;
    EXPECT_EQ(document.error().at.line, c.at.line) << c.text;
    EXPECT_EQ(document.error().at.column, c.at.column) << c.text;
    EXPECT_NE(document.error().message.find(c.words), std::string::npos)
        << document.error().message;
  }
}

TEST(YamlTree, FaultsOfGoodYaml) {
  static const struct {
    const char* text;
    int line, column;
    const char* words;
  } cases[] = {
      {"a: 1\nb: 2\na: 3", 3, 1, "duplicate key \"a\": already defined in line 1"},
      {"7: 1\n'7': 2", 2, 1, "duplicate key"},
      {"a: {<<: {}, <<: {}}", 1, 13, "duplicate key \"<<\""},
      {"? [a]\n: 1", 1, 3, "a key must be text"},
      {"a: {{b}: 1}", 1, 5, "a key must be text"},
      {"a: !!int x", 1, 4, "\"x\" is not a"},
  };
  for (const auto& c : cases) {
    const auto document = parse_yaml(c.text, 0);
    ASSERT_TRUE(document) << c.text;
    ASSERT_EQ(document->faults.size(), 1u) << c.text;
    EXPECT_EQ(document->faults[0].at, (Mark{0, c.line, c.column})) << c.text;
    EXPECT_NE(document->faults[0].message.find(c.words), std::string::npos)
        << document->faults[0].message;
  }
}

TEST(YamlTree, Bounds) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(parse_yaml(nested(kMaxDepth), 0));
  EXPECT_FALSE(parse_yaml(nested(kMaxDepth + 1), 0));
  EXPECT_FALSE(parse_yaml(std::string(kMaxTextBytes + 1, ' '), 0));

  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) laughs += (k ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_EQ(expanded(laughs), "aliases expand to more than a configuration may hold");

  std::string nested_anchors(kMaxTextBytes / 8, 'x');
  for (int i = 0; i < 40; ++i)
    nested_anchors = "&a" + std::to_string(i) + " [" + nested_anchors + "]";
  EXPECT_FALSE(parse_yaml(nested_anchors, 0));
}

}  // namespace
}  // namespace llama_swap::config

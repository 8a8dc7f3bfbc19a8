#include "matrix/sets.h"

#include <gtest/gtest.h>

#include <string>

namespace llama_swap::matrix {
namespace {

// Knows the models a to z; var "v-1" is model a, and the var "b" hides a model.
std::optional<Model> lookup(std::string_view name) {
  if (name == "v-1") return 0;
  if (name == "b") return 25;
  if (name.size() != 1 || name[0] < 'a' || name[0] > 'z') return std::nullopt;
  return static_cast<Model>(name[0] - 'a');
}

std::string text_of(const Sets& sets, std::size_t number) {
  const Term& term = sets.terms()[number];
  if (term.kind == Term::model) return std::string(1, static_cast<char>('a' + term.of));
  std::string out;
  for (std::size_t child : sets.children(term))
    out += (out.empty() ? "(" : term.kind == Term::all_of ? "&" : "|") + text_of(sets, child);
  return out + ")";
}

// "first: a; second: (a|b); ", in the order in which they are looked at.
std::string built(const Sets::Definitions& definitions) {
  const auto sets = Sets::build(definitions, lookup);
  if (!sets) return "refused";
  std::string out;
  for (std::size_t set : sets->order())
    out += sets->name(set) + ": " + text_of(*sets, sets->root(set)) + "; ";
  return out;
}

TEST(Sets, NamesAndOrder) {
  static const struct {
    Sets::Definitions definitions;
    const char* want;
  } cases[] = {
      {{{"s", "a & c"}}, "s: (a&c); "},
      {{{"s", "v-1 | a"}}, "s: (a|a); "},
      {{{"s", "b"}}, "s: z; "},  // the var, not the model
      {{{"big", "+small & t"}, {"small", "a | c"}}, "small: (a|c); big: ((a|c)&t); "},
      {{{"x", "+z | +y"}, {"y", "a"}, {"z", "+y & c"}}, "y: a; z: (a&c); x: ((a&c)|a); "},
      {{{"a", "+b"}, {"b", "+c"}, {"c", "d"}}, "c: d; b: d; a: d; "},
      {{{"a", "b"}, {"b", "a"}}, "a: z; b: a; "},  // names of sets and models do not mix
      {{}, ""},
  };
  for (const auto& c : cases) EXPECT_EQ(built(c.definitions), c.want);
}

TEST(Sets, Refused) {
  static const struct {
    Sets::Definitions definitions;
    std::vector<std::string> want;  // "set@place message"
  } cases[] = {
      {{{"s", "zz"}}, {"0@0 set \"s\": unknown var or model \"zz\""}},
      {{{"s", "+zz"}}, {"0@0 set \"s\": +zz refers to an undefined set"}},
      {{{"s", "a & zz | +t"}},
       {"0@4 set \"s\": unknown var or model \"zz\"",
        "0@9 set \"s\": +t refers to an undefined set"}},
      {{{"s", " "}, {"t", "zz"}, {"u", "(a"}},
       {"0@0 set \"s\": empty expression", "1@0 set \"t\": unknown var or model \"zz\"",
        "2@0 set \"u\": missing closing parenthesis"}},
      {{{"s", "+s"}}, {"0@0 set \"s\": circular reference: +s leads back to this set"}},
      {{{"r", "+s"}, {"s", "a & +t"}, {"t", "+u | c"}, {"u", "(+s)"}},
       {"3@1 set \"u\": circular reference: +s leads back to this set"}},
      // Only when everything else is right.
      {{{"s", "+s"}, {"t", "zz"}}, {"1@0 set \"t\": unknown var or model \"zz\""}},
  };
  for (const auto& c : cases) {
    const auto sets = Sets::build(c.definitions, lookup);
    ASSERT_FALSE(sets);
    std::vector<std::string> got;
    for (const SetFault& fault : sets.error())
      got.push_back(std::to_string(fault.set) + "@" + std::to_string(fault.at) + " " +
                    fault.message);
    EXPECT_EQ(got, c.want);
  }
}

TEST(Sets, LongChains) {
  constexpr int kLength = 100'000;
  Sets::Definitions definitions;
  for (int i = 0; i < kLength; ++i)
    definitions.emplace_back("s" + std::to_string(i), "+s" + std::to_string(i + 1) + " & a");
  definitions.emplace_back("s" + std::to_string(kLength), "c");
  const auto sets = Sets::build(definitions, lookup);
  ASSERT_TRUE(sets);
  EXPECT_EQ(sets->order().front(), static_cast<std::size_t>(kLength));
  EXPECT_EQ(sets->order().back(), 0u);
}

}  // namespace
}  // namespace llama_swap::matrix

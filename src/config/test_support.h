// For the tests of this folder: configurations as text, and what must be said when they are
// refused.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "config/load.h"

namespace llama_swap::config {

using Environment = std::map<std::string, std::string>;

inline EnvLookup lookup_in(Environment variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

// Several texts become files 1.yaml, 2.yaml, …
inline LoadResult load_all(const std::vector<std::string>& texts, const Environment& env = {}) {
  std::vector<Source> sources;
  for (const std::string& text : texts)
    sources.push_back({std::to_string(sources.size() + 1) + ".yaml", text});
  return load_texts(std::move(sources), lookup_in(env));
}

// A null pointer (and a failed test) if it is refused.
inline ConfigPtr accepted_all(const std::vector<std::string>& texts, const Environment& env = {}) {
  const LoadResult result = load_all(texts, env);
  EXPECT_TRUE(result.config) << result.text(Severity::error) << "\nfor:\n" << texts.front();
  // So that a failed test goes on instead of crashing.
  return result.config ? result.config : std::make_shared<const Config>();
}
inline ConfigPtr accepted(const std::string& text, const Environment& env = {}) {
  return accepted_all({text}, env);
}

// One of the errors must hold all the words.
inline void expect_all_refused(const std::vector<std::string>& texts,
                               const std::vector<std::string>& words, const Environment& env = {}) {
  const LoadResult result = load_all(texts, env);
  EXPECT_FALSE(result.config) << "accepted:\n" << texts.front();
  for (const Problem& problem : result.problems) {
    // Without the quoted line: it holds most words anyway.
    const std::string said = problem.file + ": " + problem.key + ": " + problem.message;
    const bool all = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
      return said.find(word) != said.npos;
    });
    if (problem.severity == Severity::error && all) return;
  }
  ADD_FAILURE() << "no error with " << ::testing::PrintToString(words) << " but:\n"
                << result.text(Severity::error) << "\nfor:\n"
                << texts.front();
}
inline void expect_refused(const std::string& text, const std::vector<std::string>& words,
                           const Environment& env = {}) {
  expect_all_refused({text}, words, env);
}

// The only model of the configuration, or the one of that name. A default one if it is not there.
inline Model model_of(const ConfigPtr& config, const std::string& id = "owl") {
  const auto found = config->models.find(id);
  EXPECT_NE(found, config->models.end()) << id;
  return found == config->models.end() ? Model() : found->second;
}

struct Refused {
  const char* text;
  std::vector<std::string> words;
};

}  // namespace llama_swap::config

// What loading a configuration of 1,000 models costs, beside what libyaml alone needs to parse the
// same text.
//
//   config        a table in Markdown: medians of 21 turns, in milliseconds of CPU time
#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "config/load.h"

namespace {

using namespace llama_swap;

constexpr int kModels = 1000;
constexpr int kTurns = 21;

struct Case {
  const char* name;
  std::string text;
};

std::string with_macros(std::string_view token) {
  std::string text = fmt::format(R"(macros:
  root: /srv/models
  server: /usr/local/bin/llama-server
  common: "--host 127.0.0.1 --port ${{PORT}} --no-webui"
  gpu: "-ngl 99 --flash-attn on"
  run: "${{server}} ${{common}} ${{gpu}}"
  context: 8192
  temperature: 0.7
globalTTL: 600
apiKeys: [{}]
models:
)",
                                 token);
  for (int i = 0; i < kModels; ++i) {
    text += fmt::format(R"(  model-{0:04}:
    macros:
      size: {1}b
      file: "${{root}}/family-{2}-${{size}}.gguf"
      context: {3}
    cmd: |
      # started by llama-swap
      ${{run}}
      --model ${{file}} --ctx-size ${{context}}
      --alias ${{MODEL_ID}}
    name: "Family {2}, ${{size}}"
    description: Model number {0} of the benchmark
    aliases: [alias-{0}, "family-{2}:${{size}}-{0}"]
    env: ["CUDA_VISIBLE_DEVICES={4}", "MODEL=${{MODEL_ID}}"]
    ttl: {3}
    filters:
      stripParams: "top_k, seed"
      setParams: {{temperature: "${{temperature}}", max_tokens: "${{context}}"}}
    metadata: {{port: "${{PORT}}", context: "${{context}}", tags: [bench, "${{size}}"]}}
)",
                        i, 1 + i % 70, i % 20, 1024 * (1 + i % 16), i % 8);
  }
  return text;
}

std::string plain() {
  std::string text = "models:\n";
  for (int i = 0; i < kModels; ++i)
    text += fmt::format(
        "  model-{0:04}:\n    cmd: serve --port ${{PORT}} --model /srv/models/{0}.gguf\n    ttl: "
        "600\n",
        i);
  return text;
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

void parse_only(const std::string& text) {
  yaml_parser_t parser;
  yaml_parser_initialize(&parser);
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  for (bool more = true; more;) {
    yaml_event_t event;
    check(yaml_parser_parse(&parser, &event), "libyaml refuses the text");
    more = event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
}

config::LoadResult load(const std::string& text) {
  auto loaded = config::load_text(
      "bench.yaml", text, [](const std::string&) { return std::optional<std::string>("a-key"); });
  check(loaded.config && loaded.config->models.size() == kModels && loaded.problems.empty(),
        "the text is refused");
  return loaded;
}

// Of CPU time: other work on the machine does not count.
double milliseconds(const std::function<void()>& act) {
  const std::clock_t begin = std::clock();
  act();
  return 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main() {
  const std::vector<Case> cases = {{"three lines a model, no macros", plain()},
                                   {"with macros", with_macros("a-key")},
                                   {"with macros and ${env.KEY}", with_macros("\"${env.KEY}\"")}};
  std::printf("| 1,000 models | KiB | libyaml ms | load ms | ratio |\n|---|---|---|---|---|\n");
  for (const Case& one : cases) {
    // In turns, and the ratio within each, so that a slow moment hits both.
    std::vector<double> parsing, loading, ratios;
    for (int turn = 0; turn < kTurns; ++turn) {
      parsing.push_back(milliseconds([&] { parse_only(one.text); }));
      config::LoadResult loaded;  // to drop it again is no part of loading
      loading.push_back(milliseconds([&] { loaded = load(one.text); }));
      ratios.push_back(loading.back() / parsing.back());
    }
    std::printf("| %s | %zu | %.1f | %.1f | %.1f |\n", one.name, one.text.size() / 1024,
                median(parsing), median(loading), median(ratios));
  }
}

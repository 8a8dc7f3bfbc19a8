#include "config/decode.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>

namespace llama_swap::config {

seconds whole_seconds(std::int64_t count) {
  constexpr std::int64_t kLimit = 9'000'000'000;
  return seconds(std::clamp(count, -kLimit, kLimit));
}

int saturated(std::int64_t value) {
  return static_cast<int>(std::clamp<std::int64_t>(value, std::numeric_limits<int>::min(),
                                                   std::numeric_limits<int>::max()));
}

std::vector<std::string> read_patterns(const Reader& reader, std::string_view key) {
  std::vector<std::string> out;
  for (auto& pattern : reader.placed_strings(key)) {
    const RE2 compiled(pattern.value, RE2::Quiet);
    if (!compiled.ok()) {
      reader.error_at(
          pattern.at, key,
          fmt::format("invalid pattern {}: {}", in_quotes(pattern.value), compiled.error()));
    }
    out.push_back(std::move(pattern.value));
  }
  return out;
}

Config decode(const Node& root_node, const Ports& ports, Report& report) {
  const Reader root(&root_node, root_section(), "", root_node.start, report);
  Config config;
  read_global_settings(root, config);
  read_tracing(root, config);
  read_access(root, config);
  read_models(root, ports, config);
  read_peers(root, config);
  // What follows compares names: it would only repeat what is known to be wrong.
  if (report.failed()) return config;
  read_aliases(root, config);
  read_routing(root, config);
  read_preload(root, config);
  read_selectors(root, config);
  read_profiles(root, config);
  check_peer_names(root, config);
  return config;
}

}  // namespace llama_swap::config

// Keys nobody reads are usually slips of the pen.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "config/reader.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

// As it would look without case and separators: check_endpoint and CheckEndpoint are both
// checkendpoint.
std::string essence(std::string_view key) {
  std::string out = util::lower(key);
  std::erase_if(out, [](char c) { return c == '_' || c == '-'; });
  return out;
}

// Insertions, deletions, changes and swaps of neighbours that lead from one word to the other.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

// The known key this one was probably meant to be; empty: none is near.
std::string_view nearest(std::string_view key, const Section& section) {
  constexpr std::size_t kMaxLength = 64;  // no key is that long
  const std::string wanted = essence(key);
  if (wanted.empty() || wanted.size() > kMaxLength) return {};
  std::string_view best;
  std::size_t best_distance = 1 + std::max<std::size_t>(1, wanted.size() / 4);
  for (const Key& known : section.keys) {
    const std::size_t here = distance(wanted, essence(known.name));
    if (here >= best_distance) continue;
    best_distance = here;
    best = known.name;
  }
  return best;
}

void warn(const Node& node, const Section& section, const std::string& path,
          const std::vector<std::string>& silent, Report& report) {
  for (const Entry& entry : node.entries) {
    const std::string& name = entry.key.text;
    const Key* known = section.find(name);
    if (known && !known->inside) continue;
    const std::string here = join_path(path, name);
    if (!known) {
      if (name.starts_with("x-") || std::ranges::find(silent, name) != silent.end()) continue;
      const std::string_view meant = nearest(name, section);
      report.warning(entry.key.start, here,
                     meant.empty() ? fmt::format("unknown key {}: ignored", in_quotes(name))
                                   : fmt::format("unknown key {}: ignored; did you mean {}?",
                                                 in_quotes(name), meant));
    } else if (known->type == Type::section) {
      warn(entry.value, *known->inside, here, {}, report);
    } else if (known->type == Type::sections) {
      for (const Entry& named : entry.value.entries)
        warn(named.value, *known->inside, join_path(here, named.key.text), {}, report);
    } else if (known->type == Type::records) {
      for (std::size_t i = 0; i < entry.value.items.size(); ++i)
        warn(entry.value.items[i], *known->inside, fmt::format("{}[{}]", here, i), {}, report);
    }
  }
}

}  // namespace

void warn_unknown_keys(const Node& root, const std::vector<std::string>& silent, Report& report) {
  warn(root, root_section(), "", silent, report);
}

}  // namespace llama_swap::config

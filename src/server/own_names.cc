#include "server/own_names.h"

#include <unistd.h>

#include <array>
#include <fstream>

#include "util/text.h"

namespace llama_swap::server {
namespace {

std::string_view without_dots(std::string_view domain) {
  while (domain.starts_with('.')) domain.remove_prefix(1);
  while (domain.ends_with('.')) domain.remove_suffix(1);
  return domain;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : line) {
    if (c != ' ' && c != '\t' && c != '\r') {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

// The last line of `search` or `domain` counts.
std::vector<std::string> search_domains(std::string_view resolv_conf) {
  std::vector<std::string> out;
  for (const std::string_view line : util::split(resolv_conf, '\n')) {
    std::vector<std::string> words = words_of(line);
    if (words.empty() || (words[0] != "search" && words[0] != "domain")) continue;
    out.assign(words.begin() + 1, words.end());
  }
  return out;
}

}  // namespace

std::vector<std::string> own_names(std::string_view host_name, std::string_view resolv_conf) {
  const std::string name = util::lower(without_dots(host_name));
  if (name.empty() || name == "localhost") return {};
  if (name.find('.') != std::string::npos) return {name};
  std::vector<std::string> out;
  for (const std::string& domain : search_domains(resolv_conf)) {
    const std::string_view bare = without_dots(domain);
    if (!bare.empty()) out.push_back(name + "." + util::lower(bare));
  }
  return out;
}

std::vector<std::string> own_names() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  std::array<char, 16384> text{};
  std::ifstream file("/etc/resolv.conf");
  file.read(text.data(), text.size());
  return own_names(name.data(), {text.data(), static_cast<std::size_t>(file.gcount())});
}

}  // namespace llama_swap::server

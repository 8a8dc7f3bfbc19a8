// Who may do what: keys of clients, origins, hosts and proxies (5.1; docs/security.md).
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "config/decode.h"
#include "config/sources.h"
#include "util/ip.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

bool has_space_or_control(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

Role role_of(const std::string& text) {
  if (text == "admin") return Role::admin;
  return text == "operator" ? Role::operating : Role::user;
}

// The first line of a file, without white space around it.
util::Result<std::string> first_line(const std::filesystem::path& path) {
  // A pipe would be waited for, and nothing may hold up a reload.
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return util::fail(util::Errc::invalid, "is no regular file");
  const auto content = read_file(path);
  if (!content) return tl::unexpected(content.error());
  return std::string(util::trim(std::string_view(*content).substr(0, content->find('\n'))));
}

// The key itself, from wherever it is given. Nothing: it is wrong, and has been reported.
std::optional<std::string> key_text(const Reader& entry) {
  const std::string_view from = entry.has("keyFile") ? "keyFile" : "key";
  std::string text;
  if (from == "keyFile") {
    const std::filesystem::path path = entry.file_path(from);
    auto line = first_line(path);
    if (!line) {
      entry.error(from, fmt::format("{}: {}", path.string(), line.error().message));
      return std::nullopt;
    }
    text = std::move(*line);
  } else {
    text = entry.string(from);
  }
  if (text.empty()) {
    entry.error(from, "the key is empty");
    return std::nullopt;
  }
  if (has_space_or_control(text)) {
    entry.error(from, "the key contains a space or a control character");
    return std::nullopt;
  }
  return text;
}

// Digest, and text where it is known.
bool read_secret(const Reader& entry, NamedKey& out) {
  const auto given = [&](std::string_view key) { return entry.has(key) ? 1 : 0; };
  if (given("key") + given("keyFile") + given("sha256") != 1) {
    entry.error("", "needs exactly one of key, keyFile and sha256");
    return false;
  }
  if (entry.has("sha256")) {
    const auto digest = util::parse_sha256(util::trim(entry.string("sha256")));
    if (!digest) {
      entry.error("sha256", "must be 64 hexadecimal digits");
      return false;
    }
    if (*digest == util::sha256("")) {
      entry.error("sha256", "is the digest of the empty text, which is no key");
      return false;
    }
    out.digest = *digest;
    return true;
  }
  auto text = key_text(entry);
  if (!text) return false;
  out.digest = util::sha256(*text);
  out.text = std::move(*text);
  return true;
}

NamedKey read_key(const Reader& entry, bool& known) {
  NamedKey out;
  known = read_secret(entry, out);
  out.name = entry.string("name");
  if (out.name.empty()) entry.error("name", "must not be empty: it stands for the key in logs");
  if (has_space_or_control(out.name))
    entry.error("name", "must not contain spaces or control characters");
  out.role = role_of(entry.choice("role"));
  out.models = entry.strings("models");
  // A list that was emptied must not open everything.
  if (entry.has("models") && out.models.empty())
    entry.error("models", "names no model; leave it out to open all of them");
  out.may_swap = entry.boolean("maySwap");
  return out;
}

void read_plain_key(const Reader& root, const Placed<std::string>& key, std::size_t index,
                    Config& config) {
  // Not the key itself: messages end up in logs.
  if (key.value.empty()) root.error_at(key.at, "apiKeys", fmt::format("key {} is empty", index));
  if (key.value.find(' ') != std::string::npos)
    root.error_at(key.at, "apiKeys", fmt::format("key {} contains a space", index));
  config.api_keys.push_back(key.value);
}

// One key cannot open two things. Plain keys are all the same, as often as they are given.
void read_api_keys(const Reader& root, Config& config) {
  std::set<util::Sha256> plain, named;
  std::size_t index = 0;
  for (const auto& item : root.records("apiKeys")) {
    if (const auto* text = std::get_if<Placed<std::string>>(&item)) {
      read_plain_key(root, *text, index, config);
      if (named.contains(util::sha256(text->value)))
        root.error_at(text->at, "apiKeys", fmt::format("key {} is given twice", index));
      plain.insert(util::sha256(text->value));
    } else {
      const Reader& entry = std::get<Reader>(item);
      bool known = false;
      NamedKey key = read_key(entry, known);
      if (known && (plain.contains(key.digest) || !named.insert(key.digest).second))
        entry.error("", "the key is given twice");
      config.named_keys.push_back(std::move(key));
    }
    ++index;
  }
}

bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// "https://host:port" as browsers write it: lower case, without the default port. Nothing: it is
// none.
std::optional<std::string> origin(std::string_view text) {
  std::string out = util::lower(text);
  if (out == "*" || out == "null") return out;
  const auto colon = out.find("://");
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const std::string scheme = out.substr(0, colon);
  if (out.ends_with('/')) out.pop_back();
  const std::string_view authority = std::string_view(out).substr(std::min(out.size(), colon + 3));
  if (authority.empty() || authority.find_first_of("/?#@* ") != std::string_view::npos)
    return std::nullopt;
  for (const auto& [known, port] :
       {std::pair<std::string_view, std::string_view>{"http", ":80"}, {"https", ":443"}})
    if (scheme == known && out.ends_with(port)) out.resize(out.size() - port.size());
  return out;
}

void read_origins(const Reader& root, Config& config) {
  for (const auto& item : root.placed_strings("allowedOrigins")) {
    auto text = origin(util::trim(item.value));
    if (text) {
      config.allowed_origins.push_back(std::move(*text));
    } else {
      root.error_at(item.at, "allowedOrigins",
                    fmt::format("{} is no origin like https://example.org:8443, null or *",
                                in_quotes(item.value)));
    }
  }
}

void read_hosts(const Reader& root, Config& config) {
  for (const auto& item : root.placed_strings("allowedHosts")) {
    std::string text = util::lower(util::trim(item.value));
    const std::string_view name =
        text.starts_with("*.") ? std::string_view(text).substr(2) : std::string_view(text);
    if (text == "*" || is_host(name)) {
      config.allowed_hosts.push_back(std::move(text));
    } else {
      root.error_at(item.at, "allowedHosts",
                    fmt::format("{} is no host name like example.org, *.example.org or * (without "
                                "scheme and port)",
                                in_quotes(item.value)));
    }
  }
}

void read_proxies(const Reader& root, Config& config) {
  if (!root.has("trustedProxies")) return;
  config.trusted_proxies.emplace();
  for (const auto& item : root.placed_strings("trustedProxies")) {
    if (!util::parse_network(item.value))
      root.error_at(
          item.at, "trustedProxies",
          fmt::format("{} is no IP address or network like 10.0.0.0/8", in_quotes(item.value)));
    config.trusted_proxies->push_back(item.value);
  }
}

}  // namespace

void read_access(const Reader& root, Config& config) {
  read_api_keys(root, config);
  read_origins(root, config);
  read_hosts(root, config);
  read_proxies(root, config);
}

}  // namespace llama_swap::config

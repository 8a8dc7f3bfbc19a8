#include "server/router.h"

#include <optional>
#include <set>

#include "util/text.h"

namespace llama_swap::server {
namespace {

bool is_clean(std::string_view path) {
  return path.starts_with('/') && path.find("//") == std::string_view::npos &&
         path.find("/.") == std::string_view::npos;
}

// Does the escaped segment say `literal`?
bool says(std::string_view escaped, std::string_view literal) {
  if (escaped.find('%') == std::string_view::npos) return escaped == literal;
  return util::percent_decode(escaped) == literal;
}

// Matches `path` ("/a/b/") against segments; what a wildcard took, empty if there is none.
std::optional<std::string_view> match_segments(const std::vector<std::string>& segments,
                                               std::string_view path) {
  std::string_view taken;
  for (const std::string& segment : segments) {
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    if (segment == "{...}") return path;
    const std::string_view piece = path.substr(0, path.find('/'));
    path.remove_prefix(piece.size());
    if (segment == "{}") {
      if (piece.empty()) return std::nullopt;
      taken = piece;
    } else if (!says(piece, segment)) {
      return std::nullopt;
    }
  }
  if (!path.empty()) return std::nullopt;
  return taken;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, std::size_t endpoint) {
  if (pattern.find('{') == std::string_view::npos) {
    exact_[std::string(pattern)].emplace(method, endpoint);
    return;
  }
  std::vector<std::string> segments;
  for (const std::string_view piece : util::split(pattern.substr(1), '/'))
    segments.emplace_back(piece);
  for (Pattern& known : patterns_) {
    if (known.segments == segments) {
      known.methods.emplace(method, endpoint);
      return;
    }
  }
  patterns_.push_back({std::move(segments), {{std::string(method), endpoint}}});
}

const std::size_t* Router::endpoint(const Methods& methods, std::string_view method) {
  for (const std::string_view name :
       {method, std::string_view(method == "HEAD" ? "GET" : method), std::string_view()}) {
    const auto found = methods.find(name);
    if (found != methods.end()) return &found->second;
  }
  return nullptr;
}

Router::Hit Router::find(std::string_view path) const {
  auto exact = exact_.find(path);
  if (exact == exact_.end() && path.find('%') != std::string_view::npos &&
      !util::icontains(path, "%2f"))
    exact = exact_.find(util::percent_decode(path));
  if (exact != exact_.end()) return {&exact->second, {}};
  for (const Pattern& pattern : patterns_)
    if (const auto taken = match_segments(pattern.segments, path))
      return {&pattern.methods, *taken};
  return {};
}

std::vector<Router::Found> Router::all(std::string_view path) const {
  std::vector<Found> out;
  const Hit hit = find(path);
  if (hit.methods)
    for (const auto& [method, endpoint] : *hit.methods)
      out.push_back({endpoint, {}, hit.raw_wildcard});
  if (path.ends_with('/')) return out;
  const Methods* const tree = find(std::string(path) + "/").methods;
  if (tree && tree != hit.methods)
    for (const auto& [method, endpoint] : *tree) out.push_back({endpoint, {}, {}});
  return out;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  if (!is_clean(path)) {
    std::string clean = clean_path(path);
    if (clean != path) return Redirect{std::move(clean)};
  }
  const Hit hit = find(path);
  if (hit.methods) {
    if (const std::size_t* found = endpoint(*hit.methods, method))
      return Found{*found, util::percent_decode(hit.raw_wildcard), hit.raw_wildcard};
  }
  // The same with a slash at the end may be the root of a tree ("/ui" and "/ui/...").
  Hit tree;
  const std::string with_slash = std::string(path) + "/";
  if (!path.ends_with('/')) tree = find(with_slash);
  if (tree.methods && endpoint(*tree.methods, method)) return Redirect{with_slash};
  if (!hit.methods && !tree.methods) return Unknown{};

  std::set<std::string> allowed;
  for (const Methods* methods : {hit.methods, tree.methods}) {
    if (!methods) continue;
    for (const auto& [name, unused] : *methods) {
      allowed.insert(name);
      if (name == "GET") allowed.insert("HEAD");
    }
  }
  return WrongMethod{util::join({allowed.begin(), allowed.end()}, ", ")};
}

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> kept;
  bool directory = false;  // ends with a slash, or a dot segment
  for (const std::string_view segment : util::split(path, '/')) {
    directory = segment.empty();
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string clean;
  for (const std::string_view segment : kept) {
    clean += '/';
    clean += segment;
  }
  if (clean.empty() || directory) clean += '/';
  return clean;
}

}  // namespace llama_swap::server

// Which endpoint a request means: a table of (method, pattern), matched against the escaped path
// (http-api 2).
//
// A pattern is a path of literal segments; a segment `{}` takes one non-empty segment, a last
// segment `{...}` takes all the rest, slashes included, also when it is empty. Patterns do not
// overlap except in their methods.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace llama_swap::server {

class Router {
 public:
  struct Found {
    std::size_t endpoint = 0;       // as given to add()
    std::string wildcard;           // what {} or {...} took, decoded
    std::string_view raw_wildcard;  // the same, still escaped; a view into the path
  };
  struct Redirect {
    std::string path;  // escaped; without the query
  };
  struct WrongMethod {
    std::string allow;
  };
  struct Unknown {};
  using Match = std::variant<Found, Redirect, WrongMethod, Unknown>;

  // An empty method means any. GET answers HEAD too.
  void add(std::string_view method, std::string_view pattern, std::size_t endpoint);

  Match match(std::string_view method, std::string_view path) const;
  // What a clean path leads to with any method at all, be it after a redirect. `wildcard` is empty.
  std::vector<Found> all(std::string_view path) const;

 private:
  using Methods = std::map<std::string, std::size_t, std::less<>>;  // by name; "" = any
  struct Pattern {
    std::vector<std::string> segments;  // literals, "{}" and "{...}"
    Methods methods;
  };
  struct Hit {
    const Methods* methods = nullptr;
    std::string_view raw_wildcard;
  };
  static const std::size_t* endpoint(const Methods& methods, std::string_view method);
  Hit find(std::string_view path) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Methods, Hash, std::equal_to<>> exact_;  // without wildcards
  std::vector<Pattern> patterns_;
};

// The path without repeated slashes, `.` and `..` segments; a final slash stays. Escapes are not
// touched.
std::string clean_path(std::string_view path);

}  // namespace llama_swap::server

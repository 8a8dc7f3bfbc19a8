// Which changes of requests the configuration asks for (http-api 8), made ready once per
// configuration. filter_request.h makes them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "server/directory.h"
#include "server/json_edit.h"
#include "server/model_request.h"

namespace llama_swap::server {

class Filters {
 public:
  // `config` must outlive this object.
  explicit Filters(const config::Config& config);

  // What is edited in a JSON request that asks for `target` by `name`, in this order: stripParams,
  // setParams, setParamsByID of exactly that name. Empty: nothing is.
  std::vector<const JsonEdit*> find(const Target& target, std::string_view name) const;

 private:
  using Edits = std::vector<JsonEdit>;
  struct Rules {
    Edits always;
    std::map<std::string, Edits, std::less<>> by_name;
  };
  void add(const void* owner, const config::Filters& filters);

  std::unordered_map<const void*, Rules> rules_;  // by model or peer; only where there are any
};

// What the target's server calls the model: what the peer calls it, or useModelName, or the name
// itself. useModelName does not hold for names in queries and urlencoded bodies.
const std::string& upstream_name(const Target& target, const ModelRequest& found,
                                 const std::string& name);

}  // namespace llama_swap::server

#include "server/profile_request.h"

#include <nlohmann/json.hpp>
#include <sstream>

namespace llama_swap::server {

util::Result<std::string> parse_profile_request(std::string_view body) {
  nlohmann::json value;
  try {
    std::istringstream(std::string(body)) >> value;  // stops after the first value
  } catch (const nlohmann::json::exception&) {
    return util::fail(util::Errc::invalid, "invalid profile request");
  }
  if (!value.is_object() && !value.is_null())
    return util::fail(util::Errc::invalid, "invalid profile request");
  if (value.is_null() || !value.contains("name"))
    return util::fail(util::Errc::invalid, "profile name is required");
  const nlohmann::json& name = value["name"];
  if (name.is_null()) return std::string();
  if (!name.is_string())
    return util::fail(util::Errc::invalid, "profile name must be a string or null");
  return name.get<std::string>();
}

}  // namespace llama_swap::server

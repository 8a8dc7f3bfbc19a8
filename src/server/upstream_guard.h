// Who may reach what a model server shows besides its model endpoints (docs/security.md).
#pragma once

#include <string>
#include <string_view>

#include "server/context.h"
#include "server/directory.h"

namespace llama_swap::server {

// Below /upstream/ and /comfyui/. These paths are also what a second listener, with an origin of
// its own, would serve. `path` is escaped.
bool is_upstream_path(std::string_view path);

// Why the caller, or the page that it visits, may not reach `rest` (decoded) of `target`; empty: it
// may.
std::string upstream_refusal(const Call& call, const Target& target, std::string_view rest);

// For a preflight, before anything is resolved: can `path` (escaped) be a model endpoint of a
// model?
bool may_be_model_endpoint(std::string_view method, std::string_view path);

}  // namespace llama_swap::server

// Who may reach what a model server shows besides its model endpoints, and which paths nobody may
// (docs/security.md).
#pragma once

#include <optional>
#include <string_view>

#include "server/context.h"
#include "server/directory.h"
#include "server/errors.h"

namespace llama_swap::server {

// Below /upstream/ and /comfyui/. These paths are also what a second listener, with an origin of
// its own, would serve. `path` is escaped.
bool is_upstream_path(std::string_view path);

// Why the caller, or the page that it visits, may not reach `rest` (decoded) of `target`, or why
// nobody may; nothing: it may.
std::optional<Problem> upstream_refusal(const Call& call, const Target& target,
                                        std::string_view rest);

// For a preflight: is what a route (its pattern) took (escaped) a model endpoint, or of a model
// that there is not? With any key, so that the answer tells nobody's models.
bool is_upstream_model_endpoint(const Core& core, std::string_view method, std::string_view pattern,
                                std::string_view raw_wildcard);

}  // namespace llama_swap::server

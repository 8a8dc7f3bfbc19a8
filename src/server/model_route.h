// The endpoints whose model is named in the request (http-api 1.1).
#pragma once

#include <string_view>

namespace llama_swap::server {

// Is that one of them? `path` is decoded; GET and POST only.
bool is_model_endpoint(std::string_view method, std::string_view path);
// Is it a path of one of them, here or on the model server?
bool is_model_server_path(std::string_view method, std::string_view path);

}  // namespace llama_swap::server

// What models there are, as JSON: the list of GET /v1/models (http-api 13), of the event stream
// (17), and of GET /running (14). Pure: the states come in as a function.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "config/config.h"
#include "server/answer.h"
#include "server/directory.h"
#include "swap/swap.h"

namespace llama_swap::server {

using StateOf = std::function<swap::State(const std::string& model)>;

// {"object":"list","data":[...]}, as far as the caller may use it. `active` is the active profile,
// if there is one; `now` in Unix seconds.
Json models_list(const config::Config& config, const Directory& directory, const StateOf& state_of,
                 const config::Profile* active, std::int64_t now, const Caller& caller = {});
// The array of the event `modelStatus`.
Json model_status(const config::Config& config, const StateOf& state_of);
// {"running":[...]}, as far as the caller may use it.
Json running_list(const config::Config& config, const StateOf& state_of, const Caller& caller = {});

}  // namespace llama_swap::server

// What a capture holds of a request's body (http-api 21.2): all that is changed on its way, but the
// name that only a peer calls the model by.
#pragma once

#include <string>

#include "server/context.h"
#include "server/forward.h"
#include "server/model_request.h"

namespace llama_swap::server {

// Tells the call's record, if there is one that captures. `forwarding` has all its splices; `found`
// is where the request names its model, and `name` is what it is called here. All must outlive the
// awaitable.
net::Awaitable<void> record_body(Call& call, const Forwarding& forwarding,
                                 const ModelRequest& found, const std::string& name);

// `splices`, among them those that write one name into a request, with those that write another one
// there in their place.
net::Splices with_other_name(net::Splices splices, const net::Splices& other);

}  // namespace llama_swap::server

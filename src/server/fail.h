// Errors of ours on the way of a request to a model server: told to the client, and to the record.
#pragma once

#include "server/context.h"
#include "server/errors.h"

namespace llama_swap::server {

// Ends the response, also one that has got the beginning of a stream (the loading state) already.
// The call must outlive the awaitable.
net::Awaitable<void> fail(Call& call, Problem problem, net::Headers extra = {});
net::Awaitable<void> fail(Call& call, int status, std::string message);

}  // namespace llama_swap::server

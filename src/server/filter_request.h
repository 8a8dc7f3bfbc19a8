// Making the changes that filters ask for (http-api 8.1), in requests on their way to forward().
#pragma once

#include <string_view>

#include "server/context.h"
#include "server/forward.h"

namespace llama_swap::server {

// Edits a JSON body by the filters of the target; other requests stay as they are. `name` is the
// requested one, and the splices are those that write `written` in its place, if there are any:
// afterwards they hold the edits, too. An empty body counts as {}, but for GET and HEAD.
//
// False: an edit could not be made, and the exchange has been answered. All must outlive the
// awaitable. A target without filters costs a look-up.
net::Awaitable<bool> filter_request(Call& call, Forwarding& forwarding, const std::string& name,
                                    const std::string& written);

}  // namespace llama_swap::server

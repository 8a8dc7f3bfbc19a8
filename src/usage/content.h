// Whether an event of a stream brings something that the model has generated, as far as its text
// shows without parsing it. Servers send events before the first token (roles, envelopes, pings),
// and they must not count as it.
#pragma once

#include <string_view>

namespace llama_swap::usage {

// `json`: the data of one event, or its beginning. True if a member whose name is one of those that
// carry generated text in the dialects we know (`content`, `text`, `delta`, `reasoning_content`,
// `arguments`, ...) has a string that is not empty.
bool carries_content(std::string_view json);

}  // namespace llama_swap::usage

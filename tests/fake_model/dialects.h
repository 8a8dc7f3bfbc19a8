// Answers in the shapes of OpenAI, Anthropic and llama.cpp. The generated text is the tag of this
// server and then numbers: "tag 1 2 3 …", one token each, so that whoever reads it sees who
// answered and whether all of it arrived.
#pragma once

#include "server.h"
#include "writer.h"

namespace fake_model {

// False: this path has no shape of its own, nothing was sent.
bool answer_in_dialect(const Server& server, const Request& request, const Controls& controls,
                       Connection& connection, Writer& writer);

}  // namespace fake_model

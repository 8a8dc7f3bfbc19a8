// What a request is answered with.
#pragma once

#include "server.h"

namespace fake_model {

// Answers one request; whether another may follow on the connection. `number` is the connection's,
// for the record.
bool answer(Server& server, Connection& connection, const Request& request, int number);

}  // namespace fake_model

// The query of GET /api/metrics/activity (http-api 19.3), and what we add to it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/activity.h"
#include "util/result.h"

namespace llama_swap::server {

// Values are trimmed; blank ones count as absent. Beside the original's parameters:
//   status           1xx ... 5xx
//   path, key, client, session, request_id   exact
//   has_error        true or false
//   error            text within the error, in any case
//   min_duration_ms  at least 0
//   after, before    an id: the rows next to that one in the order asked for; `page` is not used
// Errors: invalid, with the text for the client; of several the first, in the original's order,
// then in that of the list above.
util::Result<store::Query> parse_activity_query(std::string_view query);

}  // namespace llama_swap::server

// Writing another model name into a request (http-api 7.5): the smallest change where the name
// stands, all other bytes as they came.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/body.h"
#include "net/splice.h"
#include "server/model_request.h"

namespace llama_swap::server {

struct Renaming {
  net::Splices splices;              // of the body
  std::optional<std::string> query;  // the whole new query, if the name stands there
};

// `found` says where the name of the request stands, `body` is the request's body (null: none),
// `query` its query. Everything must outlive the awaitable. Errors: io (reading the body back).
net::Awaitable<util::Result<Renaming>> rename(const ModelRequest& found, const net::Body* body,
                                              std::string_view query, std::string_view name);

// The query with one `key`, of this value, re-encoded: keys sorted, broken pieces dropped.
std::string set_query_value(std::string_view query, std::string_view key, std::string_view value);
// The places of the values of all `key=` in an urlencoded text, in their order; of the first
// kMaxSpans, as each costs memory.
inline constexpr std::size_t kMaxSpans = 1000;
std::vector<ByteSpan> form_value_spans(std::string_view urlencoded, std::string_view key);

}  // namespace llama_swap::server

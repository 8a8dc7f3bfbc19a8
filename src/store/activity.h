// What is kept of a request, what can be asked about it, and what the answers look like
// (http-api 19). Plain values: they cross between the loop and the worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/time.h"

namespace llama_swap::store {

// As http-api 20 reads them: -1 is "unknown" where something else of the answer was known, else
// all are 0.
struct Tokens {
  std::int64_t cached = 0;
  std::int64_t drafted = 0;
  std::int64_t draft_accepted = 0;
  std::int64_t input = 0;
  std::int64_t output = 0;
  double prompt_per_second = 0;
  double output_per_second = 0;
};

// Where the time of a request went. Empty: it did not come so far, or nobody can tell.
struct Phases {
  std::optional<util::milliseconds> queue;  // waiting for its turn
  std::optional<util::milliseconds> load;   // waiting for the model to become ready
  std::optional<util::milliseconds>
      first_byte;  // from sending it on to the first byte of the answer
  // As the model server says; else, of event streams, from sending it on to the first token, and
  // from that to the last one.
  std::optional<util::milliseconds> prefill;
  std::optional<util::milliseconds> decode;
};

// How the answer ended. The numbers are stored.
enum class Ending { complete = 0, truncated = 1, cancelled = 2 };

// One request. The first part is the table that the original knows; the second is ours.
struct Activity {
  std::int64_t id = 0;
  std::chrono::sys_seconds ended{};
  std::string model;  // real id, or the name as requested
  std::string path;   // as sent upstream, without the query
  std::string content_type;
  int status = 0;
  Tokens tokens;
  util::milliseconds duration{};
  std::string error;          // "": success
  std::string metadata_json;  // a JSON object, or ""

  std::optional<std::chrono::sys_time<util::milliseconds>> started;
  Phases phases;
  std::string key;             // name of the API key, never the key
  std::string client;          // address
  std::string session;         // from the configured headers
  bool swap_caused = false;    // other models were stopped because its turn came
  std::int64_t bytes_in = 0;   // body as received from the client
  std::int64_t bytes_out = 0;  // body as sent to the client
  Ending ending = Ending::complete;
  // The whole prompt, cached or not, whichever way the server counts `tokens.input`.
  std::optional<std::int64_t> prompt_tokens;
  std::string request_id;  // as the log and the client know it
};

// Which rows; what is unset does not restrict, all that is set must hold.
struct Filter {
  std::vector<std::string> models;             // one of these
  std::optional<std::int64_t> start, end;      // Unix seconds, inclusive, of the end of the request
  std::optional<std::int64_t> min_id, max_id;  // inclusive
  std::optional<int> status_class;             // 2: 200-299
  std::optional<std::string> path, key, client, session;  // not empty
  std::optional<bool> has_error;
  std::optional<util::milliseconds> min_duration;  // not indexed: looks at every row, as the next
  std::optional<std::string> request_id;           // not empty
  std::optional<std::string> error_text;  // in the error, in any (ASCII) case; looks at failed rows
};

enum class Sort {
  id,
  time,
  model,
  path,
  status,
  content_type,
  cached,
  prompt,
  generated,
  drafted,
  prompt_speed,
  generation_speed,
  duration,
};

struct Query {
  Filter filter;
  Sort sort = Sort::id;  // then by id, in the same direction
  bool descending = true;
  std::int64_t limit = 25;
  std::int64_t page = 1;  // used if neither of the next two is set
  // Keyset paging: the `limit` rows that follow, or stand right before, the row with this id in the
  // order of the query. Costs the same however far down. At most one may be set.
  std::optional<std::int64_t> after, before;
};

struct Page {
  std::vector<Activity> rows;
  std::int64_t total = 0;  // of the filter, whatever the page
};

// Of the positive values (http-api 19.4).
struct Histogram {
  std::vector<std::int64_t> bins;
  double min = 0;
  double max = 0;
  double bin_size = 0;
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
};

struct Stats {
  std::int64_t requests = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cached_tokens = 0;               // of positive values
  std::optional<Histogram> prompt, generation;  // empty: no positive value
};

// Sums over what the chosen columns have in common.
struct UsageQuery {
  bool by_key = false;
  bool by_model = false;
  bool by_day = false;
  std::optional<std::chrono::sys_days> first, last;  // days of UTC, inclusive
};

struct Usage {
  std::string key;    // "" unless by_key
  std::string model;  // "" unless by_model
  std::optional<std::chrono::sys_days> day;
  std::int64_t requests = 0;
  std::int64_t failed = 0;  // with an error
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t prompt_tokens = 0;  // see Activity::prompt_tokens; unknown counts as 0
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
  util::milliseconds duration{};
};

}  // namespace llama_swap::store

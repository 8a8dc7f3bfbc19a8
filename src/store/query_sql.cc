#include "store/query_sql.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "util/text.h"

namespace llama_swap::store {
namespace {

// More models than this are looked for row by row instead of one by one.
constexpr std::size_t kMaxBranches = 32;

class Conditions {
 public:
  template <class... Values>
  void add(std::string_view condition, Values&&... values) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
    (values_.emplace_back(std::forward<Values>(values)), ...);
  }
  template <class T>
  void add_if(const std::optional<T>& value, std::string_view condition) {
    if (value) add(condition, *value);
  }
  void add_one_of(std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    add(fmt::format("{} {}", name, in_list(values.size())));
    values_.insert(values_.end(), values.begin(), values.end());
  }
  const std::string& text() const { return text_; }
  std::vector<Value> take_values() { return std::move(values_); }

 private:
  std::string text_;
  std::vector<Value> values_;
};

// What the rows are found by. SQLite has no statistics of the table and would guess.
enum class Lead { session, client, request, key, error, status, model, path, time, id };

Lead lead_of(const Filter& filter, Sort sort) {
  if (filter.session) return Lead::session;
  if (filter.client) return Lead::client;
  // A walk over all of ls_request, which looks at few rows of `activity`.
  if (filter.request_id) return Lead::request;
  if (filter.has_error.value_or(false) || filter.error_text) return Lead::error;
  // Most succeed, so that class selects little.
  if (filter.status_class && *filter.status_class != 2) return Lead::status;
  if (filter.key) return Lead::key;
  if (!filter.models.empty() && filter.models.size() <= kMaxBranches) return Lead::model;
  if (filter.path) return Lead::path;
  return sort == Sort::time ? Lead::time : Lead::id;
}

// Like lead_of(), for a count: where a span of time is given, it is narrow.
Lead count_lead(const Filter& filter) {
  if (filter.session || filter.client || filter.request_id || filter.error_text)
    return lead_of(filter, Sort::id);
  if (!filter.start && !filter.end) return lead_of(filter, Sort::id);
  return filter.models.empty() ? Lead::time : Lead::model;
}

bool needs_request(const Filter& filter) {
  return filter.session || filter.client || filter.key || filter.request_id;
}

// `activity` is a, ls_request is r.
std::string from(Lead lead, const Filter& filter, Sort sort) {
  const auto by_request = [](const char* how) {
    return fmt::format(" FROM ls_request r {} CROSS JOIN activity a ON a.id = r.activity_id", how);
  };
  const auto by_activity = [&](const char* how) {
    return fmt::format(
        " FROM activity a {}{}", how,
        needs_request(filter) ? " LEFT JOIN ls_request r ON r.activity_id = a.id" : "");
  };
  const auto index = [&](const char* name) {
    return by_activity(fmt::format("INDEXED BY {}", name).c_str());
  };
  switch (lead) {
    case Lead::session:
      return by_request("INDEXED BY ls_request_session");
    case Lead::client:
      return by_request("INDEXED BY ls_request_client");
    case Lead::request:
      return by_request("NOT INDEXED");
    case Lead::key:
      return by_request("INDEXED BY ls_request_key");
    case Lead::error:
      return index("ls_activity_error");
    case Lead::status:
      return index("ls_activity_status");
    case Lead::model:
      return index(sort == Sort::time ? "idx_activity_model_created_id" : "ls_activity_model");
    case Lead::path:
      return index("ls_activity_path");
    case Lead::time:
      return index("idx_activity_created_id");
    case Lead::id:
      break;
  }
  return by_activity(sort == Sort::id ? "NOT INDEXED" : "");
}

bool by_request(Lead lead) {
  return lead == Lead::session || lead == Lead::client || lead == Lead::request ||
         lead == Lead::key;
}

// A page far beyond the end has no rows, and that is all there is to say about it.
std::int64_t offset(const Query& query) {
  std::int64_t out = 0;
  const bool overflow = __builtin_mul_overflow(query.page - 1, query.limit, &out);
  return overflow ? std::numeric_limits<std::int64_t>::max() : out;
}

// Escaped for LIKE ... ESCAPE '\'.
std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

// All but the models.
void add_filter(Conditions& where, const Filter& filter, const char* id) {
  // The second conditions say that the index has the row.
  where.add_if(filter.session, "r.session = ? AND r.session <> ''");
  where.add_if(filter.client, "r.client = ? AND r.client <> ''");
  where.add_if(filter.key, "r.key = ? AND r.key <> ''");
  where.add_if(filter.request_id, "r.request_id = ?");
  if (filter.has_error) where.add(*filter.has_error ? "a.error_msg <> ''" : "a.error_msg = ''");
  if (filter.error_text) {
    if (!filter.has_error.value_or(false)) where.add("a.error_msg <> ''");
    where.add("a.error_msg LIKE ? ESCAPE '\\'", like_pattern(*filter.error_text));
  }
  if (filter.status_class) {
    where.add("a.resp_status_code / 100 = ?", std::int64_t{*filter.status_class});
    if (*filter.status_class != 2) where.add("a.resp_status_code / 100 <> 2");
  }
  where.add_if(filter.path, "a.req_path = ?");
  where.add_if(filter.start, "a.ts_created >= ?");
  where.add_if(filter.end, "a.ts_created <= ?");
  where.add_if(filter.min_id, fmt::format("{} >= ?", id));
  where.add_if(filter.max_id, fmt::format("{} <= ?", id));
  if (filter.min_duration)
    where.add("a.duration_ms >= ?", std::int64_t{filter.min_duration->count()});
}

}  // namespace

const char* column(Sort sort) {
  switch (sort) {
    case Sort::id:
      return "id";
    case Sort::time:
      return "ts_created";
    case Sort::model:
      return "model_id";
    case Sort::path:
      return "req_path";
    case Sort::status:
      return "resp_status_code";
    case Sort::content_type:
      return "resp_content_type";
    case Sort::cached:
      return "cache_tokens";
    case Sort::prompt:
      return "input_tokens";
    case Sort::generated:
      return "output_tokens";
    case Sort::drafted:
      return "draft_tokens";
    case Sort::prompt_speed:
      return "prompt_per_second";
    case Sort::generation_speed:
      return "tokens_per_second";
    case Sort::duration:
      return "duration_ms";
  }
  return "id";
}

std::string in_list(std::size_t values) {
  return "IN (?" + util::replace_all(std::string(values - 1, ','), ",", ", ?") + ")";
}

bool countable_by_day(const Filter& filter) {
  return !filter.client && !filter.session && !filter.request_id && !filter.min_duration &&
         !filter.error_text;
}

Sql days_sql(const Filter& filter) {
  Conditions where;
  if (filter.start) where.add("day >= ?", *filter.start / 86400);
  if (filter.end) where.add("day <= ?", *filter.end / 86400);
  where.add_one_of("model_id", filter.models);
  where.add_if(filter.path, "req_path = ?");
  if (filter.status_class) where.add("status_class = ?", std::int64_t{*filter.status_class});
  where.add_if(filter.key, "key = ?");
  if (filter.has_error) where.add("failed = ?", std::int64_t{*filter.has_error});
  return {"SELECT day, sum(requests), min(min_id), max(max_id) FROM ls_day" + where.text() +
              " GROUP BY day ORDER BY day",
          where.take_values()};
}

Sql ids_sql(const Query& query, const std::optional<Value>& anchor) {
  const Filter& filter = query.filter;
  const Lead lead = lead_of(filter, query.sort);
  const char* const id = by_request(lead) ? "r.activity_id" : "a.id";
  const bool descending = query.descending != query.before.has_value();
  const char* const direction = descending ? " DESC" : "";
  const bool sorted_by_id = query.sort == Sort::id;
  const std::string key = sorted_by_id ? "" : fmt::format("a.{}", column(query.sort));

  // One SELECT for each model: each comes in order from its index, and SQLite merges them.
  const bool branches = lead == Lead::model;
  Sql out;
  for (std::size_t i = 0; i < (branches ? filter.models.size() : 1); ++i) {
    Conditions where;
    if (branches)
      where.add("a.model_id = ?", filter.models[i]);
    else
      where.add_one_of("a.model_id", filter.models);
    add_filter(where, filter, id);
    if (const auto& row = query.after ? query.after : query.before) {
      const char* const beyond = descending ? "<" : ">";
      if (sorted_by_id) {
        where.add(fmt::format("{} {} ?", id, beyond), *row);
      } else {
        where.add(fmt::format("({}, {}) {} (?, ?)", key, id, beyond), *anchor, *row);
      }
    }
    out.text +=
        (i > 0 ? " UNION ALL " : "") +
        fmt::format("SELECT {} AS id{}", id, sorted_by_id ? "" : ", " + key + " AS sorted") +
        from(lead, filter, query.sort) + where.text();
    for (Value& value : where.take_values()) out.values.push_back(std::move(value));
  }
  out.text += fmt::format(" ORDER BY {}id{} LIMIT ? OFFSET ?",
                          sorted_by_id ? "" : fmt::format("sorted{}, ", direction), direction);
  const bool keyset = query.after || query.before;
  out.values.emplace_back(query.limit);
  out.values.emplace_back(keyset ? std::int64_t{0} : offset(query));
  return out;
}

Sql count_sql(const Filter& filter) {
  const Lead lead = count_lead(filter);
  Conditions where;
  where.add_one_of("a.model_id", filter.models);
  add_filter(where, filter, by_request(lead) ? "r.activity_id" : "a.id");
  const bool by_time = filter.start || filter.end;
  const std::string source = from(lead, filter, by_time ? Sort::time : Sort::id);
  return {"SELECT count(*)" + source + where.text(), where.take_values()};
}

}  // namespace llama_swap::store

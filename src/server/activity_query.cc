#include "server/activity_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>

#include "net/http.h"
#include "util/text.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

constexpr std::int64_t kMaxLimit = 999;

struct SortName {
  std::string_view name;
  store::Sort sort;
};
constexpr auto kSorts = std::to_array<SortName>({
    {"id", store::Sort::id},
    {"time", store::Sort::time},
    {"model", store::Sort::model},
    {"req_path", store::Sort::path},
    {"resp_status_code", store::Sort::status},
    {"resp_content_type", store::Sort::content_type},
    {"cached", store::Sort::cached},
    {"prompt", store::Sort::prompt},
    {"generated", store::Sort::generated},
    {"drafted", store::Sort::drafted},
    {"prompt_speed", store::Sort::prompt_speed},
    {"gen_speed", store::Sort::generation_speed},
    {"duration", store::Sort::duration},
});

// In decimal, with an optional sign.
std::optional<std::int64_t> integer(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// Reads one parameter after the other; the first error stays.
class Reader {
 public:
  explicit Reader(std::string_view query) : query_(query) {}

  std::optional<std::string> text(std::string_view name) const {
    const auto value = net::form_value(query_, name);
    const std::string_view trimmed = value ? util::trim(*value) : std::string_view();
    if (trimmed.empty()) return std::nullopt;
    return std::string(trimmed);
  }

  std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> out;
    for (const std::string_view piece : util::split(query_, '&'))
      if (auto value = Reader(piece).text(name)) out.push_back(std::move(*value));
    return out;
  }

  std::optional<std::int64_t> time(std::string_view name) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto at = util::parse_rfc3339(*value);
    if (at) return std::chrono::floor<std::chrono::seconds>(*at).time_since_epoch().count();
    fail(fmt::format("invalid '{}' timestamp, use RFC3339 format", name));
    return std::nullopt;
  }

  std::optional<std::int64_t> at_least(std::string_view name, std::int64_t least) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto number = integer(*value);
    if (!number || *number < least) {
      fail(fmt::format("{} must be >= {}", name, least));
      return std::nullopt;
    }
    return number;
  }

  void fail(std::string message) {
    if (!error_) error_ = std::move(message);
  }
  const std::optional<std::string>& error() const { return error_; }

 private:
  std::string_view query_;
  std::optional<std::string> error_;
};

void read_original_filter(Reader& reader, store::Filter& filter) {
  filter.models = reader.texts("model");
  filter.start = reader.time("start");
  filter.end = reader.time("end");
  if (filter.start && filter.end && *filter.start > *filter.end)
    reader.fail("start must be before end");
  filter.min_id = reader.at_least("min_id", 1);
  filter.max_id = reader.at_least("max_id", 1);
  if (filter.min_id && filter.max_id && *filter.min_id > *filter.max_id)
    reader.fail("min_id must be <= max_id");
}

void read_order(Reader& reader, store::Query& query) {
  if (const auto limit = reader.text("limit")) {
    const auto number = integer(*limit);
    if (!number)
      reader.fail("invalid limit");
    else if (*number < 1 || *number > kMaxLimit)
      reader.fail(fmt::format("limit must be between 1 and {}", kMaxLimit));
    else
      query.limit = *number;
  }
  query.page = reader.at_least("page", 1).value_or(query.page);
  if (const auto sort = reader.text("sort")) {
    const auto* const known = std::ranges::find(kSorts, std::string_view(*sort), &SortName::name);
    if (known == kSorts.end())
      reader.fail("invalid sort column");
    else
      query.sort = known->sort;
  }
  if (const auto order = reader.text("order")) {
    query.descending = util::iequals(*order, "desc");
    if (!query.descending && !util::iequals(*order, "asc"))
      reader.fail("order must be asc or desc");
  }
}

void read_our_filter(Reader& reader, store::Filter& filter) {
  if (const auto status = reader.text("status")) {
    if (status->size() == 3 && status->front() >= '1' && status->front() <= '5' &&
        status->substr(1) == "xx")
      filter.status_class = status->front() - '0';
    else
      reader.fail("status must be one of 1xx, 2xx, 3xx, 4xx, 5xx");
  }
  filter.path = reader.text("path");
  filter.key = reader.text("key");
  filter.client = reader.text("client");
  filter.session = reader.text("session");
  if (const auto has_error = reader.text("has_error")) {
    filter.has_error = *has_error == "true";
    if (!*filter.has_error && *has_error != "false") reader.fail("has_error must be true or false");
  }
  filter.error_text = reader.text("error");
  if (const auto ms = reader.at_least("min_duration_ms", 0))
    filter.min_duration = util::milliseconds(*ms);
  filter.request_id = reader.text("request_id");
}

}  // namespace

util::Result<store::Query> parse_activity_query(std::string_view text) {
  Reader reader(text);
  store::Query query;
  read_original_filter(reader, query.filter);
  read_order(reader, query);
  read_our_filter(reader, query.filter);
  query.after = reader.at_least("after", 1);
  query.before = reader.at_least("before", 1);
  if (query.after && query.before) reader.fail("after and before exclude each other");
  if (reader.error()) return util::fail(util::Errc::invalid, *reader.error());
  return query;
}

}  // namespace llama_swap::server

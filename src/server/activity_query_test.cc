#include "server/activity_query.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

store::Query accepted(std::string_view text) {
  const auto query = parse_activity_query(text);
  EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().message);
  return query.value_or(store::Query{});
}

std::string refused(std::string_view text) {
  const auto query = parse_activity_query(text);
  return query ? "accepted" : query.error().message;
}

TEST(ActivityQuery, Defaults) {
  for (const char* text :
       {"", "model=&model=%20&start=&min_id=+&limit=&sort=&order=&status=", "unknown=1&&x"}) {
    const store::Query query = accepted(text);
    EXPECT_TRUE(query.filter.models.empty());
    EXPECT_FALSE(query.filter.start || query.filter.min_id || query.filter.status_class);
    EXPECT_EQ(query.limit, 25);
    EXPECT_EQ(query.page, 1);
    EXPECT_EQ(query.sort, store::Sort::id);
    EXPECT_TRUE(query.descending);
    EXPECT_FALSE(query.after || query.before);
  }
}

TEST(ActivityQuery, Everything) {
  const store::Query query = accepted(
      "model=a&start=1970-01-01T00:01:00Z&end=1970-01-01T00:01:00.9Z&min_id=2&max_id=2&limit=999"
      "&page=%2B3&sort=gen_speed&order=ASC&status=5xx&path=/v1/x&key=k&client=c&session=s"
      "&has_error=true&error=e&min_duration_ms=0&request_id=a%2Fb&after=9&model=+b%20c+");
  const store::Filter& filter = query.filter;
  EXPECT_EQ(filter.models, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(filter.start, 60);
  EXPECT_EQ(filter.end, 60);
  EXPECT_EQ(filter.min_id, 2);
  EXPECT_EQ(filter.max_id, 2);
  EXPECT_EQ(query.limit, 999);
  EXPECT_EQ(query.page, 3);
  EXPECT_EQ(query.sort, store::Sort::generation_speed);
  EXPECT_FALSE(query.descending);
  EXPECT_EQ(filter.status_class, 5);
  EXPECT_EQ(filter.path, "/v1/x");
  EXPECT_EQ(filter.key, "k");
  EXPECT_EQ(filter.client, "c");
  EXPECT_EQ(filter.session, "s");
  EXPECT_EQ(filter.has_error, true);
  EXPECT_EQ(filter.error_text, "e");
  EXPECT_EQ(filter.min_duration, util::milliseconds(0));
  EXPECT_EQ(filter.request_id, "a/b");
  EXPECT_EQ(query.after, 9);
  EXPECT_EQ(accepted("before=4").before, 4);
  EXPECT_EQ(accepted("has_error=false").filter.has_error, false);
}

TEST(ActivityQuery, Sorts) {
  using store::Sort;
  struct Case {
    const char* name;
    Sort sort;
  };
  static const Case cases[] = {
      {"id", Sort::id},
      {"time", Sort::time},
      {"model", Sort::model},
      {"req_path", Sort::path},
      {"resp_status_code", Sort::status},
      {"resp_content_type", Sort::content_type},
      {"cached", Sort::cached},
      {"prompt", Sort::prompt},
      {"generated", Sort::generated},
      {"drafted", Sort::drafted},
      {"prompt_speed", Sort::prompt_speed},
      {"gen_speed", Sort::generation_speed},
      {"duration", Sort::duration},
  };
  for (const Case& c : cases)
    EXPECT_EQ(accepted(std::string("sort=") + c.name).sort, c.sort) << c.name;
}

TEST(ActivityQuery, Errors) {
  struct Case {
    const char *text, *want;
  };
  static const Case cases[] = {
      {"start=x", "invalid 'start' timestamp, use RFC3339 format"},
      {"end=2024-01-01", "invalid 'end' timestamp, use RFC3339 format"},
      {"start=2024-01-01T00:00:01Z&end=2024-01-01T00:00:00Z", "start must be before end"},
      {"min_id=0", "min_id must be >= 1"},
      {"min_id=x", "min_id must be >= 1"},
      {"max_id=-1", "max_id must be >= 1"},
      {"max_id=99999999999999999999", "max_id must be >= 1"},
      {"min_id=3&max_id=2", "min_id must be <= max_id"},
      {"limit=x", "invalid limit"},
      {"limit=1.5", "invalid limit"},
      {"limit=%2B-1", "invalid limit"},
      {"limit=0", "limit must be between 1 and 999"},
      {"limit=1000", "limit must be between 1 and 999"},
      {"page=0", "page must be >= 1"},
      {"page=x", "page must be >= 1"},
      {"sort=ID", "invalid sort column"},
      {"sort=ts_created", "invalid sort column"},
      {"order=up", "order must be asc or desc"},
      {"status=6xx", "status must be one of 1xx, 2xx, 3xx, 4xx, 5xx"},
      {"status=500", "status must be one of 1xx, 2xx, 3xx, 4xx, 5xx"},
      {"has_error=1", "has_error must be true or false"},
      {"min_duration_ms=-1", "min_duration_ms must be >= 0"},
      {"after=0", "after must be >= 1"},
      {"before=x", "before must be >= 1"},
      {"after=1&before=2", "after and before exclude each other"},
  };
  for (const Case& c : cases) EXPECT_EQ(refused(c.text), c.want) << c.text;
}

TEST(ActivityQuery, OrderOfTheChecks) {
  const std::pair<std::string, std::string> wrong[] = {
      {"start=x", "invalid 'start' timestamp, use RFC3339 format"},
      {"end=x", "invalid 'end' timestamp, use RFC3339 format"},
      {"min_id=0", "min_id must be >= 1"},
      {"max_id=0", "max_id must be >= 1"},
      {"limit=x", "invalid limit"},
      {"page=0", "page must be >= 1"},
      {"sort=x", "invalid sort column"},
      {"order=x", "order must be asc or desc"},
      {"status=x", "status must be one of 1xx, 2xx, 3xx, 4xx, 5xx"},
  };
  std::string all;
  for (auto it = std::rbegin(wrong); it != std::rend(wrong); ++it) {
    all += it->first + "&";
    EXPECT_EQ(refused(all), it->second);
  }
  const std::string swapped = "&start=1970-01-02T00:00:00Z&end=1970-01-01T00:00:00Z";
  EXPECT_EQ(refused("min_id=0" + swapped), "start must be before end");
  EXPECT_EQ(refused("limit=x&min_id=2&max_id=1"), "min_id must be <= max_id");
}

}  // namespace
}  // namespace llama_swap::server

#include "trace/context.h"

#include <gtest/gtest.h>

namespace llama_swap::trace {
namespace {

const std::string kIds = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

TEST(TraceParent, Table) {
  const struct {
    std::string value;
    bool valid;
  } cases[] = {
      {"00-" + kIds + "-01", true},
      {"00-" + kIds + "-00", true},
      {"00-" + kIds + "-ff", true},
      {"01-" + kIds + "-01", true},
      {"cc-" + kIds + "-01-what-the-future-brings", true},
      {"cc-" + kIds + "-01.what", false},
      {"00-" + kIds + "-01-more", false},
      {"ff-" + kIds + "-01", false},
      {"00-" + kIds + "-1", false},
      {"00-" + kIds + "-0x", false},
      {"00-" + kIds + "_01", false},
      {"0-" + kIds + "-01", false},
      {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
      {"", false},
      {"00", false},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_traceparent(c.value).has_value(), c.valid) << c.value;
}

TEST(TraceParent, ThereAndBack) {
  for (const char* flags : {"00", "01", "02", "03"}) {
    const std::string value = "00-" + kIds + "-" + flags;
    EXPECT_EQ(traceparent(*parse_traceparent(value)), value);
  }
  EXPECT_TRUE(parse_traceparent("00-" + kIds + "-01")->sampled());
  EXPECT_FALSE(parse_traceparent("00-" + kIds + "-02")->sampled());
  EXPECT_EQ(traceparent(*parse_traceparent("0a-" + kIds + "-ff-x")), "00-" + kIds + "-03")
      << "flags nobody knows are not passed on";
}

TEST(TraceState, Table) {
  std::string many = "a0=1", too_many;
  for (int i = 1; i < 32; ++i) many += ",a" + std::to_string(i) + "=1";
  too_many = many + ",b=1";
  const struct {
    std::string list;
    bool valid;
  } cases[] = {
      {"", true},
      {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
      {" a=1 ,\t b=x y , , c=!", true},
      {"tenant@system=1,0t@s=2,a_-*/=3", true},
      {many, true},
      {too_many, false},
      {"a=1,a=2", false},
      {"a", false},
      {"=1", false},
      {"a=", false},
      {"A=1", false},
      {"a@=1", false},
      {"@a=1", false},
      {"a@0b=1", false},
      {"a@b@c=1", false},
      {"a=b=c", false},
      {"a=\x01", false},
      {"a =1", false},
      {std::string(257, 'k') + "=1", false},
      {"k=" + std::string(257, 'v'), false},
      {"k=" + std::string(256, 'v'), true},
      {"t@" + std::string(15, 's') + "=1", false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_valid_tracestate(c.list), c.valid) << c.list;
}

TEST(TraceContext, OfARequest) {
  const std::string parent = "00-" + kIds + "-01";
  net::RequestHead head;
  EXPECT_FALSE(context_of(head));
  head.headers = {{"Traceparent", parent}, {"tracestate", "a=1"}, {"TraceState", "b=2"}};
  ASSERT_TRUE(context_of(head));
  EXPECT_EQ(context_of(head)->state, "a=1,b=2");
  head.headers = {{"tracestate", "a=1,a=1"}, {"traceparent", parent}};
  ASSERT_TRUE(context_of(head));
  EXPECT_EQ(context_of(head)->state, "");
  std::string many = "a=1";
  while (many.size() < 4095) many += many.size() % 2 == 0 ? "," : " ";
  head.headers = {{"traceparent", parent}, {"tracestate", many}};
  EXPECT_EQ(context_of(head)->state, many);
  many += ",,";
  head.headers = {{"traceparent", parent}, {"tracestate", many}};
  EXPECT_EQ(context_of(head)->state, "") << "too long";
  head.headers = {{"traceparent", parent}, {"traceparent", parent}};
  EXPECT_FALSE(context_of(head));
  head.headers = {{"tracestate", "a=1"}};
  EXPECT_FALSE(context_of(head));
}

}  // namespace
}  // namespace llama_swap::trace

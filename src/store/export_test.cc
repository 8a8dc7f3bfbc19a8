#include "store/export.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "store/test_support.h"

namespace llama_swap::store {
namespace {

using Json = nlohmann::ordered_json;

class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    ::setenv("TZ", "Europe/Berlin", 1);
    ::tzset();
    row.id = 7;
    row.tokens = {5, -1, -1, 10, 20, 100.5, 40};
    row.duration = util::milliseconds(1500);
  }
  ~ExportTest() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  std::string line(Format format) const {
    std::string out;
    append_row(out, format, row);
    return out;
  }

  Activity row = activity("m1");
};

TEST_F(ExportTest, JsonAsInTheApi) {
  std::string out;
  append_json(out, row, true);
  const std::string original =
      R"({"id":7,"timestamp":"2023-11-14T23:13:20+01:00","model":"m1",)"
      R"("req_path":"/v1/chat/completions","resp_content_type":"application/json",)"
      R"("resp_status_code":200,"tokens":{"cache_tokens":5,"draft_tokens":-1,)"
      R"("draft_acc_tokens":-1,"input_tokens":10,"output_tokens":20,"prompt_per_second":100.5,)"
      R"("tokens_per_second":40},"duration_ms":1500,"has_capture":true)";
  EXPECT_EQ(out.substr(0, original.size()), original);
  EXPECT_EQ(out.substr(original.size()),
            R"(,"phases":{},"ending":"complete","swap_caused":false,"bytes_in":0,"bytes_out":0})");
}

TEST_F(ExportTest, JsonOfAllFields) {
  row.error = "say \"hi\"\n\xff";
  row.metadata_json = "{\"selector\": \"s\",\n \"fifo_priority\": \"0\"}";
  row.phases = {util::milliseconds(1), util::milliseconds(2), util::milliseconds(3),
                util::milliseconds(4), util::milliseconds(5)};
  row.key = "k";
  row.client = "10.0.0.1";
  row.session = "s";
  row.swap_caused = true;
  row.bytes_in = 11;
  row.bytes_out = 12;
  row.ending = Ending::cancelled;
  row.prompt_tokens = 15;
  row.request_id = "r-1";
  const std::string text = line(Format::json_lines);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  const Json json = Json::parse(text);
  EXPECT_EQ(json["error_msg"], "say \"hi\"\n\xef\xbf\xbd");
  EXPECT_EQ(json["metadata"].dump(), R"({"selector":"s","fifo_priority":"0"})");
  EXPECT_EQ(json["phases"].dump(),
            R"({"queue_ms":1,"load_ms":2,"first_byte_ms":3,"prefill_ms":4,"decode_ms":5})");
  EXPECT_EQ(json["key"], "k");
  EXPECT_EQ(json["client"], "10.0.0.1");
  EXPECT_EQ(json["session"], "s");
  EXPECT_EQ(json["ending"], "cancelled");
  EXPECT_EQ(json["swap_caused"], true);
  EXPECT_EQ(json["bytes_in"], 11);
  EXPECT_EQ(json["bytes_out"], 12);
  EXPECT_EQ(json["prompt_tokens"], 15);
  EXPECT_EQ(json["request_id"], "r-1");
  EXPECT_FALSE(json.contains("has_capture"));
}

TEST_F(ExportTest, JsonStaysJsonWhateverTheFileHolds) {
  for (const char* metadata : {"no JSON", "[1]", "{\"a\":1", "\"x\"}"}) {
    row.metadata_json = metadata;
    row.tokens.prompt_per_second = NAN;
    const Json json = Json::parse(line(Format::json_lines));
    EXPECT_FALSE(json.contains("metadata")) << metadata;
    EXPECT_EQ(json["tokens"]["prompt_per_second"], 0);
  }
}

TEST_F(ExportTest, CsvQuotesAndDisarms) {
  const std::string header = export_header(Format::csv);
  EXPECT_EQ(header.substr(0, 28), "id,timestamp,model,req_path,");
  EXPECT_TRUE(header.ends_with(",metadata,request_id\r\n")) << "new columns come last";
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(line(Format::csv), ','));
  struct Case {
    const char *model, *want;
  };
  static const Case cases[] = {
      {"plain", "plain"},   {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""},
      {"a\nb", "\"a\nb\""}, {"=1+1", "'=1+1"},  {"+1", "'+1"},
      {"-1", "'-1"},        {"@x", "'@x"},      {"=\"x\"", "\"'=\"\"x\"\"\""},
      {"a=b", "a=b"},       {" x", " x"},       {"", ""},
  };
  for (const Case& c : cases) {
    row.model = c.model;
    EXPECT_EQ(line(Format::csv).substr(0, 29 + std::string(c.want).size()),
              std::string("7,2023-11-14T23:13:20+01:00,") + c.want + ",");
  }
  row.request_id = "=1";
  EXPECT_TRUE(line(Format::csv).ends_with(",'=1\r\n"));
  row.model = "m";
  EXPECT_NE(line(Format::csv).find(",5,-1,-1,10,20,100.5,40,1500,"), std::string::npos)
      << "numbers are no formulas";
}

TEST_F(ExportTest, MarkdownEscapes) {
  const std::string header = export_header(Format::markdown);
  EXPECT_EQ(std::ranges::count(header, '\n'), 2);
  EXPECT_EQ(header.substr(0, header.find('\n')).substr(header.find("| metadata")),
            "| metadata | request_id |");
  row.model = "a|b\n<i>`x`";
  const std::string text = line(Format::markdown);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_NE(text.find("| a\\|b \\<i\\>\\`x\\` |"), std::string::npos) << text;
}

TEST(ExportFormat, Names) {
  EXPECT_EQ(format("CSV"), Format::csv);
  EXPECT_EQ(format("jsonl"), Format::json_lines);
  EXPECT_EQ(format("markdown"), Format::markdown);
  EXPECT_FALSE(format("xml"));
  EXPECT_FALSE(format(""));
  EXPECT_EQ(content_type(Format::csv), "text/csv; charset=utf-8");
}

}  // namespace
}  // namespace llama_swap::store

#include "observe/performance.h"

#include <gtest/gtest.h>

#include <regex>

namespace llama_swap::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kEvery{5};

util::ParsedTime at(std::chrono::microseconds since) {
  return *util::parse_rfc3339("2024-05-06T07:00:00Z") + since;
}

SystemSample system_sample(std::chrono::microseconds since) {
  SystemSample s;
  s.at = at(since);
  s.cpu_percent = {12.5, 100, 0};
  s.memory_total_mib = 16000;
  s.memory_used_mib = 8000;
  s.memory_free_mib = 1000;
  s.swap_total_mib = 2;
  s.swap_used_mib = 1;
  s.load_1 = 0.52;
  s.load_5 = 1;
  s.load_15 = 2.25;
  s.network = {{"eth0", 18446744073709551615u, 7}, {"a\"b", 1, 2}};
  return s;
}

GpuSample gpu_sample(std::chrono::microseconds since, int id) {
  GpuSample g;
  g.at = at(since);
  g.id = id;
  g.name = "Card \"X\\Y\"";
  g.uuid = "GPU-1";
  g.temperature_c = 61;
  g.vram_temperature_c = 70;
  g.busy_percent = 33.5;
  g.memory_used_mib = 1;
  g.memory_total_mib = 4;
  g.fan_percent = 45;
  g.power_w = 123.75;
  return g;
}

// Of the samples in a list of json(): "<minute>:<second>.<ms>[#<id>]" each.
std::string times(const std::string& json, const std::string& list) {
  const std::size_t begin = json.find("\"" + list + "\":[");
  EXPECT_NE(begin, json.npos) << json;
  const std::string part = json.substr(begin, json.find("\"gpu_stats\":", begin + 1) - begin);
  static const std::regex sample("T\\d\\d:([0-9:.]+)Z\"(,\"id\":(\\d+))?");
  std::string out;
  for (std::sregex_iterator m(part.begin(), part.end(), sample), end; m != end; ++m) {
    out += (out.empty() ? "" : " ") + (*m)[1].str();
    if ((*m)[3].matched) out += "#" + (*m)[3].str();
  }
  return out;
}

TEST(Performance, Nothing) {
  const Performance p(kEvery);
  EXPECT_EQ(p.json(std::nullopt), R"({"enabled":true,"sys_stats":[],"gpu_stats":[]})");
  EXPECT_EQ(p.metrics(), "");
}

TEST(Performance, Json) {
  Performance p(kEvery);
  p.add(system_sample(milliseconds(10)));
  p.add(gpu_sample(milliseconds(20), 1));
  EXPECT_EQ(
      p.json(std::nullopt),
      R"({"enabled":true,"sys_stats":[{"timestamp":"2024-05-06T07:00:00.010Z",)"
      R"("cpu_util_per_core":[12.5,100,0],"mem_total_mb":16000,"mem_used_mb":8000,)"
      R"("mem_free_mb":1000,"swap_total_mb":2,"swap_used_mb":1,"load_avg_1":0.52,"load_avg_5":1,)"
      R"("load_avg_15":2.25,"net_io":[{"name":"eth0","bytes_recv":18446744073709551615,)"
      R"("bytes_sent":7},{"name":"a\"b","bytes_recv":1,"bytes_sent":2}]}],)"
      R"("gpu_stats":[{"timestamp":"2024-05-06T07:00:00.020Z","id":1,"name":"Card \"X\\Y\"",)"
      R"("uuid":"GPU-1","temp_c":61,"vram_temp_c":70,"gpu_util_pct":33.5,"mem_util_pct":25,)"
      R"("mem_used_mb":1,"mem_total_mb":4,"fan_speed_pct":45,"power_draw_w":123.75}]})");
}

TEST(Performance, After) {
  Performance p(kEvery);
  for (const int s : {0, 5, 10}) {
    p.add(system_sample(seconds(s)));
    p.add(gpu_sample(seconds(s) + milliseconds(1), 0));
    p.add(gpu_sample(seconds(s) + milliseconds(1), 1));
  }
  const struct {
    util::ParsedTime after;
    const char* system;
    const char* gpus;
  } cases[] = {
      {at(seconds(-1)), "00:00.000 00:05.000 00:10.000",
       "00:00.001#0 00:00.001#1 00:05.001#0 00:05.001#1 00:10.001#0 00:10.001#1"},
      {at(seconds(5)), "00:10.000", "00:05.001#0 00:05.001#1 00:10.001#0 00:10.001#1"},
      {at(seconds(10)), "", "00:10.001#0 00:10.001#1"},
      {at(seconds(11)), "", ""},
      {*util::parse_rfc3339("9999-01-01T00:00:00Z"), "", ""},
      {*util::parse_rfc3339("0001-01-01T00:00:00Z"), "00:00.000 00:05.000 00:10.000",
       "00:00.001#0 00:00.001#1 00:05.001#0 00:05.001#1 00:10.001#0 00:10.001#1"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(times(p.json(c.after), "sys_stats"), c.system);
    EXPECT_EQ(times(p.json(c.after), "gpu_stats"), c.gpus);
  }
}

TEST(Performance, ATimestampNamesItsSample) {
  Performance p(kEvery);
  p.add(system_sample(std::chrono::microseconds(1999)));
  EXPECT_EQ(times(p.json(std::nullopt), "sys_stats"), "00:00.001");
  EXPECT_EQ(times(p.json(at(milliseconds(1))), "sys_stats"), "");
}

TEST(Performance, OneHourOfEachDevice) {
  Performance p(minutes(20));  // three of each
  p.add(gpu_sample(minutes(0), 7));
  for (const int m : {1, 21, 41, 55, 59}) {
    p.add(system_sample(minutes(m)));
    p.add(gpu_sample(minutes(m), 0));
    p.add(gpu_sample(minutes(m), 1));
  }
  EXPECT_EQ(times(p.json(std::nullopt), "sys_stats"), "41:00.000 55:00.000 59:00.000");
  EXPECT_EQ(times(p.json(std::nullopt), "gpu_stats"),
            "00:00.000#7 41:00.000#0 41:00.000#1 55:00.000#0 55:00.000#1 59:00.000#0 59:00.000#1");
  // The hour of a device that says nothing any more ends, too, and it leaves the metrics.
  EXPECT_NE(p.metrics().find("{id=\"7\""), std::string::npos);
  p.add(gpu_sample(minutes(60) + milliseconds(1), 0));
  EXPECT_EQ(times(p.json(std::nullopt), "gpu_stats"),
            "41:00.000#1 55:00.000#0 55:00.000#1 59:00.000#0 59:00.000#1 00:00.001#0");
  EXPECT_EQ(p.metrics().find("{id=\"7\""), std::string::npos);
}

TEST(Performance, Restart) {
  Performance p(kEvery);
  p.add(system_sample(seconds(0)));
  p.add(gpu_sample(seconds(0), 0));
  p.restart(minutes(1));
  EXPECT_EQ(p.json(std::nullopt), R"({"enabled":true,"sys_stats":[],"gpu_stats":[]})");
  EXPECT_EQ(p.metrics(), "");
}

// Without the help texts, which are free.
std::string without_help(const std::string& text) {
  static const std::regex help("# HELP (llamaswap_\\w+) [^\n]+\n# TYPE (?=\\1 )");
  return std::regex_replace(text, help, "# ");
}

TEST(Metrics, System) {
  const SystemSample s = system_sample(seconds(0));
  EXPECT_EQ(without_help(metrics_text(&s, {})),
            "# llamaswap_cpu_util_percent gauge\n"
            "llamaswap_cpu_util_percent{core=\"0\"} 12.5\n"
            "llamaswap_cpu_util_percent{core=\"1\"} 100\n"
            "llamaswap_cpu_util_percent{core=\"2\"} 0\n"
            "# llamaswap_memory_total_bytes gauge\n"
            "llamaswap_memory_total_bytes 16777216000\n"
            "# llamaswap_memory_used_bytes gauge\n"
            "llamaswap_memory_used_bytes 8388608000\n"
            "# llamaswap_memory_free_bytes gauge\n"
            "llamaswap_memory_free_bytes 1048576000\n"
            "# llamaswap_swap_total_bytes gauge\n"
            "llamaswap_swap_total_bytes 2097152\n"
            "# llamaswap_swap_used_bytes gauge\n"
            "llamaswap_swap_used_bytes 1048576\n"
            "# llamaswap_load_average gauge\n"
            "llamaswap_load_average{interval=\"1m\"} 0.52\n"
            "llamaswap_load_average{interval=\"5m\"} 1\n"
            "llamaswap_load_average{interval=\"15m\"} 2.25\n"
            "# llamaswap_network_bytes_total counter\n"
            "llamaswap_network_bytes_total{interface=\"eth0\",direction=\"recv\"} "
            "18446744073709551615\n"
            "llamaswap_network_bytes_total{interface=\"eth0\",direction=\"sent\"} 7\n"
            "llamaswap_network_bytes_total{interface=\"a\\\"b\",direction=\"recv\"} 1\n"
            "llamaswap_network_bytes_total{interface=\"a\\\"b\",direction=\"sent\"} 2\n");
}

TEST(Metrics, NoInterfacesNoFamily) {
  SystemSample s = system_sample(seconds(0));
  s.network.clear();
  EXPECT_EQ(metrics_text(&s, {}).find("network"), std::string::npos);
}

TEST(Metrics, Gpus) {
  GpuSample second = gpu_sample(seconds(0), 10);
  second.name = "two\nlines";
  second.uuid.clear();
  second.memory_total_mib = 0;
  const std::string text =
      without_help(metrics_text(nullptr, {{10, second}, {9, gpu_sample(seconds(0), 9)}}));
  const std::string a = "{id=\"9\",name=\"Card \\\"X\\\\Y\\\"\",uuid=\"GPU-1\"} ";
  const std::string b = "{id=\"10\",name=\"two\\nlines\"} ";
  std::string want;
  const auto family = [&](const std::string& name, const char* first, const char* other) {
    const std::string full = "llamaswap_gpu_" + name;
    want += "# " + full + " gauge\n" + full + a + first + "\n" + full + b + other + "\n";
  };
  family("temperature_celsius", "61", "61");
  family("vram_temperature_celsius", "70", "70");
  family("util_percent", "33.5", "33.5");
  family("memory_util_percent", "25", "0");
  family("memory_used_bytes", "1048576", "1048576");
  family("memory_total_bytes", "4194304", "0");
  family("fan_speed_percent", "45", "45");
  family("power_draw_watts", "123.75", "123.75");
  EXPECT_EQ(text, want);
}

}  // namespace
}  // namespace llama_swap::observe

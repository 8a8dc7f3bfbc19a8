#include "monitor/gpu_monitor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "monitor/test_support.h"

namespace llama_swap::monitor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A monitor at work, and what it has said.
class Watched {
 public:
  // Without what the drivers of the machine of the test say.
  explicit Watched(util::Millis every = milliseconds(1),
                   std::span<const GpuSource> sources = gpu_sources().first(3))
      : thread_([this, every, sources] {
          GpuHooks hooks;
          hooks.samples = [this](std::vector<observe::GpuSample> samples) {
            for (const observe::GpuSample& s : samples) EXPECT_NE(s.at, observe::WallTime());
            note([&] { samples_.insert(samples_.end(), samples.begin(), samples.end()); });
          };
          hooks.log = [this](config::LogLevel, const std::string& text) {
            note([&] { log_ += text + "\n"; });
          };
          watch_gpus(stop_, every, hooks, sources, {milliseconds(1), milliseconds(4)});
          note([&] { over_ = true; });
        }) {}
  ~Watched() {
    stop_.raise();
    thread_.join();
  }

  // "<id> <name>" of the first samples, each on a line, once there are so many.
  std::string samples(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return samples_.size() >= count; }))
        << log_;
    std::string out;
    for (std::size_t i = 0; i < std::min(count, samples_.size()); ++i)
      out += std::to_string(samples_[i].id) + " " + samples_[i].name + "\n";
    return out;
  }
  std::string log_with(const std::string& text) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return log_.find(text) != log_.npos; }))
        << text << " in " << log_;
    return log_;
  }
  bool over() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] { return over_; });
  }

 private:
  void note(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  StopSignal stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<observe::GpuSample> samples_;
  std::string log_;
  bool over_ = false;
  std::thread thread_;
};

struct GpuMonitorTest : ::testing::Test {
  testing::FakeTree tree;
  testing::Path path{tree};
};

constexpr const char* kTwoLines =
    R"(printf '0, A, GPU-0, 1, 2, 3, 4, 5, 6\nrubbish\n1, B, GPU-1, 1, 2, 3, 4, 5, 6\n')";
constexpr const char* kRocm = R"(printf 'device,Card Series\ncard3,RX\n')";

TEST_F(GpuMonitorTest, OneProcessForAllSamples) {
  tree.script("nvidia-smi",
              std::string("echo started >> ${0%/*}/starts; echo \"$@\" > ${0%/*}/args\n") +
                  kTwoLines + "\n/bin/sleep 0.01\n" + kTwoLines + "\n/bin/sleep 1000");
  Watched watched(seconds(7));
  EXPECT_EQ(watched.samples(4), "0 A\n1 B\n0 A\n1 B\n");
  EXPECT_EQ(watched.log_with("using"), "using nvidia-smi for GPU monitoring\n");
  std::ifstream starts(tree.root() / "starts"), args(tree.root() / "args");
  std::string text;
  std::getline(args, text);
  EXPECT_EQ(text,
            "--query-gpu=index,name,uuid,temperature.gpu,utilization.gpu,memory.used,memory.total,"
            "fan.speed,power.draw --format=csv,noheader,nounits --loop 7");
  EXPECT_TRUE(std::getline(starts, text));
  EXPECT_FALSE(std::getline(starts, text));
}

TEST_F(GpuMonitorTest, ADeadToolIsStartedAgain) {
  tree.script("nvidia-smi", std::string(kTwoLines) + "; exit 5");
  Watched watched;
  EXPECT_EQ(watched.samples(6), "0 A\n1 B\n0 A\n1 B\n0 A\n1 B\n");
  const std::string log = watched.log_with("asking again in 2ms");
  EXPECT_TRUE(
      log.starts_with("using nvidia-smi for GPU monitoring\n"
                      "GPU monitoring: nvidia-smi ended: exit status 5; asking again in "
                      "1ms\n"))
      << log;
  watched.log_with("asking again in 4ms");
}

TEST_F(GpuMonitorTest, TheFirstThatWorksIsChosen) {
  tree.script("nvidia-smi", "echo failed, because of the driver; exit 9");
  tree.script("rocm-smi", kRocm);
  Watched watched;
  EXPECT_EQ(watched.samples(3), "3 RX card3\n3 RX card3\n3 RX card3\n");
  EXPECT_EQ(watched.log_with("using"), "using rocm-smi for GPU monitoring\n");
}

TEST_F(GpuMonitorTest, RocmSmiMayFailAtTimes) {
  tree.script("rocm-smi",
              std::string("if [ -e ${0%/*}/once ]; then rm=1; /bin/rm ${0%/*}/once; exit 1; fi\n") +
                  "[ -e ${0%/*}/began ] || > ${0%/*}/once; > ${0%/*}/began\n" + kRocm);
  Watched watched;
  EXPECT_EQ(watched.samples(2), "3 RX card3\n3 RX card3\n");
  EXPECT_EQ(watched.log_with("using"), "using rocm-smi for GPU monitoring\n");
}

TEST_F(GpuMonitorTest, ToolsThatDoNotWorkAreTriedAgain) {
  tree.script("rocm-smi", "exit 1");
  Watched watched;
  EXPECT_EQ(watched.log_with("not available"),
            "GPU monitoring not available: rocm-smi: exit status 1\n");
  tree.script("nvidia-smi", std::string(kTwoLines) + "; exec /bin/sleep 1000");
  EXPECT_EQ(watched.samples(1), "0 A\n");
  EXPECT_EQ(watched.log_with("using"),
            "GPU monitoring not available: rocm-smi: exit status 1\n"
            "using nvidia-smi for GPU monitoring\n");
}

TEST_F(GpuMonitorTest, NothingThere) {
  Watched watched;
  EXPECT_TRUE(watched.over());
  EXPECT_EQ(watched.log_with("not available"),
            "GPU monitoring not available: no tool and no driver\n");
}

TEST_F(GpuMonitorTest, EndsWhileAToolIsSilent) {
  tree.script("nvidia-smi", "/bin/sleep 1000");
  const util::Time begin = util::Clock::now();
  { Watched watched; }
  EXPECT_LT(util::Clock::now() - begin, seconds(20));
}

TEST_F(GpuMonitorTest, AToolThatStaysDeadIsMentionedOnce) {
  tree.script("nvidia-smi",
              std::string("[ -e ${0%/*}/dead ] && echo x >> ${0%/*}/again && exit 7\n") +
                  "> ${0%/*}/dead\n" + kTwoLines);
  Watched watched;
  EXPECT_EQ(watched.samples(2), "0 A\n1 B\n");
  const auto attempts = [&] {
    std::error_code none;
    const auto size = std::filesystem::file_size(tree.root() / "again", none);
    return none ? 0 : size / 2;
  };
  const util::Time end = util::Clock::now() + seconds(20);
  while (attempts() < 4 && util::Clock::now() < end) std::this_thread::yield();
  EXPECT_GE(attempts(), 4u);
  EXPECT_EQ(watched.log_with("not available"),
            "using nvidia-smi for GPU monitoring\n"
            "GPU monitoring: nvidia-smi ended; asking again in 1ms\n"
            "GPU monitoring not available: nvidia-smi ended: exit status 7\n");
}

// Of watch_devices(): "<name> <temperature> <power>" of each sample of `rounds` rounds, or why it
// ended.
std::string devices(const testing::FakeTree& sys, const char* nvml, int rounds,
                    const std::function<void()>& between) {
  StopSignal stop;
  std::string out;
  const Watch watch{stop, milliseconds(1), [&](std::vector<observe::GpuSample> samples) {
                      for (const observe::GpuSample& s : samples)
                        out += s.name + " " + std::to_string(s.temperature_c) +
                               (s.power_w > 0 ? " powered\n" : "\n");
                      between();
                      if (--rounds == 0) stop.raise();
                    }};
  const util::Error error = watch_devices(watch, sys.root(), nvml);
  return out + error.message;
}

TEST(Devices, NvmlAndSysfsAreOne) {
  const testing::FakeTree sys;
  const std::string nvidia = sys.card("", 0, "0000:c1:00.0", "0x10de", "nvidia");
  sys.file(nvidia + "hwmon/hwmon0/temp1_input", "99000");
  const std::string amd = sys.card("", 1, "0000:03:00.0", "0x1002", "amdgpu");
  sys.file(amd + "hwmon/hwmon1/temp1_input", "50000");
  EXPECT_EQ(devices(sys, TEST_NVML, 1, [] {}),
            "AMD GPU 1234 50\nNVIDIA Test 1 61 powered\nNVIDIA GB10 0\nstopped");
}

TEST(Devices, ADriverThatOnlyCounts) {
  const testing::FakeTree sys;
  const std::string intel = sys.card("", 0, "0000:00:02.0", "0x8086", "i915");
  EXPECT_EQ(devices(sys, "libnothing.so", 1, [] {}), "no driver shows a GPU");
  sys.file(intel + "hwmon/hwmon0/temp1_input", "40000");
  sys.file(intel + "hwmon/hwmon0/energy1_input", "0");
  EXPECT_EQ(devices(sys, "libnothing.so", 2,
                    [&] { sys.file(intel + "hwmon/hwmon0/energy1_input", "1000000"); }),
            "Intel GPU 1234 40\nIntel GPU 1234 40 powered\nstopped");
}

// Speaks LACT on a socket that LACT_DAEMON_SOCKET_PATH names; one conversation at a time.
class FakeLact {
 public:
  explicit FakeLact(const std::string& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    ::setenv("LACT_DAEMON_SOCKET_PATH", socket.c_str(), 1);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeLact() {
    ::unsetenv("LACT_DAEMON_SOCKET_PATH");
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

 private:
  static std::string answer(const std::string& request) {
    if (request == R"({"command":"list_devices"})")
      return R"({"status":"ok","data":[{"id":"a","name":null},{"id":"b"},{"id":"c","name":"C"}]})";
    if (request.find(R"("id":"b")") != request.npos) return R"({"status":"ok","data":{}})";
    if (request.find(R"("command":"device_stats")") != request.npos)
      return R"({"status":"ok","data":{"vram":{"total":1048576,"used":0}}})";
    return R"({"status":"error"})";
  }
  void serve() const {
    for (int client; (client = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(client)) {
      std::string text;
      char c = 0;
      while (::read(client, &c, 1) == 1) {
        if (c != '\n') {
          text += c;
          continue;
        }
        const std::string line = answer(text) + "\n";
        if (::send(client, line.data(), line.size(), MSG_NOSIGNAL) < 0) break;
        text.clear();
      }
    }
  }

  const int fd_;
  std::thread thread_;
};

TEST_F(GpuMonitorTest, Lact) {
  tree.script("nvidia-smi", kTwoLines);
  const FakeLact lact((tree.root() / "lactd.sock").string());
  Watched watched;
  EXPECT_EQ(watched.samples(4), "0 a\n2 C\n0 a\n2 C\n");
  EXPECT_EQ(watched.log_with("using"), "using LACT for GPU monitoring\n");
}

TEST_F(GpuMonitorTest, ALactThatIsGone) {
  const std::string socket = (tree.root() / "lactd.sock").string();
  { const FakeLact lact(socket); }  // leaves its socket
  ::setenv("LACT_DAEMON_SOCKET_PATH", socket.c_str(), 1);
  tree.script("rocm-smi", kRocm);
  Watched watched;
  EXPECT_EQ(watched.samples(1), "3 RX card3\n");
  ::unsetenv("LACT_DAEMON_SOCKET_PATH");
}

}  // namespace
}  // namespace llama_swap::monitor

// Stands in for libFuzzer where the compiler has none: runs every file of the corpora, then
// mutations of them. No coverage feedback; the seed makes a run repeatable.
//
//   fuzz_x [--runs N] [--seconds T] [--seed S] CORPUS...      CORPUS: a file or a folder
//
// Ends after N mutated inputs or T seconds, whichever was asked for (default: 2000 runs). When a
// target dies, the input is left in ./crash-<process id>.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz/fuzz.h"

extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxInput = 4096;

struct Options {
  std::uint64_t runs = 0;
  std::uint64_t seconds = 0;
  std::uint64_t seed = 1;
  std::vector<std::filesystem::path> corpora;
};

const Bytes* current = nullptr;  // what the target is looking at

// In a signal handler: only what is safe there.
void save_current() {
  if (!current) return;
  char name[32];
  std::snprintf(name, sizeof name, "crash-%d", static_cast<int>(getpid()));
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  const auto written = write(file, current->data(), current->size());
  close(file);
  std::fprintf(stderr, "input (%zd bytes) saved as %s\n", written, name);
  current = nullptr;
}

void on_signal(int number) {
  save_current();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(const Bytes& input) {
  // Exactly as long as the input, so that a sanitizer sees reads past the end.
  const Bytes copy(input.begin(), input.end());
  current = &input;
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  current = nullptr;
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Bytes> read_corpora(const std::vector<std::filesystem::path>& corpora) {
  std::vector<std::filesystem::path> files;
  for (const auto& corpus : corpora) {
    if (std::filesystem::is_directory(corpus)) {
      for (const auto& entry : std::filesystem::directory_iterator(corpus))
        files.push_back(entry.path());
    } else {
      files.push_back(corpus);
    }
  }
  std::ranges::sort(files);  // folders list in any order, runs must repeat
  std::vector<Bytes> inputs;
  for (const auto& file : files) inputs.push_back(read_file(file));
  return inputs;
}

class Mutator {
 public:
  Mutator(const std::vector<Bytes>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  Bytes next() {
    Bytes input = any_input();
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(input);
    if (input.size() > kMaxInput) input.resize(kMaxInput);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const Bytes& any_input() { return corpus_[below(corpus_.size())]; }

  // Bytes that mean something to one of the parsers come more often than others.
  std::uint8_t any_byte() {
    static constexpr std::string_view kTelling =
        "\r\n\r\n\0\t :;,\"\\{}[]-=&%+#?/@0123456789abcdefABmodelsu\x7f\xff";
    return below(3) == 0 ? static_cast<std::uint8_t>(random_())
                         : static_cast<std::uint8_t>(kTelling[below(kTelling.size())]);
  }

  void change(Bytes& input) {
    const auto at = static_cast<std::ptrdiff_t>(below(input.size() + 1));
    const auto length = static_cast<std::ptrdiff_t>(
        below(std::min<std::size_t>(input.size() - static_cast<std::size_t>(at), 32) + 1));
    const auto place = input.begin() + at;
    switch (below(6)) {
      case 0:
        if (place != input.end()) *place = any_byte();
        break;
      case 1:
        input.insert(place, any_byte());
        break;
      case 2:
        input.erase(place, place + length);
        break;
      case 3: {  // repeat a stretch somewhere
        const Bytes stretch(place, place + length);
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size() + 1)),
                     stretch.begin(), stretch.end());
        break;
      }
      case 4: {  // go on with the end of another input
        const Bytes& other = any_input();
        input.erase(place, input.end());
        input.insert(input.end(),
                     other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)),
                     other.end());
        break;
      }
      case 5:
        input.resize(static_cast<std::size_t>(at));
        break;
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 random_;
};

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    std::uint64_t* number = word == "--runs"      ? &options.runs
                            : word == "--seconds" ? &options.seconds
                            : word == "--seed"    ? &options.seed
                                                  : nullptr;
    if (!number) {
      options.corpora.emplace_back(word);
    } else if (i + 1 < argc) {
      *number = std::strtoull(argv[++i], nullptr, 10);
    }
  }
  if (options.runs == 0 && options.seconds == 0) options.runs = 2000;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(save_current);
  for (const int number : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) std::signal(number, on_signal);

  std::vector<Bytes> corpus = read_corpora(options.corpora);
  if (corpus.empty()) {
    std::fprintf(stderr, "usage: %s [--runs N] [--seconds T] [--seed S] CORPUS...\n", argv[0]);
    return 2;
  }
  for (const Bytes& input : corpus) run(input);

  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(options.seconds);
  Mutator mutator(corpus, options.seed);
  std::uint64_t runs = 0;
  for (; options.runs == 0 || runs < options.runs; ++runs) {
    if (options.seconds > 0 && Clock::now() >= end) break;
    run(mutator.next());
  }
  std::printf("%zu inputs of the corpus and %llu mutations passed\n", corpus.size(),
              static_cast<unsigned long long>(runs));
}

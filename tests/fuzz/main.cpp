// SPDX-License-Identifier: Apache-2.0
// The entry points that libFuzzer calls. Environment: WEFT_FUZZ_TARGET names the target (without
// it, the names are printed); WEFT_FUZZ_SAY=1 prints whether an input was taken.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>

#include <sys/resource.h>
#include <zlib.h>

#include "weft/core/at_once.h"
#include "weft/tests/fuzz/fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(unsigned char* bytes, std::size_t size, std::size_t most);

// On one thread, so that an input reaches the same branches each time it runs. To make threads for
// each input also took longer than to read it.
void weft::at_once(std::size_t count, const std::function<void(std::size_t i)>& work) {
  for (std::size_t i = 0; i < count; ++i) work(i);
}

namespace weft::fuzz {
namespace fs = std::filesystem;

namespace {

struct Target {
  void (*run)(std::string_view);
  Mutator mutate;
};

std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> all;
  return all;
}

const Target* chosen = nullptr;
std::string chosen_name;
bool says = false;
double slowest = 0;

double seconds_of_processor() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs the target once and returns the seconds of processor time that it took.
double seconds_of(std::string_view input) {
  const double begin = seconds_of_processor();
  try {
    chosen->run(input);
    if (says) std::fprintf(stderr, "fuzz: taken\n");
  } catch (const UserError& error) {
    if (says) std::fprintf(stderr, "fuzz: refused: %s\n", error.what());
  }
  return seconds_of_processor() - begin;
}

struct Scratch {
  fs::path path;
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "weft-fuzz-XXXXXX").string();
    WEFT_ASSERT(mkdtemp(pattern.data()) != nullptr, "{} cannot be made", pattern);
    path = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

bool add(const std::string& name, void (*run)(std::string_view input), Mutator mutate) {
  return targets().emplace(name, Target{run, mutate}).second;
}

std::vector<std::string> parts_of(std::string_view input, std::size_t count) {
  constexpr std::string_view kDivider = "\n%%\n";
  std::vector<std::string> parts;
  while (parts.size() + 1 < count) {
    const std::size_t end = input.find(kDivider);
    if (end == std::string_view::npos) break;
    parts.emplace_back(input.substr(0, end));
    input.remove_prefix(end + kDivider.size());
  }
  parts.emplace_back(input);
  parts.resize(count);
  return parts;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

const fs::path& folder() {
  static const Scratch scratch;
  return scratch.path;
}

fs::path write(const std::string& name, std::string_view bytes) {
  const fs::path path = folder() / name;
  if (path.parent_path() != folder()) fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  WEFT_ASSERT(file.good(), "{} cannot be written", path.string());
  return path;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  WEFT_ASSERT(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
              "zlib does not start");
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  std::string copy(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  WEFT_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib does not end");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace weft::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  using namespace weft::fuzz;
  const char* name = std::getenv("WEFT_FUZZ_TARGET");
  const auto found = targets().find(name == nullptr ? "" : name);
  if (found == targets().end()) {
    for (const auto& [known, target] : targets()) std::printf("%s\n", known.c_str());
    std::exit(name == nullptr ? 0 : 2);
  }
  chosen = &found->second;
  chosen_name = found->first;
  says = std::getenv("WEFT_FUZZ_SAY") != nullptr;
  folder();  // made before the function below is registered, and so removed after it
  std::atexit([] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    std::fprintf(stderr, "fuzz: slowest input: %.3f s\n", slowest);
    std::fprintf(stderr, "fuzz: processor time: %.1f s\n", seconds_of_processor());
    std::fprintf(stderr, "fuzz: peak memory: %ld MiB\n", used.ru_maxrss / 1024);
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  using namespace weft::fuzz;
  const std::string_view input{reinterpret_cast<const char*>(bytes), size};
  // Other programs on a machine add to the processor time (caches, hyper-threads, a busy host of a
  // virtual machine), and an input is not slow for that: the least of three runs counts. So what is
  // done once in a process does not count either.
  double seconds = seconds_of(input);
  for (int again = 0; again < 2 && seconds > kMostSeconds; ++again) {
    seconds = std::min(seconds, seconds_of(input));
  }
  slowest = std::max(slowest, seconds);
  if (seconds > kMostSeconds) {
    std::fprintf(stderr, "fuzz: slow input: %.1f s of processor time; at most %.0f are allowed\n",
                 seconds, kMostSeconds);
    std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(unsigned char* bytes, std::size_t size,
                                               std::size_t most, unsigned seed) {
  const weft::fuzz::Mutator mutate = weft::fuzz::chosen->mutate;
  return mutate == nullptr ? LLVMFuzzerMutate(bytes, size, most) : mutate(bytes, size, most, seed);
}

// SPDX-License-Identifier: Apache-2.0
// Tests of mistakes that only a sanitizer detects. They run in the presets emulated-asan and
// emulated-tsan.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>

#include "weft/testing/emulated/sanitizer_hooks.h"
#include "weft/tests/simt/planted_bugs.cuh"
#include "weft/tests/simt/simt_test_tools.h"

namespace weft::testing {
namespace {

// A mistake that runs in a process of its own: a sanitizer's report may end it, and ThreadSanitizer
// does not support fork() in a process that has fibers.
using Mistake = void (*)();
std::map<std::string, Mistake>& mistakes() {
  static std::map<std::string, Mistake> all;
  return all;
}
class MistakeRunner : public ::testing::Environment {
  void SetUp() override {
    const char* const wanted = std::getenv("WEFT_MISTAKE");
    if (wanted == nullptr) return;
    link_sanitizer_hooks();
    mistakes().at(wanted)();
    _exit(0);
  }
};
[[maybe_unused]] const auto* const runner = ::testing::AddGlobalTestEnvironment(new MistakeRunner);

#define MISTAKE(name)                                                                \
  void name();                                                                       \
  [[maybe_unused]] const bool name##_known = mistakes().emplace(#name, name).second; \
  void name()

// Returns the output of the mistake on stderr.
[[maybe_unused]] std::string report_of(const std::string& name) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    setenv("WEFT_MISTAKE", name.c_str(), 1);
    execl("/proc/self/exe", "test_simt", "--gtest_filter=Intrinsics.Votes", nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string report;
  std::array<char, 4096> buffer{};
  for (ssize_t n; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    report.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return report;
}

#define EXPECT_REPORTS(report, text) \
  EXPECT_NE((report).find(text), std::string::npos) << (text) << " is missing in:\n" << (report)

#ifdef __SANITIZE_ADDRESS__

MISTAKE(outside_global) {
  const DeviceArray<float> x(100);
  DeviceArray<float> y(100);
  launch<bugs::outside_global>({.grid = 1, .block = 128}, y.data(), x.data(), 100);
}
TEST(AddressSanitizer, OutsideGlobalMemory) {
  const std::string report = report_of("outside_global");
  EXPECT_REPORTS(report, "in kernel weft::bugs::outside_global, block (0,0,0), thread (100,0,0)");
  EXPECT_REPORTS(report, "heap-buffer-overflow");
  EXPECT_REPORTS(report, line_of("outside global"));
}

MISTAKE(outside_shared) {
  DeviceArray<float> y(64);
  launch<bugs::outside_shared>({.grid = 1, .block = 64}, y.data());
}
TEST(AddressSanitizer, OutsideSharedMemory) {
  const std::string report = report_of("outside_shared");
  EXPECT_REPORTS(report, "in kernel weft::bugs::outside_shared, block (0,0,0), thread (63,0,0)");
  EXPECT_REPORTS(report, line_of("outside shared"));
}

MISTAKE(outside_dynamic) {
  DeviceArray<float> y(64);
  launch<bugs::outside_dynamic>({.grid = 1, .block = 64, .smem = 63 * sizeof(float)}, y.data());
}
TEST(AddressSanitizer, OutsideDynamicSharedMemory) {
  const std::string report = report_of("outside_dynamic");
  EXPECT_REPORTS(report, "in kernel weft::bugs::outside_dynamic, block (0,0,0), thread (63,0,0)");
  EXPECT_REPORTS(report, line_of("outside dynamic"));
}

MISTAKE(outside_row) {
  DeviceArray<float> y(56);
  launch<bugs::outside_row>({.grid = 1, .block = 56}, y.data());
}
TEST(UndefinedBehaviorSanitizer, OutsideARow) {
  const std::string report = report_of("outside_row");
  EXPECT_REPORTS(report, "index 8 out of bounds for type 'float [8]'");
  EXPECT_REPORTS(report, line_of("outside row"));
  EXPECT_REPORTS(report, "in kernel weft::bugs::outside_row, block (0,0,0), thread (7,0,0)");
}

MISTAKE(misaligned) {
  const DeviceArray<float> x(64);
  DeviceArray<float> y(8);
  launch<bugs::misaligned>({.grid = 1, .block = 8}, y.data(), x.data());
}
TEST(UndefinedBehaviorSanitizer, Misaligned) {
  const std::string report = report_of("misaligned");
  EXPECT_REPORTS(report, "misaligned address");
  EXPECT_REPORTS(report, line_of("misaligned"));
  EXPECT_REPORTS(report, "in kernel weft::bugs::misaligned, block (0,0,0), thread (0,0,0)");
}

#elif defined(__SANITIZE_THREAD__)

// Returns the line that names kernel, places and threads.
std::string race_line(const std::string& report) {
  const auto begin = report.find("weft: race in ");
  return begin == std::string::npos ? "" : report.substr(begin, report.find('\n', begin) - begin);
}

MISTAKE(missing_barrier) {
  const DeviceArray<float> x(128);
  DeviceArray<float> y(128);
  launch<bugs::missing_barrier>({.grid = 1, .block = 128}, y.data(), x.data());
}
TEST(ThreadSanitizer, MissingBarrier) {
  const std::string report = report_of("missing_barrier");
  const std::string race = race_line(report);
  EXPECT_REPORTS(
      race, "weft: race in kernel weft::bugs::missing_barrier, block (0,0,0), thread (1,0,0):");
  EXPECT_REPORTS(race, " write of 4 bytes at " + line_of("missing_barrier write") +
                           " by block (0,0,0) thread (1,0,0)");
  EXPECT_REPORTS(race, " read of 4 bytes at " + line_of("missing_barrier read") +
                           " by block (0,0,0) thread (0,0,0)");
  const auto whole_report = report.find("WARNING: ThreadSanitizer: data race");
  ASSERT_NE(whole_report, std::string::npos);
  EXPECT_LT(report.find(race), whole_report) << report;
}

MISTAKE(missing_trailing_barrier) {
  const DeviceArray<float> x(512);
  DeviceArray<float> y(128);
  launch<bugs::missing_trailing_barrier>({.grid = 1, .block = 128}, y.data(), x.data(), 4);
}
TEST(ThreadSanitizer, MissingTrailingBarrier) {
  const std::string race = race_line(report_of("missing_trailing_barrier"));
  EXPECT_REPORTS(race, line_of("trailing write"));
  EXPECT_REPORTS(race, line_of("trailing read"));
}

MISTAKE(missing_syncwarp) {
  DeviceArray<float> y(32);
  launch<bugs::missing_syncwarp>({.grid = 1, .block = 32}, y.data());
}
TEST(ThreadSanitizer, MissingSyncwarp) {
  const std::string race = race_line(report_of("missing_syncwarp"));
  EXPECT_REPORTS(race, line_of("syncwarp write"));
  EXPECT_REPORTS(race, line_of("syncwarp read"));
}

template <auto Kernel>
void run_blocks() {
  DeviceArray<float> sum(std::vector<float>{0});
  launch<Kernel>({.grid = 8, .block = 32}, sum.data());
}
MISTAKE(race_between_blocks) { run_blocks<bugs::race_between_blocks>(); }
MISTAKE(race_between_barriers) { run_blocks<bugs::race_between_blocks_with_barriers>(); }
TEST(ThreadSanitizer, RaceBetweenBlocks) {
  std::string race = race_line(report_of("race_between_blocks"));
  EXPECT_REPORTS(race, line_of("blocks add"));
  EXPECT_REPORTS(race, "block (0,0,0) thread (0,0,0)");
  EXPECT_REPORTS(race, "block (1,0,0) thread (0,0,0)");
  race = race_line(report_of("race_between_barriers"));
  EXPECT_REPORTS(race, line_of("blocks add between barriers"));
}

template <bool kFence>
void last_block() {
  DeviceArray<float> sum(1), partial(8);
  DeviceArray<unsigned> ticket(std::vector<unsigned>{0});
  launch<bugs::last_block_sums<kFence>>({.grid = 8, .block = 32}, sum.data(), partial.data(),
                                        ticket.data());
}
MISTAKE(missing_fence) { last_block<false>(); }
TEST(ThreadSanitizer, MissingFence) {
  const std::string race = race_line(report_of("missing_fence"));
  EXPECT_REPORTS(race, line_of("partial write"));
  EXPECT_REPORTS(race, line_of("partial read"));
}

MISTAKE(none_fence) { last_block<true>(); }
MISTAKE(none_syncwarp) {
  DeviceArray<float> y(32);
  launch<bugs::with_syncwarp>({.grid = 1, .block = 32}, y.data());
}
TEST(ThreadSanitizer, SaysNothingOfRightKernels) {
  EXPECT_EQ(report_of("none_fence"), "");
  EXPECT_EQ(report_of("none_syncwarp"), "");
}

MISTAKE(skipped_site) {
  const simt::ScopedOptions skip(
      {.skip = {"tests/simt/planted_bugs.cuh", line_number_of("syncwarp site")}});
  none_syncwarp();
}
TEST(ThreadSanitizer, SeesASkippedSite) {
  EXPECT_REPORTS(race_line(report_of("skipped_site")), "weft::bugs::with_syncwarp");
}

#else

TEST(Sanitizer, IsInThePresetsEmulatedAsanAndEmulatedTsan) {
  GTEST_SKIP() << "this build has no sanitizer: ./run torture-kernels runs them";
}

#endif

}  // namespace
}  // namespace weft::testing

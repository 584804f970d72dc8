// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/emulated/sanitizer_hooks.h"

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "weft/device/simt/simt.h"

// source: compiler-rt, include/sanitizer/{asan,tsan,common}_interface*.h tsan_debugging.cpp and
// tsan_rtl_report.cpp
// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)
extern "C" {
[[gnu::weak]] int __tsan_get_report_data(void* report, const char** description, int* count,
                                         int* stack_count, int* mop_count, int* loc_count,
                                         int* mutex_count, int* thread_count, int* unique_tid_count,
                                         void** sleep_trace, unsigned long trace_size);
[[gnu::weak]] int __tsan_get_report_mop(void* report, unsigned long index, int* tid, void** address,
                                        int* size, int* write, int* atomic, void** trace,
                                        unsigned long trace_size);
[[gnu::weak]] int __tsan_get_report_thread(void* report, unsigned long index, int* tid,
                                           unsigned long* os_id, int* running, const char** name,
                                           int* parent_tid, void** trace, unsigned long trace_size);
[[gnu::weak]] void __sanitizer_symbolize_pc(void* pc, const char* format, char* text,
                                            std::size_t size);
}

namespace {

constexpr unsigned long kTrace = 16;

void print_place() { std::fprintf(stderr, "weft: in %s\n", weft::simt::where().c_str()); }

const char* thread_name(void* report, int threads, int wanted) {
  for (int i = 0; i < threads; ++i) {
    int tid = 0, running = 0, parent = 0;
    unsigned long os_id = 0;
    const char* name = nullptr;
    void* trace[kTrace] = {};
    __tsan_get_report_thread(report, static_cast<unsigned long>(i), &tid, &os_id, &running, &name,
                             &parent, trace, kTrace);
    if (tid == wanted && name != nullptr) return name;
  }
  return "host";
}

// Prints "race in kernel …: write at softmax_cuda.cu:57 by block (0,0,0) thread (1,0,0); read at …
// by …"
void print_race(void* report) {
  const char* description = nullptr;
  int count = 0, stacks = 0, accesses = 0, locations = 0, mutexes = 0, threads = 0, tids = 0;
  void* sleep_trace[kTrace] = {};
  __tsan_get_report_data(report, &description, &count, &stacks, &accesses, &locations, &mutexes,
                         &threads, &tids, sleep_trace, kTrace);
  std::fprintf(stderr, "weft: race in %s:", weft::simt::where().c_str());
  for (int i = 0; i < accesses; ++i) {
    int tid = 0, size = 0, write = 0, atomic = 0;
    void* address = nullptr;
    void* trace[kTrace] = {};
    __tsan_get_report_mop(report, static_cast<unsigned long>(i), &tid, &address, &size, &write,
                          &atomic, trace, kTrace);
    char place[256] = "?";
    // A return address lies one instruction after the call.
    __sanitizer_symbolize_pc(static_cast<char*>(trace[0]) - 1, "%s:%l", place, sizeof place);
    const char* const slash = std::strrchr(place, '/');
    std::fprintf(stderr, "%s %s%s of %d bytes at %s by %s", i == 0 ? "" : ";",
                 atomic != 0 ? "atomic " : "", write != 0 ? "write" : "read", size,
                 slash != nullptr ? slash + 1 : place, thread_name(report, threads, tid));
  }
  std::fprintf(stderr, "\n");
}

}  // namespace

extern "C" {
void __asan_on_error() { print_place(); }
void __ubsan_on_report() { print_place(); }
}
namespace __tsan {
class ReportDesc;
// ThreadSanitizer calls this before it prints the report, and __tsan_on_report() after it.
bool OnReport(const ReportDesc* report, bool suppressed) {  // NOLINT(misc-use-internal-linkage)
  if (suppressed) return true;
  if (__tsan_get_report_data != nullptr && __sanitizer_symbolize_pc != nullptr)
    print_race(const_cast<ReportDesc*>(report));
  else print_place();
  return false;
}
}  // namespace __tsan
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)

namespace weft::testing {
void link_sanitizer_hooks() {}
}  // namespace weft::testing

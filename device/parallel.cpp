// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"

#include <exception>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "weft/core/check.h"
#include "weft/core/error.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace weft {

#ifdef _OPENMP
namespace {

// Throws UserError unless the process can have this many threads at once. OpenMP would abort it.
void check_threads(int count) {
  std::vector<std::jthread> made;
  std::latch all_made(1);
  std::string problem;
  try {
    while (static_cast<int>(made.size()) < count - 1)
      made.emplace_back([&all_made] { all_made.wait(); });
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const std::size_t possible = made.size() + 1;
  all_made.count_down();
  made.clear();
  WEFT_CHECK(problem.empty(),
             "set_threads: {} given, and the system makes {} ({}); fewer are required", count,
             possible, problem);
}

}  // namespace

int threads() { return omp_get_max_threads(); }
void set_threads(int count) {
  WEFT_CHECK(count >= 1 && count <= kMostThreads, "set_threads: {} given; 1 to {} are required",
             count, kMostThreads);
  if (count > omp_get_num_procs()) check_threads(count);
  omp_set_num_threads(count);
}
bool in_parallel() { return omp_in_parallel() != 0; }
#else
int threads() { return 1; }
void set_threads(int count) {
  WEFT_CHECK(count == 1, "set_threads: {} given; this build has no OpenMP and runs on 1 thread",
             count);
}
bool in_parallel() { return false; }
#endif

}  // namespace weft

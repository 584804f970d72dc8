// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"

#include "weft/core/error.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace weft {

#ifdef _OPENMP
int threads() { return omp_get_max_threads(); }
void set_threads(int count) {
  WEFT_CHECK(count >= 1, "set_threads: {} given; at least 1 is required", count);
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

// SPDX-License-Identifier: Apache-2.0
// Threads on the CPU. There is one pool for everything (OpenMP's, which oneDNN uses too), and
// parallel loops are never nested.
#pragma once
#include <algorithm>

#include "weft/core/types.h"

namespace weft {

// Returns the number of threads that kernels started from the calling thread use. The default is
// OpenMP's (OMP_NUM_THREADS, or one per core), and 1 in a build without OpenMP.
int threads();
void set_threads(int count);
// True inside a parallel_for. A nested one runs serially.
bool in_parallel();

// Splits [0, count) into contiguous ranges of at least `grain` (the last may be shorter) and calls
// body(begin, end) for each, on several threads when that pays. `body` must not throw.
template <class Body>
void parallel_for(i64 count, i64 grain, const Body& body) {
  if (count <= 0) return;
  const i64 parts = std::min<i64>(threads(), (count + grain - 1) / grain);
  if (parts <= 1 || in_parallel()) {
    body(i64{0}, count);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static, 1)
#endif
  for (i64 part = 0; part < parts; ++part) body(count * part / parts, count * (part + 1) / parts);
}

// Does the same for a list of blocks whose boundaries do not depend on the number of threads:
// body(block) for block in [0, blocks). Reductions that must yield the same bytes on any machine
// use it.
template <class Body>
void parallel_blocks(i64 blocks, const Body& body) {
  parallel_for(blocks, 1, [&](i64 begin, i64 end) {
    for (i64 block = begin; block < end; ++block) body(block);
  });
}

}  // namespace weft

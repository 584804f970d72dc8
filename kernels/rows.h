// SPDX-License-Identifier: Apache-2.0
// Rows of a matrix on the CPU.
#pragma once
#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {

// body(r) for every row, in vector code; threads share the rows where there is enough to do.
template <class Body>
void for_rows(i64 rows, i64 cols, const Body& body) {
  parallel_for(rows, 4096 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) body(r);
    });
  });
}

}  // namespace weft::kernels

// SPDX-License-Identifier: Apache-2.0
// The blocks of rows over which batch norm sums on the CPU.
#pragma once
#include <algorithm>

#include "weft/kernels/common/views.h"

namespace weft::kernels {

// The elements of a block. The size is fixed, so that results do not depend on the threads.
inline constexpr i64 kBatchNormBlock = 16 * 1024;

struct BatchNormBlocks {
  template <class T>
  explicit BatchNormBlocks(Rows<const T> x)
      : rows_per_block(std::clamp<i64>(kBatchNormBlock / std::max<i64>(x.cols, 1), 1, 512)),
        count((x.rows + rows_per_block - 1) / rows_per_block),
        rows(x.rows) {}
  i64 begin(i64 block) const { return block * rows_per_block; }
  i64 end(i64 block) const { return std::min(rows, begin(block) + rows_per_block); }
  i64 rows_per_block, count, rows;
};

}  // namespace weft::kernels

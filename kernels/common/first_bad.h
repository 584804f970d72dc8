// SPDX-License-Identifier: Apache-2.0
// Validates labels and indices on a GPU.
#pragma once
#include "weft/kernels/common/team.h"

namespace weft::kernels {

struct Earlier {
  __device__ i64 operator()(i64 a, i64 b) const { return a < b ? a : b; }
};

struct NoneAllowed {
  __device__ bool operator()(i64) const { return false; }
};

// *bad is the first position in index (n) whose value is outside [0, limit) and not `allowed`, or
// −1 if there is none. All threads of one block must call it.
template <class Allowed = NoneAllowed>
__device__ void find_first_bad(i64* bad, const i64* index, i64 n, i64 limit, Allowed allowed = {}) {
  i64 first = n;
  for (i64 i = threadIdx.x; i < n && first == n; i += blockDim.x)
    if ((index[i] < 0 || index[i] >= limit) && !allowed(index[i])) first = i;
  first = block_combine(first, Earlier{});
  if (threadIdx.x == 0) *bad = first == n ? -1 : first;
}

}  // namespace weft::kernels

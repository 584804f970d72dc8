// SPDX-License-Identifier: Apache-2.0
// Index arithmetic of broadcasting for GPU kernels.
#pragma once
#include "weft/kernels/elementwise.h"
#include "weft/kernels/common/grid.h"

namespace weft::kernels {

// The offset in each input at which one innermost run of the output begins, in elements.
struct BroadcastRun {
  i64 a = 0, b = 0;
};
WEFT_HOST_DEVICE inline BroadcastRun run_of(const Broadcast& s, i64 run) {
  BroadcastRun begin;
#pragma unroll
  for (int axis = Broadcast::kMaxRank - 2; axis >= 0; --axis) {
    if (axis > s.rank - 2) continue;
    const auto k = static_cast<std::size_t>(axis);
    const Division index = divide(run, s.size[k]);
    run = index.quotient;
    begin.a += index.remainder * s.stride_a[k];
    begin.b += index.remainder * s.stride_b[k];
  }
  return begin;
}

// Calls body(k, index in a, index in b) for the outputs first + k with k < count. Only the start of
// an innermost run needs divisions.
template <class Body>
WEFT_HOST_DEVICE void walk_broadcast(const Broadcast& s, i64 first, int count, const Body& body) {
  const auto last = static_cast<std::size_t>(s.rank > 0 ? s.rank - 1 : 0);
  const i64 inner = s.rank > 0 ? s.size[last] : 1, step_a = s.stride_a[last],
            step_b = s.stride_b[last];
  const Division at = divide(first, inner);
  i64 run = at.quotient, column = at.remainder;
  BroadcastRun begin = run_of(s, run);
#pragma unroll
  for (int k = 0; k < count; ++k) {
    body(k, begin.a + column * step_a, begin.b + column * step_b);
    if (++column == inner) {
      column = 0;
      begin = run_of(s, ++run);
    }
  }
}

// Returns whether both inputs have the shape of the output.
inline bool is_plain(const Broadcast& s) {
  return s.rank == 0 || (s.rank == 1 && s.stride_a[0] == 1 && s.stride_b[0] == 1);
}

}  // namespace weft::kernels

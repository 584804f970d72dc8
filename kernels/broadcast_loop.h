// SPDX-License-Identifier: Apache-2.0
// The loops of broadcasting for CPU kernels.
#pragma once
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/elementwise.h"

namespace weft::kernels {

inline constexpr i64 kBroadcastGrain = 16 * 1024;  // the fewest elements that a thread processes

// Calls row(out, a, b, length) for every innermost run of the output within [begin, end). out, a
// and b are the offsets at which the run begins.
template <class Row>
void walk(const Broadcast& s, i64 begin, i64 end, const Row& row) {
  const int last = s.rank - 1;
  const i64 inner = s.size[static_cast<std::size_t>(last)];
  for (i64 run = begin / inner; run * inner < end; ++run) {
    i64 remaining = run, a = 0, b = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      const auto k = static_cast<std::size_t>(axis);
      const i64 index = remaining % s.size[k];
      remaining /= s.size[k];
      a += index * s.stride_a[k];
      b += index * s.stride_b[k];
    }
    row(run * inner, a, b, inner);
  }
}

// The inner loop. Each input has stride 1 or is repeated (stride 0). Each case has its own loop, so
// that the compiler vectorises it.
template <class F>
void inner_loop(bool a_runs, bool b_runs, i64 n, const F& f) {
  simd([&] {
    if (a_runs && b_runs) {
      for (i64 i = 0; i < n; ++i) f(i, i, i);
    } else if (a_runs) {
      for (i64 i = 0; i < n; ++i) f(i, i, i64{0});
    } else {
      for (i64 i = 0; i < n; ++i) f(i, i64{0}, i);
    }
  });
}

// Calls f(c, a, b), which returns the body of an inner loop, for the offsets at which a run begins.
template <class F>
void broadcast_loop(const Broadcast& s, const F& f) {
  if (s.elements == 0) return;
  if (s.rank == 0) {
    f(0, 0, 0)(0, 0, 0);
    return;
  }
  const auto last = static_cast<std::size_t>(s.rank - 1);
  const i64 inner = s.size[last];
  const bool a_runs = s.stride_a[last] != 0, b_runs = s.stride_b[last] != 0;
  if (s.rank == 1) {
    parallel_for(s.elements, kBroadcastGrain, [&](i64 begin, i64 end) {
      inner_loop(a_runs, b_runs, end - begin, f(begin, a_runs ? begin : 0, b_runs ? begin : 0));
    });
    return;
  }
  parallel_for(s.elements / inner, kBroadcastGrain / inner + 1, [&](i64 begin, i64 end) {
    walk(s, begin * inner, end * inner,
         [&](i64 out, i64 a, i64 b, i64 n) { inner_loop(a_runs, b_runs, n, f(out, a, b)); });
  });
}

}  // namespace weft::kernels

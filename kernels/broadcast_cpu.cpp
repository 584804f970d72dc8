// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/elementwise.h"

namespace weft::kernels {
namespace {

constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

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
    parallel_for(s.elements, kGrain, [&](i64 begin, i64 end) {
      inner_loop(a_runs, b_runs, end - begin, f(begin, a_runs ? begin : 0, b_runs ? begin : 0));
    });
    return;
  }
  parallel_for(s.elements / inner, kGrain / inner + 1, [&](i64 begin, i64 end) {
    walk(s, begin * inner, end * inner,
         [&](i64 out, i64 a, i64 b, i64 n) { inner_loop(a_runs, b_runs, n, f(out, a, b)); });
  });
}

template <class Op, class T>
void forward(T* c, BinaryInputs<T> in, const Broadcast& shape) {
  const T *a = in.a, *b = in.b;
  broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
    return [=](i64 i, i64 j, i64 k) { c[c0 + i] = Op::value(a[a0 + j], b[b0 + k]); };
  });
}

template <class Op, class T>
void backward(BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, const Broadcast& shape) {
  T *da = out.da, *db = out.db;
  const T *a = in.a, *b = in.b;
  // Each gradient has its own loop, because a loop with a branch on null would not vectorise. The
  // loop for db is first, so da may be dc. db may be dc only if da is null.
  if (db != nullptr) {
    broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
      return [=](i64 i, i64 j, i64 k) {
        db[c0 + i] = Op::gradient_b(dc[c0 + i], a[a0 + j], b[b0 + k]);
      };
    });
  }
  if (da != nullptr) {
    broadcast_loop(shape, [=](i64 c0, i64 a0, i64 b0) {
      return [=](i64 i, i64 j, i64 k) {
        da[c0 + i] = Op::gradient_a(dc[c0 + i], a[a0 + j], b[b0 + k]);
      };
    });
  }
}

}  // namespace

#define WEFT_BINARY_T(Op, T)                                                             \
  template <>                                                                            \
  void binary_forward<Op>(Cpu, T * c, BinaryInputs<T> in, const Broadcast& shape) {      \
    forward<Op>(c, in, shape);                                                           \
  }                                                                                      \
  template <>                                                                            \
  void binary_backward<Op>(Cpu, BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, \
                           const Broadcast& shape) {                                     \
    backward<Op>(out, dc, in, shape);                                                    \
  }
#define WEFT_BINARY(op, Op) WEFT_BINARY_T(Op, float) WEFT_BINARY_T(Op, double)
WEFT_BINARY_OPS(WEFT_BINARY)

}  // namespace weft::kernels

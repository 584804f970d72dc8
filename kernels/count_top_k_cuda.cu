// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/count_top_k.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {
namespace {

// A sum of integers does not depend on the order of addition, so the atomic sum is deterministic.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    count_top_k_kernel(unsigned long long* count, Rows<const T> x, const i64* label, i64 k) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= x.rows) return;
  const i64 target = label[row];
  const C own = static_cast<C>(x(row, target));
  i64 above = 0;
  for (i64 c = Team::rank(); c < x.cols; c += Team::kSize) {
    const C value = static_cast<C>(x(row, c));
    above += value > own || (value == own && c < target) ? 1 : 0;
  }
  above = Team::sum(above);
  if (Team::rank() == 0 && own == own && above < k) atomicAdd(count, 1ull);
}

template <class T>
void run(Cuda device, i64* count, Rows<const T> x, const i64* label, i64 k) {
  if (x.rows == 0) return;
  with_team(x.cols, [&]<bool kBlock>() {
    launch<count_top_k_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, x.rows)),
                                          reinterpret_cast<unsigned long long*>(count), x, label,
                                          k);
  });
}

}  // namespace

#define WEFT_COUNT_TOP_K(T)                                                             \
  template <>                                                                           \
  void count_top_k(Cuda device, i64* count, Rows<const T> x, const i64* label, i64 k) { \
    run(device, count, x, label, k);                                                    \
  }
WEFT_COUNT_TOP_K(float)
WEFT_COUNT_TOP_K(double)
WEFT_COUNT_TOP_K(half)
WEFT_COUNT_TOP_K(bfloat16)

}  // namespace weft::kernels

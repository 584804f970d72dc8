// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/count_top_k.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {
namespace {

// Sums of whole numbers do not depend on their order: an atomic one is deterministic.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    count_top_k_kernel(unsigned long long* count, const T* x, const i64* label, i64 k, i64 rows,
                       i64 cols) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= rows) return;
  const i64 target = label[row];
  const C own = static_cast<C>(x[row * cols + target]);
  i64 above = 0;
  for (i64 c = Team::rank(); c < cols; c += Team::kSize) {
    const C value = static_cast<C>(x[row * cols + c]);
    above += value > own || (value == own && c < target) ? 1 : 0;
  }
  above = Team::sum(above);
  if (Team::rank() == 0 && own == own && above < k) atomicAdd(count, 1ull);
}

}  // namespace

template <class T>
void count_top_k(Cuda device, i64* count, const T* x, const i64* label, i64 k, i64 rows, i64 cols) {
  if (rows == 0) return;
  with_team(cols, [&]<bool kBlock>() {
    launch<count_top_k_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, rows)),
                                          reinterpret_cast<unsigned long long*>(count), x, label, k,
                                          rows, cols);
  });
}

template void count_top_k(Cuda, i64*, const float*, const i64*, i64, i64, i64);
template void count_top_k(Cuda, i64*, const double*, const i64*, i64, i64, i64);
template void count_top_k(Cuda, i64*, const half*, const i64*, i64, i64, i64);
template void count_top_k(Cuda, i64*, const bfloat16*, const i64*, i64, i64, i64);

}  // namespace weft::kernels

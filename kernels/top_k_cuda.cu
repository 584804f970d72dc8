// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/best.h"
#include "weft/kernels/common/team.h"
#include "weft/kernels/top_k.h"

namespace weft::kernels {
namespace {

// A team reads its row once for each of the k elements. It chooses the first of those that come
// after the element before. This suits a small k.
template <class T, bool kBlock>
__global__ void __launch_bounds__(kThreads)
    top_k_kernel(Rows<T> values, i64* index, Rows<const T> x) {
  using C = Compute<T>;
  using Team = RowTeam<kBlock>;
  const i64 row = Team::row();
  if (row >= x.rows) return;
  Best<C> last{};
  for (i64 j = 0; j < values.cols; ++j) {
    Best<C> best{-INFINITY, x.cols};  // index `cols` loses to every element, also to −∞
    for (i64 c = Team::rank(); c < x.cols; c += Team::kSize) {
      const Best<C> candidate{static_cast<C>(x(row, c)), c};
      if (j == 0 || Better::comes_first(last, candidate)) best = Better{}(best, candidate);
    }
    last = Team::combine(best, Better{});
    if (Team::rank() != 0) continue;
    values(row, j) = static_cast<T>(last.value);
    index[row * values.cols + j] = last.index;
  }
}

template <class T>
void choose(Cuda device, Rows<T> values, i64* index, Rows<const T> x) {
  if (values.size() == 0) return;
  with_team(x.cols, [&]<bool kBlock>() {
    launch<top_k_kernel<T, kBlock>>(on(device, blocks_for_rows(kBlock, x.rows)), values, index, x);
  });
}

}  // namespace

#define WEFT_TOP_K(T)                                                    \
  template <>                                                            \
  void top_k(Cuda device, Rows<T> values, i64* index, Rows<const T> x) { \
    choose(device, values, index, x);                                    \
  }
WEFT_TOP_K(float)
WEFT_TOP_K(double)
WEFT_TOP_K(half)
WEFT_TOP_K(bfloat16)

}  // namespace weft::kernels

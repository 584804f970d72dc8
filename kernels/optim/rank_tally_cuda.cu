// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/optim/rank_tally.h"

namespace weft::kernels {
namespace {

__global__ void __launch_bounds__(kThreads) fill_tally_kernel(RankTally tally, OwnTally own) {
  for (i64 i = first_index(); i < tally.size(); i += grid_stride())
    tally.data[i] = step::tally_element(tally, own, i);
}

// One thread, because it computes only a few scalars.
__global__ void apply_tally_kernel(RankTally tally, StepState* state, double* sum) {
  step::apply_tally(tally, *state, sum);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    mark_active_kernel(ParameterTable<T> table, const double* flags) {
  for (i64 s = first_index(); s < table.segment_count; s += grid_stride())
    step::mark_active(table.segments[s], flags[s]);
}

}  // namespace

template <>
void fill_tally(Cuda device, const RankTally& tally, const OwnTally& own) {
  launch<fill_tally_kernel>(on(device, blocks_for(tally.size())), tally, own);
}

template <>
void apply_tally(Cuda device, const RankTally& tally, StepState* state, double* sum) {
  launch<apply_tally_kernel>({.stream = device.stream}, tally, state, sum);
}

#define WEFT_MARK_ACTIVE(T)                                                                   \
  template <>                                                                                 \
  void mark_active(Cuda device, const ParameterTable<T>& table, const double* flags) {        \
    launch<mark_active_kernel<T>>(on(device, blocks_for(table.segment_count)), table, flags); \
  }
WEFT_MARK_ACTIVE(float)
WEFT_MARK_ACTIVE(double)

}  // namespace weft::kernels

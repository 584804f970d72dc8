// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/rank_tally.h"

namespace weft::kernels {

template <>
void fill_tally(Cpu, const RankTally& tally, const OwnTally& own) {
  for (i64 i = 0; i < tally.size(); ++i) tally.data[i] = step::tally_element(tally, own, i);
}

template <>
void apply_tally(Cpu, const RankTally& tally, StepState* state, double* sum) {
  step::apply_tally(tally, *state, sum);
}

#define WEFT_MARK_ACTIVE(T)                                                                       \
  template <>                                                                                     \
  void mark_active(Cpu, const ParameterTable<T>& table, const double* flags) {                    \
    for (i64 s = 0; s < table.segment_count; ++s) step::mark_active(table.segments[s], flags[s]); \
  }
WEFT_MARK_ACTIVE(float)
WEFT_MARK_ACTIVE(double)

}  // namespace weft::kernels

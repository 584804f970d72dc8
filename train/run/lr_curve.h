// SPDX-License-Identifier: Apache-2.0
// The end of a range test (Note [The range test]), for the sweep and for its evaluation.
#pragma once
#include "weft/train/run/lr_find.h"

namespace weft::train {

// Watches whether the losses of a sweep diverge.
class LossWatch {
 public:
  // Adds the next loss. Returns true if the average is above the limit, if the loss is not finite,
  // or if three of the first ten losses in a row are above ten times the very first.
  bool diverged(double loss);
  // Four times the lowest average, for a positive loss; less if the loss had fallen by a quarter of
  // its first average: where nine tenths of the fall are lost.
  double limit() const;
  // Above it, a loss of a sweep that diverged says no more than that it is too high: at most the
  // limit, and above the first average by as much as the loss fell, or by a quarter.
  double ceiling() const;
  // How many losses had been added at the lowest average.
  i64 lowest_at() const { return lowest_at_; }

 private:
  static constexpr double kFactor = 0.9;
  double average_ = 0, start_ = 0, first_ = 0, lowest_ = 0;
  i64 count_ = 0, lowest_at_ = 0;
  i64 far_ = 0;  // losses in a row, the last one among them, that are far above the first
};

}  // namespace weft::train

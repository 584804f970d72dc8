// SPDX-License-Identifier: Apache-2.0
// The schedule with which the first Transformer, a network for language, was trained: the factor is
// step/warmup up to step `warmup`, and √(warmup/step) from there on, so that it is 1 at the top.
#include <weft/weft.h>

#include <cmath>
#include <memory>

using namespace weft;

class InverseSquareRoot : public optim::Schedule {
 public:
  explicit InverseSquareRoot(i64 warmup) : warmup_(static_cast<double>(warmup)) {}

  double lr_factor(i64 applied_step) const override {
    const double step = static_cast<double>(applied_step);
    // TODO: two cases.
    return step / warmup_;
  }

 private:
  double warmup_;  // at least 1
};

std::unique_ptr<optim::Schedule> inverse_square_root(i64 warmup) {
  return std::make_unique<InverseSquareRoot>(warmup);
}

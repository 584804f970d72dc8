// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <cmath>
#include <memory>

using namespace weft;

class InverseSquareRoot : public optim::Schedule {
 public:
  explicit InverseSquareRoot(i64 warmup) : warmup_(static_cast<double>(warmup)) {}

  double lr_factor(i64 applied_step) const override {
    const double step = static_cast<double>(applied_step);
    return step < warmup_ ? step / warmup_ : std::sqrt(warmup_ / step);
  }

 private:
  double warmup_;  // at least 1
};

std::unique_ptr<optim::Schedule> inverse_square_root(i64 warmup) {
  return std::make_unique<InverseSquareRoot>(warmup);
}

// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/train/losses/loss.h"

namespace weft::train {
namespace {

class Regression final : public Loss {
 public:
  explicit Regression(const RegressionOptions& options) : options_(options) {}

  Variable forward(const Variable& output, const Tensor& target) const override {
    // (samples, 1) and (samples) have the same elements.
    const Tensor shaped =
        target.elements() == output.value().elements() ? target.reshape(output.shape()) : target;
    switch (options_.distance) {
      case Distance::mse: return mse(output, shaped);
      case Distance::l1: return l1(output, shaped);
      case Distance::huber: break;
    }
    return huber(output, shaped, options_.delta);
  }
  i64 outputs(const data::DatasetInfo& info) const override {
    WEFT_CHECK(!info.has_labels(),
               "loss 'regression': the targets of {} are class labels; numbers are required "
               "(loss.type: classification fits labels)",
               info.name);
    return info.target.elements();
  }
  OutputKind output_kind() const override { return OutputKind::values; }
  std::vector<std::string> default_metrics() const override { return {"mae"}; }

 private:
  RegressionOptions options_;
};

const bool registered = Registry<Loss>::add<Regression, RegressionOptions>("regression");

}  // namespace

void describe(Fields& f, RegressionOptions& o) {
  f("distance", o.distance, "squared, absolute, or squared up to delta and absolute from there on");
  f("delta", o.delta, "where huber turns into a line", positive);
}

LossRecipe regression(const RegressionOptions& options) {
  return LossRecipe::of("regression", options);
}

}  // namespace weft::train

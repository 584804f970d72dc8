// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/train/losses/loss.h"

namespace weft::train {
namespace {

class BinaryClassification final : public Loss {
 public:
  Variable forward(const Variable& output, const Tensor& target) const override {
    // (samples, 1) and (samples) have the same elements.
    const Tensor shaped =
        target.elements() == output.value().elements() ? target.reshape(output.shape()) : target;
    return bce_with_logits(output, shaped);
  }
  // Also checks the values of the targets, because the host reads them here, and only here.
  double weight(const Tensor& target) const override {
    const Tensor values = target.to(DType::f32);
    for (const float value : values.values<float>())
      WEFT_CHECK(value >= 0 && value <= 1,
                 "loss 'binary_classification': a target is {}; a number from 0 to 1 is required",
                 value);
    return static_cast<double>(target.size(0));
  }
  i64 outputs(const data::DatasetInfo& info) const override {
    WEFT_CHECK(!info.has_labels(),
               "loss 'binary_classification': the targets of {} are class labels; numbers from 0 "
               "to 1 are required (loss.type: classification fits labels)",
               info.name);
    return info.target.elements();
  }
  OutputKind output_kind() const override { return OutputKind::logits; }
  std::vector<std::string> default_metrics() const override { return {"binary_accuracy"}; }
};

const bool registered = Registry<Loss>::add<BinaryClassification>("binary_classification") &&
                        Registry<Loss>::add_spelling("bce", "binary_classification");

}  // namespace

LossRecipe binary_classification() { return LossRecipe::of("binary_classification"); }

}  // namespace weft::train

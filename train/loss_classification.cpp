// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/train/loss.h"

namespace weft::train {
namespace {

class Classification final : public Loss {
 public:
  explicit Classification(const ClassificationOptions& options) : options_(options) {}
  Variable forward(const Variable& output, const Tensor& target) const override {
    return cross_entropy(output, target, options_.label_smoothing);
  }
  i64 outputs(const data::DatasetInfo& info) const override {
    WEFT_CHECK(info.has_labels(),
               "loss 'classification': the targets of {} are numbers of shape {}; class labels "
               "are required (loss.type: regression fits numbers)",
               info.name, info.target);
    return info.classes;
  }
  std::vector<std::string> default_metrics() const override { return {"accuracy"}; }

 private:
  ClassificationOptions options_;
};

const bool registered =
    Registry<Loss>::add<Classification, ClassificationOptions>("classification");

}  // namespace

void describe(Fields& f, ClassificationOptions& o) {
  f("label_smoothing", o.label_smoothing, "share of the target spread evenly over all classes",
    in_range(0, 0.999));
}

LossRecipe classification(const ClassificationOptions& options) {
  return LossRecipe::of("classification", options);
}

}  // namespace weft::train

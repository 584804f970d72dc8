// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "weft/autograd/ops.h"
#include "weft/train/losses/valid_rows.h"
#include "weft/train/losses/loss.h"

namespace weft::train {
namespace {

// The smallest share of the largest class weight. Its products with losses, and sums of thousands
// of them, are normal numbers in fp32.
constexpr double kLeastShare = 1e-30;

bool have_common_range(const std::vector<double>& weights) {
  const double most = weights.empty() ? 0 : *std::max_element(weights.begin(), weights.end());
  return std::isfinite(most) && std::all_of(weights.begin(), weights.end(), [&](double weight) {
           return weight == 0 || weight / most >= kLeastShare;
         });
}

// The loss over labels does not change when all weights are scaled, so weights that fp32 cannot
// hold are as good as others. A power of two changes no digit.
void scale_into_range(std::vector<double>& weights) {
  const auto fits = [](double weight) {
    return weight == 0 || (weight >= kLeastShare && weight <= 1 / kLeastShare);
  };
  if (std::all_of(weights.begin(), weights.end(), fits)) return;
  const int exponent = std::ilogb(*std::max_element(weights.begin(), weights.end()));
  for (double& weight : weights) weight = std::scalbn(weight, -exponent);
}

class Classification final : public Loss {
 public:
  explicit Classification(const ClassificationOptions& options) : options_(options) {
    scale_into_range(options_.class_weights);
  }
  Variable forward(const Variable& output, const Tensor& target) const override {
    return cross_entropy(output, target,
                         {.label_smoothing = options_.label_smoothing,
                          .class_weights = weights_beside(output.value()),
                          .ignore_index = options_.ignore_index});
  }
  // The mean over probabilities divides by the number of samples, also with class weights.
  double weight(const Tensor& target) const override {
    if (is_floating(target.dtype())) return static_cast<double>(target.size(0));
    return weight_of_labels(target, options_.class_weights, options_.ignore_index);
  }
  bool takes_probabilities() const override { return !options_.ignore_index; }
  std::optional<i64> ignore_index() const override { return options_.ignore_index; }
  i64 outputs(const data::DatasetInfo& info) const override {
    WEFT_CHECK(info.has_labels(),
               "loss 'classification': the targets of {} are numbers of shape {}; class labels "
               "are required (loss.type: regression fits numbers{})",
               info.name, info.target,
               info.input_names.empty() ? "" : "; data.task: classification makes classes of them");
    WEFT_CHECK(info.target.rank() == 0,
               "loss 'classification': the targets of {} are labels of shape {}; one label per "
               "sample is required (loss.type: language_modelling takes one per position)",
               info.name, info.target);
    const auto weights = static_cast<i64>(options_.class_weights.size());
    WEFT_CHECK(
        weights == 0 || weights == info.classes,
        "loss.class_weights: {} given for {}, which has {} classes; one per class is required",
        weights, info.name, info.classes);
    return info.classes;
  }
  OutputKind output_kind() const override { return OutputKind::logits; }
  std::vector<std::string> default_metrics() const override { return {"accuracy"}; }

 private:
  // The class weights are sent with the first output, because a captured step sends nothing.
  const Tensor& weights_beside(const Tensor& output) const {
    const auto classes = static_cast<i64>(options_.class_weights.size());
    if (classes > 0 && (!weights_.defined() || weights_.dtype() != output.dtype() ||
                        weights_.device() != output.device()))
      weights_ =
          Tensor::copy_of(options_.class_weights, {classes}).to(output.dtype()).to(output.device());
    return weights_;
  }

  ClassificationOptions options_;
  mutable Tensor weights_;
};

const bool registered =
    Registry<Loss>::add<Classification, ClassificationOptions>("classification");

}  // namespace

void describe(Fields& f, ClassificationOptions& o) {
  f("label_smoothing", o.label_smoothing, "share of the target spread evenly over all classes",
    in_range(0, 0.999));
  f("class_weights", o.class_weights, "how much a sample of each class counts; empty: all the same",
    non_negative);
  f.rule(have_common_range(o.class_weights), "class_weights",
         "weights of 0, or of at least 1e-30 times the largest");
  f("ignore_index", o.ignore_index, "a label whose samples count for nothing");
}

LossRecipe classification(const ClassificationOptions& options) {
  return LossRecipe::of("classification", options);
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// Loss strategies: what a task minimises, and what it needs from data and model.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/core/registry.h"
#include "weft/data/dataset.h"

namespace weft::train {

class Loss {
 public:
  static constexpr const char* kKind = "loss";
  virtual ~Loss() = default;
  // The mean over the samples of a batch, or over their positions: a scalar. `target` as the loader
  // gives it.
  virtual Variable forward(const Variable& output, const Tensor& target) const = 0;
  // What the mean of forward() divides by: the samples, or their weights. Micro-batches count in a
  // step, and batches in an epoch, by it; a batch of weight 0 has no gradient.
  virtual double weight(const Tensor& target) const { return static_cast<double>(target.size(0)); }
  // Targets that are left out, of metrics too.
  virtual std::optional<i64> ignore_index() const { return std::nullopt; }
  // How many numbers the model must give per sample for this data. Throws UserError, naming the
  // dataset, when the targets are of another kind than the task's.
  virtual i64 outputs(const data::DatasetInfo& info) const = 0;
  // Metrics shown when the config names none.
  virtual std::vector<std::string> default_metrics() const = 0;
};

// Throws UserError, naming loss and dataset, unless the dataset's targets are of the kind the loss
// takes: as outputs() does for a config, wherever the samples lie. A dataset of labels that does
// not say how many classes there are passes.
void check_targets(const Loss& loss, const data::Dataset& dataset);

using LossRecipe = Recipe<Loss>;

struct ClassificationOptions {
  double label_smoothing = 0;
  std::vector<double> class_weights = {};  // one per class; empty: all 1
  std::optional<i64> ignore_index = {};    // a label that counts for nothing, like -100
};
void describe(Fields& f, ClassificationOptions& o);
// Softmax cross-entropy over class labels.
LossRecipe classification(const ClassificationOptions& options = {});

struct LanguageModellingOptions {
  double label_smoothing = 0;
  std::optional<i64> ignore_index = {};  // a token that counts for nothing, like padding
};
void describe(Fields& f, LanguageModellingOptions& o);
// Softmax cross-entropy over the next tokens: outputs (samples, positions, tokens), targets
// (samples, positions). Where there is one position, outputs may be (samples, tokens). The mean is
// over positions, of all samples together.
LossRecipe language_modelling(const LanguageModellingOptions& options = {});

// Squared, absolute, or squared up to `delta` and absolute from there on.
enum class Distance { mse, l1, huber };
constexpr EnumNames<3> names_of(Distance) { return {"mse", "l1", "huber"}; }

struct RegressionOptions {
  Distance distance = Distance::mse;
  double delta = 1;  // huber only
};
void describe(Fields& f, RegressionOptions& o);
// A distance between numbers.
LossRecipe regression(const RegressionOptions& options = {});

}  // namespace weft::train

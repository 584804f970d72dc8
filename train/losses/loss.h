// SPDX-License-Identifier: Apache-2.0
// Losses: the function that a task minimises, and its requirements on data and model.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/core/output_kind.h"
#include "weft/core/registry.h"
#include "weft/data/loader.h"
#include "weft/nn/module.h"

namespace weft::train {

class Loss {
 public:
  static constexpr const char* kKind = "loss";
  virtual ~Loss() = default;
  // The mean loss over the samples of a batch, or over their positions: a scalar. `target` comes
  // from the loader.
  virtual Variable forward(const Variable& output, const Tensor& target) const = 0;
  // forward(), as trainers and evaluations call it. Throws UserError, with the name of the entry
  // if the loss has one, unless the result is one number.
  Variable operator()(const Variable& output, const Tensor& target) const;
  // The divisor of forward()'s mean: the number of samples, or the sum of their weights. It weights
  // micro-batches in a step, and batches in an epoch. A batch of weight 0 has no gradient.
  virtual double weight(const Tensor& target) const { return static_cast<double>(target.size(0)); }
  // Whether the target may also have a probability for each class, f32 (samples, classes), as that
  // of mixed batches (data/mix.h).
  virtual bool takes_probabilities() const { return false; }
  // The label that the loss and the metrics ignore.
  virtual std::optional<i64> ignore_index() const { return std::nullopt; }
  // Reports the parameters of the loss, as nn::Module::parts() does. They train with those of the
  // model, as loss.NAME, and each checkpoint has them as loss.safetensors. Most losses have none.
  virtual void parts(nn::Parts&) {}
  // The number of outputs per sample that the model must have for this data. Throws UserError,
  // naming the dataset, when its targets are of another kind than the task's.
  virtual i64 outputs(const data::DatasetInfo& info) const = 0;
  // What the outputs of the model are. A metric that reads another kind is refused by name.
  virtual OutputKind output_kind() const { return OutputKind::any; }
  // The metrics of a config that names none.
  virtual std::vector<std::string> default_metrics() const = 0;

  // The name of its entry, which messages give; empty before it is set.
  const std::string& name() const { return name_; }
  void set_name(const std::string& name) { name_ = name; }

 private:
  std::string name_;
};

// A loss, and its parameters as a module, which can be moved, trained, saved and loaded.
class LossModule final : public nn::Module {
 public:
  explicit LossModule(std::shared_ptr<Loss> loss) : loss_(std::move(loss)) {}
  void parts(nn::Parts& p) override { loss_->parts(p); }
  std::string label() const override { return "Loss"; }
  const std::shared_ptr<Loss>& loss() const { return loss_; }

 private:
  std::shared_ptr<Loss> loss_;
};

// Throws UserError, naming loss and dataset, unless the loss accepts the dataset's kind of targets.
// outputs() makes the same check for a config. The samples may be on any device. A dataset of
// labels without a number of classes passes.
void check_targets(const Loss& loss, const data::Dataset& dataset);
// The same for the batches of a loader, which may be mixed.
void check_targets(const Loss& loss, const data::Loader& loader);

using LossRecipe = Recipe<Loss>;
// Makes a loss that knows the name of its entry.
std::unique_ptr<Loss> make_loss(const LossRecipe& recipe);

struct ClassificationOptions {
  double label_smoothing = 0;
  std::vector<double> class_weights = {};  // one per class; empty: all 1
  std::optional<i64> ignore_index = {};    // a label that is ignored, like -100
};
void describe(Fields& f, ClassificationOptions& o);
// Softmax cross-entropy over class labels.
LossRecipe classification(const ClassificationOptions& options = {});

// Binary cross-entropy of each output, a logit, with a target from 0 to 1: one or several labels
// that are yes or no. The mean is over all outputs of all samples.
LossRecipe binary_classification();

struct LanguageModellingOptions {
  double label_smoothing = 0;
  std::optional<i64> ignore_index = {};  // a token that is ignored, like padding
};
void describe(Fields& f, LanguageModellingOptions& o);
// Softmax cross-entropy over the next tokens: outputs (samples, positions, tokens), targets
// (samples, positions). With one position, outputs may be (samples, tokens). The mean is over the
// positions of all samples.
LossRecipe language_modelling(const LanguageModellingOptions& options = {});

// mse is squared, l1 absolute, huber squared up to `delta` and absolute beyond it.
enum class Distance { mse, l1, huber };
constexpr EnumNames<3> names_of(Distance) { return {"mse", "l1", "huber"}; }

struct RegressionOptions {
  Distance distance = Distance::mse;
  double delta = 1;  // huber only
};
void describe(Fields& f, RegressionOptions& o);
// A distance between outputs and real-valued targets.
LossRecipe regression(const RegressionOptions& options = {});

}  // namespace weft::train

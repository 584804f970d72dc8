// SPDX-License-Identifier: Apache-2.0
// Support for the tests of captured steps: a small network whose steps can be made to fail, and a
// run with all its results, which are compared bit by bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "weft/autograd/ops.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/nn/nn.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/testing/compare.h"
#include "weft/tests/gpu/tools.h"
#include "weft/train/trainer/trainers.h"

namespace weft::testing_gpu {

using testing::difference_in_bytes;

inline constexpr i64 kFeatures = 12, kClasses = 4, kBatch = 8;

// Linear, batch norm, dropout, and a gate. The gate's gradient is NaN for a feature that is 0,
// while the loss is finite, so the step of such a batch is skipped.
struct Net : nn::Module {
  nn::Linear fc1{kFeatures, 16}, fc2{16, kClasses};
  nn::BatchNorm norm{16};
  nn::Parameter gate{Tensor::full({1}, 1)};
  double dropout_rate = 0.25;
  std::function<void(const Variable&)> look;  // work that cannot be captured

  void parts(nn::Parts& p) override { p("fc1", fc1)("norm", norm)("fc2", fc2)("gate", gate); }
  Variable forward(const Variable& x) override {
    const Variable rows = reshape(x, {x.shape()[0], kFeatures});
    const Variable scaled = sqrt(mul(square(rows), gate.variable()));
    const Variable h = relu(norm(fc1(scaled)));
    if (look) look(h);
    return fc2(dropout(h, dropout_rate));
  }
};

// Compares norms; a norm that is not finite equals itself.
inline bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

struct Outcome {
  bool applied;
  double grad_norm, lr, loss, epoch_loss;
  i64 step;
  friend bool operator==(const Outcome& a, const Outcome& b) {
    return a.applied == b.applied && same(a.grad_norm, b.grad_norm) && a.lr == b.lr &&
           a.step == b.step && same(a.loss, b.loss) && same(a.epoch_loss, b.epoch_loss);
  }
};

// Records the calls of its hooks, and runs work of a test before a step.
struct Listener : train::TrainerObserver {
  std::vector<Outcome> outcomes;
  std::vector<i64> lateness;  // steps begun after the reported one
  std::function<void(train::Trainer&, i64)> before_step;
  i64 gradients_every = 0, gradients_seen = 0;
  bool waits = false;

  void on_step_begin(train::Trainer& trainer, i64 step) override {
    if (before_step) before_step(trainer, step);
  }
  void on_gradients(train::Trainer&, double) override { ++gradients_seen; }
  void on_step_end(train::Trainer& trainer, const optim::StepOutcome& outcome) override {
    const train::StepResult& last = trainer.progress().last_step;
    outcomes.push_back({outcome.applied, outcome.grad_norm, trainer.optimizer().lr(), last.loss,
                        last.epoch_loss, trainer.optimizer().applied_steps()});
    lateness.push_back(trainer.progress().steps_begun - static_cast<i64>(outcomes.size()));
  }
  bool needs_gradients(const train::Trainer& trainer) const override {
    return gradients_every > 0 && trainer.progress().steps_begun % gradients_every == 0;
  }
  bool needs_outcome(const train::Trainer&) const override { return waits; }
};

struct Setting {
  train::TrainerOptions options;
  i64 samples = 80;
  std::vector<std::pair<i64, float>> planted = {};  // a sample whose elements all have this value
  i64 batch = kBatch;
  bool shuffle = true;
  bool on_device = false;  // the samples
  train::LossRecipe loss = train::classification();
  std::vector<std::string> metrics = {};  // of training batches
  bool pictures = false;  // (2, 2, 3) in uint8, for `augment`; otherwise vectors in f32
  std::vector<data::AugmentationRecipe> augment = {};
  data::MixRecipe mix = {};
};

// A run and all its results.
class Training {
 public:
  Training(const Setting& setting, bool capture, const Device& device = device_named("cuda"))
      : setting_(setting), data_(data_of(setting)), loader_(data_, loader_options(setting)) {
    manual_seed(5);
    net_.emplace();
    net_->to(device);
    setting_.options.capture = capture;
    // No byte becomes 0, which the gate would skip.
    if (setting.pictures) setting_.options.normalization = {{0.3, 0.4, 0.5}, {0.25, 0.3, 0.2}};
    setting_.options.seed = 9;
    trainer_.emplace(*net_, setting.loss, setting_.options);
    trainer_->add_observer(listener_);
    train::set_metrics(*trainer_, setting.metrics);
  }

  void train() {
    for (i64 epoch = 0; epoch < setting_.options.epochs; ++epoch)
      results_.push_back(trainer_->train_one_epoch(loader_));
  }
  // Returns "" if all results are bitwise equal.
  std::string difference_from(Training& other) {
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const train::EpochResult &mine = results_[i], &its = other.results_[i];
      if (!same(mine.loss, its.loss))
        return fmt::format("the loss of epoch {}: {} and {}", i + 1, mine.loss, its.loss);
      if (mine.metrics != its.metrics) return fmt::format("the metrics of epoch {}", i + 1);
      for (const auto& [name, table] : mine.tables)
        if (!difference_in_bytes(table, its.tables.at(name)).empty()) return name;
    }
    if (listener_.outcomes != other.listener_.outcomes) return "outcomes";
    const TensorMap here = state_of(*net_), there = state_of(*other.net_);
    for (const auto& [name, value] : here)
      if (const std::string d = difference_in_bytes(value.to(Cpu{}), there.at(name).to(Cpu{}));
          !d.empty())
        return name + ": " + d;
    const optim::OptimizerState mine = trainer_->optimizer().state(),
                                others = other.trainer_->optimizer().state();
    if (mine.applied_steps != others.applied_steps) return "applied steps";
    if (mine.parameters.size() != others.parameters.size()) return "the optimizer's parameters";
    for (const auto& [name, state] : mine.parameters) {
      if (state.steps != others.parameters.at(name).steps) return name + ": steps";
      for (std::size_t i = 0; i < state.slots.size(); ++i)
        if (const std::string d = difference_in_bytes(
                state.slots[i].to(Cpu{}), others.parameters.at(name).slots[i].to(Cpu{}));
            !d.empty())
          return name + ": " + d;
    }
    if (const auto* scaler = trainer_->optimizers().loss_scaler(); scaler != nullptr)
      if (scaler->scale() != other.trainer_->optimizers().loss_scaler()->scale())
        return "the loss scale";
    return "";
  }
  const std::vector<train::EpochResult>& results() const { return results_; }
  i64 skipped() const {
    return std::count_if(listener_.outcomes.begin(), listener_.outcomes.end(),
                         [](const Outcome& outcome) { return !outcome.applied; });
  }

  train::Trainer& trainer() { return *trainer_; }
  Net& net() { return *net_; }
  Listener& listener() { return listener_; }
  data::Loader& loader() { return loader_; }

 private:
  static data::TensorDataset::Content content(const Setting& setting) {
    const Tensor x = Tensor::empty({setting.samples, kFeatures});
    Generator(21).uniform(x, 0.1, 1);
    for (const auto& [sample, value] : setting.planted) x.slice(sample, sample + 1).fill(value);
    std::vector<i64> labels;
    for (i64 i = 0; i < setting.samples; ++i) labels.push_back(i * 7 % kClasses);
    data::DatasetInfo info;
    info.name = "planted";
    info.classes = kClasses;
    const Tensor y = Tensor::copy_of(labels, {setting.samples});
    if (!setting.pictures) return {info, x, y};
    const Tensor bytes = affine(x, 255, 0).to(DType::uint8);
    return {info, bytes.reshape({setting.samples, 2, 2, 3}), y};
  }
  static std::shared_ptr<const data::Dataset> data_of(const Setting& setting) {
    const auto samples = std::make_shared<data::TensorDataset>(content(setting));
    if (!setting.on_device) return samples;
    return std::make_shared<data::ResidentDataset>(*samples, device_named("cuda"));
  }
  static data::LoaderOptions loader_options(const Setting& setting) {
    return {.batch_size = setting.batch,
            .shuffle = setting.shuffle,
            .seed = 3,
            .augment = setting.augment,
            .mix = setting.mix};
  }

  Setting setting_;
  std::shared_ptr<const data::Dataset> data_;
  data::Loader loader_;
  std::optional<Net> net_;
  std::optional<train::Trainer> trainer_;
  Listener listener_;
  std::vector<train::EpochResult> results_;
};

}  // namespace weft::testing_gpu

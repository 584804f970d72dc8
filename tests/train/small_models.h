// SPDX-License-Identifier: Apache-2.0
// Models and data small enough to train thousands of times, and access to their parameters.
#pragma once
#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "weft/data/sources.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/parallel.h"
#include "weft/nn/nn.h"
#include "weft/tensor/random.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train::testing_models {

// Sets the number of threads during its lifetime.
class Threads {
 public:
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_ = threads();
};

// Three classes of 4 × 4 images.
inline std::shared_ptr<const data::Dataset> tiny_images(i64 samples, u64 seed = 1) {
  std::mt19937_64 engine(seed);
  std::vector<u8> pixels;
  std::vector<i64> labels;
  for (i64 i = 0; i < samples; ++i) {
    labels.push_back(i % 3);
    for (int p = 0; p < 16; ++p)
      pixels.push_back(static_cast<u8>(engine() % 120 + (p / 4 == i % 3 ? 120u : 0u)));
  }
  data::DatasetInfo info;
  info.name = "tiny";
  info.classes = 3;
  return std::make_shared<data::TensorDataset>(info, Tensor::copy_of(pixels, {samples, 4, 4, 1}),
                                               Tensor::copy_of(labels, {samples}));
}

// A tiny dataset for configs, with a test split. The test that uses it must register it.
inline data::TrainAndTest tiny_splits(i64 samples) {
  return {tiny_images(samples), tiny_images(20, 2)};
}

// features.0 convolution, .1 batch norm; features.4, .5 the same; classifier.2 and .5 linear.
inline nn::AnyModule tiny_cnn(u64 seed = 1) {
  manual_seed(seed);
  return nn::cnn({.channels = {3, 4}, .hidden = 5}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
}
inline nn::AnyModule tiny_mlp(u64 seed = 1) {
  manual_seed(seed);
  return nn::mlp({.hidden = {6, 5}}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
}

// The bytes of all parameters and buffers, by name.
using Bytes = std::map<std::string, std::string>;
inline std::string bytes_of_tensor(const Tensor& t) {
  return {static_cast<const char*>(t.raw()), static_cast<std::size_t>(bytes_of(t))};
}
inline Bytes bytes_of_model(nn::Module& model) {
  Bytes all;
  for (const nn::NamedParameter& p : model.named_parameters())
    all[p.name] = bytes_of_tensor(p.variable.value());
  for (const nn::NamedBuffer& b : model.named_buffers())
    all[b.name] = bytes_of_tensor(b.buffer->value);
  return all;
}
// "features.1.running_mean" → "features.1."
inline std::string module_of(const std::string& name) {
  return name.substr(0, name.rfind('.') + 1);
}

// Makes the gradients of some steps infinite, as an overflow would.
class Overflow : public TrainerObserver {
 public:
  explicit Overflow(std::vector<i64> steps) : steps_(std::move(steps)) {}
  void on_step_begin(Trainer&, i64 step) override { step_ = step; }
  void on_gradients(Trainer& trainer, double scale) override {
    scales.push_back(scale);
    if (std::find(steps_.begin(), steps_.end(), step_) != steps_.end())
      trainer.optimizer().parameters().gradients().slice(0, 1).fill(
          std::numeric_limits<double>::infinity());
  }
  std::vector<double> scales;

 private:
  std::vector<i64> steps_;
  i64 step_ = 0;
};

// Makes one step with the first batches of the loader's next epoch, and returns its loss.
inline double one_step(Trainer& trainer, data::Loader& loader) {
  trainer.begin_epoch(loader);
  trainer.train_step();
  return trainer.end_epoch().loss;
}

inline std::vector<std::string> trainable(nn::Module& model) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : model.named_parameters())
    if (p.variable.requires_grad()) names.push_back(p.name);
  return names;
}

}  // namespace weft::train::testing_models

// SPDX-License-Identifier: Apache-2.0
// Samples of several tensors: readings of sensors, and a mask of those that work. A trainer takes
// the mask by its name.
#include <weft/data/random.h>
#include <weft/weft.h>

#include <cstdio>
#include <cstring>

using namespace weft;

namespace {

constexpr i64 kSensors = 16;

// Whether the working sensors read more than 0 on average. A broken one reads anything.
class Sensors : public data::Dataset {
 public:
  Sensors(std::string split, u64 seed, i64 size) : seed_(seed), size_(size) {
    info_.name = "sensors", info_.split = std::move(split), info_.classes = 2;
    info_.sample = {kSensors}, info_.sample_dtype = DType::f32;
    info_.more = {{"works", data::TensorInfo{{kSensors}, DType::f32}}};
  }
  i64 size() const override { return size_; }
  const data::DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override {
    const Reading reading = reading_of(index);
    std::memcpy(sample, reading.values, sizeof reading.values);
    std::memcpy(target, &reading.label, sizeof reading.label);
  }
  void read_more(i64 index, std::span<std::byte* const> leaves) const override {
    const Reading reading = reading_of(index);
    std::memcpy(leaves[0], reading.works, sizeof reading.works);
  }

 private:
  struct Reading {
    float values[kSensors], works[kSensors];
    i64 label;
  };
  Reading reading_of(i64 index) const {
    data::Random random{data::key_of(seed_, static_cast<u64>(index))};
    Reading r{};
    double sum = 0;
    for (i64 i = 0; i < kSensors; ++i) {
      r.works[i] = random.uniform() < 0.5;
      const double value = 2 * random.uniform() - 1;
      r.values[i] = static_cast<float>(r.works[i] > 0 ? value : 20 * value);
      if (r.works[i] > 0) sum += value;
    }
    r.label = sum > 0;
    return r;
  }
  data::DatasetInfo info_;
  u64 seed_;
  i64 size_;
};

// The model sees a broken sensor as 0.
class Masked : public train::Trainer {
 public:
  using Trainer::Trainer;
  Variable outputs_of(const Variable& x, const TensorTree& more) override {
    return model()(x * Variable(more["works"]));
  }
};

}  // namespace

int main() try {
  const Sensors train_set{"train", 1, 4000}, test_set{"test", 2, 1000};
  data::Loader train_loader{train_set, {.batch_size = 50, .shuffle = true, .seed = 1}};
  data::Loader test_loader{test_set, {.batch_size = 250}};
  manual_seed(1);
  nn::Sequential model{nn::Linear{kSensors, 32}, nn::ReLU{}, nn::Linear{32, 2}};
  Masked trainer{
      model, train::classification(), {.optimizer = optim::adamw({.lr = 3e-3}), .epochs = 10}};
  for (int epoch = 0; epoch < 10; ++epoch) trainer.train_one_epoch(train_loader);

  train::Evaluator evaluator{
      model, train::classification(), {.outputs = train::outputs_of(trainer)}};
  train::Evaluator without{model, train::classification()};
  const double accuracy = evaluator.evaluate(test_loader).accuracy,
               unmasked = without.evaluate(test_loader).accuracy;
  std::printf("test accuracy %.4f, %.4f without the mask\n", accuracy, unmasked);
  return accuracy > 0.9 && unmasked < 0.8 ? 0 : 1;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}

// SPDX-License-Identifier: Apache-2.0
// weft's side of bench/run.py; bench/peer_torch.py is the other and states the protocol:
//
//   weft_bench WORK [--threads N] [--device cpu|cuda] [--precision fp32|bf16] [--steps by_hand|captured]
//
// then on stdin "run K" and "memory". Captured steps are those of a Trainer with its samples on the device, in
// epochs of 64: "run" rounds up to whole ones.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "weft/autograd/autocast.h"
#include "weft/core/error.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/parallel.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tensor/random.h"
#include "weft/train/trainer/trainer.h"

namespace {
using namespace weft;

constexpr int kBatches = 8;      // of random data, used in turn
constexpr i64 kEpochSteps = 64;  // of captured steps: the host waits at the end of an epoch

struct Work {
  Recipe<nn::Model> model;
  i64 batch;
  Shape image;
  optim::OptimizerRecipe optimizer;
};

// The models of configs/mnist_mlp.yaml, mnist_cnn.yaml and cifar_resnet.yaml.
const std::map<std::string, Work>& works() {
  static const auto adamw = optim::adamw({.lr = 1e-3, .weight_decay = 0.01});
  static const std::map<std::string, Work> all = {
      {"mlp_b128", {nn::mlp({.hidden = {512, 512}}), 128, {28, 28, 1}, adamw}},
      {"cnn_b64", {nn::cnn({.dropout = 0.25}), 64, {28, 28, 1}, adamw}},
      {"resnet18_b32",
       {nn::resnet(),
        32,
        {32, 32, 3},
        optim::sgd({.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4})}},
  };
  return all;
}

data::Batch random_samples(const Work& work, i64 count, Generator& generator) {
  data::Batch samples{Tensor::empty(work.image.inserted(0, count)),
                      Tensor::empty({count}, DType::int64)};
  generator.normal(samples.x, 0, 1);
  for (i64& label : samples.y.values<i64>()) label = static_cast<i64>(generator.next() % 10);
  return samples;
}

class Training {
 public:
  virtual ~Training() = default;
  // At least so many steps: how many, and the loss of the last.
  virtual std::pair<i64, double> run(i64 steps) = 0;

 protected:
  static nn::AnyModule built(const Work& work, const Device& device) {
    nn::AnyModule model = work.model.make(nn::ModelInput{work.image, 10});
    model->to(device);
    return model;
  }
};

class ByHand final : public Training {
 public:
  // `products`: the type in which the forward and backward passes multiply.
  ByHand(const Work& work, const Device& device, DType products)
      : model_(built(work, device)),
        optimizer_(work.optimizer.make(model_->named_parameters())),
        products_(products) {
    Generator generator(1);
    for (int i = 0; i < kBatches; ++i) {
      const data::Batch samples = random_samples(work, work.batch, generator);
      batches_.push_back({samples.x.to(device), samples.y.to(device)});
    }
  }

  std::pair<i64, double> run(i64 steps) override {
    Variable loss;
    for (i64 k = 0; k < steps; ++k, ++done_) {
      const auto& [x, y] = batches_[static_cast<std::size_t>(done_ % kBatches)];
      optimizer_->zero_grad();
      casts_.clear();
      {
        const Autocast autocast(products_, casts_);
        loss = cross_entropy((*model_)(x), y);
      }
      loss.backward();
      optimizer_->step();
    }
    return {steps, loss.value().item<double>()};
  }

 private:
  nn::AnyModule model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  DType products_;
  WeightCasts casts_;
  std::vector<data::Batch> batches_;
  i64 done_ = 0;
};

class Captured final : public Training {
 public:
  Captured(const Work& work, const Device& device, DType products)
      : model_(built(work, device)),
        loader_(samples(work, device), {.batch_size = work.batch}),
        trainer_(*model_, train::classification(),
                 {.optimizer = work.optimizer,
                  .capture = true,
                  .precision = products == DType::bf16 ? train::bf16() : train::fp32()}) {}

  std::pair<i64, double> run(i64 steps) override {
    const i64 epochs = (steps + kEpochSteps - 1) / kEpochSteps;
    double loss = 0;
    for (i64 epoch = 0; epoch < epochs; ++epoch) loss = trainer_.train_one_epoch(loader_).loss;
    return {epochs * kEpochSteps, loss};
  }

 private:
  static std::shared_ptr<const data::Dataset> samples(const Work& work, const Device& device) {
    Generator generator(1);
    const data::Batch all = random_samples(work, kEpochSteps * work.batch, generator);
    data::DatasetInfo info;
    info.name = "random";
    info.classes = 10;
    return std::make_shared<data::ResidentDataset>(data::TensorDataset(info, all.x, all.y), device);
  }

  nn::AnyModule model_;
  data::Loader loader_;
  train::Trainer trainer_;
};

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux counts in KiB
}

void serve(const std::string& name, const Device& device, DType products, bool captured) {
  const auto found = works().find(name);
  WEFT_CHECK(found != works().end(), "weft_bench: '{}' is no work of the benchmark", name);
  WEFT_CHECK(!captured || !std::holds_alternative<Cpu>(device),
             "weft_bench: captured steps given on the cpu; --device cuda is required");
  std::unique_ptr<Training> training;
  if (captured) training = std::make_unique<Captured>(found->second, device, products);
  else training = std::make_unique<ByHand>(found->second, device, products);
  training->run(3);
  std::printf("{\"ready\": true, \"threads\": %d}\n", threads());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "run") {
      i64 steps = 1;
      words >> steps;
      const auto begin = std::chrono::steady_clock::now();
      const auto [done, loss] = training->run(steps);
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
      std::printf("{\"ms\": %.6f, \"loss\": %.6f}\n", ms.count() / static_cast<double>(done), loss);
    } else {
      std::printf("{\"peak_mb\": %.2f}\n", peak_mb());
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** arguments) try {
  WEFT_CHECK(
      count % 2 == 0,
      "weft_bench: {} arguments given; WORK and pairs of an option and its value are required",
      count - 1);
  Device device = Cpu{};
  DType products = DType::f32;
  bool captured = false;
  for (int i = 2; i < count; i += 2) {
    const std::string option = arguments[i], value = arguments[i + 1];
    if (option == "--threads") {
      set_threads(std::stoi(value));
    } else if (option == "--device") {
      device = device_named(value);
    } else if (option == "--precision" && (value == "fp32" || value == "bf16")) {
      products = value == "bf16" ? DType::bf16 : DType::f32;
    } else if (option == "--steps" && (value == "by_hand" || value == "captured")) {
      captured = value == "captured";
    } else {
      WEFT_CHECK(
          false,
          "weft_bench: '{} {}' given; --threads N, --device NAME, --precision fp32 | bf16 or "
          "--steps by_hand | captured is required",
          option, value);
    }
  }
  serve(arguments[1], device, products, captured);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}

// SPDX-License-Identifier: Apache-2.0
// weft's side of bench/run.py; bench/peer_torch.py is the other and states the protocol:
//
//   weft_bench WORK [--threads N] [--device cpu|cuda], then on stdin "run K" and "memory"
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "weft/core/error.h"
#include "weft/device/parallel.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tensor/random.h"

namespace {
using namespace weft;

constexpr int kBatches = 8;  // of random data, used in turn

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

class Training {
 public:
  Training(const Work& work, const Device& device)
      : model_(built(work, device)), optimizer_(work.optimizer.make(model_->named_parameters())) {
    Generator generator(1);
    for (int i = 0; i < kBatches; ++i) {
      images_.push_back(Tensor::empty(work.image.inserted(0, work.batch)));
      generator.normal(images_.back(), 0, 1);
      labels_.push_back(Tensor::empty({work.batch}, DType::int64));
      for (i64& label : labels_.back().values<i64>())
        label = static_cast<i64>(generator.next() % 10);
      images_.back() = images_.back().to(device);
      labels_.back() = labels_.back().to(device);
    }
  }

  // The loss of the last step.
  double run(i64 steps) {
    Variable loss;
    for (i64 k = 0; k < steps; ++k, ++done_) {
      const auto batch = static_cast<std::size_t>(done_ % kBatches);
      optimizer_->zero_grad();
      loss = cross_entropy((*model_)(images_[batch]), labels_[batch]);
      loss.backward();
      optimizer_->step();
    }
    return loss.value().item<double>();
  }

 private:
  static nn::AnyModule built(const Work& work, const Device& device) {
    nn::AnyModule model = work.model.make(nn::ModelInput{work.image, 10});
    model->to(device);
    return model;
  }

  nn::AnyModule model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::vector<Tensor> images_, labels_;
  i64 done_ = 0;
};

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux counts in KiB
}

void serve(const std::string& name, const Device& device) {
  const auto found = works().find(name);
  WEFT_CHECK(found != works().end(), "weft_bench: '{}' is no work of the benchmark", name);
  Training training(found->second, device);
  training.run(3);
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
      const double loss = training.run(steps);
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
      std::printf("{\"ms\": %.6f, \"loss\": %.6f}\n", ms.count() / static_cast<double>(steps),
                  loss);
    } else {
      std::printf("{\"peak_mb\": %.2f}\n", peak_mb());
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** arguments) try {
  WEFT_CHECK(count % 2 == 0,
             "weft_bench: {} arguments given; WORK [--threads N] [--device NAME] is required",
             count - 1);
  Device device = Cpu{};
  for (int i = 2; i < count; i += 2) {
    const std::string option = arguments[i];
    if (option == "--threads") set_threads(std::stoi(arguments[i + 1]));
    else if (option == "--device") device = device_named(arguments[i + 1]);
    else WEFT_CHECK(false, "weft_bench: '{}' given; --threads or --device is required", option);
  }
  serve(arguments[1], device);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}

// SPDX-License-Identifier: Apache-2.0
// The weft part of bench/run.py. bench/peer_torch.py is the PyTorch part and documents the
// protocol:
//
//   weft_bench WORK [--threads N] [--device cpu|cuda] [--precision fp32|bf16]
//              [--steps trainer|captured]
//
// WORK is a name below, or a kind of model with sizes: "mlp:batch=64,width=512,depth=3" or
// "cnn:batch=64,width=32". It reads the commands "run K" and "memory" from stdin. The steps are
// those of a Trainer, whose samples are all on the device. The answer to "run" has the mean loss of
// the steps of the last epoch. It also has the processor time and the calls of operator new per
// step, over all threads.
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/bench/arguments.h"
#include "weft/core/error.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/parallel.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tensor/random.h"
#include "weft/testing/heap_counter.h"
#include "weft/train/trainer/trainer.h"

namespace {
using namespace weft;

// Batches of random data in an epoch. The host waits for the device at the end of an epoch.
constexpr i64 kBatches = 16, kBatchesOnGpu = 64;

struct Work {
  Recipe<nn::Model> model;
  i64 batch;
  Shape image;
  optim::OptimizerRecipe optimizer;
  i64 most_samples = 1 << 30;  // held in memory, at least two batches
};

// The models of configs/mnist_mlp.yaml, mnist_cnn.yaml and cifar_resnet.yaml, and two that are so
// small that the costs of a step besides its kernels dominate. A ResNet in batches of 512 is for a
// GPU.
const std::map<std::string, Work>& works() {
  static const auto adamw = optim::adamw({.lr = 1e-3, .weight_decay = 0.01});
  static const auto sgd = optim::sgd({.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});
  static const std::map<std::string, Work> all = {
      {"mlp_b32", {nn::mlp({.hidden = {64}}), 32, {28, 28, 1}, adamw}},
      {"mlp_b64", {nn::mlp({.hidden = {128, 64}}), 64, {28, 28, 1}, adamw}},
      {"mlp_b128", {nn::mlp({.hidden = {512, 512}}), 128, {28, 28, 1}, adamw}},
      {"mlp_b1024", {nn::mlp({.hidden = {512, 512}}), 1024, {28, 28, 1}, adamw}},
      {"cnn_b64", {nn::cnn({.dropout = 0.25}), 64, {28, 28, 1}, adamw}},
      {"resnet18_b32", {nn::resnet(), 32, {32, 32, 3}, sgd}},
      {"resnet18_b512", {nn::resnet(), 512, {32, 32, 3}, sgd}},
  };
  return all;
}

// Reads "batch=64,width=512" into the sizes that are there with their defaults.
void read_sizes(const std::string& work, std::string_view text,
                std::map<std::string, i64, std::less<>>& sizes) {
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string_view value = item.substr(std::min(equals + 1, item.size()));
    const auto found = sizes.find(item.substr(0, equals));
    i64 size = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
    std::string keys;
    for (const auto& [key, unused] : sizes) keys += (keys.empty() ? "" : ", ") + key;
    WEFT_CHECK(
        found != sizes.end() && error == std::errc() && end == value.data() + value.size() &&
            size >= 1 && size <= 1 << 20,
        "weft_bench: '{}' given in the work '{}'; a key of {} and a number from 1 to 1048576, "
        "such as width=64, is required",
        item, work, keys);
    found->second = size;
  }
}

// A model of these sizes, for bench/growth.py. `depth` counts the linear layers, and a CNN has
// `width` channels after its first convolution. The samples take little of the memory that grows.
Work sized_work(const std::string& name) {
  const std::string kind = name.substr(0, name.find(':'));
  WEFT_CHECK(kind == "mlp" || kind == "cnn",
             "weft_bench: '{}' is no work of the benchmark; one of its names, mlp:SIZES or "
             "cnn:SIZES is required",
             name);
  std::map<std::string, i64, std::less<>> sizes{{"batch", 64}, {"width", kind == "mlp" ? 512 : 32}};
  if (kind == "mlp") sizes["depth"] = 3;
  read_sizes(name, std::string_view(name).substr(std::min(kind.size() + 1, name.size())), sizes);
  const i64 width = sizes["width"];
  const auto model =
      kind == "mlp"
          ? nn::mlp(
                {.hidden = std::vector<i64>(static_cast<std::size_t>(sizes["depth"] - 1), width)})
          : nn::cnn({.channels = {width, 2 * width}, .hidden = 4 * width, .dropout = 0.25});
  return {
      model, sizes["batch"], {28, 28, 1}, optim::adamw({.lr = 1e-3, .weight_decay = 0.01}), 4096};
}

data::Batch random_samples(const Work& work, i64 count, Generator& generator) {
  data::Batch samples{Tensor::empty(work.image.inserted(0, count)),
                      Tensor::empty({count}, DType::int64)};
  generator.normal(samples.x, 0, 1);
  for (i64& label : samples.y.values<i64>()) label = static_cast<i64>(generator.next() % 10);
  return samples;
}

// Steps of a Trainer. They run TrainStep, as every training run does.
class Training {
 public:
  Training(const Work& work, const Device& device, DType compute_dtype, bool captured)
      : model_(built(work, device)),
        loader_(samples(work, device), {.batch_size = work.batch}),
        trainer_(*model_, train::classification(),
                 {.optimizer = work.optimizer,
                  .capture = captured,
                  .precision = compute_dtype == DType::bf16 ? train::bf16() : train::fp32()}) {}

  // Returns the mean loss of the last epoch's steps.
  double run(i64 steps) {
    double loss = 0;
    while (steps > 0) {
      trainer_.begin_epoch(loader_);
      while (steps > 0 && trainer_.train_step()) --steps;
      loss = trainer_.end_epoch().loss;
    }
    return loss;
  }

 private:
  static nn::AnyModule built(const Work& work, const Device& device) {
    nn::AnyModule model = work.model.make(nn::ModelInput{work.image, 10});
    model->to(device);
    return model;
  }
  static std::shared_ptr<const data::Dataset> samples(const Work& work, const Device& device) {
    const bool on_cpu = std::holds_alternative<Cpu>(device);
    Generator generator(1);
    const i64 batches = std::min(on_cpu ? kBatches : kBatchesOnGpu,
                                 std::max<i64>(2, work.most_samples / work.batch));
    const data::Batch all = random_samples(work, batches * work.batch, generator);
    data::DatasetInfo info;
    info.name = "random";
    info.classes = 10;
    auto in_memory = std::make_shared<data::TensorDataset>(info, all.x, all.y);
    if (on_cpu) return in_memory;
    return std::make_shared<data::ResidentDataset>(*in_memory, device);
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

void serve(const std::string& name, const Device& device, DType compute_dtype,
           const std::string& steps) {
  const auto found = works().find(name);
  const bool captured = steps == "captured";
  WEFT_CHECK(!captured || !std::holds_alternative<Cpu>(device),
             "weft_bench: captured steps given on the cpu; --device cuda is required");
  const Work work = found != works().end() ? found->second : sized_work(name);
  Training training(work, device, compute_dtype, captured);
  training.run(3);
  std::printf("{\"ready\": true, \"threads\": %d}\n", threads());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "run") {
      i64 count = 1;
      words >> count;
      const i64 heap_calls = testing::heap_calls();
      const std::clock_t cpu_begin = std::clock();
      const auto begin = std::chrono::steady_clock::now();
      const double loss = training.run(count);
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
      const double cpu_ms = 1e3 * static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
      const auto allocations = static_cast<double>(testing::heap_calls() - heap_calls);
      const auto each = static_cast<double>(count);
      std::printf("{\"ms\": %.6f, \"loss\": %.6f, \"cpu_ms\": %.6f, \"allocations\": %.2f}\n",
                  ms.count() / each, loss, cpu_ms / each, allocations / each);
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
  DType compute_dtype = DType::f32;
  std::string steps = "trainer";
  for (int i = 2; i < count; i += 2) {
    const std::string option = arguments[i], value = arguments[i + 1];
    if (option == "--threads") {
      set_threads(number_of(value, option));
    } else if (option == "--device") {
      device = device_named(value);
    } else if (option == "--precision" && (value == "fp32" || value == "bf16")) {
      compute_dtype = value == "bf16" ? DType::bf16 : DType::f32;
    } else if (option == "--steps" && (value == "trainer" || value == "captured")) {
      steps = value;
    } else {
      WEFT_CHECK(
          false,
          "weft_bench: '{} {}' given; --threads N, --device NAME, --precision fp32 | bf16 or "
          "--steps trainer | captured is required",
          option, value);
    }
  }
  serve(arguments[1], device, compute_dtype, steps);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}

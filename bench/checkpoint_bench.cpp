// SPDX-License-Identifier: Apache-2.0
// The weft part of bench/checkpoints.py. It measures saving and loading of a state, and the cost of
// a batch and of a run besides the kernels.
//
//   checkpoint_bench MEGABYTES FOLDER [--threads N]
//
// It reads the commands "save", "load", "hooks" and "run CONFIG" from stdin.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "weft/bench/arguments.h"
#include "weft/core/error.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/parallel.h"
#include "weft/nn/nn.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/random.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/checkpoint/snapshot.h"
#include "weft/train/run/run_config_file.h"
#include "weft/train/trainer/trainer.h"

namespace {
using namespace weft;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Random values for the weights and two slots of an optimizer, in tensors of 4 MB.
class BenchState {
 public:
  explicit BenchState(i64 megabytes) {
    Generator generator(1);
    for (i64 left = megabytes * 1'000'000 / 3, i = 0; left > 0; left -= 4'000'000, ++i)
      for (const char* slot : {"weight", "mean", "mean_square"}) {
        Tensor values = Tensor::empty({1'000'000});
        generator.normal(values, 0, 1);
        const bool weight = std::string(slot) == "weight";
        const std::string layer = "layer" + std::to_string(i);
        (weight ? weights_[layer + ".weight"]
                : others_["optimizer.parameters." + layer + ".weight." + slot]) = values;
        bytes_ += bytes_of(values);
      }
  }

  // `stall` lasts until training can continue. `all` lasts until the state is on the disk, read
  // back and verified.
  void save(const std::string& folder) const {
    std::filesystem::remove_all(folder);
    train::Snapshot snapshot;
    const double stall = seconds_of([&] {
      TensorMap tensors = others_;
      const train::StateParts parts{{"optimizer", {}}};
      snapshot.add(train::kTrainerStateFile, train::trainer_state_text({}, parts, tensors));
      snapshot.add(train::kOptimizerFile, tensors);
      snapshot.add(train::kModelFile, weights_);
    });
    const double written = seconds_of([&] { snapshot.write(folder); });
    std::printf("{\"gb\": %.6f, \"stall_s\": %.6f, \"all_s\": %.6f}\n", gigabytes(), stall,
                stall + written);
  }

  // The state is verified and read, and every element is used.
  void load(const std::string& folder) const {
    double total = 0;
    const double seconds = seconds_of([&] {
      const train::CheckpointReader reader(folder);
      for (const auto& [name, tensor] : reader.part("optimizer").tensors) total += sum_of(tensor);
      for (const auto& [name, tensor] : read_safetensors(reader.file(train::kModelFile)))
        total += sum_of(tensor);
    });
    std::printf("{\"gb\": %.6f, \"all_s\": %.6f, \"sum\": %.6f}\n", gigabytes(), seconds, total);
  }

 private:
  double gigabytes() const { return static_cast<double>(bytes_) / 1e9; }
  static double sum_of(const Tensor& tensor) { return sum(tensor).item<double>(); }

  TensorMap weights_, others_;
  i64 bytes_ = 0;
};

// Times an epoch of the Trainer without and with observers, and of a hand-written loop.
void hooks() {
  constexpr i64 kSamples = 20'000, kBatch = 10;
  manual_seed(1);
  Generator generator(1);
  const Tensor x = Tensor::empty({kSamples, 4, 4, 1}), y = Tensor::zeros({kSamples}, DType::int64);
  generator.normal(x, 0, 1);
  data::DatasetInfo info;
  info.name = "numbers";
  info.classes = 3;
  const data::TensorDataset dataset(info, x, y);
  data::Loader loader(dataset, {.batch_size = kBatch, .workers = 0});
  const auto model = [] {
    return nn::mlp({.hidden = {8}}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
  };
  const double batches = static_cast<double>(kSamples) / static_cast<double>(kBatch);

  nn::AnyModule by_hand = model();
  const auto optimizer = optim::sgd({.lr = 0.01}).make(by_hand->named_parameters());
  const auto epoch_by_hand = [&] {
    for (const auto& [input, target] : loader) {
      optimizer->zero_grad();
      cross_entropy((*by_hand)(input), target).backward();
      optimizer->step();
    }
  };
  struct Idle : train::TrainerObserver {};
  nn::AnyModule trained = model();
  train::Trainer trainer(*trained, train::classification(), {.epochs = 1000});
  std::vector<Idle> idle(8);
  const auto epoch = [&] { trainer.train_one_epoch(loader); };
  epoch_by_hand();
  epoch();
  const double hand = seconds_of(epoch_by_hand), bare = seconds_of(epoch);
  for (Idle& observer : idle) trainer.add_observer(observer);
  const double observed = seconds_of(epoch);
  std::printf("{\"by_hand_us\": %.3f, \"trainer_us\": %.3f, \"with_8_observers_us\": %.3f}\n",
              hand / batches * 1e6, bare / batches * 1e6, observed / batches * 1e6);
}

// Measures the total time of the hooks of a callback within an epoch.
class Timed final : public train::Callback {
 public:
  Timed(const train::CallbackRecipe& recipe, double& seconds)
      : inner_(recipe.make()), seconds_(seconds) {}
  void on_setup(train::Orchestrator& run) override { inner_->on_setup(run); }
  void on_train_begin(train::Orchestrator& run) override { inner_->on_train_begin(run); }
  void on_step_begin(train::Trainer& t, i64 step) override {
    seconds_ += seconds_of([&] { inner_->on_step_begin(t, step); });
  }
  void on_batch_begin(train::Trainer& t, const train::BatchInProgress& batch) override {
    seconds_ += seconds_of([&] { inner_->on_batch_begin(t, batch); });
  }
  void on_gradients(train::Trainer& t, double scale) override {
    seconds_ += seconds_of([&] { inner_->on_gradients(t, scale); });
  }
  void on_step_end(train::Trainer& t, const optim::StepOutcome& outcome) override {
    seconds_ += seconds_of([&] { inner_->on_step_end(t, outcome); });
  }
  void on_batch_end(train::Trainer& t, const train::Progress& progress) override {
    seconds_ += seconds_of([&] { inner_->on_batch_end(t, progress); });
  }

 private:
  std::unique_ptr<train::Callback> inner_;
  double& seconds_;
};

// Measures the time from the config to the first step, and the time per step of each callback with
// its default options. The clock is read twice per hook, and these readings are included.
void run(const std::string& config, const std::string& folder) {
  using Clock = std::chrono::steady_clock;
  struct FirstStep : train::Callback {
    Clock::time_point begin = Clock::now(), first;
    void on_step_begin(train::Trainer&, i64 step) override {
      if (step == 0) first = Clock::now();
    }
  };
  std::filesystem::remove_all(folder);
  const auto first = std::make_shared<FirstStep>();
  train::Orchestrator orchestrator(
      train::load_run_config(config, {"run.dir=" + folder, "train.epochs=2"}).value, "bench");
  const std::vector<std::string> names{"early_stopping", "gradient_monitor", "nan_report",
                                       "rollback", "ema"};
  std::vector<double> seconds(names.size(), 0.0);
  for (std::size_t i = 0; i < names.size(); ++i)
    orchestrator.add_callback(
        std::make_shared<Timed>(train::CallbackRecipe::of(names[i]), seconds[i]));
  orchestrator.add_callback(first);
  const train::RunReport report = orchestrator.train();
  const auto steps = static_cast<double>(report.steps);
  std::printf("{\"setup_s\": %.4f, \"step_us\": %.1f",
              std::chrono::duration<double>(first->first - first->begin).count(),
              report.seconds / steps * 1e6);
  for (std::size_t i = 0; i < names.size(); ++i)
    std::printf(", \"%s_us\": %.3f", names[i].c_str(), seconds[i] / steps * 1e6);
  std::printf("}\n");
}

}  // namespace

int main(int count, char** arguments) try {
  WEFT_CHECK(count == 3 || count == 5,
             "checkpoint_bench: {} arguments given; MEGABYTES FOLDER [--threads N] is required",
             count - 1);
  if (count == 5) set_threads(number_of(arguments[4], arguments[3]));
  const BenchState state(number_of(arguments[1], "MEGABYTES"));
  std::printf("{\"ready\": true, \"threads\": %d}\n", threads());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "save") state.save(arguments[2]);
    else if (line == "load") state.load(arguments[2]);
    else if (line == "hooks") hooks();
    else run(line.substr(std::string("run ").size()), std::string(arguments[2]) + "-run");
    std::fflush(stdout);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}

// SPDX-License-Identifier: Apache-2.0
// Frozen means frozen: not a byte of a parameter, its optimizer state or its batch-norm statistics
// moves, it is not in the clip norm, and nothing is computed or stored for it.
#include <cmath>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "weft/autograd/tape.h"
#include "weft/device/allocator.h"
#include "weft/nn/batch_norm.h"
#include "weft/optim/adam.h"
#include "weft/tests/train/small_models.h"

namespace weft::train {
namespace {

using namespace testing_models;  // NOLINT(google-build-using-namespace)

optim::OptimizerRecipe some_optimizer(std::mt19937_64& engine) {
  switch (engine() % 4) {
    case 0: return optim::sgd({.lr = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1});
    case 1: return optim::sgd({.lr = 0.05, .weight_decay = 0.1});
    case 2: return optim::adam({.lr = 0.01, .weight_decay = 0.1});
    default: return optim::adamw({.lr = 0.01, .weight_decay = 0.1});
  }
}

// The gradient norm of the trainable parameters, computed by a double loop, and the measured one.
struct ClipNorm : TrainerObserver {
  void on_gradients(Trainer& t, double scale) override {
    double sum = 0;
    for (const nn::NamedParameter& p : t.named_parameters()) {
      if (!p.variable.requires_grad()) continue;
      for (const float g : p.variable.grad().to_vector<float>()) sum += std::pow(g * scale, 2);
    }
    expected = std::sqrt(sum);
  }
  void on_step_end(Trainer&, const optim::StepOutcome& outcome) override {
    ASSERT_NEAR(outcome.grad_norm, expected, 1e-6 * (1 + expected));
    ++steps;
  }
  double expected = 0;
  i64 steps = 0;
};

struct Frozen {
  Bytes model, optimizer;  // the bytes of frozen parameters and of their optimizer state
};

Bytes bytes_of_state(const optim::OptimizerState& state) {
  Bytes all;
  for (const auto& [name, parameter] : state.parameters) {
    std::string& bytes = all[name];
    bytes = std::to_string(parameter.steps);
    for (const Tensor& slot : parameter.slots) bytes += bytes_of_tensor(slot);
  }
  return all;
}

// Trains a small model in a few phases, each with other frozen parameters. Returns the frozen
// values that moved, or "" if none did.
std::string broken_by(u64 seed) {
  std::mt19937_64 engine(seed);
  nn::AnyModule model = engine() % 2 == 0 ? tiny_cnn(seed) : tiny_mlp(seed);
  data::Loader loader(tiny_images(7, seed), {.batch_size = 3, .workers = 0});
  Trainer trainer(*model, classification(),
                  {.optimizer = some_optimizer(engine),
                   .on_rebuild = engine() % 2 == 0 ? OnRebuild::continue_ : OnRebuild::restart,
                   .epochs = 4,
                   .accumulate = engine() % 2 == 0 ? 1 : 2,
                   .clip_norm = 0.5});
  ClipNorm clip;
  trainer.add_observer(clip);
  const nn::NamedParameters parameters = trainer.named_parameters();
  for (int stretch = 0; stretch < 4; ++stretch) {
    const u64 share = engine() % 100;
    for (const nn::NamedParameter& p : parameters)
      p.variable.set_requires_grad(engine() % 100 < share);
    parameters[engine() % parameters.size()].variable.set_requires_grad(true);
    trainer.rebuild_optimizer_and_scheduler();

    std::set<std::string> trained;  // names, with the modules of the parameters, for buffers
    i64 numbers = 0;
    for (const nn::NamedParameter& p : parameters) {
      if (p.variable.leaf_state()->grad.defined() != p.variable.requires_grad())
        return p.name + ": a gradient must be allocated only for a trained parameter";
      if (!p.variable.requires_grad()) continue;
      trained.insert(p.name);
      trained.insert(module_of(p.name));
      numbers += (p.variable.value().elements() + 15) / 16 * 16;
    }
    if (trainer.optimizer().parameters().gradients().elements() != numbers)
      return "there are gradients for more than what is trained";

    const Bytes before = bytes_of_model(*model);
    const Bytes state_before = bytes_of_state(trainer.optimizer().state());
    trainer.train_one_epoch(loader);
    const Bytes after = bytes_of_model(*model);
    const Bytes state_after = bytes_of_state(trainer.optimizer().state());
    bool moved = false;
    for (const auto& [name, bytes] : before) {
      const bool buffer = name.find("running_") != std::string::npos ||
                          name.find("num_batches") != std::string::npos;
      const bool frozen = !trained.contains(buffer ? module_of(name) : name);
      if (frozen && bytes != after.at(name)) return name + " moved";
      if (buffer && !frozen && bytes == after.at(name)) return name + " did not follow";
      moved |= bytes != after.at(name);
    }
    if (!moved) return "nothing was trained";
    for (const auto& [name, bytes] : state_before)
      if (!trained.contains(name) && bytes != state_after.at(name))
        return name + ": its optimizer state moved";
  }
  if (clip.steps != (trainer.options().accumulate == 1 ? 12 : 8)) return "steps were skipped";
  return "";
}

// Models this small gain nothing from threads, and threads that wait for each other take minutes on
// a busy machine.
void check_schedules(u64 first, u64 count) {
  const Threads one(1);
  for (u64 seed = first; seed < first + count; ++seed)
    ASSERT_EQ(broken_by(seed), "") << "schedule " << seed;
}

TEST(Frozen, HoldsOverRandomSchedules) { check_schedules(0, 200); }
TEST(Frozen, SlowHoldsOverManyRandomSchedules) { check_schedules(200, 3000); }

// The ops of a backward pass, the memory that a forward pass keeps for it, and that of a step.
struct Cost : TapeObserver {
  void on_forward(const char*, const std::string&, const Tensor&) override { ++forward_ops; }
  void on_backward(const char*, const std::string& scope, const Tensor&) override {
    if (backward_ops++ == 0) kept_bytes = allocator_counters(Cpu{}).bytes_in_use;
    scopes.insert(scope);
  }
  i64 forward_ops = 0, backward_ops = 0, kept_bytes = 0, peak_bytes = 0, gradient_bytes = 0;
  std::set<std::string> scopes;
};

Cost cost_of_a_step(const std::string& trained) {
  manual_seed(1);
  nn::AnyModule model =
      nn::cnn({.channels = {8, 16}, .hidden = 32}).make(nn::ModelInput{Shape{28, 28, 1}, 10});
  model->name_paths();
  const auto set = data::TensorDataset(
      [] {
        data::DatasetInfo info;
        info.classes = 10;
        return info;
      }(),
      Tensor::zeros({64, 28, 28, 1}, DType::uint8), Tensor::zeros({64}, DType::int64));
  data::Loader loader(set, {.batch_size = 64, .workers = 0});
  Trainer trainer(*model, classification(), {.optimizer = optim::adamw({})});
  trainer.set_requires_grad("*", false);
  trainer.set_requires_grad(trained, true);
  trainer.rebuild_optimizer_and_scheduler();
  release_cached(Cpu{});            // a larger block of another test would count as in use
  trainer.train_one_epoch(loader);  // a warm-up that fills caches
  Cost cost;
  reset_peak(Cpu{});
  const i64 before = allocator_counters(Cpu{}).bytes_in_use;
  TapeObserver* none = set_tape_observer(&cost);
  trainer.train_one_epoch(loader);
  set_tape_observer(none);
  cost.kept_bytes -= before;
  cost.peak_bytes = allocator_counters(Cpu{}).peak_bytes_in_use - before;
  cost.gradient_bytes = bytes_of(trainer.optimizer().parameters().gradients());
  return cost;
}

TEST(Frozen, NothingIsComputedOrStoredBelowTheLowestTrainableLayer) {
  const Cost all = cost_of_a_step("*"), top = cost_of_a_step("classifier.*"),
             last = cost_of_a_step("classifier.5.*");
  for (const auto& [name, cost] : {std::pair{"all", &all}, {"classifier", &top}, {"last", &last}})
    std::printf(
        "%-10s trains: %lld of %lld ops differentiated, %lld kB kept for it, peak %lld kB, gradients "
        "%lld kB\n",
        name, static_cast<long long>(cost->backward_ops), static_cast<long long>(cost->forward_ops),
        static_cast<long long>(cost->kept_bytes / 1024),
        static_cast<long long>(cost->peak_bytes / 1024),
        static_cast<long long>(cost->gradient_bytes / 1024));
  EXPECT_TRUE(all.scopes.contains("features.0"));
  // The loss is outside of modules. The backward pass runs only the classifier's own layers.
  EXPECT_EQ(top.scopes, (std::set<std::string>{"", "classifier.2", "classifier.5"}));
  EXPECT_EQ(last.scopes, (std::set<std::string>{"", "classifier.5"}));
  // A frozen batch norm and the pooling after it are two ops, and a trained one is one.
  EXPECT_EQ(all.forward_ops + 2, last.forward_ops);
  EXPECT_EQ(last.backward_ops, 2);
  EXPECT_GT(all.backward_ops, 2 * top.backward_ops);
  EXPECT_LT(top.kept_bytes, all.kept_bytes / 8);
  EXPECT_LT(last.kept_bytes, top.kept_bytes);
  EXPECT_LT(top.peak_bytes, all.peak_bytes);
  EXPECT_LT(last.gradient_bytes, all.gradient_bytes / 20);
}

TEST(Frozen, BatchNormUsesItsRunningStatisticsInTrainingToo) {
  nn::BatchNorm norm{2};
  const Tensor x = Tensor::copy_of<float>(std::vector<float>{1, 2, 3, 5, 8, 13}, {3, 2});
  norm.eval();
  const std::vector<float> evaluated = norm(x).value().to_vector<float>();
  norm.train();
  EXPECT_NE(norm(x).value().to_vector<float>(), evaluated);
  EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), 1);
  fill_with_zeros(norm.running_mean.value);
  norm.running_var.value.fill(1);
  for (const nn::Parameter* p : {&norm.weight, &norm.bias}) p->variable().set_requires_grad(false);
  EXPECT_EQ(norm(x).value().to_vector<float>(), evaluated);
  EXPECT_EQ(norm.num_batches_tracked.value.item<i64>(), 1);
  norm.bias.variable().set_requires_grad(
      true);  // part of it is trained, so its statistics follow the batches
  EXPECT_NE(norm(x).value().to_vector<float>(), evaluated);
}

}  // namespace
}  // namespace weft::train

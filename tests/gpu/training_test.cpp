// SPDX-License-Identifier: Apache-2.0
// Whole training steps on the GPU and on the CPU. Equal states give equal gradients.
#include <optional>

#include "weft/autograd/ops.h"
#include "weft/data/sources.h"
#include "weft/device/allocator.h"
#include "weft/nn/models/models.h"
#include "weft/nn/serialize.h"
#include "weft/nn/statistics.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"
#include "weft/tensor/random.h"
#include "weft/testing/compare.h"
#include "weft/tests/gpu/tools.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/stream.h"
#endif

namespace weft {
namespace {

using testing_gpu::distance;
using testing_gpu::norm;

struct Problem {
  Recipe<nn::Model> model;
  Shape sample;
  i64 classes = 10, batch = 8;
  DType dtype = DType::f32;
};

// A network with its optimizer, on a device.
class Side {
 public:
  Side(const Problem& problem, const optim::OptimizerRecipe& optimizer, const Device& device)
      : problem_(problem), device_(device), model_(built(problem, device)) {
    optimizer_ = optimizer.make(model_->named_parameters());
  }

  // Forward and backward of one batch; the loss stays on its device.
  Tensor differentiate(i64 step) {
    Tensor x = Tensor::empty(problem_.sample.inserted(0, problem_.batch), problem_.dtype);
    Generator numbers(100 + static_cast<u64>(step));
    numbers.uniform(x, -1, 1);
    std::vector<i64> labels;
    for (i64 i = 0; i < problem_.batch; ++i) labels.push_back((i * 7 + step) % problem_.classes);
    const Tensor y = Tensor::copy_of(labels, {problem_.batch});
    set_random_step(3, step);
    optimizer_->zero_grad();
    const Variable loss = cross_entropy((*model_)(x.to(device_)), y.to(device_));
    loss.backward();
    return loss.value();
  }
  void update(const optim::UpdateOptions& settings = {}) { outcome_ = optimizer_->step(settings); }

  nn::Module& model() { return *model_; }
  optim::Optimizer& optimizer() { return *optimizer_; }
  const optim::StepOutcome& outcome() const { return outcome_; }

 private:
  static nn::AnyModule built(const Problem& problem, const Device& device) {
    manual_seed(11);
    nn::AnyModule model = problem.model.make(nn::ModelInput{problem.sample, problem.classes});
    model->to(problem.dtype);
    model->to(device);
    return model;
  }

  Problem problem_;
  Device device_;
  nn::AnyModule model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  optim::StepOutcome outcome_;
};

// Copies the whole state of `like` to `other`.
void make_equal(Side& other, Side& like) {
  load_state(other.model(), state_of(like.model()), "the other side");
  other.optimizer().load_state(like.optimizer().state());
}

void expect_equal_steps(const Device& device, const Problem& problem,
                        const optim::OptimizerRecipe& optimizer, i64 steps, double tolerance,
                        const optim::UpdateOptions& settings = {}) {
  Side cpu(problem, optimizer, Cpu{}), gpu(problem, optimizer, device);
  for (i64 step = 0; step < steps; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    make_equal(gpu, cpu);
    const double wanted = cpu.differentiate(step).item<double>();
    EXPECT_NEAR(gpu.differentiate(step).item<double>(), wanted, tolerance * std::abs(wanted));
    const nn::NamedParameters there = gpu.model().named_parameters(),
                              here = cpu.model().named_parameters();
    for (std::size_t i = 0; i < here.size(); ++i) {
      const Tensor gradient = here[i].variable.grad();
      EXPECT_LE(distance(there[i].variable.grad(), gradient), tolerance * norm(gradient))
          << here[i].name << ", whose gradient has the norm " << norm(gradient);
    }
    cpu.update(settings);
    gpu.update(settings);
    EXPECT_EQ(gpu.outcome().applied, cpu.outcome().applied);
    EXPECT_NEAR(gpu.outcome().grad_norm, cpu.outcome().grad_norm,
                tolerance * cpu.outcome().grad_norm);
    for (std::size_t i = 0; i < here.size(); ++i) {
      const Tensor& value = here[i].variable.value();
      EXPECT_LE(distance(there[i].variable.value(), value), 1e-3 * norm(value)) << here[i].name;
    }
    const auto buffers_there = gpu.model().named_buffers(),
               buffers_here = cpu.model().named_buffers();
    for (std::size_t i = 0; i < buffers_here.size(); ++i)
      EXPECT_LE(distance(buffers_there[i].buffer->value, buffers_here[i].buffer->value),
                tolerance * norm(buffers_here[i].buffer->value))
          << buffers_here[i].name;
  }
  EXPECT_EQ(gpu.optimizer().applied_steps(), cpu.optimizer().applied_steps());
}

class GpuTraining : public testing_gpu::OnGpu {};

Problem mlp(DType dtype = DType::f32) {
  return {nn::mlp({.hidden = {33, 17}, .dropout = 0.25}), {6, 5, 1}, 10, 16, dtype};
}
Problem cnn(DType dtype = DType::f32) {
  return {nn::cnn({.channels = {4, 6}, .hidden = 9}), {8, 12, 3}, 10, 8, dtype};
}
Problem resnet(DType dtype = DType::f32) {
  return {nn::resnet({.depth = 18, .width = 4}), {16, 16, 3}, 10, 8, dtype};
}

TEST_F(GpuTraining, AnMlpsGradientsAreTheCpus) {
  expect_equal_steps(cuda(), mlp(), optim::adamw({.lr = 1e-2}), 6, 1e-5);
  expect_equal_steps(cuda(), mlp(DType::f64), optim::adamw({.lr = 1e-2}), 3, 1e-12);
}
TEST_F(GpuTraining, ACnnsGradientsAreTheCpus) {
  expect_equal_steps(cuda(), cnn(), optim::sgd({.lr = 0.1, .momentum = 0.9}), 4, 1e-5);
  expect_equal_steps(cuda(), cnn(DType::f64), optim::sgd({.lr = 0.1}), 2, 1e-12);
}
TEST_F(GpuTraining, AResnetsGradientsAreTheCpus) {
  expect_equal_steps(cuda(), resnet(), optim::sgd({.lr = 0.1, .momentum = 0.9, .nesterov = true}),
                     2, 1e-5);
}

TEST_F(GpuTraining, ClippingIsTheCpus) {
  expect_equal_steps(cuda(), mlp(), optim::adam({.lr = 1e-2, .weight_decay = 0.1}), 3, 1e-5,
                     {.clip_norm = 0.5, .grad_scale = 0.25});
  expect_equal_steps(cuda(), mlp(), optim::sgd({.lr = 0.1}), 2, 1e-5, {.clip_value = 0.01});
}

TEST_F(GpuTraining, GradientNormsAreTheCpus) {
  Side cpu(mlp(), optim::adamw({.lr = 1e-2}), Cpu{}),
      gpu(mlp(), optim::adamw({.lr = 1e-2}), cuda());
  for (i64 step = 0; step < 2; ++step) {
    cpu.differentiate(step);
    gpu.differentiate(step);
    const std::vector<double> here = cpu.optimizer().gradient_norms(),
                              there = gpu.optimizer().gradient_norms();
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i) {
      EXPECT_GT(here[i], 0);
      EXPECT_NEAR(there[i], here[i], 1e-3 * here[i]);  // the second step's weights differ a little
    }
    cpu.update({});
    gpu.update({});
  }
}

TEST_F(GpuTraining, AGradientThatIsNotFiniteSkipsTheStepAndItsStatistics) {
  Side side(cnn(), optim::adamw({.lr = 1e-2}), cuda());
  nn::StatisticsScope statistics;
  side.differentiate(0);
  side.update({.clip_norm = 1});
  statistics.commit_if_finite(side.optimizer().device_step().found_inf());
  const TensorMap before = [&] {
    TensorMap copies;
    for (const auto& [name, value] : state_of(side.model())) copies[name] = value.clone();
    return copies;
  }();
  side.differentiate(1);
  side.model().named_parameters()[0].variable.grad().fill(NAN);
  side.update({.clip_norm = 1});
  statistics.commit_if_finite(side.optimizer().device_step().found_inf());
  EXPECT_FALSE(side.outcome().applied);
  EXPECT_EQ(side.optimizer().applied_steps(), 1);
  for (const auto& [name, value] : state_of(side.model()))
    EXPECT_EQ(testing::difference_in_bytes(value.to(Cpu{}), before.at(name).to(Cpu{})), "") << name;
  EXPECT_EQ(side.optimizer().state().parameters.begin()->second.steps, 1);
}

// The counts of steps are kept on the device, and survive every rewrite of the table.
TEST_F(GpuTraining, StateFollowsLearningRatesFreezingAndRebuilds) {
  Side cpu(mlp(), optim::adamw({.lr = 1e-2}), Cpu{}),
      gpu(mlp(), optim::adamw({.lr = 1e-2}), cuda());
  for (i64 step = 0; step < 9; ++step) {
    for (Side* side : {&cpu, &gpu}) {
      optim::Optimizer& optimizer = side->optimizer();
      if (step == 2) optimizer.set_lr_factors({1, 1, 0.5, 0.5, 2, 2});
      if (step == 4 || step == 7) {
        side->model().named_parameters()[0].variable.set_requires_grad(step == 7);
        optimizer.rebuild();
      }
      side->differentiate(step);
      side->update();
    }
    const optim::OptimizerState here = cpu.optimizer().state(), there = gpu.optimizer().state();
    ASSERT_EQ(here.parameters.size(), there.parameters.size());
    for (const auto& [name, state] : here.parameters) {
      EXPECT_EQ(there.parameters.at(name).steps, state.steps) << name << " at step " << step;
      for (std::size_t slot = 0; slot < state.slots.size(); ++slot)
        EXPECT_LE(distance(there.parameters.at(name).slots[slot], state.slots[slot]),
                  1e-4 * norm(state.slots[slot]))
            << name << " at step " << step;
    }
  }
}

TEST_F(GpuTraining, ASteadyStateAllocatesNothing) {
  const Device device = cuda();
  Side side(cnn(), optim::adamw({}), device);
  std::optional<AllocatorCounters> on_gpu, on_cpu;
  for (i64 step = 0; step < 6; ++step) {
    side.differentiate(step);
    side.update();
    if (step == 2) {
      synchronize(device);
      on_gpu = allocator_counters(device);
      on_cpu = allocator_counters(Cpu{});
    }
  }
  synchronize(device);
  EXPECT_EQ(allocator_counters(device).system_allocations, on_gpu->system_allocations);
  EXPECT_EQ(allocator_counters(device).bytes_in_use, on_gpu->bytes_in_use);
  EXPECT_EQ(allocator_counters(Cpu{}).system_allocations, on_cpu->system_allocations);
}

#ifndef WEFT_REAL_DEVICE
TEST_F(GpuTraining, TheHostWaitsForNoStep) {
  Side side(cnn(), optim::adamw({}), cuda());
  side.differentiate(0);
  side.update();
  const u64 before = emulated::waits();
  Tensor loss;
  for (i64 step = 1; step < 5; ++step) {
    loss = side.differentiate(step);
    side.update();
  }
  EXPECT_EQ(emulated::waits(), before);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  EXPECT_EQ(emulated::waits(), before + 1);
}
#endif

TEST_F(GpuTraining, TheTrainerLearnsAsOnTheCpu) {
  const data::TrainAndTest digits = data::digits({.train_size = 256, .test_size = 64}).make();
  const auto train = [&](const Device& device) {
    manual_seed(3);
    nn::AnyModule model = nn::mlp({.hidden = {16}}).make(nn::ModelInput{Shape{28, 28, 1}, 10});
    model->to(device);
    data::Loader loader(digits.train, {.batch_size = 32, .shuffle = true, .seed = 1});
    train::Trainer trainer(*model, train::classification(),
                           {.optimizer = optim::adamw({.lr = 3e-3}),
                            .scheduler = optim::cosine({.warmup = "1ep"}),
                            .epochs = 2,
                            .accumulate = 2});
    std::vector<double> results;
    for (int epoch = 0; epoch < 2; ++epoch) results.push_back(trainer.train_one_epoch(loader).loss);
    train::Evaluator evaluator(*model, train::classification(), {.metrics = {"accuracy", "top_k"}});
    data::Loader test(digits.test, {.batch_size = 50});
    const train::Evaluation evaluation = evaluator.evaluate(test);
    results.push_back(evaluation.loss);
    results.push_back(evaluation.metrics.at("top_k"));
    return results;
  };
  const std::vector<double> on_cpu = train(Cpu{}), on_gpu = train(cuda());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(on_gpu[i], on_cpu[i], 1e-3 * on_cpu[i]);
  EXPECT_NEAR(on_gpu[3], on_cpu[3], 1.0 / 64);
  EXPECT_LT(on_cpu[1], on_cpu[0]);
}

// A merge counts on the host; the next evaluation counts on the device again.
TEST_F(GpuTraining, EvaluationsOfRanksGiveWhatOneProcessGives) {
  const data::TrainAndTest digits = data::digits({.train_size = 256, .test_size = 64}).make();
  manual_seed(3);
  nn::AnyModule model = nn::mlp({.hidden = {16}}).make(nn::ModelInput{Shape{28, 28, 1}, 10});
  model->to(cuda());
  data::Loader loader(digits.test, {.batch_size = 24});
  const std::vector<std::string> names{"accuracy", "top_k", "f1_macro", "perplexity"};
  const auto wanted =
      train::Evaluator(*model, train::classification(), {.metrics = names}).evaluate(loader);
  train::Evaluator ranked(*model, train::classification(),
                          {.metrics = names, .sum_over_ranks = [](const Tensor& sums) {
                             EXPECT_TRUE(is_cpu(sums.device()));
                           }});
  for (int evaluation = 0; evaluation < 2; ++evaluation) {
    const train::Evaluation got = ranked.evaluate(loader);
    EXPECT_EQ(got.metrics, wanted.metrics);
    EXPECT_EQ(got.samples, wanted.samples);
  }
}

}  // namespace
}  // namespace weft

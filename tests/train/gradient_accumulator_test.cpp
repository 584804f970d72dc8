// SPDX-License-Identifier: Apache-2.0
// The law of accumulation for hand-written loops: a step of several micro-batches equals the step
// of one large batch, and the step that a Trainer makes.
#include "weft/train/step/gradient_accumulator.h"

#include <cmath>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/data/tensor_dataset.h"
#include "weft/tests/train/small_models.h"

namespace weft::train {
namespace {

using testing_models::bytes_of_model;

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

data::DatasetInfo info_of_numbers() {
  data::DatasetInfo info;
  info.name = "numbers";
  info.classes = 3;
  return info;
}

// Samples of 4 × 4 random elements, with labels 0, 1, 2, 0, …
data::Batch some_numbers(i64 samples, DType dtype, u64 seed = 21) {
  const Tensor x = Tensor::empty({samples, 4, 4, 1});
  Generator(seed).normal(x, 0, 1);
  std::vector<i64> labels;
  for (i64 i = 0; i < samples; ++i) labels.push_back(i % 3);
  return {x.to(dtype), Tensor::copy_of(labels, {samples})};
}

// A model with its optimizer, which trains on parts of a batch.
struct Learner {
  explicit Learner(DType dtype = DType::f32, double lr = 0.1) {
    model->to(dtype);
    optimizer = optim::sgd({.lr = lr, .momentum = 0.9}).make(model->named_parameters());
  }
  Variable loss(const data::Batch& batch, i64 begin, i64 end) {
    return cross_entropy((*model)(Variable(batch.x.slice(begin, end))), batch.y.slice(begin, end));
  }
  // Passes the micro-batches between these sample indices to an accumulator, which makes a step.
  bool accumulate(GradientAccumulator& accumulator, const data::Batch& batch,
                  const std::vector<i64>& places) {
    bool stepped = false;
    for (std::size_t i = 0; i + 1 < places.size(); ++i) {
      EXPECT_FALSE(stepped) << "before the last micro-batch";
      stepped = accumulator.backward(loss(batch, places[i], places[i + 1]),
                                     static_cast<double>(places[i + 1] - places[i]));
    }
    return stepped;
  }
  std::vector<double> weights() const {
    return optimizer->parameters().values().to(DType::f64).to_vector<double>();
  }

  nn::AnyModule model = testing_models::tiny_mlp();
  std::unique_ptr<optim::Optimizer> optimizer;
};

double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(a[i] - b[i], 2);
    norm += std::pow(a[i], 2);
  }
  return std::sqrt(difference / norm);
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// In f64, where the order of sums does not show.
TEST(GradientAccumulator, MakesTheStepOfOneBigBatch) {
  for (const double clip_norm : {0.02, 0.0}) {
    SCOPED_TRACE(clip_norm);
    Learner whole(DType::f64), cut(DType::f64);
    GradientAccumulator accumulator(*cut.optimizer, {.micro_batches = 3, .clip_norm = clip_norm});
    i64 clipped = 0;
    for (u64 step = 0; step < 20; ++step) {
      const data::Batch batch = some_numbers(12, DType::f64, step);
      whole.optimizer->zero_grad();
      whole.loss(batch, 0, 12).backward();
      const optim::StepOutcome expected = whole.optimizer->step({.clip_norm = clip_norm});
      const auto cut_at = static_cast<i64>(step % 4);
      EXPECT_TRUE(cut.accumulate(accumulator, batch, {0, 1 + cut_at, 7, 12}));
      EXPECT_TRUE(accumulator.outcome().applied);
      EXPECT_NEAR(accumulator.outcome().grad_norm, expected.grad_norm, 1e-12);
      clipped += expected.grad_norm > clip_norm ? 1 : 0;
      EXPECT_LT(relative_distance(whole.weights(), cut.weights()), 1e-12) << "step " << step;
    }
    EXPECT_EQ(cut.optimizer->applied_steps(), 20);
    EXPECT_EQ(clipped > 10, clip_norm > 0) << clipped;
  }
}

// 43 samples in batches of 4 make three steps of three micro-batches, and one of two; the last
// micro-batch has 3 samples.
TEST(GradientAccumulator, MakesTheStepsOfATrainerToTheBit) {
  const data::Batch all = some_numbers(43, DType::f32);
  const data::TensorDataset dataset(info_of_numbers(), all.x, all.y);
  data::Loader loader(dataset, {.batch_size = 4, .shuffle = true, .seed = 2, .workers = 0});
  const nn::AnyModule model = testing_models::tiny_mlp();
  Trainer trainer(
      *model, classification(),
      {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}), .accumulate = 3, .clip_norm = 0.05});
  for (int epoch = 0; epoch < 3; ++epoch) trainer.train_one_epoch(loader);

  Learner by_hand;
  GradientAccumulator accumulator(*by_hand.optimizer, {.micro_batches = 3, .clip_norm = 0.05});
  i64 steps = 0;
  loader.set_epoch(0);
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (const data::Batch& batch : loader) {
      const i64 size = batch.x.size(0);
      steps +=
          accumulator.backward(by_hand.loss(batch, 0, size), static_cast<double>(size)) ? 1 : 0;
    }
    steps += accumulator.step() ? 1 : 0;
  }
  EXPECT_EQ(steps, 3 * 4);
  EXPECT_EQ(by_hand.optimizer->applied_steps(), trainer.optimizer().applied_steps());
  EXPECT_EQ(bytes_of_model(*by_hand.model), bytes_of_model(*model));
  const optim::OptimizerState here = by_hand.optimizer->state(),
                              there = trainer.optimizer().state();
  for (const auto& [name, state] : here.parameters)
    EXPECT_EQ(testing_models::bytes_of_tensor(state.slots.at(0)),
              testing_models::bytes_of_tensor(there.parameters.at(name).slots.at(0)))
        << name;
}

TEST(GradientAccumulator, OfOneMicroBatchIsTheOptimizersStepToTheBit) {
  Learner plain, accumulated;
  GradientAccumulator accumulator(*accumulated.optimizer, {.clip_value = 0.02});
  for (u64 step = 0; step < 5; ++step) {
    const data::Batch batch = some_numbers(8, DType::f32, step);
    plain.optimizer->zero_grad();
    plain.loss(batch, 0, 8).backward();
    plain.optimizer->step({.clip_value = 0.02});
    EXPECT_TRUE(accumulator.backward(accumulated.loss(batch, 0, 8)));
  }
  EXPECT_EQ(bytes_of_model(*accumulated.model), bytes_of_model(*plain.model));
}

TEST(GradientAccumulator, AShortLastCycleIsTheStepOfWhatItHas) {
  Learner whole(DType::f64), cut(DType::f64);
  const data::Batch batch = some_numbers(9, DType::f64);
  whole.optimizer->zero_grad();
  whole.loss(batch, 0, 9).backward();
  whole.optimizer->step();
  GradientAccumulator accumulator(*cut.optimizer, {.micro_batches = 4});
  EXPECT_FALSE(accumulator.step()) << "no micro-batch was passed yet";
  EXPECT_FALSE(cut.accumulate(accumulator, batch, {0, 2, 9}));
  EXPECT_EQ(cut.optimizer->applied_steps(), 0);
  EXPECT_TRUE(accumulator.step());
  EXPECT_FALSE(accumulator.step()) << "nothing is left";
  EXPECT_EQ(cut.optimizer->applied_steps(), 1);
  EXPECT_LT(relative_distance(whole.weights(), cut.weights()), 1e-12);
  // The next cycle is complete.
  whole.optimizer->zero_grad();
  whole.loss(batch, 0, 9).backward();
  whole.optimizer->step();
  EXPECT_TRUE(cut.accumulate(accumulator, batch, {0, 1, 4, 6, 9}));
  EXPECT_LT(relative_distance(whole.weights(), cut.weights()), 1e-12);
}

// Its loss is a mean over no samples.
TEST(GradientAccumulator, AMicroBatchOfWeightZeroCountsForNothing) {
  Learner with(DType::f64), without(DType::f64);
  const data::Batch batch = some_numbers(9, DType::f64);
  GradientAccumulator three(*with.optimizer, {.micro_batches = 3}),
      two(*without.optimizer, {.micro_batches = 2});
  EXPECT_FALSE(three.backward(with.loss(batch, 0, 2), 0));
  EXPECT_TRUE(with.accumulate(three, batch, {2, 5, 9}));
  EXPECT_TRUE(without.accumulate(two, batch, {2, 5, 9}));
  EXPECT_EQ(bytes_of_model(*with.model), bytes_of_model(*without.model));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(three.backward(with.loss(batch, 0, 2), 0), i == 2);
  EXPECT_FALSE(three.outcome().applied);
  EXPECT_EQ(with.optimizer->applied_steps(), 1);
  EXPECT_EQ(bytes_of_model(*with.model), bytes_of_model(*without.model));
}

TEST(GradientAccumulator, ALossThatIsNotFiniteLeavesTheWeights) {
  Learner failing, plain;
  const data::Batch batch = some_numbers(9, DType::f32);
  GradientAccumulator accumulator(*failing.optimizer, {.micro_batches = 3}),
      reference(*plain.optimizer, {.micro_batches = 3});
  for (int step = 0; step < 2; ++step) {
    EXPECT_TRUE(failing.accumulate(accumulator, batch, {0, 3, 6, 9}));
    EXPECT_TRUE(plain.accumulate(reference, batch, {0, 3, 6, 9}));
  }
  const auto before = bytes_of_model(*failing.model);
  EXPECT_FALSE(accumulator.backward(failing.loss(batch, 0, 3), 3));
  EXPECT_FALSE(accumulator.backward(failing.loss(batch, 3, 6) * kNotANumber, 3));
  EXPECT_THROW(accumulator.backward(failing.loss(batch, 6, 9), 3), TrainingError);
  EXPECT_EQ(bytes_of_model(*failing.model), before);
  EXPECT_EQ(failing.optimizer->applied_steps(), 2);
  EXPECT_FALSE(accumulator.outcome().applied);
  EXPECT_FALSE(accumulator.step()) << "the cycle is over";
  // In a short step, the message has the index within that step.
  EXPECT_FALSE(
      accumulator.backward(failing.loss(batch, 0, 3) * std::numeric_limits<double>::infinity(), 3));
  EXPECT_EQ(message_of([&] { accumulator.step(); }),
            "GradientAccumulator: the loss of micro-batch 1 of this step is inf; the step is not "
            "applied; try a lower learning rate, or clip_norm");
  // The failed steps left no trace.
  EXPECT_TRUE(failing.accumulate(accumulator, batch, {0, 3, 6, 9}));
  EXPECT_TRUE(plain.accumulate(reference, batch, {0, 3, 6, 9}));
  EXPECT_EQ(bytes_of_model(*failing.model), bytes_of_model(*plain.model));
}

// A loss scale that is a power of two changes only exponents, so no digit of f32 is lost.
TEST(GradientAccumulator, ScalesItsLossAndSkipsAnOverflow) {
  Learner scaled, plain;
  const data::Batch batch = some_numbers(9, DType::f32);
  GradientAccumulator accumulator(
      *scaled.optimizer,
      {.micro_batches = 2, .loss_scaling = optim::LossScalerOptions{.init_scale = 1024}}),
      reference(*plain.optimizer, {.micro_batches = 2});
  ASSERT_NE(accumulator.loss_scaler(), nullptr);
  EXPECT_EQ(reference.loss_scaler(), nullptr);
  const auto step_alike = [&] {
    EXPECT_TRUE(scaled.accumulate(accumulator, batch, {0, 4, 9}));
    EXPECT_TRUE(plain.accumulate(reference, batch, {0, 4, 9}));
    EXPECT_TRUE(accumulator.outcome().applied);
    EXPECT_EQ(bytes_of_model(*scaled.model), bytes_of_model(*plain.model));
  };
  step_alike();
  // The loss is finite, but 1024 times its gradient is not.
  EXPECT_FALSE(accumulator.backward(scaled.loss(batch, 0, 4) * 1e37, 4));
  EXPECT_TRUE(accumulator.backward(scaled.loss(batch, 4, 9), 5));
  EXPECT_FALSE(accumulator.outcome().applied);
  EXPECT_EQ(accumulator.loss_scaler()->scale(), 512);
  EXPECT_EQ(accumulator.loss_scaler()->skipped(), 1);
  EXPECT_EQ(scaled.optimizer->applied_steps(), 1);
  EXPECT_EQ(bytes_of_model(*scaled.model), bytes_of_model(*plain.model));
  step_alike();
}

TEST(GradientAccumulator, AnOverflowAtTheSmallestScaleIsAnError) {
  Learner learner;
  const data::Batch batch = some_numbers(4, DType::f32);
  GradientAccumulator accumulator(*learner.optimizer, {.loss_scaling = optim::LossScalerOptions{
                                                           .init_scale = 2048, .min_scale = 1024}});
  const auto before = bytes_of_model(*learner.model);
  EXPECT_TRUE(accumulator.backward(learner.loss(batch, 0, 4) * 1e37));
  EXPECT_EQ(accumulator.loss_scaler()->scale(), 1024);
  EXPECT_THROW(accumulator.backward(learner.loss(batch, 0, 4) * 1e37), TrainingError);
  EXPECT_EQ(bytes_of_model(*learner.model), before);
  EXPECT_TRUE(accumulator.backward(learner.loss(batch, 0, 4)));
  EXPECT_TRUE(accumulator.outcome().applied);
  EXPECT_NE(bytes_of_model(*learner.model), before);
}

TEST(GradientAccumulator, LearningRatesAndFrozenParametersAreTheOptimizers) {
  Learner learner;
  const data::Batch batch = some_numbers(6, DType::f32);
  GradientAccumulator accumulator(*learner.optimizer, {.micro_batches = 2});
  EXPECT_TRUE(learner.accumulate(accumulator, batch, {0, 3, 6}));
  const auto before = bytes_of_model(*learner.model);
  learner.optimizer->set_lr(0);
  EXPECT_TRUE(learner.accumulate(accumulator, batch, {0, 3, 6}));
  EXPECT_EQ(bytes_of_model(*learner.model), before);
  learner.optimizer->set_lr(0.1);
  const nn::NamedParameter first = learner.model->named_parameters().front();
  first.variable.set_requires_grad(false);
  learner.optimizer->rebuild();
  EXPECT_TRUE(learner.accumulate(accumulator, batch, {0, 3, 6}));
  for (const auto& [name, bytes] : bytes_of_model(*learner.model))
    EXPECT_EQ(bytes == before.at(name), name == first.name) << name;
}

TEST(GradientAccumulator, RefusesOptionsAndWeightsOutOfRange) {
  Learner learner;
  const auto refusal = [&](const GradientAccumulatorOptions& options) {
    return message_of([&] { GradientAccumulator(*learner.optimizer, options); });
  };
  EXPECT_EQ(refusal({}), "no error");
  EXPECT_EQ(refusal({.micro_batches = 0}),
            "GradientAccumulator: micro_batches is 0; at least 1 is required");
  for (const GradientAccumulatorOptions& options :
       {GradientAccumulatorOptions{.clip_norm = -1}, GradientAccumulatorOptions{.clip_value = -1},
        GradientAccumulatorOptions{.clip_norm = 1, .clip_value = 1},
        GradientAccumulatorOptions{.clip_norm = kNotANumber}})
    EXPECT_NE(refusal(options).find("0 (off) or more is required"), std::string::npos)
        << refusal(options);
  EXPECT_NE(refusal({.loss_scaling = optim::LossScalerOptions{.init_scale = 0}}).find("init_scale"),
            std::string::npos);
  GradientAccumulator accumulator(*learner.optimizer, {.micro_batches = 2});
  const data::Batch batch = some_numbers(6, DType::f32);
  const auto before = bytes_of_model(*learner.model);
  for (const double weight : {-1.0, kNotANumber, std::numeric_limits<double>::infinity()})
    EXPECT_NE(message_of([&] {
                accumulator.backward(learner.loss(batch, 0, 3), weight);
              }).find("0 or more is required"),
              std::string::npos)
        << weight;
  EXPECT_FALSE(accumulator.step()) << "a refused micro-batch does not count";
  EXPECT_EQ(bytes_of_model(*learner.model), before);
}

}  // namespace
}  // namespace weft::train

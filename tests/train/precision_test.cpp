// SPDX-License-Identifier: Apache-2.0
// Mixed precision in a Trainer: the values that are f32, and the effects of a skipped step.
#include <cmath>

#include <gtest/gtest.h>

#include "weft/optim/adam.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

using testing_models::Overflow;
using testing_models::tiny_images;

struct Training {
  nn::AnyModule model;
  data::Loader loader;
  Trainer trainer;
  explicit Training(const TrainerOptions& options)
      : model([] {
          manual_seed(5);
          return nn::mlp({.hidden = {32}}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
        }()),
        loader(tiny_images(48), {.batch_size = 12, .workers = 0}),
        trainer(*model, classification(), options) {}
};

double loss_after(const PrecisionRecipe& precision, i64 epochs) {
  Training run({.optimizer = optim::adamw({.lr = 0.02}), .epochs = epochs, .precision = precision});
  double loss = 0;
  for (i64 e = 0; e < epochs; ++e) loss = run.trainer.train_one_epoch(run.loader).loss;
  EXPECT_EQ(run.trainer.optimizer().parameters().values().dtype(), DType::f32);
  return loss;
}

TEST(Precision, half_types_learn_as_f32_does) {
  const double exact = loss_after(fp32(), 15);
  EXPECT_LT(exact, 0.5);
  EXPECT_NEAR(loss_after(bf16(), 15), exact, 0.05);
  EXPECT_NEAR(loss_after(fp16(), 15), exact, 0.05);
  EXPECT_NE(loss_after(bf16(), 1), loss_after(fp32(), 1));
}

TEST(Precision, a_skipped_step_changes_nothing_but_the_scale) {
  Training run(
      {.scheduler = optim::linear(), .epochs = 1, .precision = fp16({.init_scale = 1024})});
  Overflow overflow({0, 1, 2, 3});
  run.trainer.add_observer(overflow);
  const auto before = run.trainer.optimizer().parameters().values().to_vector<float>();
  const EpochResult result = run.trainer.train_one_epoch(run.loader);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.skipped, 4);
  EXPECT_EQ(run.trainer.optimizer().applied_steps(), 0);  // the count of the schedule
  EXPECT_EQ(run.trainer.optimizer().parameters().values().to_vector<float>(), before);
  EXPECT_EQ(run.trainer.optimizers().loss_scaler()->scale(), 64);
  EXPECT_EQ(run.trainer.optimizers().loss_scaler()->skipped(), 4);
  EXPECT_EQ(overflow.scales, (std::vector<double>{1.0 / 1024, 1.0 / 512, 1.0 / 256, 1.0 / 128}));
}

// A loss scale that is a power of two changes only exponents, so no digit of f32 is lost.
TEST(Precision, the_scale_is_divided_out_again_to_the_last_bit) {
  Training small({.precision = fp16({.init_scale = 4096})}),
      large({.precision = fp16({.init_scale = 8192})});
  small.trainer.train_one_epoch(small.loader);
  large.trainer.train_one_epoch(large.loader);
  EXPECT_EQ(small.trainer.optimizer().parameters().values().to_vector<float>(),
            large.trainer.optimizer().parameters().values().to_vector<float>());
}

// Gradients below 6e-8 are 0 in f16. A loss near 0, here multiplied by a tiny factor, trains only
// with a loss scale.
TEST(Precision, small_gradients_need_the_scale) {
  const auto moved = [](double init_scale) {
    Training run({.optimizer = optim::sgd({.lr = 1e6}),
                  .precision = fp16({.init_scale = init_scale, .min_scale = 1e-12})});
    const auto before = run.trainer.optimizer().parameters().values().to_vector<float>();
    testing_models::one_step(run.trainer, run.loader);
    double sum = 0;
    const auto after = run.trainer.optimizer().parameters().values().to_vector<float>();
    // These are the first layer's weights; their gradients have passed a product.
    for (std::size_t i = 0; i < 16 * 32; ++i)
      sum += std::abs(static_cast<double>(after[i]) - static_cast<double>(before[i]));
    return sum;
  };
  EXPECT_GT(moved(1), 0);
  EXPECT_EQ(moved(1e-8), 0);
}

TEST(Precision, clipping_sees_the_gradients_without_the_scale) {
  const auto step_length = [](const PrecisionRecipe& precision) {
    Training run({.optimizer = optim::sgd({.lr = 1}), .clip_norm = 1e-2, .precision = precision});
    const auto before = run.trainer.optimizer().parameters().values().to_vector<float>();
    run.trainer.train_one_epoch(run.loader);
    const auto after = run.trainer.optimizer().parameters().values().to_vector<float>();
    double sum = 0;
    for (std::size_t i = 0; i < after.size(); ++i)
      sum += std::pow(static_cast<double>(after[i]) - static_cast<double>(before[i]), 2);
    return std::sqrt(sum);
  };
  const double exact = step_length(fp32());
  EXPECT_GT(exact, 2e-2);  // four steps of 1e-2 in similar directions
  EXPECT_NEAR(step_length(fp16()), exact, 1e-3 * exact);
}

TEST(Precision, the_smallest_scale_that_overflows_ends_training) {
  Training run({.precision = fp16({.init_scale = 2, .min_scale = 1})});
  Overflow overflow({0, 1, 2, 3});
  run.trainer.add_observer(overflow);
  EXPECT_THROW(run.trainer.train_one_epoch(run.loader), TrainingError);
}

TEST(Precision, a_resumed_trainer_goes_on_with_the_scale) {
  Training run({.precision = fp16({.init_scale = 1024})});
  Overflow overflow({1});
  run.trainer.add_observer(overflow);
  run.trainer.train_one_epoch(run.loader);
  Training resumed({.precision = fp16({.init_scale = 1024})});
  load_state(resumed.trainer, save_state(run.trainer), "trainer");
  EXPECT_EQ(resumed.trainer.optimizers().loss_scaler()->scale(), 512);
  EXPECT_EQ(resumed.trainer.optimizers().loss_scaler()->skipped(), 1);
}

}  // namespace
}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// Training on mixed batches (data.mix), whose targets are probabilities.
#include <cmath>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/core/config/config.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using test_support::message_of;

// The mean loss of the mixed batches of an epoch, written out.
TEST(Mixing, TheLossIsThatOfTheMixedTargets) {
  const auto images = testing_models::tiny_images(50);
  const data::LoaderOptions mixed{
      .batch_size = 12, .shuffle = true, .seed = 5, .mix = data::mixup()};
  const std::vector<double> weights{0.5, 1, 3};
  for (const bool weighted : {false, true}) {
    const LossRecipe loss = classification(
        {.label_smoothing = 0.1, .class_weights = weighted ? weights : std::vector<double>()});
    const nn::AnyModule model = testing_models::tiny_mlp();
    Trainer trainer(*model, loss, {.optimizer = optim::sgd({.lr = 1e-20}), .accumulate = 2});
    data::Loader loader(images, mixed), again(images, mixed);
    const double seen = trainer.train_one_epoch(loader).loss;
    double sum = 0;
    for (auto& [x, y] : again) {
      const Variable logits = (*model)(Variable(affine(x.to(DType::f32), 1.0 / 255, 0)));
      const CrossEntropyOptions options{
          .label_smoothing = 0.1,
          .class_weights = weighted ? Tensor::copy_of(weights, {3}).to(DType::f32) : Tensor()};
      sum +=
          cross_entropy(logits, y, options).value().item<float>() * static_cast<double>(x.size(0));
      EXPECT_EQ(loss.make()->weight(y), static_cast<double>(x.size(0)));
    }
    EXPECT_NEAR(seen, sum / 50, 1e-5) << weighted;
  }
}

TEST(Mixing, AModelLearnsFromMixedBatches) {
  const auto images = testing_models::tiny_images(120);
  for (const data::MixRecipe& mix : {data::mixup(), data::cutmix()}) {
    const nn::AnyModule model = testing_models::tiny_mlp();
    Trainer trainer(*model, classification(),
                    {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}), .epochs = 20});
    data::Loader loader(images, {.batch_size = 12, .shuffle = true, .mix = mix}),
        plain(images, {.batch_size = 60});
    for (int epoch = 0; epoch < 20; ++epoch) trainer.train_one_epoch(loader);
    EXPECT_GT(Evaluator(*model, classification()).evaluate(plain).accuracy, 0.9) << mix.name();
  }
}

constexpr const char* kMixed = R"(
run: {seed: 3}
data: {type: tiny_for_mixing, mix: mixup}
model: {type: mlp, hidden: [12]}
train: {epochs: 1, batch_size: 24}
)";
const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_mixing", [](const NoOptions&) { return testing_models::tiny_splits(96); });

class MixedRuns : public test_support::InScratchFolder {
 protected:
  MixedRuns() : InScratchFolder("mixing") {}
  std::string refusal(std::vector<std::string> keys) const {
    keys.push_back("run.dir=" + (folder_ / "run").string());
    return message_of([&] {
      Orchestrator(config::load_text<RunConfig>(kMixed, "test.yaml", keys).value, "test");
    });
  }
};

// A loss of one's own, for labels alone.
struct LabelsOnly : Loss {
  Variable forward(const Variable& output, const Tensor& target) const override {
    return cross_entropy(output, target);
  }
  i64 outputs(const data::DatasetInfo& info) const override { return info.classes; }
  std::vector<std::string> default_metrics() const override { return {"accuracy"}; }
};

TEST_F(MixedRuns, RefuseALossOfLabelsBeforeWriting) {
  ASSERT_TRUE(registered);
  EXPECT_EQ(refusal({}), "no error");
  const std::string wanted =
      "data.mix: mixup given for a loss that takes class labels alone; one that takes a probability "
      "for each class is required (loss.type: classification, without ignore_index)";
  EXPECT_EQ(refusal({"loss.ignore_index=1"}), wanted);
  const data::Loader loader(testing_models::tiny_images(9),
                            {.batch_size = 3, .mix = data::mixup()});
  EXPECT_EQ(message_of([&] { check_targets(LabelsOnly(), loader); }), wanted);
  EXPECT_NE(refusal({"data={type: text, path: test.txt}"}), "no error");
  EXPECT_NE(refusal({"data.mix={type: mixup, alpha: 0}"}).find("data.mix.alpha"),
            std::string::npos);
  EXPECT_NE(refusal({"data.mix=cutmixx"}).find("did you mean 'cutmix'"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

}  // namespace
}  // namespace weft::train

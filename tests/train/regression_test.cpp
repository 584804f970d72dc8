// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/tensor_dataset.h"
#include "weft/nn/models/models.h"
#include "weft/optim/adam.h"
#include "weft/tensor/random.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

// y = 2·a − b + 0.5
data::TensorDataset plane(i64 count) {
  std::vector<float> x, y;
  for (i64 i = 0; i < count; ++i) {
    const float a = static_cast<float>(i % 7) / 7.0f, b = static_cast<float>(i % 11) / 11.0f;
    x.insert(x.end(), {a, b});
    y.push_back(2 * a - b + 0.5f);
  }
  data::DatasetInfo info;
  info.name = "plane";
  return {info, Tensor::copy_of(x, {count, 2}), Tensor::copy_of(y, {count})};
}

TEST(Regression, FitsAPlaneWithEachDistance) {
  const data::TensorDataset dataset = plane(77);
  for (const Distance distance : {Distance::mse, Distance::l1, Distance::huber}) {
    manual_seed(1);
    nn::AnyModule model = nn::mlp({.hidden = {}}).make(nn::ModelInput{Shape{2}, 1});
    data::Loader loader(dataset, {.batch_size = 11, .shuffle = true, .seed = 1});
    const LossRecipe loss = regression({.distance = distance});
    Trainer trainer(*model, loss,
                    {.optimizer = optim::adamw({.lr = 0.02, .weight_decay = 0}), .epochs = 60});
    for (int epoch = 0; epoch < 60; ++epoch) trainer.train_one_epoch(loader);
    const Evaluation result = Evaluator(*model, loss).evaluate(loader);
    EXPECT_LT(result.metrics.at("mae"), 0.03) << enum_name(distance);
    EXPECT_TRUE(std::isnan(result.accuracy));
  }
}

TEST(Regression, RefusesLabels) {
  data::DatasetInfo info;
  info.classes = 3;
  EXPECT_THROW(regression().make()->outputs(info), UserError);
}

}  // namespace
}  // namespace weft::train

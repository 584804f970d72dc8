// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/tensor_dataset.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/random.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"
#include "weft/tests/support/message_of.h"

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

// Three classes of points, with or without labels.
data::TensorDataset points(bool labels) {
  data::DatasetInfo info;
  info.name = "points";
  info.classes = labels ? 3 : 0;
  const Tensor targets = Tensor::zeros({12}, labels ? DType::int64 : DType::f32);
  return {info, Tensor::full({12, 2}, 0.5), targets};
}

TEST(Regression, AnF64ModelIsEvaluatedAsItIsTrained) {
  const data::TensorDataset numbers = plane(22), labels = points(true);
  data::Loader of_numbers(numbers, {.batch_size = 5}), of_labels(labels, {.batch_size = 5});
  manual_seed(1);
  nn::Sequential model{nn::Linear{2, 1}};
  Evaluator evaluator(model, regression());
  Tensor outputs;
  const double single = evaluator.evaluate(of_numbers, outputs).loss;
  EXPECT_EQ(outputs.dtype(), DType::f32);
  model.to(DType::f64);  // between two evaluations
  EXPECT_NEAR(evaluator.evaluate(of_numbers, outputs).metrics.at("mae"), 0.5, 2);
  EXPECT_NEAR(evaluator.evaluate(of_numbers).loss, single, 1e-6);
  EXPECT_EQ(outputs.dtype(), DType::f64);
  EXPECT_EQ(outputs.shape(), (Shape{22, 1}));

  nn::Sequential classifier{nn::Linear{2, 3}};
  classifier.to(DType::f64);
  Evaluator of_classes(classifier, classification(),
                       {.metrics = {"accuracy", "top_k", "confusion_matrix"}});
  EXPECT_EQ(of_classes.evaluate(of_labels).samples, 12);
}

using test_support::message_of;

TEST(Regression, DataThatDoesNotFitTheLossIsNamedAsByAConfig) {
  const data::TensorDataset numbers = points(false), labels = points(true);
  data::Loader of_numbers(numbers, {.batch_size = 4}), of_labels(labels, {.batch_size = 4});
  nn::Sequential model{nn::Linear{2, 3}};
  EXPECT_EQ(message_of([&] { Evaluator(model, classification()).evaluate(of_numbers); }),
            message_of([&] { classification().make()->outputs(numbers.info()); }));
  EXPECT_EQ(message_of([&] { Evaluator(model, regression()).evaluate(of_labels); }),
            "loss 'regression': the targets of points are class labels; numbers are required "
            "(loss.type: classification fits labels)");
  EXPECT_EQ(message_of([&] { check_targets(*classification().make(), labels); }), "no error");
}

TEST(Regression, RefusesLabels) {
  data::DatasetInfo info;
  info.classes = 3;
  EXPECT_THROW(regression().make()->outputs(info), UserError);
}

}  // namespace
}  // namespace weft::train

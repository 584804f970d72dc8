// SPDX-License-Identifier: Apache-2.0
// Small networks compared with PyTorch: gradients, logits, the losses of 50 steps from equal
// initial weights, and the logits after them. tests/golden/make_models.py states inputs and
// options.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/nn/nn.h"
#include "weft/nn/safetensors.h"
#include "weft/optim/adam.h"
#include "weft/optim/sgd.h"

namespace weft::optim {
namespace {

constexpr i64 kBatches = 4, kBatch = 8, kHeight = 12, kWidth = 8, kChannels = 3, kClasses = 10;

const nlohmann::json& golden_models() {
  static const auto file =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/models.json"));
  return file;
}

struct Batch {
  Tensor images;  // (batch, height, width, channels)
  Tensor labels;
};

Batch batch_of(i64 number, DType dtype) {
  const Shape shape{kBatch, kHeight, kWidth, kChannels};
  std::vector<float> values;
  std::vector<i64> labels;
  for (i64 k = 0; k < shape.elements(); ++k) {
    const auto i = static_cast<double>(number * shape.elements() + k);
    values.push_back(static_cast<float>(std::sin(0.731 * i) + 0.5 * std::sin(0.0137 * i)));
  }
  for (i64 j = 0; j < kBatch; ++j) labels.push_back(7 * (number * kBatch + j) % kClasses);
  return {Tensor::copy_of(values, shape).to(dtype), Tensor::copy_of(labels, {kBatch})};
}

Recipe<nn::Model> recipe_of(const std::string& name) {
  if (name == "mlp") return nn::mlp({.hidden = {24, 16}});
  return nn::cnn({.channels = {4, 6}, .hidden = 16, .batch_norm = name == "cnn_batch_norm"});
}

// The network with the weights of the file. The gradients of the file are in weft's layout.
struct Loaded {
  nn::AnyModule model;
  std::map<std::string, Tensor> gradients;

  Loaded(const std::string& name, DType dtype)
      : model(recipe_of(name).make(nn::ModelInput{{kHeight, kWidth, kChannels}, kClasses})) {
    const auto file = read_safetensors(WEFT_SOURCE_ROOT "/tests/golden/" + name + ".safetensors");
    model->to(dtype);
    nn::dry_run(*model, {kHeight, kWidth, kChannels});  // determines the file layouts
    for (const auto& parameter : model->named_parameters()) {
      const auto ours = [&](const std::string& key) {
        return from_file_layout(file.at(key), parameter.layout).to(dtype);
      };
      parameter.variable.value().copy_from(ours(parameter.name));
      gradients[parameter.name] = ours("grad." + parameter.name);
    }
  }
};

class ModelGolden : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  const std::string name_ = std::get<0>(GetParam());
  const DType dtype_ = std::get<1>(GetParam());
  const bool exact_ = dtype_ == DType::f64;

  void expect_logits(nn::Module& model, const std::string& key, double tolerance) {
    const NoGrad guard;
    const auto logits =
        model(batch_of(0, dtype_).images).value().to(DType::f64).to_vector<double>();
    const auto& expected = golden_models()[name_][key];
    ASSERT_EQ(logits.size(), expected.size());
    for (std::size_t i = 0; i < logits.size(); ++i)
      EXPECT_NEAR(logits[i], expected[i].get<double>(), tolerance) << i;
  }

  void follow(const OptimizerRecipe& recipe, const std::string& kind) {
    Loaded loaded(name_, dtype_);
    const auto optimizer = recipe.make(loaded.model->named_parameters());
    const std::string suffix = kind + (exact_ ? "_f64" : "_f32");
    const auto& expected = golden_models()[name_]["losses_" + suffix];
    for (std::size_t step = 0; step < expected.size(); ++step) {
      const Batch batch = batch_of(static_cast<i64>(step) % kBatches, dtype_);
      optimizer->zero_grad();
      const Variable loss = cross_entropy((*loaded.model)(batch.images), batch.labels);
      loss.backward();
      optimizer->step();
      ASSERT_NEAR(loss.value().item<double>(), expected[step].get<double>(), exact_ ? 1e-12 : 2e-6)
          << "step " << step;
    }
    loaded.model->eval();
    expect_logits(*loaded.model, "logits_" + suffix, exact_ ? 1e-11 : 5e-5);
  }
};

TEST_P(ModelGolden, LogitsAndGradientsOfTheFirstBatch) {
  Loaded loaded(name_, dtype_);
  expect_logits(*loaded.model, "logits", exact_ ? 1e-13 : 1e-6);
  const Batch batch = batch_of(0, dtype_);
  cross_entropy((*loaded.model)(batch.images), batch.labels).backward();
  for (const auto& parameter : loaded.model->named_parameters()) {
    const auto got = parameter.variable.grad().to(DType::f64).to_vector<double>();
    const auto wanted = loaded.gradients.at(parameter.name).to(DType::f64).to_vector<double>();
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      difference += std::pow(got[i] - wanted[i], 2);
      norm += wanted[i] * wanted[i];
    }
    // The file holds gradients in f32, which has seven digits.
    EXPECT_LE(std::sqrt(difference / norm), exact_ ? 1e-7 : 1e-5) << parameter.name;
  }
}

TEST_P(ModelGolden, FiftyStepsOfSgd) {
  follow(sgd({.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4}), "sgd");
}

TEST_P(ModelGolden, FiftyStepsOfAdamW) {
  follow(adamw({.lr = 0.003, .weight_decay = 0.05}), "adamw");
}

INSTANTIATE_TEST_SUITE_P(All, ModelGolden,
                         testing::Combine(testing::Values("mlp", "cnn", "cnn_batch_norm"),
                                          testing::Values(DType::f32, DType::f64)),
                         [](const auto& test) {
                           return std::get<0>(test.param) + "_" +
                                  std::string(name_of(std::get<1>(test.param)));
                         });

}  // namespace
}  // namespace weft::optim

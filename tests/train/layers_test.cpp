// SPDX-License-Identifier: Apache-2.0
// model.type: layers, from YAML to a trained run.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/nn/models/models.h"
#include "weft/tensor/random.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using namespace testing_runs;

struct OnlyModel {
  Recipe<nn::Model> model;
};
void describe(Fields& f, OnlyModel& o) { f("model", o.model, "the model"); }

Recipe<nn::Model> model_of(const std::string& layers) {
  return config::load_text<OnlyModel>("model: {type: layers, layers: " + layers + "}", "a.yaml")
      .value.model;
}

std::string refusal(const std::string& layers, const nn::ModelInput& input = {{8, 8, 1}, 10}) {
  try {
    (void)model_of(layers).make(input);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

std::vector<std::string> parameters_of(nn::Module& model) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& parameter : model.named_parameters())
    names.push_back(parameter.name);
  return names;
}

TEST(Layers, AreTheSameModelAsAWrittenOne) {
  const nn::ModelInput input{{8, 6, 2}, 5};
  manual_seed(3);
  nn::AnyModule listed =
      model_of(
          "[{conv: {out: 4, padding: 1, bias: false}}, batch_norm, relu, {max_pool: 2}, flatten, "
          "{dropout: 0.25}, {linear: 7}, {type: relu}, {dropout: {p: 0.25}}, linear]")
          .make(input);
  manual_seed(3);
  nn::AnyModule written = nn::cnn({.channels = {4}, .hidden = 7, .dropout = 0.25}).make(input);
  EXPECT_EQ(parameters_of(*listed),
            (std::vector<std::string>{"0.weight", "1.weight", "1.bias", "6.weight", "6.bias",
                                      "9.weight", "9.bias"}));
  const Tensor x = Tensor::full({3, 8, 6, 2}, 0.5);
  listed->eval();
  written->eval();
  EXPECT_EQ((*listed)(x).value().to_vector<float>(), (*written)(x).value().to_vector<float>());
}

TEST(Layers, NestAndRepeat) {
  nn::AnyModule model =
      model_of(
          "[{repeat: {times: 2, layers: [{conv: 3}, relu]}}, {residual: {layers: [{conv: {out: 6, "
          "stride: 2, padding: 1}}], shortcut: [{conv: {out: 6, kernel: 1, stride: 2}}]}}, "
          "{residual: {layers: [{layer_norm: {eps: 1e-3}}]}}, global_avg_pool, {linear: 10}]")
          .make(nn::ModelInput{{8, 8, 1}, 10});
  EXPECT_EQ(parameters_of(*model),
            (std::vector<std::string>{"0.0.0.weight", "0.0.0.bias", "0.1.0.weight", "0.1.0.bias",
                                      "1.layers.0.weight", "1.layers.0.bias", "1.shortcut.0.weight",
                                      "1.shortcut.0.bias", "2.layers.0.weight", "2.layers.0.bias",
                                      "4.weight", "4.bias"}));
  const Tensor x = Tensor::full({2, 4}, 1);
  nn::AnyModule doubled =
      model_of("[{residual: {layers: [identity]}}]").make(nn::ModelInput{{4}, 4});
  EXPECT_EQ((*doubled)(x).value().to_vector<float>(), std::vector<float>(8, 2));
}

TEST(Layers, OfTokensBeginWithAnEmbedding) {
  nn::AnyModule model = model_of("[{embedding: 3}, flatten, {linear: 8}, tanh, linear]")
                            .make(nn::ModelInput{{4}, 7, true});
  const Tensor tokens = Tensor::zeros({2, 4}, DType::int64);
  EXPECT_EQ((*model)(tokens).shape(), (Shape{2, 7}));
  EXPECT_EQ(refusal("[flatten, linear]", {{4}, 7, true}),
            "layers[1] (linear): linear: a sample is int64 (4); numbers with at least one axis are "
            "required");
}

TEST(Layers, AWrongOneIsSaidWithItsPlace) {
  EXPECT_EQ(refusal("[flatten, {conv: 4}]"),
            "layers[1] (conv): conv: a sample is (64); an image (height, width, channels) is "
            "required");
  EXPECT_EQ(refusal("[{residual: {layers: [relu, {conv: 4}]}}]").substr(0, 40),
            "layers[0] (residual): residual: the laye");
  EXPECT_EQ(refusal("[{residual: {layers: [relu, flatten, {max_pool: 2}]}}]"),
            "layers[0] (residual): layers[2] (max_pool): max_pool: a sample is (64); an image "
            "(height, width, channels) is required");
  EXPECT_EQ(refusal("[flatten, {linear: 12}]"),
            "model: the layers give (12) for a sample of (8, 8, 1); (10) is required, as `flatten` "
            "and `linear` without a size give it");
  EXPECT_NE(refusal("[{conv: {out: 4, kernel: 9}}, flatten, linear]").find("layers[0] (conv): "),
            std::string::npos);
  EXPECT_EQ(
      refusal("[{repeat: {times: 1000, layers: [{repeat: {times: 1000, layers: [relu]}}]}}]"),
      "layers[0] (repeat): layers[0] (repeat): repetition 999 of 1000: layers: more than 1000 "
      "in all; at most 1000 are allowed");
  EXPECT_EQ(refusal("[{repeat: {times: 4, layers: [{max_pool: 2}]}}]").substr(0, 63),
            "layers[0] (repeat): repetition 4 of 4: layers[0] (max_pool): ma");
  EXPECT_NE(refusal("[{residual: {layers: [{conv: 4}]}}]")
                .find("and the input is (1, 8, 8, 1); equal shapes are required, or layers in "
                      "`shortcut` that"),
            std::string::npos);
  EXPECT_EQ(refusal("[{cnov: 4}]").substr(0, 60),
            "a.yaml:1:33: model.layers[0].type: expected one of avg_pool,");
  EXPECT_NE(refusal("[{cnov: 4}]").find("got 'cnov'; did you mean 'conv'?"), std::string::npos);
  EXPECT_EQ(refusal("[{conv: {out: 0}}]"),
            "a.yaml:1:40: model.layers[0].out: expected an integer of at least 1, got '0'");
  EXPECT_EQ(refusal("[{conv: {kernel: 3}}]"),
            "a.yaml:1:32: model.layers[0].out: expected an integer of at least 1, got nothing");
  EXPECT_EQ(refusal("[{relu: 3}]"),
            "a.yaml:1:39: model.layers[0].relu: expected a key of layer 'relu' (type), got 'relu'");
  EXPECT_EQ(refusal("[]"), "a.yaml:1:23: model.layers: expected at least one layer");
}

TEST(Layers, ReadBackAsTheyArePrinted) {
  const std::string yaml = config::to_yaml(OnlyModel{model_of(
      "[{conv: 3}, relu, {repeat: {layers: [{residual: {layers: [identity]}}]}}, flatten, linear]")});
  const OnlyModel again = config::load_text<OnlyModel>(yaml, "b.yaml").value;
  EXPECT_EQ(config::to_yaml(again), yaml);
  EXPECT_NE(yaml.find("type: residual"), std::string::npos) << yaml;
}

class LayersRun : public InScratchFolder {
 protected:
  LayersRun() : InScratchFolder("layers") {}
};

TEST_F(LayersRun, TrainsAndItsWeightsStandAlone) {
  const std::string yaml =
      "data: {type: digits, train_size: 100, test_size: 20, validation_split: 0.2}\n"
      "model: {type: layers, layers: [{conv: {out: 4, stride: 3}}, relu, flatten, linear]}\n"
      "train: {epochs: 1, batch_size: 20}\n";
  const std::string dir = (folder_ / "run").string();
  Orchestrator run(config::load_text<RunConfig>(yaml, "a.yaml", {"run.dir=" + dir}).value, "a");
  EXPECT_EQ(run.train().steps, 4);
  const Predictor predictor = Predictor::open(dir + "/checkpoints/last/model.safetensors");
  EXPECT_EQ(predictor.predict(Tensor::zeros({2, 28, 28, 1}, DType::uint8)).shape(), (Shape{2, 10}));
}

}  // namespace
}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// SGD, Adam and AdamW compared with 1,000 steps of PyTorch. tests/golden/make_optimizers.py states
// the problem.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/kernels/optimizer_problem.h"
#include "weft/kernels/optim/adam.h"
#include "weft/kernels/optim/sgd.h"

namespace weft::kernels {
namespace {

constexpr i64 kWeights = 13, kBiases = 5;

const nlohmann::json& golden() {
  static const auto file =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/optimizers.json"));
  return file;
}

template <class T>
void set_gradients(OptimizerProblem<T>& problem, i64 step) {
  double i = 0;
  for (auto& parameter : problem.parameters)
    for (std::size_t j = 0; j < parameter.value.size(); ++j, ++i) {
      const auto w = static_cast<double>(parameter.value[j]);
      const double pull = (0.5 + 0.1 * i) * (w - std::cos(i));
      parameter.grad[j] =
          static_cast<T>(pull + 0.2 * std::sin(2 * w + 0.1 * static_cast<double>(step)));
    }
}

// ‖values - expected‖ / ‖expected‖
template <class T>
double distance(const OptimizerProblem<T>& problem, const nlohmann::json& expected) {
  double difference = 0, norm = 0;
  std::size_t i = 0;
  for (const auto& parameter : problem.parameters)
    for (const T value : parameter.value) {
      const double wanted = expected[i++];
      difference += std::pow(static_cast<double>(value) - wanted, 2);
      norm += wanted * wanted;
    }
  return std::sqrt(difference / norm);
}

template <class T>
void follow(const std::string& name, const char* dtype, double tolerance) {
  const auto& expected = golden()["cases"][name];
  const auto& options = expected["options"];
  const std::string type = expected["type"];
  const double lr = options["lr"];
  OptimizerProblem<T> problem({kWeights, kBiases});
  problem.segments[0].weight_decay = options.value("weight_decay", 0.0);
  problem.segments[1].lr_factor = 0.5;
  StepControl control;
  AdamConstants adam{.eps = options.value("eps", 1e-8), .decoupled = type == "adamw"};
  if (type == "sgd") {
    control.momentum = options.value("momentum", 0.0);
    if (control.momentum == 0)
      for (auto& segment : problem.segments) segment.first = nullptr;
  } else {
    control.momentum = options.contains("betas") ? options["betas"][0].get<double>() : 0.9;
    adam.beta2 = options.contains("betas") ? options["betas"][1].get<double>() : 0.999;
  }
  const bool decreasing = name.find("decreasing") != std::string::npos;
  const bool sparse = name.find("sparse") != std::string::npos;
  const i64 steps = golden()["steps"];
  std::size_t snapshot = 0;
  for (i64 k = 0; k < steps; ++k) {
    const double done = static_cast<double>(k) / static_cast<double>(steps);
    control.lr = decreasing ? lr * (1 - 0.9 * done) : lr;
    set_gradients(problem, k);
    problem.segments[1].active = !sparse || k % 3 != 0;
    if (type == "sgd") sgd_step(Cpu{}, problem.table(), &control, options.value("nesterov", false));
    else adam_step(Cpu{}, problem.table(), &control, adam);
    if (k + 1 == golden()["snapshots"][snapshot]) {
      EXPECT_LE(distance(problem, expected[dtype][snapshot]), tolerance) << "after step " << k + 1;
      ++snapshot;
    }
  }
}

class OptimizerGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(OptimizerGolden, FollowsPyTorchInF64) { follow<double>(GetParam(), "f64", 1e-13); }

// The formula is grouped differently, which gives an error of a few units in the last place. The
// error does not grow.
TEST_P(OptimizerGolden, FollowsPyTorchInF32) { follow<float>(GetParam(), "f32", 5e-7); }

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, trace] : golden()["cases"].items()) all.push_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerGolden, ::testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace weft::kernels

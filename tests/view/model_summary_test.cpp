// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "weft/view/model_summary.h"

namespace weft::view {
namespace {

// 1000 bytes of parameters, gradients and activations each, and 300 FLOPs for a sample.
std::string step_text(const StepSetting& setting) {
  nn::ModelCost cost;
  cost.parameter_bytes = cost.gradient_bytes = 1000;
  cost.total.parameters = cost.total.trained = 250;
  cost.total.forward_flops = 100;
  cost.total.backward_flops = 200;
  cost.total.activation_bytes = 1000;
  return summary_text(cost, {4}, setting);
}

TEST(ModelSummary, IsAnUpperBoundForOneModel) {
  const std::string text = step_text({.batch_size = 2, .optimizer = "sgd"});
  EXPECT_NE(text.find("activations 2 kB = 4 kB at most\n"), std::string::npos) << text;
  EXPECT_NE(text.find("A step of 2 samples: 600 FLOPs.\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("no upper bound"), std::string::npos) << text;
}

TEST(ModelSummary, AddsFurtherModels) {
  StepSetting setting{.batch_size = 2, .optimizer = "sgd"};
  setting.further.push_back({.name = "teacher",
                             .parameters = 1000,
                             .parameter_bytes = 4000,
                             .flops = 100,
                             .activation_bytes = 500});
  const std::string text = step_text(setting);
  EXPECT_NE(text.find("besides: teacher, 1,000 parameters, 0 of them trained; parameters 4 kB + "
                      "activations 1 kB; 200 FLOPs a step\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("800 FLOPs, with further models.\n"), std::string::npos) << text;
  EXPECT_NE(
      text.find("parameters 5 kB + gradients 1 kB + state of sgd 0 bytes + activations 3 kB = "
                "9 kB at most\n"),
      std::string::npos)
      << text;
}

TEST(ModelSummary, SaysWhereItIsNoUpperBound) {
  StepSetting setting{.optimizer = "sgd"};
  setting.further.push_back({.name = "decoder", .parameters = 10, .parameter_bytes = 40});
  std::string text = step_text(setting);
  EXPECT_NE(text.find("; its activations and FLOPs are not known\n"), std::string::npos) << text;
  EXPECT_NE(text.find("no upper bound, because a further model is not run here\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("at most"), std::string::npos) << text;
  setting.trainer = "twins";
  text = step_text(setting);
  EXPECT_NE(text.find("trainer 'twins' may run a model more than once or compute more, and a"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace weft::view

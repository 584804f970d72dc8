// SPDX-License-Identifier: Apache-2.0
// The convolutions of the models that configs/ trains: `./run gpu-plans` asks about those of a
// list, and one that the library refuses is an error before the run begins.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "weft/core/config/config.h"
#include "weft/kernels/library/conv2d_plans.h"
#include "weft/nn/models/models.h"
#include "weft/tests/gpu/tools.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;

class GpuModelConvolutions : public testing_gpu::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    kernels::forget_conv2d_plans();
  }
  void TearDown() override { kernels::forget_conv2d_plans(); }
};

// Config, batch, height, width, channels, out, kernel, stride.
using Line = std::pair<std::string, std::array<i64, 7>>;

std::set<Line> listed() {
  std::ifstream file(WEFT_SOURCE_ROOT "/tools/gpu_plans/model_convolutions.txt");
  std::set<Line> all;
  for (std::string text; std::getline(file, text);) {
    if (text.empty() || text[0] == '#') continue;
    std::istringstream fields(text);
    Line line;
    fields >> line.first;
    for (i64& number : line.second) fields >> number;
    EXPECT_FALSE(fields.fail()) << text;
    all.insert(line);
  }
  return all;
}

// The convolutions of one config, by the plans that a forward pass of one sample makes.
std::set<Line> convolutions_of(const std::string& name, Device device) {
  const RunConfig config = load_run_config(WEFT_SOURCE_ROOT "/configs/" + name + ".yaml").value;
  if (config.data.name() == "text") return {};
  const Shape sample = config.data.name() == "cifar10" ? Shape{32, 32, 3} : Shape{28, 28, 1};
  nn::AnyModule model = config.model.recipe.make(nn::ModelInput{sample, 10});
  model->to(device);
  model->eval();
  kernels::forget_conv2d_plans();
  const NoGrad no_grad;
  model->forward(Tensor::zeros({1, sample[0], sample[1], sample[2]}).to(device));
  std::set<Line> all;
  for (const std::vector<i64>& plan : kernels::conv2d_plans()) {
    std::array<i64, 16> shape{};  // after direction, types, epilogue, TF32 and alignment
    std::copy_n(plan.begin() + 7, shape.size(), shape.begin());
    const auto s = std::bit_cast<kernels::Conv2dShape>(shape);
    EXPECT_EQ(s.kernel.h, s.kernel.w);
    EXPECT_EQ(s.stride.h, s.stride.w);
    EXPECT_EQ(s.padding.h, (s.kernel.h - 1) / 2);
    EXPECT_EQ(s.padding.w, (s.kernel.w - 1) / 2);
    EXPECT_EQ(s.dilation.h * s.dilation.w * s.groups, 1);
    all.insert({name,
                {config.train.batch_size, s.height, s.width, s.channels, s.out_channels, s.kernel.h,
                 s.stride.h}});
  }
  return all;
}

TEST_F(GpuModelConvolutions, SlowTheListIsThatOfTheModels) {
  std::set<Line> all;
  const fs::path configs = WEFT_SOURCE_ROOT "/configs";
  for (const auto& entry : fs::recursive_directory_iterator(configs)) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string name = fs::relative(entry.path(), configs).replace_extension().string();
    all.merge(convolutions_of(name, cuda()));
  }
  EXPECT_EQ(listed(), all);
}

#ifndef WEFT_REAL_DEVICE
TEST_F(GpuModelConvolutions, ARefusedTypeIsAnErrorWhenTheRunIsSetUp) {
  kernels::emulated_conv2d_refuses = kernels::Conv2dType::bf16;
  const fs::path folder = fs::path(::testing::TempDir()) / "weft_refused_convolution";
  const auto set_up = [&](const std::string& precision) -> std::string {
    const std::string yaml =
        "data: {type: digits, train_size: 60, test_size: 20}\n"
        "model: {type: cnn, channels: [4], hidden: 8}\n"
        "train: {batch_size: 20}\nprecision: " +
        precision + "\nrun: {device: cuda, dir: " + folder.string() + "}\n";
    try {
      Orchestrator(config::load_text<RunConfig>(yaml, "test.yaml", {}).value, "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const std::string refusal = set_up("bf16");
  EXPECT_EQ(
      refusal.find(
          "layer features.0: conv2d: bf16 images (2, 28, 28, 1) and a kernel of 3 × 3 given; emulated"),
      0u)
      << refusal;
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_EQ(set_up("fp16"), "");
  kernels::emulated_conv2d_refuses.reset();
  fs::remove_all(folder);
}
#endif

}  // namespace
}  // namespace weft::train

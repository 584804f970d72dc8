// SPDX-License-Identifier: Apache-2.0
// run.device: cuda through the `weft` command.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "weft/tests/gpu/tools.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

struct Result {
  int code;
  std::string output;
};

class GpuCommand : public testing_gpu::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    folder_ = fs::temp_directory_path() / ("weft-gpu-command-test-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result weft(const std::string& arguments) {
    const std::string line =
        "cd '" + folder_.string() + "' && '" WEFT_COMMAND "' " + arguments + " 2>&1";
    FILE* pipe = popen(line.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      output.append(buffer.data(), n);
    return {WEXITSTATUS(pclose(pipe)), output};
  }

  fs::path folder_;
};

// Whole runs of ready configs, made small.
TEST_F(GpuCommand, TrainsTheDigitsMlp) {
  const std::string small =
      "run.device=cuda run.dir=run data.train_size=300 data.test_size=40 model.hidden='[16]' "
      "train.epochs=2 train.batch_size=32";
  const Result trained = weft("train " WEFT_SOURCE_ROOT "/configs/digits_mlp.yaml " + small);
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("test samples; cuda"), std::string::npos) << trained.output;
  EXPECT_NE(trained.output.find("epoch 2/2"), std::string::npos) << trained.output;
  const Result evaluated = weft("evaluate run");
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  const Result exported = weft("export run out.safetensors");
  EXPECT_EQ(exported.code, 0) << exported.output;
}

TEST_F(GpuCommand, FinetunesInStagesWithEveryCallback) {
  const Result trained =
      weft("train " WEFT_SOURCE_ROOT
           "/configs/finetune_staged_unfreeze.yaml run.device=cuda run.dir=run "
           "data.train_size=80 data.test_size=20 train.epochs=7 train.clip_norm=1 "
           "train.batch_size=40 'callbacks=[ema, gradient_monitor, nan_report, "
           "rollback]'");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("optimizer rebuilt"), std::string::npos) << trained.output;
}

TEST_F(GpuCommand, SaysWhatItWasBuiltFor) {
  EXPECT_NE(weft("--version").output.find("devices: cpu, cuda ("), std::string::npos);
  const Result wrong =
      weft("train " WEFT_SOURCE_ROOT "/configs/digits_mlp.yaml run.device=gpu run.dir=run");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.output.find("known: auto, cpu, cuda"), std::string::npos) << wrong.output;
}

}  // namespace
}  // namespace weft

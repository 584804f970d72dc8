// SPDX-License-Identifier: Apache-2.0
// The algorithms of the libraries are a part of a checkpoint (Note [Plans of a run]).
#include "weft/train/step/library_plans.h"

#include <nlohmann/json.hpp>

#include "weft/core/log.h"
#include "weft/kernels/library/conv2d_plans.h"
#include "weft/kernels/library/matmul_plans.h"
#include "weft/tests/gpu/tools.h"

namespace weft {
namespace {

class GpuLibraryPlans : public testing_gpu::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    before_ = set_log_sink([this](LogLevel, std::string_view text) { said_.emplace_back(text); });
    forget();
    work();
  }
  void TearDown() override {
    forget();
    set_log_sink(before_);
  }
  static void forget() {
    kernels::forget_matmul_plans();
    kernels::forget_conv2d_plans();
  }
  // A product and a convolution.
  static void work() {
    const Device device = cuda();
    matmul(Tensor::full({4, 3}, 1).to(device), Tensor::full({3, 5}, 1).to(device));
    conv2d(Tensor::full({2, 6, 6, 3}, 1).to(device), Tensor::full({4, 3, 3, 3}, 1).to(device), {});
    synchronize(device);
  }
  static StateRecord saved() { return save_state(train::library_plans); }
  static void load(const StateRecord& record) {
    load_state(train::library_plans, record, "resume: library_plans");
  }

  std::vector<std::string> said_;

 private:
  LogSink before_;
};

TEST_F(GpuLibraryPlans, AreSavedAndLoaded) {
  const auto products = kernels::matmul_plans(), convolutions = kernels::conv2d_plans();
  EXPECT_EQ(products.size(), 1u);
  EXPECT_EQ(convolutions.size(), 1u);
  const StateRecord record = saved();
  forget();
  load(record);
  EXPECT_EQ(kernels::matmul_plans(), products);
  EXPECT_EQ(kernels::conv2d_plans(), convolutions);
  EXPECT_TRUE(said_.empty());
}

TEST_F(GpuLibraryPlans, OfAnotherPlaceAreLeftOutWithOneWarning) {
  StateRecord record = saved();
  auto json = nlohmann::ordered_json::parse(record.json);
  const std::string here = json["place"];
  json["place"] = "cuBLASLt 1 and cuDNN 2 on a GPU of long ago";
  record.json = json.dump();
  forget();
  load(record);
  EXPECT_TRUE(kernels::matmul_plans().empty());
  EXPECT_TRUE(kernels::conv2d_plans().empty());
  EXPECT_EQ(said_,
            (std::vector<std::string>{
                "resume: the checkpoint's 2 plans of products and convolutions are left out, "
                "because they are for cuBLASLt 1 and cuDNN 2 on a GPU of long ago; here are " +
                here + ", which choose anew: not bit-exact"}));
}

#ifndef WEFT_REAL_DEVICE
// Algorithm and engine 2 of the emulated libraries, which they never choose themselves.
TEST_F(GpuLibraryPlans, LoadedOnesAreComputedWith) {
  auto json = nlohmann::ordered_json::parse(saved().json);
  auto &product = json["matmul"][0], &convolution = json["conv2d"][0];
  product[14] = 512, product[15] = 2;
  convolution[23] = 2, convolution[24] = 512;
  StateRecord record = saved();
  record.json = json.dump();
  forget();
  load(record);
  work();
  EXPECT_EQ(kernels::matmul_plans(), json["matmul"].get<std::vector<std::vector<i64>>>());
  EXPECT_EQ(kernels::conv2d_plans(), json["conv2d"].get<std::vector<std::vector<i64>>>());
  EXPECT_EQ(saved().json, record.json);
  EXPECT_TRUE(said_.empty());
}
#endif

}  // namespace
}  // namespace weft

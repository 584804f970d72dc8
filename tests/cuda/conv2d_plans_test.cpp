// SPDX-License-Identifier: Apache-2.0
// Tests of the algorithm that computes a convolution: the library's first suggestion, or a given
// one.
#include "weft/kernels/library/conv2d_plans.h"

#include <limits>

#include "weft/device/gpu/gpu.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

constexpr Conv2dShape kShape{.batch = 2,
                             .height = 5,
                             .width = 4,
                             .channels = 8,
                             .out_height = 3,
                             .out_width = 2,
                             .out_channels = 8,
                             .kernel = {3, 3}};

class CudaConv2dPlans : public ::testing::Test {
 protected:
  CudaConv2dPlans() {
    before_ = set_log_sink([this](LogLevel, std::string_view text) { said_.emplace_back(text); });
    forget_conv2d_plans();
  }
  ~CudaConv2dPlans() override {
    forget_conv2d_plans();
    set_log_sink(before_);
  }

  // Compares all three directions with the CPU's kernels.
  template <class T = float>
  static void expect_convolutions() {
    Numbers numbers;
    const Array<T> x(inputs(kShape), numbers), w(weights(kShape), numbers),
        dy(outputs(kShape), numbers);
    const T* const no_bias = nullptr;
    const auto as_doubles = [](const Array<T>& array) { return array.numbers(); };
    std::vector<double> y_wanted(static_cast<std::size_t>(outputs(kShape))),
        dx_wanted(static_cast<std::size_t>(inputs(kShape))),
        dw_wanted(static_cast<std::size_t>(weights(kShape)));
    conv2d(Cpu{}, y_wanted.data(), as_doubles(x).data(), as_doubles(w).data(),
           static_cast<const double*>(nullptr), Activation::none, kShape);
    conv2d_input_gradient(Cpu{}, dx_wanted.data(), as_doubles(dy).data(), as_doubles(w).data(),
                          kShape);
    conv2d_weight_gradient(Cpu{}, dw_wanted.data(), static_cast<double*>(nullptr),
                           as_doubles(dy).data(), as_doubles(x).data(), kShape);
    Array<T> y(outputs(kShape)), dx(inputs(kShape)), dw(weights(kShape));
    conv2d(Cuda{}, y.data(), x.data(), w.data(), no_bias, Activation::none, kShape);
    conv2d_input_gradient(Cuda{}, dx.data(), dy.data(), w.data(), kShape);
    conv2d_weight_gradient(Cuda{}, dw.data(), static_cast<T*>(nullptr), dy.data(), x.data(),
                           kShape);
    gpu::synchronize(nullptr);
    expect_near(y, y_wanted, 20 * tolerance<T>());
    expect_near(dx, dx_wanted, 20 * tolerance<T>());
    expect_near(dw, dw_wanted, 20 * tolerance<T>());
  }

  std::vector<std::string> said_;

 private:
  LogSink before_;
};

TEST_F(CudaConv2dPlans, OneForEachDirectionAndType) {
  EXPECT_TRUE(conv2d_plans().empty());
  expect_convolutions();
  expect_convolutions();
  EXPECT_EQ(conv2d_plans().size(), 3u);
  expect_convolutions<half>();
  EXPECT_EQ(conv2d_plans().size(), 6u);
}

TEST_F(CudaConv2dPlans, AreTakenBack) {
  expect_convolutions();
  const auto plans = conv2d_plans();
  forget_conv2d_plans();
  use_conv2d_plans(plans);
  EXPECT_EQ(conv2d_plans(), plans);
  expect_convolutions();
  EXPECT_EQ(conv2d_plans(), plans);
  EXPECT_TRUE(said_.empty()) << said_[0];
}

TEST_F(CudaConv2dPlans, OfTheWrongSizeAreRefused) {
  expect_convolutions();
  const auto plans = conv2d_plans();
  auto wrong = plans;
  wrong[1].push_back(0);
  try {
    use_conv2d_plans(wrong);
    ADD_FAILURE() << "the plan was accepted";
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(),
              fmt::format("use_conv2d_plans: a plan of {} integers given; {} are required",
                          plans[1].size() + 1, plans[1].size()));
  }
  EXPECT_EQ(conv2d_plans(), plans);
}

// A list ends with the choice: engine, workspace and 16 settings.
constexpr std::size_t kEngine = 23, kWorkspace = 24, kSetting = 25;

// Another GPU's plan, or a forged one.
TEST_F(CudaConv2dPlans, OneThatTheLibraryDoesNotHaveIsChosenAnew) {
  expect_convolutions();
  const auto plans = conv2d_plans();
  for (const auto& [place, value] : {std::pair{kEngine, i64{1} << 40}, std::pair{kEngine, i64{-1}},
                                     std::pair{kWorkspace, i64{3}}, std::pair{kSetting, i64{-7}},
                                     std::pair{kSetting, std::numeric_limits<i64>::max()}}) {
    auto forged = plans;
    for (auto& plan : forged) plan[place] = value;
    use_conv2d_plans(forged);
    said_.clear();
    expect_convolutions();
    EXPECT_EQ(conv2d_plans(), plans);
    EXPECT_EQ(said_,
              std::vector<std::string>(3,
                                       "conv2d: the plan given for images (2, 5, 4, 8) is not "
                                       "one of the library's; another is chosen"));
  }
}

#ifndef WEFT_REAL_DEVICE
// The emulated library has engines 0 to 2 and suggests 0. Each needs 256 bytes of workspace times
// its number (conv2d_emulated.cpp).
TEST_F(CudaConv2dPlans, AGivenOneIsUsed) {
  expect_convolutions();
  auto plans = conv2d_plans();
  for (auto& plan : plans) EXPECT_EQ(plan[kEngine], 0);
  plans[0][kEngine] = 2, plans[0][kWorkspace] = 512;
  plans[1][kEngine] = 1, plans[1][kWorkspace] = 256;
  use_conv2d_plans(plans);
  expect_convolutions();
  EXPECT_EQ(conv2d_plans(), plans);
  EXPECT_TRUE(said_.empty());
}

TEST_F(CudaConv2dPlans, ATypeThatTheLibraryDoesNotTakeIsAUserError) {
  emulated_conv2d_refuses = Conv2dType::bf16;
  try {
    expect_convolutions<bfloat16>();
    ADD_FAILURE() << "the type was accepted";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("conv2d: bf16 images (2, 5, 4, 8) and a kernel of 3 × 3 given; emulated "
                        "convolutions (engines) has no plan for them on "),
              std::string::npos)
        << error.what();
  }
  emulated_conv2d_refuses.reset();
}
#endif

}  // namespace
}  // namespace weft::kernels::test

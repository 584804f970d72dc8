// SPDX-License-Identifier: Apache-2.0
// Tests of the algorithm that computes a product: the library's first suggestion, the fastest of
// several, or a stored one.
#include "weft/kernels/library/matmul_plans.h"

#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/device/gpu/graph.h"
#include "weft/kernels/library/matmul.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

constexpr MatmulShape kShape{.m = 5, .n = 8, .k = 3};

class CudaMatmulPlans : public ::testing::Test {
 protected:
  CudaMatmulPlans() {
    before_ = set_log_sink([this](LogLevel level, std::string_view) {
      warnings_ += level == LogLevel::warning ? 1 : 0;
    });
    forget_matmul_plans();
  }
  ~CudaMatmulPlans() override {
    set_matmul_autotune(false);
    forget_matmul_plans();
    set_log_sink(before_);
  }

  // The arrays are always the same, because their alignment is part of the key of a plan.
  template <class T = float>
  void expect_product(Cuda device = {}) {
    static Numbers numbers;
    static const auto& a = *new Array<T>(15, numbers);
    static const auto& b = *new Array<T>(24, numbers);
    static auto& c = *new Array<T>(40);
    c.spoil();
    std::vector<double> wanted(40);
    matmul(Cpu{}, wanted.data(), a.numbers().data(), b.numbers().data(),
           static_cast<const double*>(nullptr), Activation::none, kShape);
    matmul(device, c.data(), a.data(), b.data(), static_cast<const T*>(nullptr), Activation::none,
           kShape);
    gpu::synchronize(device.stream);
    expect_near(c, wanted, 10 * tolerance<T>());
  }

  LogSink before_;
  int warnings_ = 0;
};

TEST_F(CudaMatmulPlans, OneForEachKindOfProduct) {
  EXPECT_TRUE(matmul_plans().empty());
  expect_product();
  expect_product();
  EXPECT_EQ(matmul_plans().size(), 1u);
  expect_product<half>();
  expect_product<bfloat16>();
  EXPECT_EQ(matmul_plans().size(), 3u);
}

TEST_F(CudaMatmulPlans, AreTakenBack) {
  set_matmul_autotune(true);
  expect_product();
  expect_product<half>();
  const auto plans = matmul_plans();
  forget_matmul_plans();
  use_matmul_plans(plans);
  EXPECT_EQ(matmul_plans(), plans);
  set_matmul_autotune(false);
  expect_product();
  expect_product<half>();
  EXPECT_EQ(matmul_plans(), plans);
  EXPECT_EQ(warnings_, 0);
}

TEST_F(CudaMatmulPlans, OfTheWrongSizeAreRefused) {
  expect_product();
  const auto plans = matmul_plans();
  for (const std::size_t size : {plans[0].size() - 1, plans[0].size() + 1}) {
    auto wrong = plans;
    wrong[0].resize(size);
    try {
      use_matmul_plans(wrong);
      ADD_FAILURE() << "the plan was accepted";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("23 are required"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_EQ(matmul_plans(), plans);
}

#ifndef WEFT_REAL_DEVICE
// The emulated library has three algorithms, and the second is the fastest (matmul_emulated.cpp).
constexpr std::size_t kAlgorithm = 15, kWorkspace = 14;  // positions in a plan

i64 only_algorithm() {
  const auto plans = matmul_plans();
  return plans.size() == 1 ? plans[0][kAlgorithm] : -1;
}

TEST_F(CudaMatmulPlans, TheFirstGuessWhereNothingIsTimed) {
  expect_product();
  EXPECT_EQ(only_algorithm(), 0);
}

TEST_F(CudaMatmulPlans, TheFastestWhereTheyAreTimedOnce) {
  set_matmul_autotune(true);
  EXPECT_GT(gpu::seconds_of(nullptr, [&] { expect_product(); }), 50e-6);
  EXPECT_EQ(only_algorithm(), 1);
  EXPECT_NEAR(gpu::seconds_of(nullptr, [&] { expect_product(); }), 1e-6, 1e-9);
}

TEST_F(CudaMatmulPlans, OnAStreamThatRunsLate) {
  set_matmul_autotune(true);
  gpu::Stream stream;
  expect_product({stream.handle()});
  EXPECT_EQ(only_algorithm(), 1);
}

TEST_F(CudaMatmulPlans, NothingIsTimedInACapture) {
  set_matmul_autotune(true);
  gpu::Stream stream;
  gpu::Graph graph(stream.handle());
  Numbers numbers;
  const Array<float> a(15, numbers), b(24, numbers);
  Array<float> c(40);
  graph.capture([&] {
    matmul(Cuda{stream.handle()}, c.data(), a.data(), b.data(), static_cast<const float*>(nullptr),
           Activation::none, kShape);
  });
  EXPECT_EQ(graph.size(), 1);
  EXPECT_EQ(only_algorithm(), 0);
}

TEST_F(CudaMatmulPlans, AStoredOneIsUsed) {
  expect_product();
  auto plans = matmul_plans();
  plans[0][kAlgorithm] = 2;
  plans[0][kWorkspace] = 512;
  use_matmul_plans(plans);
  EXPECT_NEAR(gpu::seconds_of(nullptr, [&] { expect_product(); }), 2e-6, 1e-9);
  EXPECT_EQ(only_algorithm(), 2);
}

TEST_F(CudaMatmulPlans, OneTheLibraryDoesNotTakeIsChosenAnew) {
  expect_product();
  auto plans = matmul_plans();
  plans[0][kAlgorithm] = 7;
  use_matmul_plans(plans);
  expect_product();
  EXPECT_EQ(only_algorithm(), 0);
  EXPECT_EQ(warnings_, 1);
}

TEST_F(CudaMatmulPlans, AnotherLibrarysMatchNoProduct) {
  expect_product();
  auto plans = matmul_plans();
  plans[0][0] += 1;  // the version
  plans[0][kAlgorithm] = 2;
  forget_matmul_plans();
  use_matmul_plans(plans);
  expect_product();
  EXPECT_EQ(matmul_plans().size(), 2u);
  EXPECT_EQ(matmul_plans()[0][kAlgorithm], 0);
  EXPECT_EQ(warnings_, 0);
}
#endif

}  // namespace
}  // namespace weft::kernels::test

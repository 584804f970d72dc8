// SPDX-License-Identifier: Apache-2.0
// Tests of SGD, Adam and the global norm over a parameter table.
#include "weft/kernels/optim/adam.h"
#include "weft/kernels/optim/global_norm.h"
#include "weft/kernels/optim/sgd.h"

#include "weft/tests/cuda/optimizer_problem.h"

namespace weft::kernels::test {
namespace {

TEST(CudaOptimizer, SgdWithMomentum) {
  for_master_types([]<class T>() {
    for (const bool nesterov : {false, true})
      test_optimizer<T>(true, [=](auto device, const auto& table, const StepControl* control) {
        sgd_step(device, table, control, nesterov);
      });
  });
}

TEST(CudaOptimizer, SgdWithoutState) {
  for_master_types([]<class T>() {
    test_optimizer<T>(false, [](auto device, const auto& table, const StepControl* control) {
      sgd_step(device, table, control, false);
    });
  });
}

TEST(CudaOptimizer, Adam) {
  for_master_types([]<class T>() {
    for (const bool decoupled : {false, true})
      test_optimizer<T>(true, [=](auto device, const auto& table, const StepControl* control) {
        adam_step(device, table, control, {.beta2 = 0.99, .eps = 1e-8, .decoupled = decoupled});
      });
  });
}

TEST(CudaOptimizer, EmptyTableLaunchesNothing) {
  OnDevice<StepControl> control({.lr = 0.1}), norm({.grad_scale = 2});
  sgd_step(Cuda{}, ParameterTable<float>{}, control.data(), false);
  adam_step(Cuda{}, ParameterTable<float>{}, control.data(), {});
  global_norm(Cuda{}, ParameterTable<float>{}, 1.0, nullptr, norm.data());
  EXPECT_EQ(norm->grad_norm, 0.0);
  EXPECT_EQ(norm->grad_scale, 2.0);
  EXPECT_FALSE(norm->skip);
}

TEST(CudaOptimizer, GlobalNormClips) {
  for_master_types([]<class T>() {
    for (const double max_norm : {0.0, 1.0, 1e6}) {
      Problem<T> problem(true);
      std::vector<double> partials(static_cast<std::size_t>(problem.chunks.size()), NAN);
      StepControl wanted{.grad_scale = 0.5};
      global_norm(Cpu{}, problem.table(), max_norm, partials.data(), &wanted);
      in_every_order([&] {
        Array<double> scratch(problem.chunks.size());
        OnDevice<StepControl> control({.grad_scale = 0.5});
        global_norm(Cuda{}, problem.table(), max_norm, scratch.data(), control.data());
        EXPECT_NEAR(control->grad_norm / wanted.grad_norm, 1.0, 1e-13);
        EXPECT_NEAR(control->grad_scale / wanted.grad_scale, 1.0, 1e-13);
        EXPECT_FALSE(control->skip);
      });
    }
  });
}

TEST(CudaOptimizer, GlobalNormSkipsWhatIsNotFinite) {
  for (const float value : {NAN, INFINITY}) {
    in_every_order([&] {
      Problem<float> problem(true);
      problem.arrays[4].grad[16390] = value;
      Array<double> scratch(problem.chunks.size());
      OnDevice<StepControl> control({.grad_scale = 0.5});
      global_norm(Cuda{}, problem.table(), 1.0, scratch.data(), control.data());
      EXPECT_TRUE(control->skip);
    });
  }
}

}  // namespace
}  // namespace weft::kernels::test

// SPDX-License-Identifier: Apache-2.0
// An optimizer of one's own as a formula: Adagrad-like ones with up to three state tensors, and
// SGD, whose results are those of weft's.
#include "weft/kernels/optim/element_update_cuda.h"

#include "weft/kernels/optim/sgd.h"
#include "weft/tests/cuda/optimizer_problem.h"

namespace weft::kernels::test {
namespace {

template <int kCount>
struct Sums {
  static constexpr int kSlots = kCount;
  double decay = 0.5;
  template <class T>
  WEFT_HOST_DEVICE void operator()(T& p, T g, T* state, const UpdateRates<T>& r) const {
    T change = g + r.weight_decay * p;
    for (int slot = 0; slot < kCount; ++slot) {
      state[slot] = static_cast<T>(decay) * state[slot] + change;
      change = state[slot] / static_cast<T>(r.step);
    }
    p -= r.lr * change;
  }
};

struct SgdFormula {
  static constexpr int kSlots = 1;
  template <class T>
  WEFT_HOST_DEVICE void operator()(T& p, T g, T* b, const UpdateRates<T>& r) const {
    *b = r.momentum * *b + (g + r.weight_decay * p);
    p -= r.lr * *b;
  }
};

template <class Formula>
void test_formula(const Formula& formula) {
  for_master_types([&]<class T>() {
    test_optimizer<T>(true, [&](auto device, const auto& table, const StepControl* control) {
      update_elements(device, table, control, formula);
    });
  });
}

TEST(CudaElementUpdate, AnyNumberOfSlots) {
  test_formula(Sums<0>{});
  test_formula(Sums<1>{});
  test_formula(Sums<2>{});
  test_formula(Sums<3>{});
}

// Of the parameter 1, which had one update before.
TEST(CudaElementUpdate, CountsTheUpdates) {
  OnDevice<StepControl> control({.lr = 0.1}), skip({.lr = 0.1, .skip = true});
  Problem<double> problem(true);
  for (int i = 0; i < 2; ++i) update_elements(Cpu{}, problem.table(), control.data(), Sums<1>{});
  update_elements(Cpu{}, problem.table(), skip.data(), Sums<1>{});
  EXPECT_EQ(problem.segments[1].steps, 3);
}

TEST(CudaElementUpdate, IsTheUpdateOfSgd) {
  OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_scale = 0.5});
  Problem<double> own(true), sgd(true);
  for (int i = 0; i < 3; ++i) {
    update_elements(Cuda{}, own.table(), control.data(), SgdFormula{});
    sgd_step(Cuda{}, sgd.table(), control.data(), false);
  }
  expect_equal(own, sgd, false);
}

TEST(CudaElementUpdate, AnEmptyTableLaunchesNothing) {
  OnDevice<StepControl> control({.lr = 0.1});
  update_elements(Cuda{}, ParameterTable<double>{}, control.data(), SgdFormula{});
}

}  // namespace
}  // namespace weft::kernels::test

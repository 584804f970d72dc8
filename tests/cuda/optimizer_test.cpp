// SPDX-License-Identifier: Apache-2.0
// Tests of SGD, Adam and the global norm over a parameter table.
#include "weft/kernels/optim/adam.h"
#include "weft/kernels/optim/global_norm.h"
#include "weft/kernels/optim/sgd.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// Parameters of uneven lengths. Some are misaligned, and some are frozen and hold NaN.
template <class T>
struct Problem {
  static constexpr i64 kLengths[] = {33, 1, 1025, 31, 16384 + 7};

  explicit Problem(bool state) {
    Numbers numbers;
    for (std::size_t s = 0; s < std::size(kLengths); ++s) {
      const i64 n = kLengths[s], shift = s == 2 ? 1 : 0;
      arrays.push_back({Array<T>(n, numbers, shift), Array<T>(n, numbers, shift),
                        Array<T>(n, numbers, shift), Array<T>(n, numbers, 0.0, 1.0, shift)});
      if (s == 3) arrays.back().grad.spoil();
    }
    i64 chunk = 0;
    for (std::size_t s = 0; s < arrays.size(); ++s) {
      auto& a = arrays[s];
      segments[static_cast<i64>(s)] = {a.param.data(),
                                       a.grad.data(),
                                       state ? a.first.data() : nullptr,
                                       a.second.data(),
                                       nullptr,
                                       kLengths[s],
                                       1.0 + 0.5 * static_cast<double>(s),
                                       0.01 * static_cast<double>(s),
                                       static_cast<i64>(s),
                                       s != 3};
      for (i64 begin = 0; begin < kLengths[s]; begin += kChunkElements)
        chunks[chunk++] = {static_cast<i64>(s), begin,
                           std::min(kChunkElements, kLengths[s] - begin)};
    }
  }
  Problem(const Problem&) = delete;
  ParameterTable<T> table() {
    return {segments.data(), segments.size(), chunks.data(), chunks.size()};
  }

  struct Arrays {
    Array<T> param, grad, first, second;
  };
  std::vector<Arrays> arrays;
  Array<Segment<T>> segments{std::size(kLengths)};
  Array<Chunk> chunks{std::size(kLengths) + 1};  // the last parameter has two chunks
};

template <class T>
void expect_equal(const Problem<T>& got, const Problem<T>& wanted, bool exact) {
  for (std::size_t s = 0; s < got.arrays.size(); ++s) {
    SCOPED_TRACE(::testing::Message() << "parameter " << s);
    const double allowed = exact ? 0.0 : tolerance<T>();
    expect_near(got.arrays[s].param, wanted.arrays[s].param.numbers(), allowed);
    expect_near(got.arrays[s].first, wanted.arrays[s].first.numbers(), allowed);
    expect_near(got.arrays[s].second, wanted.arrays[s].second.numbers(), allowed);
    EXPECT_EQ(got.segments[static_cast<i64>(s)].steps, wanted.segments[static_cast<i64>(s)].steps);
  }
}

// Makes two steps, and one that is skipped.
template <class T, class Step>
void test_optimizer(bool state, const Step& step) {
  OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_scale = 0.5});
  Problem<T> wanted(state);
  for (int i = 0; i < 2; ++i) step(Cpu{}, wanted.table(), control.data());
  in_every_order([&] {
    Problem<T> problem(state);
    for (int i = 0; i < 2; ++i) step(Cuda{}, problem.table(), control.data());
    expect_equal(problem, wanted, false);
    Problem<T> untouched(state), skipped(state);
    OnDevice<StepControl> skip(*control);
    skip->skip = true;
    step(Cuda{}, skipped.table(), skip.data());
    expect_equal(skipped, untouched, true);
  });
}

template <class Body>
void for_master_types(const Body& body) {
  body.template operator()<float>();
  body.template operator()<double>();
}

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

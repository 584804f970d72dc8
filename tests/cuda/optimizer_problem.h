// SPDX-License-Identifier: Apache-2.0
// A parameter table for the tests of optimizer kernels, and a comparison of both devices.
#pragma once
#include "weft/kernels/optim/parameter_table.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {

// Parameters of uneven lengths. Some are misaligned, and some are frozen and hold NaN.
template <class T>
struct Problem {
  static constexpr i64 kLengths[] = {33, 1, 1025, 31, 16384 + 7};

  explicit Problem(bool state) {
    Numbers numbers;
    for (std::size_t s = 0; s < std::size(kLengths); ++s) {
      const i64 n = kLengths[s], shift = s == 2 ? 1 : 0;
      arrays.push_back({Array<T>(n, numbers, shift), Array<T>(n, numbers, shift),
                        Array<T>(n, numbers, shift), Array<T>(n, numbers, 0.0, 1.0, shift),
                        Array<T>(n, numbers, shift)});
      if (s == 3) arrays.back().grad.spoil();
    }
    i64 chunk = 0;
    for (std::size_t s = 0; s < arrays.size(); ++s) {
      auto& a = arrays[s];
      segments[static_cast<i64>(s)] = {a.param.data(),
                                       a.grad.data(),
                                       state ? a.first.data() : nullptr,
                                       a.second.data(),
                                       a.third.data(),
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
    Array<T> param, grad, first, second, third;
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
    expect_near(got.arrays[s].third, wanted.arrays[s].third.numbers(), allowed);
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

}  // namespace weft::kernels::test

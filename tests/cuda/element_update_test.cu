// SPDX-License-Identifier: Apache-2.0
// An optimizer of one's own as a formula: Adagrad-like ones with up to three state tensors, and
// SGD, whose results are those of weft's.
#include "weft/kernels/optim/element_update_cuda.h"

#include "weft/kernels/optim/sgd.h"
#include "weft/tests/cuda/tools.h"

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

// Three parameters: the second begins between two packs, and the third is frozen.
template <class T>
struct Table {
  static constexpr i64 kLengths[] = {16384 + 5, 33, 7};

  Table() {
    Numbers numbers;
    arrays.reserve(std::size(kLengths));  // a copy of an Array has another address
    i64 chunk = 0;
    for (std::size_t s = 0; s < std::size(kLengths); ++s) {
      const i64 n = kLengths[s], shift = s == 1 ? 1 : 0;
      arrays.push_back({Array<T>(n, numbers, shift), Array<T>(n, numbers, shift),
                        Array<T>(n, numbers, shift), Array<T>(n, numbers, shift),
                        Array<T>(n, numbers, shift)});
      auto& a = arrays.back();
      Segment<T> segment;
      segment.param = a.param.data();
      segment.grad = a.grad.data();
      segment.first = a.first.data();
      segment.second = a.second.data();
      segment.third = a.third.data();
      segment.length = n;
      segment.lr_factor = 1 + static_cast<double>(s);
      segment.weight_decay = 0.01 * static_cast<double>(s);
      segment.steps = static_cast<i64>(s);
      segment.active = s != 2;
      segments[static_cast<i64>(s)] = segment;
      for (i64 begin = 0; begin < n; begin += kChunkElements)
        chunks[chunk++] = {static_cast<i64>(s), begin, std::min(kChunkElements, n - begin)};
    }
  }
  Table(const Table&) = delete;
  ParameterTable<T> table() {
    return {segments.data(), segments.size(), chunks.data(), chunks.size()};
  }

  struct Arrays {
    Array<T> param, grad, first, second, third;
  };
  std::vector<Arrays> arrays;
  Array<Segment<T>> segments{std::size(kLengths)};
  Array<Chunk> chunks{std::size(kLengths) + 1};
};

template <class T>
void expect_same(const Table<T>& got, const Table<T>& wanted) {
  for (std::size_t s = 0; s < got.arrays.size(); ++s) {
    SCOPED_TRACE(::testing::Message() << "parameter " << s);
    const auto &a = got.arrays[s], &b = wanted.arrays[s];
    expect_near(a.param, b.param.numbers(), tolerance<T>());
    expect_near(a.first, b.first.numbers(), tolerance<T>());
    expect_near(a.second, b.second.numbers(), tolerance<T>());
    expect_near(a.third, b.third.numbers(), tolerance<T>());
    EXPECT_EQ(got.segments[static_cast<i64>(s)].steps, wanted.segments[static_cast<i64>(s)].steps);
  }
}

// Makes two steps with the CPU's and the GPU's kernel, and a skipped one.
template <class T, class Formula>
void test_formula(const Formula& formula) {
  OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_scale = 0.5});
  OnDevice<StepControl> skip(*control);
  skip->skip = true;
  Table<T> wanted, untouched;
  for (int i = 0; i < 2; ++i) update_elements(Cpu{}, wanted.table(), control.data(), formula);
  update_elements(Cpu{}, wanted.table(), skip.data(), formula);
  EXPECT_EQ(wanted.segments[1].steps, 3);
  in_every_order([&] {
    Table<T> here;
    update_elements(Cuda{}, here.table(), skip.data(), formula);
    expect_same(here, untouched);
    for (int i = 0; i < 2; ++i) update_elements(Cuda{}, here.table(), control.data(), formula);
    expect_same(here, wanted);
  });
}

TEST(CudaElementUpdate, AnyNumberOfSlots) {
  const auto all = []<class T>(T) {
    test_formula<T>(Sums<0>{});
    test_formula<T>(Sums<1>{});
    test_formula<T>(Sums<2>{});
    test_formula<T>(Sums<3>{});
  };
  all(float{});
  all(double{});
}

TEST(CudaElementUpdate, IsTheUpdateOfSgd) {
  OnDevice<StepControl> control({.lr = 0.1, .momentum = 0.9, .grad_scale = 0.5});
  Table<double> own, sgd;
  for (int i = 0; i < 3; ++i) {
    update_elements(Cuda{}, own.table(), control.data(), SgdFormula{});
    sgd_step(Cuda{}, sgd.table(), control.data(), false);
  }
  expect_same(own, sgd);
}

TEST(CudaElementUpdate, AnEmptyTableLaunchesNothing) {
  OnDevice<StepControl> control({.lr = 0.1});
  update_elements(Cuda{}, ParameterTable<double>{}, control.data(), SgdFormula{});
}

}  // namespace
}  // namespace weft::kernels::test

// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/tape.h"

#include <thread>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::difference;
using testing::gradcheck;
using testing::Variables;

Tensor numbers(std::vector<double> values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}
Variable leaf(std::vector<double> values, std::string name = "") {
  return Variable::leaf(numbers(std::move(values)), std::move(name));
}
void expect_grad(const Variable& x, std::vector<double> expected) {
  ASSERT_TRUE(x.grad().defined());
  EXPECT_EQ(difference(x.grad(), numbers(std::move(expected)), 1e-12), "");
}
// Returns the message of the UserError that `call` throws.
template <class F>
std::string error_of(const F& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Tape, AValueUsedManyTimesCollectsAllContributions) {
  const Variable x = leaf({2, 3});
  sum(x * x * x + x + x).backward();
  expect_grad(x, {3 * 4 + 2, 3 * 9 + 2});
}

TEST(Tape, DiamondsMeetBeforeTheyGoOn) {
  const Variable x = leaf({2, 3});
  const Variable a = x * 2.0;
  sum((a + 1.0) * square(a)).backward();  // 8x³ + 4x²
  expect_grad(x, {24 * 4 + 8 * 2, 24 * 9 + 8 * 3});
}

TEST(Tape, GradientsAddUpUntilTheyAreZeroed) {
  const Variable x = leaf({2});
  square(x).backward();
  square(x).backward();
  expect_grad(x, {8});
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  square(x).backward();
  expect_grad(x, {4});
}

TEST(Tape, ALeafMayBeALossOfItsOwnDescendantsOnly) {
  const Variable x = leaf({2});
  EXPECT_NE(error_of([&] { x.backward(); }).find("nothing was recorded"), std::string::npos);
  EXPECT_NE(error_of([&] { Variable(numbers({1})).backward(); }).find("nothing was recorded"),
            std::string::npos);
}

TEST(Tape, ASeedWeighsTheOutputs) {
  const Variable x = leaf({2, 3});
  square(x).backward(numbers({10, 100}));
  expect_grad(x, {40, 600});
}

TEST(Tape, ASeedIsChecked) {
  const Variable y = square(leaf({2, 3}));
  EXPECT_EQ(error_of([&] { y.backward(); }),
            "backward: the variable has shape (2); without a seed it must have one element");
  EXPECT_NE(error_of([&] { y.backward(numbers({1})); }).find("the seed is f64 (1)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { y.backward(Tensor::zeros({2})); }).find("the seed is f32 (2)"),
            std::string::npos);
}

TEST(Tape, ASecondBackwardOfTheSameGraphIsAnError) {
  const Variable x = leaf({2});
  const Variable y = square(x);
  y.backward();
  EXPECT_NE(error_of([&] { y.backward(); }).find("was freed by an earlier backward()"),
            std::string::npos);
  expect_grad(x, {4});
}

TEST(Tape, ASecondBackwardThroughASharedPartIsAnError) {
  const Variable x = leaf({2});
  const Variable shared = square(x);
  const Variable first = shared * 3.0, second = shared * 5.0;
  first.backward();
  EXPECT_NE(error_of([&] { second.backward(); }).find("was freed by an earlier backward()"),
            std::string::npos);
  EXPECT_NE(error_of([&] { (shared * 7.0).backward(); }).find("was freed by an earlier backward()"),
            std::string::npos);
  x.zero_grad();
  square(x).backward();  // the tape can be used again
  expect_grad(x, {4});
}

TEST(Tape, GraphsThatShareOnlyLeavesAreIndependent) {
  const Variable x = leaf({2});
  const Variable first = square(x), second = x * 3.0;
  first.backward();
  second.backward();
  expect_grad(x, {7});
}

TEST(Tape, AnOlderGraphSurvivesTheBackwardOfANewerOne) {
  const Variable x = leaf({2}), z = leaf({5});
  const Variable older = exp(x);
  const Variable newer = square(z);
  newer.backward();
  expect_grad(z, {10});
  older.backward();
  expect_grad(x, {std::exp(2.0)});
}

TEST(Tape, NothingIsRecordedUnderNoGrad) {
  const Variable x = leaf({2});
  {
    const NoGrad outer;
    {
      const NoGrad inner;
      EXPECT_FALSE(grad_enabled());
    }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE(square(x).requires_grad());
    EXPECT_EQ(Tape::current().recorded_ops(), 0);
  }
  EXPECT_TRUE(grad_enabled());
  EXPECT_TRUE(square(x).requires_grad());
}

TEST(Tape, DetachCutsTheGraph) {
  const Variable x = leaf({2});
  const Variable y = square(x);
  (y * y.detach()).backward();  // the gradient of 4·x²
  expect_grad(x, {16});
}

TEST(Tape, FrozenLeavesRecordNothing) {
  const Variable frozen = leaf({2}), other = leaf({3});
  frozen.set_requires_grad(false);
  const Variable hidden = exp(square(frozen));
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
  EXPECT_FALSE(hidden.requires_grad());
  (hidden * other).backward();
  EXPECT_FALSE(frozen.grad().defined());
  expect_grad(other, {std::exp(4.0)});
  frozen.set_requires_grad(true);
  square(frozen).backward();
  expect_grad(frozen, {4});
}

TEST(Tape, TheSwitchOfAComputedVariableIsRefused) {
  const Variable y = square(leaf({2}));
  EXPECT_NE(error_of([&] { y.set_requires_grad(false); }).find("only leaves have the switch"),
            std::string::npos);
  EXPECT_NE(error_of([&] { y.grad(); }).find("only leaves keep a gradient"), std::string::npos);
  EXPECT_NE(error_of([&] { y.zero_grad(); }).find("only leaves keep a gradient"),
            std::string::npos);
  EXPECT_NE(
      error_of([] { Variable::leaf(Tensor::zeros({2}, DType::int64)); }).find("floating dtype"),
      std::string::npos);
}

TEST(Tape, AFirstContributionIsWrittenStraightIntoAPresetGradient) {
  const Variable x = leaf({2, 3});
  const Tensor flat = Tensor::full({5}, 99.0, DType::f64);
  x.leaf_state()->grad = flat.slice(1, 3);
  const Tensor* written = nullptr;
  void* where = nullptr;
  const Variable y = record("probe", x.value().clone(), edge(x, [&](const Tensor& dy, Tensor& dx) {
                              written = &dx;
                              where = dx.raw();
                              affine(dx, dy, 1.0, 0.0);
                            }));
  y.backward(numbers({7, 8}));
  EXPECT_NE(written, nullptr);
  EXPECT_EQ(where, flat.slice(1, 3).raw());
  EXPECT_EQ(flat.to_vector<double>(), (std::vector<double>{99, 7, 8, 99, 99}));
}

TEST(Tape, AMultiInputEdgeIsToldWhichGradientsAreWanted) {
  const Variable a = leaf({2}), b = leaf({3}), c = leaf({4});
  b.set_requires_grad(false);
  std::vector<bool> wanted;
  const auto joined = [&] {
    return record(
        "joined", numbers({1}),
        multi_input_edge(std::array{&a, &b, &c}, [&](const Tensor& dy, std::span<Tensor* const> d) {
          wanted.clear();
          for (Tensor* dx : d) {
            wanted.push_back(dx != nullptr);
            if (dx != nullptr) affine(*dx, dy, 2.0, 0.0);
          }
        }));
  };
  joined().backward();
  EXPECT_EQ(wanted, (std::vector<bool>{true, false, true}));
  expect_grad(a, {2});
  a.set_requires_grad(false);
  c.set_requires_grad(false);
  EXPECT_FALSE(joined().requires_grad());
}

TEST(Tape, AMultiInputEdgeMayNameOneLeafTwice) {
  const Variable a = leaf({2});
  const Variable y =
      record("twice", numbers({1}),
             multi_input_edge(std::array{&a, &a}, [](const Tensor& dy, std::span<Tensor* const> d) {
               affine(*d[0], dy, 2.0, 0.0);
               affine(*d[1], dy, 5.0, 0.0);
             }));
  y.backward();
  expect_grad(a, {7});
}

// identity_edge() gives one gradient to several nodes, and in_place_edge writes over the gradient
// that it gets. A shared gradient must not be overwritten.
TEST(Tape, AGradientPassedToSeveralIsNotWrittenOver) {
  const auto check = [](const char* name, const testing::Function& f) {
    EXPECT_EQ(gradcheck(name, f, {numbers({0.3, -0.4, 0.5}), numbers({1.1, 0.7, -0.2})}), "");
  };
  check("both sides", [](const Variables& a) { return tanh(a[0]) + exp(a[1]); });
  check("twice the same", [](const Variables& a) {
    const Variable h = tanh(a[0]);
    return h + h;
  });
  check("before and after", [](const Variables& a) {
    const Variable h = tanh(a[0]);
    return h + exp(h) + a[1];
  });
  check("through reshapes", [](const Variables& a) {
    const Variable h = reshape(tanh(a[0]), {3, 1});
    return reshape(h, {3}) + exp(reshape(h, {1, 3})) * a[1];
  });
  check("chain of passes", [](const Variables& a) {
    const Variable h = tanh(a[0]) + a[1];
    const Variable k = h + a[0];
    return exp(k + h) + k;
  });
  check("leaf in between",
        [](const Variables& a) { return (a[0] + tanh(a[0] + a[1])) + (a[1] + exp(a[0] + a[1])); });
  check("minus", [](const Variables& a) {
    const Variable h = exp(a[0]);
    return (h - a[1]) + (a[1] - h) + (h + h - tanh(h));
  });
}

TEST(Tape, TheSeedOfTheCallerIsNotWrittenOver) {
  const Variable x = leaf({2, 3});
  const Tensor seed = numbers({10, 100});
  const Variable y = tanh(exp(reshape(x, {2})));
  y.backward(seed);
  EXPECT_EQ(seed.to_vector<double>(), (std::vector<double>{10, 100}));
  const Variable z = tanh(exp(reshape(x, {2})));
  const std::vector<double> before = z.value().to_vector<double>();
  z.backward(z.value());
  EXPECT_EQ(z.value().to_vector<double>(), before);
}

TEST(Tape, AnErrorInsideBackwardLeavesACleanTape) {
  const Variable x = leaf({2}), z = leaf({3});
  const Variable y = record("bad", exp(x.value()),
                            edge(x, [](const Tensor&, Tensor&) { fail("bad: no gradient"); }));
  EXPECT_EQ(error_of([&] { (square(z) * y).backward(); }), "bad: no gradient");
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
  EXPECT_TRUE(grad_enabled());
  x.zero_grad();
  square(x).backward();
  expect_grad(x, {4});
}

TEST(Tape, VariablesAreHandles) {
  const Variable x = leaf({2});
  std::vector<Variable> kept;
  for (int i = 0; i < 20; ++i) kept.push_back(square(x));
  Variable copy = kept[3], moved = std::move(kept[4]);
  const Variable& same = copy;
  copy = same;
  moved = std::move(copy);
  std::swap(moved, kept[5]);
  kept.erase(kept.begin(), kept.begin() + 5);
  kept[0].backward();
  expect_grad(x, {4});
  kept.clear();
  moved = Variable();
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
}

TEST(Tape, EachThreadHasItsOwn) {
  const Variable x = leaf({2});
  const Variable here = square(x);
  std::string message;
  std::thread([&] {
    EXPECT_EQ(Tape::current().recorded_ops(), 0);
    message = error_of([&] { square(here); });
  }).join();
  EXPECT_NE(message.find("recorded on another tape"), std::string::npos);
  EXPECT_EQ(Tape::current().recorded_ops(), 1);
}

}  // namespace
}  // namespace weft

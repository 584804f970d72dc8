// SPDX-License-Identifier: Apache-2.0
// Gradients of random graphs compared with difference quotients. The graphs share nodes, pass
// gradients on unchanged and write them in place.
#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::Variables;

// Applies a random op to nodes chosen at random. Values stay of moderate size. Only the shape (2,
// 3) and views of it occur, so that any two nodes fit.
Variable random_op(std::mt19937_64& engine, const Variables& nodes) {
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine);
  };
  const Variable &a = nodes[pick(nodes.size())], &b = nodes[pick(nodes.size())];
  switch (pick(14)) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b * 0.5;
    case 3: return tanh(a);
    case 4: return sigmoid(a);
    case 5: return affine(a, -0.7, 0.2);
    case 6: return reshape(reshape(a, {3, 2}), {2, 3});
    case 7: return permute(permute(a, {1, 0}), {1, 0});
    case 8: return a + sum(b, 0) * 0.3;
    case 9: return broadcast_to(mean(a, 1), {2, 3}) + b;
    case 10: return softmax(a);
    case 11: return matmul(matmul(a, permute(tanh(b), {1, 0})), tanh(a)) * 0.3;
    case 12: return flatten(a) + square(tanh(b));
    default: return layer_norm(a, Variable(), Variable(), 0.5);
  }
}

testing::Function random_graph(u64 seed) {
  return [seed](const Variables& inputs) {
    std::mt19937_64 engine(seed);
    Variables nodes(inputs);
    for (int i = 0; i < 12; ++i)
      nodes.push_back(tanh(random_op(engine, nodes)) + random_op(engine, nodes) * 0.1);
    Variable y = nodes.back();
    for (int i = 0; i < 3; ++i)
      y = y + nodes[std::uniform_int_distribution<std::size_t>(0, nodes.size() - 1)(engine)];
    return y;
  };
}

std::vector<Tensor> random_inputs(u64 seed) {
  std::mt19937_64 engine(seed);
  const testing::Draw draw{{}, {}, engine};
  return {draw.uniform({2, 3}, -1, 1), draw.uniform({2, 3}, -1, 1), draw.uniform({2, 3}, -1, 1)};
}

TEST(TapeFuzz, RandomGraphsHaveTheRightGradients) {
  const testing::Poison poison;
  for (u64 seed = 0; seed < 150; ++seed)
    ASSERT_EQ(testing::gradcheck("graph " + std::to_string(seed), random_graph(seed),
                                 random_inputs(seed)),
              "");
}

TEST(TapeFuzz, GradientsAreTheSameWhenComputedTwice) {
  const testing::Poison poison;
  for (u64 seed = 0; seed < 50; ++seed) {
    std::vector<Tensor> grads[2];
    for (auto& grad : grads) {
      Variables leaves;
      for (const Tensor& x : random_inputs(seed)) leaves.push_back(Variable::leaf(x));
      sum(random_graph(seed)(leaves)).backward();
      for (const Variable& leaf : leaves) grad.push_back(leaf.grad());
    }
    for (std::size_t k = 0; k < 3; ++k) {
      ASSERT_EQ(grads[0][k].defined(), grads[1][k].defined());
      if (grads[0][k].defined()) {
        ASSERT_EQ(testing::difference_in_bytes(grads[0][k], grads[1][k]), "") << seed;
      }
    }
  }
}

}  // namespace
}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/tree.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft {
namespace {

Tensor tensor_of(std::vector<float> values) {
  const auto count = static_cast<i64>(values.size());
  return Tensor::copy_of(values, {count});
}

TensorTree example_tree() {
  const std::vector<i64> tokens{4, 5};
  return {{"inputs", TensorTree::list({tensor_of({1}), tensor_of({2, 3})})},
          {"tokens", Tensor::copy_of(tokens, {2})}};
}

template <class F>
std::string refusal_of(const F& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Tree, IsSelectedFromByPath) {
  const TensorTree tree = example_tree();
  EXPECT_EQ(tree["inputs.0"].to_vector<float>(), (std::vector<float>{1}));
  EXPECT_EQ(tree["inputs.1"].to_vector<float>(), (std::vector<float>{2, 3}));
  EXPECT_EQ(tree["tokens"].to_vector<i64>(), (std::vector<i64>{4, 5}));
  EXPECT_EQ(tree.select("inputs")["1"].to_vector<float>(), (std::vector<float>{2, 3}));
  EXPECT_FALSE(tree.select("").is_leaf());
  EXPECT_TRUE(tree.select("inputs.0").is_leaf());
  EXPECT_EQ(TensorTree(tensor_of({7}))[""].item<float>(), 7);
  const TensorTree deep{{"a", {{"b", TensorTree::list({{{"c", tensor_of({8})}}})}}}};
  EXPECT_EQ(deep["a.b.0.c"].item<float>(), 8);
}

TEST(Tree, SaysWhichPathItDoesNotHave) {
  const TensorTree tree = example_tree();
  const auto refusal = [&](const char* path) { return refusal_of([&] { (void)tree[path]; }); };
  EXPECT_EQ(
      refusal("token"),
      "tree: 'token' was selected, and there is no 'token'; one of inputs, tokens is required");
  for (const char* path :
       {"inputs.2", "inputs.-1", "inputs.x", "inputs.0x", "inputs.", "tokens.", ".tokens"})
    EXPECT_NE(refusal(path), "accepted") << path;
  EXPECT_EQ(refusal("inputs.2"),
            "tree: 'inputs.2' was selected, and '2' is no index of its list; one from 0 to 1 is "
            "required");
  EXPECT_EQ(refusal("tokens.0"),
            "tree: 'tokens.0' was selected, and there is nothing at '0'; the path of an entry is "
            "required");
  EXPECT_EQ(refusal("inputs"),
            "tree: 'inputs' has 2 entries below it; the path of one leaf is required");
  EXPECT_NE(refusal_of([] { (void)TensorTree()["x"]; }), "accepted");
}

TEST(Tree, TakesEachNameOnceAndOnlyInMaps) {
  TensorTree tree = example_tree();
  const auto refusal = [&](const char* name) {
    return refusal_of([&] { tree.add(name, tensor_of({1})); });
  };
  EXPECT_EQ(refusal("tokens"),
            "tree: two entries are named 'tokens'; different names are required");
  EXPECT_EQ(refusal("a.b"),
            "tree: an entry is named 'a.b'; a name without '.', which is not empty, is required");
  EXPECT_NE(refusal(""), "accepted");
  TensorTree list = TensorTree::list({tensor_of({1})}), leaf = tensor_of({1});
  EXPECT_EQ(refusal_of([&] { list.add("a", {}); }),
            "tree: 'a' was added to a list; a map is required");
  EXPECT_EQ(refusal_of([&] { leaf.add("a", {}); }),
            "tree: 'a' was added to a leaf; a map is required");
  tree.add("more", tensor_of({9}));
  EXPECT_EQ(tree["more"].item<float>(), 9);
}

TEST(Tree, MapsItsLeavesInOrder) {
  std::string seen;
  for (const auto& [path, t] : example_tree().leaves()) seen += path + t.shape().to_string() + " ";
  EXPECT_EQ(seen, "inputs.0(1) inputs.1(2) tokens(2) ");
  int count = 0;
  const Tree<int> numbers = example_tree().map([&](const Tensor&) { return count++; });
  EXPECT_EQ(numbers["inputs.0"], 0);
  EXPECT_EQ(numbers["inputs.1"], 1);
  EXPECT_EQ(numbers["tokens"], 2);
  EXPECT_TRUE(TensorTree().map([](const Tensor&) { return 1; }).empty());
}

TEST(Tree, CastsFloatingTensorsAndMovesAll) {
  const TensorTree tree = example_tree(), halves = tree.cast(DType::bf16);
  EXPECT_EQ(halves["inputs.1"].dtype(), DType::bf16);
  EXPECT_EQ(halves["inputs.1"].to(DType::f32).to_vector<float>(), (std::vector<float>{2, 3}));
  EXPECT_EQ(halves["tokens"].dtype(), DType::int64);
  EXPECT_TRUE(halves["tokens"].shares_storage_with(tree["tokens"]));
  EXPECT_TRUE(tree.to(Device{Cpu{}})["inputs.0"].shares_storage_with(tree["inputs.0"]));
}

}  // namespace
}  // namespace weft

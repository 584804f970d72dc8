// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/flat_parameters.h"

#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

TEST(FlatParameters, ParametersBecomeViewsOfOneBufferInOrderAndAligned) {
  Sequential model{Linear{3, 5}, ReLU{}, Linear{5, 2}};
  const Tensor x = numbers({4, 3}), before = model(x).value().clone();
  const FlatParameters flat(model.named_parameters());
  expect_same(model(x).value(), before);

  const auto names = names_of(model);
  ASSERT_EQ(flat.segments().size(), 4u);
  i64 end = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const FlatParameters::Segment& segment = flat.segments()[i];
    EXPECT_EQ(segment.name, names[i]);
    EXPECT_GE(segment.offset, end);
    EXPECT_EQ(segment.offset % 16, 0);
    EXPECT_EQ(segment.leaf->value.raw(), flat.values().data<float>() + segment.offset);
    EXPECT_TRUE(segment.leaf->value.shares_storage_with(flat.values()));
    end = segment.offset + segment.length;
  }
  flat.values().fill(0);  // also fills the gaps, which no view covers
  EXPECT_EQ(doubles(sum(model(x).value()))[0], 0);
}

TEST(FlatParameters, GradientsAreWrittenInPlaceAndZeroGradMakesThemAbsent) {
  Sequential model{Linear{3, 5}, Linear{5, 2}};
  const FlatParameters flat(model.named_parameters());
  const Tensor x = numbers({4, 3});
  sum(model(x)).backward();
  for (const FlatParameters::Segment& segment : flat.segments()) {
    const Variable leaf = Variable::of_leaf(segment.leaf);
    ASSERT_TRUE(leaf.grad().defined());
    EXPECT_EQ(leaf.grad().raw(), flat.gradients().data<float>() + segment.gradient_offset);
  }
  const Tensor once = flat.gradients().clone();
  sum(model(x)).backward();  // adds to the gradients
  expect_near(flat.gradients(), affine(once, 2, 0), 1e-4);
  flat.zero_grad();
  EXPECT_FALSE(Variable::of_leaf(flat.segments()[0].leaf).grad().defined());
  sum(model(x)).backward();  // writes the gradients
  expect_same(flat.gradients(), once);
}

TEST(FlatParameters, FreezingAllocatesOnlyTheGradientsAgain) {
  Sequential model{Linear{3, 5}, Linear{5, 2}};
  FlatParameters flat(model.named_parameters());
  const void* values = flat.values().raw();
  const u64 version = flat.layout_version();
  for (const NamedParameter& p : model[0].named_parameters()) p.variable.set_requires_grad(false);
  flat.allocate_gradients();
  EXPECT_EQ(flat.layout_version(), version + 1);
  EXPECT_EQ(flat.values().raw(), values);
  EXPECT_EQ(flat.segments()[0].gradient_offset, -1);
  EXPECT_EQ(flat.segments()[1].gradient_offset, -1);
  EXPECT_EQ(flat.segments()[2].gradient_offset, 0);
  EXPECT_EQ(flat.segments()[3].gradient_offset, 16);
  EXPECT_EQ(flat.gradients().elements(), 32);
  sum(model(numbers({4, 3}))).backward();
  EXPECT_FALSE(model[0].named_parameters()[0].variable.grad().defined());
  EXPECT_TRUE(model[1].named_parameters()[0].variable.grad().defined());
}

// A new gradient tensor would lie outside the flat buffer, where no optimizer reads it.
TEST(FlatParameters, ConvertingToTheSameTypeAndDeviceKeepsValuesAndGradientsInPlace) {
  Sequential model{Linear{3, 5}, Linear{5, 2}};
  const FlatParameters flat(model.named_parameters());
  const Tensor x = numbers({4, 3});
  sum(model(x)).backward();
  const Tensor once = flat.gradients().clone();
  model.to(DType::f32);
  model.to(Device{Cpu{}});
  for (const FlatParameters::Segment& segment : flat.segments()) {
    EXPECT_TRUE(segment.leaf->has_grad) << segment.name;
    EXPECT_TRUE(segment.leaf->value.shares_storage_with(flat.values())) << segment.name;
  }
  expect_same(flat.gradients(), once);
  sum(model(x)).backward();  // adds
  for (const FlatParameters::Segment& segment : flat.segments())
    EXPECT_EQ(Variable::of_leaf(segment.leaf).grad().raw(),
              flat.gradients().data<float>() + segment.gradient_offset)
        << segment.name;
  expect_near(flat.gradients(), affine(once, 2, 0), 1e-4);
}

TEST(FlatParameters, ConvertingToAnotherTypeDropsTheGradients) {
  Linear layer{3, 5};
  sum(layer(numbers({4, 3}))).backward();
  layer.to(DType::f64);
  EXPECT_EQ(layer.weight.value().dtype(), DType::f64);
  EXPECT_FALSE(layer.weight.variable().grad().defined());
  sum(layer(numbers({4, 3}, DType::f64))).backward();
  EXPECT_EQ(layer.weight.variable().grad().dtype(), DType::f64);
}

TEST(FlatParameters, ATiedParameterIsOneSegment) {
  struct Tied : Module {
    Linear a{3, 3}, b{3, 3};
    Tied() { b.weight.tie(a.weight); }
    void parts(Parts& p) override { p("a", a)("b", b); }
    Variable forward(const Variable& x) override { return b(a(x)); }
  } tied;
  const FlatParameters flat(tied.named_parameters());
  EXPECT_EQ(flat.segments().size(), 3u);
  EXPECT_EQ(tied.a.weight.value().raw(), tied.b.weight.value().raw());
}

TEST(FlatParameters, OneTypeIsRequired) {
  Sequential model{Linear{3, 5}, Linear{5, 2}};
  model[1].to(DType::f64);
  EXPECT_CONTAINS(error_of([&] { FlatParameters flat(model.named_parameters()); }),
                  "'1.weight' is f64");
  EXPECT_CONTAINS(error_of([] { FlatParameters flat(NamedParameters{}); }), "none given");
}

}  // namespace
}  // namespace weft::nn

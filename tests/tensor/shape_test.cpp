// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/shape.h"

#include <limits>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tensor/dtype.h"

namespace weft {
namespace {

TEST(Shape, CountsAndIndexesFromBothEnds) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.elements(), 30);
  EXPECT_EQ(shape.elements(1, 3), 15);
  EXPECT_EQ(shape.elements(1, 1), 1);
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{2, 0, 3}).elements(), 0);
}

TEST(Shape, ChangesGiveNewShapes) {
  const Shape shape{2, 3};
  EXPECT_EQ(shape.with(-1, 7), (Shape{2, 7}));
  EXPECT_EQ(shape.without(0), (Shape{3}));
  EXPECT_EQ(shape.inserted(1, 9), (Shape{2, 9, 3}));
  EXPECT_EQ(shape.inserted(2, 9), (Shape{2, 3, 9}));
  EXPECT_NE(shape, (Shape{2, 3, 1}));
  EXPECT_EQ(shape.to_string(), "(2, 3)");
  EXPECT_EQ(Shape{}.to_string(), "()");
}

TEST(Shape, RefusesWhatIsNone) {
  EXPECT_THROW((Shape{2, -2}), UserError);
  EXPECT_THROW((Shape{-1, 2, -1}), UserError);
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1}), UserError);
  EXPECT_THROW((Shape{i64{1} << 40, i64{1} << 40}), UserError);
  EXPECT_THROW((Shape{2, 3})[2], UserError);
  EXPECT_THROW((Shape{2, 3})[-3], UserError);
}

TEST(Shape, OneSizeMayBeLeftToReshape) {
  EXPECT_EQ((Shape{2, -1}).completed({3, 4}), (Shape{2, 6}));
  EXPECT_EQ((Shape{-1}).completed({}), Shape{1});
  EXPECT_EQ((Shape{2, 6}).completed({3, 4}), (Shape{2, 6}));
  EXPECT_THROW((Shape{5, -1}).completed({3, 4}), UserError);
  EXPECT_THROW((Shape{0, -1}).completed({0, 4}), UserError);
  EXPECT_EQ((Shape{2, -1}).to_string(), "(2, -1)");
  EXPECT_EQ((Shape{0, -1}).elements(), -1);  // so no tensor can have this shape
}

TEST(Shape, BroadcastsByNumPysRule) {
  EXPECT_EQ(broadcast_shapes("op", {2, 3}, {3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shapes("op", {2, 1}, {1, 3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shapes("op", {}, {4, 5}), (Shape{4, 5}));
  EXPECT_EQ(broadcast_shapes("op", {0, 3}, {1}), (Shape{0, 3}));
  EXPECT_EQ(broadcast_shapes("op", {1}, {0}), (Shape{0}));
  try {
    broadcast_shapes("op", {2, 3}, {2});
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("op: ", 0), 0u);
    EXPECT_NE(std::string(error.what()).find("(2, 3)"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("(2)"), std::string::npos);
  }
}

TEST(DType, IsNamedBothWays) {
  for (const DType dtype :
       {DType::f32, DType::f64, DType::f16, DType::bf16, DType::int64, DType::int32, DType::uint8})
    EXPECT_EQ(dtype_named(name_of(dtype)), dtype);
  EXPECT_THROW(dtype_named("float"), UserError);
  EXPECT_EQ(bytes_of(DType::bf16), 2);
  EXPECT_TRUE(is_floating(DType::f16));
  EXPECT_FALSE(is_floating(DType::uint8));
}

}  // namespace
}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

Tensor cuboid(const testing::Draw& draw) {
  return draw.normal({draw.size.rows, 4, draw.size.cols});
}
Tensor thin_cuboid(const testing::Draw& draw) {
  return draw.normal({draw.size.rows, 1, draw.size.cols});
}

// A tensor whose element at (o, j, i) around an axis is at(o, j, i).
template <class At>
Variable by_place(const Shape& shape, int axis, const At& at) {
  Tensor y = Tensor::empty(shape, DType::f64);
  const i64 outer = shape.elements(0, axis), n = shape[axis],
            inner = shape.elements(axis + 1, shape.rank());
  for (i64 o = 0; o < outer; ++o)
    for (i64 j = 0; j < n; ++j)
      for (i64 i = 0; i < inner; ++i) y.data<double>()[(o * n + j) * inner + i] = at(o, j, i);
  return Variable(y);
}
// The element (o, j, i) of x around an axis.
double element(const Variable& x, int axis, i64 o, i64 j, i64 i) {
  const Shape& s = x.shape();
  return x.value().data<double>()[(o * s[axis] + j) * s.elements(axis + 1, s.rank()) + i];
}

WEFT_OP_ROW(narrow,
            {.inputs = {cuboid},
             .op = [](auto& a) { return narrow(a[0], -2, 1, 2); },
             .reference =
                 [](auto& a) {
                   return by_place(a[0].shape().with(1, 2), 1, [&](i64 o, i64 j, i64 i) {
                     return element(a[0], 1, o, j + 1, i);
                   });
                 },
             .errors = {{[] {
                           narrow(Variable(Tensor::zeros({2, 5})), 1, 3, 3);
                         },
                         "3 entries from 3 of axis 1 of (2, 5); entries in 0..4 are required"},
                        {[] {
                           narrow(Variable(Tensor::zeros({2, 5})), 1, -1, 3);
                         },
                         "3 entries from -1"}}});
WEFT_OP_ROW(narrow, {.variant = "rows",
                     .inputs = {matrix},
                     .op =
                         [](auto& a) {
                           const i64 half = a[0].shape()[0] / 2;
                           return narrow(a[0], 0, half, a[0].shape()[0] - half);
                         },
                     .reference =
                         [](auto& a) {
                           const i64 rows = a[0].shape()[0], half = rows / 2;
                           return by_place(a[0].shape().with(0, rows - half), 0,
                                           [&](i64 o, i64 j, i64 i) {
                                             return element(a[0], 0, o, j + half, i);
                                           });
                         }});
WEFT_OP_ROW(pad, {.inputs = {cuboid},
                  .op = [](auto& a) { return pad(a[0], 1, 2, 1, 0.5); },
                  .reference =
                      [](auto& a) {
                        return by_place(a[0].shape().with(1, 7), 1, [&](i64 o, i64 j, i64 i) {
                          return j < 2 || j >= 6 ? 0.5 : element(a[0], 1, o, j - 2, i);
                        });
                      },
                  .errors = {{[] {
                                pad(Variable(Tensor::zeros({2, 3})), 0, -1, 0);
                              },
                              "-1 before and 0 after; both must be 0 or more"}}});
WEFT_OP_ROW(pad, {.variant = "last_axis",
                  .inputs = {matrix},
                  .op = [](auto& a) { return pad(a[0], -1, 0, 3); },
                  .reference =
                      [](auto& a) {
                        const i64 cols = a[0].shape()[1];
                        return by_place(a[0].shape().with(1, cols + 3), 1,
                                        [&](i64 o, i64 j, i64 i) {
                                          return j < cols ? element(a[0], 1, o, j, i) : 0.0;
                                        });
                      }});
// The first input is given twice, so that its gradient has two contributions.
WEFT_OP_ROW(
    concat,
    {.inputs = {cuboid, thin_cuboid},
     .op =
         [](auto& a) {
           return concat({a[0], a[1], a[0]}, 1);
         },
     .reference =
         [](auto& a) {
           return by_place(a[0].shape().with(1, 9), 1, [&](i64 o, i64 j, i64 i) {
             return j == 4 ? element(a[1], 1, o, 0, i) : element(a[0], 1, o, j % 5, i);
           });
         },
     .errors =
         {{[] { concat(std::span<const Variable>(), 0); },
           "no input given; at least one is required"},
          {[] {
             concat({Variable(Tensor::zeros({2, 3})), Variable(Tensor::zeros({3, 3}))}, 1);
           },
           "input 1 is (3, 3) and input 0 is (2, 3); all sizes but that of axis 1 must "
           "be equal"},
          {[] {
             concat({Variable(Tensor::zeros({2})), Variable(Tensor::zeros({2}, DType::f64))}, 0);
           },
           "inputs of f32 and f64; one dtype is required"},
          {[] { concat({Variable(Tensor::zeros({}))}, 0); }, "input 0 is a scalar or undefined"}}});
WEFT_OP_ROW(concat, {.variant = "rows",
                     .inputs = {matrix, testing::like(0)},
                     .op =
                         [](auto& a) {
                           return concat({a[0], a[1]}, 0);
                         },
                     .reference =
                         [](auto& a) {
                           const i64 rows = a[0].shape()[0];
                           return by_place(a[0].shape().with(0, 2 * rows), 0,
                                           [&](i64 o, i64 j, i64 i) {
                                             return element(a[j < rows ? 0 : 1], 0, o, j % rows, i);
                                           });
                         }});
WEFT_OP_ROW(stack, {.inputs = {matrix, testing::like(0)},
                    .op =
                        [](auto& a) {
                          return stack({a[0], a[1], a[1]}, 1);
                        },
                    .reference =
                        [](auto& a) {
                          return by_place(a[0].shape().inserted(1, 3), 1, [&](i64 o, i64 j, i64 i) {
                            return element(a[j == 0 ? 0 : 1], 0, 0, o, i);
                          });
                        },
                    .errors = {{[] { stack({Variable(Tensor::zeros({2}))}, 2); },
                                "axis 2 for inputs of (2); axes go from -2 to 1"}}});
WEFT_OP_ROW(stack,
            {.variant = "last_axis",
             .inputs = {matrix, testing::like(0)},
             .op =
                 [](auto& a) {
                   return stack({a[0], a[1]}, -1);
                 },
             .reference =
                 [](auto& a) {
                   return by_place(a[0].shape().inserted(2, 2), 2, [&](i64 o, i64 j, i64) {
                     return a[static_cast<std::size_t>(j)].value().template data<double>()[o];
                   });
                 }});
// The parts are put together in reverse.
WEFT_OP_ROW(split, {.inputs = {cuboid},
                    .op =
                        [](auto& a) {
                          const std::vector<Variable> parts = split(a[0], 3, 1);
                          return concat({parts[1], parts[0]}, 1);
                        },
                    .reference =
                        [](auto& a) {
                          return by_place(a[0].shape(), 1, [&](i64 o, i64 j, i64 i) {
                            return element(a[0], 1, o, (j + 3) % 4, i);
                          });
                        },
                    .errors = {{[] {
                                  split(Variable(Tensor::zeros({2, 3})), 0, 1);
                                },
                                "parts of 0 entries; at least 1 is required"},
                               {[] {
                                  split(Variable(Tensor::zeros({2, 3})), {1, 1}, 1);
                                },
                                "parts of 2 entries for axis 1 of (2, 3); 3 are required"},
                               {[] {
                                  split(Variable(Tensor::zeros({2, 3})), {4, -1}, 1);
                                },
                                "a part of -1 entries; 0 or more are required"}}});
WEFT_OP_ROW(split, {.variant = "sizes",
                    .inputs = {cuboid},
                    .op =
                        [](auto& a) {
                          return split(a[0], {1, 0, 3}, -2)[2];
                        },
                    .reference =
                        [](auto& a) {
                          return by_place(a[0].shape().with(1, 3), 1, [&](i64 o, i64 j, i64 i) {
                            return element(a[0], 1, o, j + 1, i);
                          });
                        }});
WEFT_OP_ROW(chunk, {.inputs = {cuboid},
                    .op = [](auto& a) { return chunk(a[0], 2, 1)[1]; },
                    .reference =
                        [](auto& a) {
                          return by_place(a[0].shape().with(1, 2), 1, [&](i64 o, i64 j, i64 i) {
                            return element(a[0], 1, o, j + 2, i);
                          });
                        },
                    .errors = {{[] { chunk(Variable(Tensor::zeros({2})), 0, 0); },
                                "0 parts; at least 1 is required"}}});

TEST(Narrow, TheNumbersOfPartsAreTorchs) {
  const auto sizes = [](const std::vector<Variable>& parts) {
    std::vector<i64> all;
    for (const Variable& part : parts) all.push_back(part.shape()[0]);
    return all;
  };
  const auto zeros = [](i64 n) { return Variable(Tensor::zeros({n, 2})); };
  EXPECT_EQ(sizes(split(zeros(7), 3, 0)), (std::vector<i64>{3, 3, 1}));
  EXPECT_EQ(sizes(split(zeros(0), 3, 0)), (std::vector<i64>{0}));
  EXPECT_EQ(sizes(chunk(zeros(7), 3, 0)), (std::vector<i64>{3, 3, 1}));
  EXPECT_EQ(sizes(chunk(zeros(5), 4, 0)), (std::vector<i64>{2, 2, 1}));
  EXPECT_EQ(sizes(chunk(zeros(2), 5, 0)), (std::vector<i64>{1, 1}));
}

TEST(Narrow, TensorsOfAnyDType) {
  const Tensor x = Tensor::copy_of(std::vector<u8>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(narrow(x, 1, 1, 2).to_vector<u8>(), (std::vector<u8>{2, 3, 5, 6}));
  EXPECT_TRUE(narrow(x, 0, 1, 1).shares_storage_with(x));
  EXPECT_EQ(narrow(x, 0, 1, 1).to_vector<u8>(), (std::vector<u8>{4, 5, 6}));
  EXPECT_EQ(pad(x, 1, 1, 0, 9).to_vector<u8>(), (std::vector<u8>{9, 1, 2, 3, 9, 4, 5, 6}));
  EXPECT_EQ(concat({x, x}, -1).to_vector<u8>(),
            (std::vector<u8>{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  const Tensor labels = Tensor::copy_of(std::vector<i64>{5, 6}, {2});
  EXPECT_EQ(stack({labels, labels}, 0).shape(), (Shape{2, 2}));
  EXPECT_EQ(stack({labels, labels}, 1).to_vector<i64>(), (std::vector<i64>{5, 5, 6, 6}));
}

}  // namespace
}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

Tensor triples(const testing::Draw& draw) {
  return draw.normal({draw.size.rows, 3, draw.size.cols});
}
Tensor column(const testing::Draw& draw) { return draw.normal({draw.size.rows, 1}); }

WEFT_OP_ROW(reshape,
            {.inputs = {matrix},
             .op =
                 [](auto& a) {
                   return reshape(a[0], {a[0].shape()[1], a[0].shape()[0]});
                 },
             .reference =
                 [](auto& a) {
                   return Variable(a[0].value().reshape(Shape{a[0].shape()[1], a[0].shape()[0]}));
                 },
             .errors = {{[] {
                           reshape(Variable(Tensor::zeros({2, 3})), {5});
                         },
                         "(2, 3) has 6 elements and (5) has 5"},
                        {[] {
                           reshape(Variable(Tensor::zeros({2, 3})), {-1, -1});
                         },
                         "two sizes of -1"},
                        {[] {
                           reshape(Variable(Tensor::zeros({2, 3})), {4, -1});
                         },
                         "a multiple of 4"}}});
WEFT_OP_ROW(
    flatten,
    {.inputs = {triples},
     .op = [](auto& a) { return flatten(a[0]); },
     .reference =
         [](auto& a) {
           return Variable(a[0].value().reshape(Shape{a[0].shape()[0], 3 * a[0].shape()[2]}));
         },
     .errors = {{[] { flatten(Variable(Tensor::zeros({}))); },
                 "x is a scalar; at least one axis is required"}}});
WEFT_OP_ROW(permute, {.inputs = {triples},
                      .op =
                          [](auto& a) {
                            return permute(a[0], {2, 0, 1});
                          },
                      .reference =
                          [](auto& a) {
                            const Shape& s = a[0].shape();
                            Tensor y = Tensor::empty({s[2], s[0], 3}, DType::f64);
                            for (i64 i = 0; i < s[0]; ++i)
                              for (i64 j = 0; j < 3; ++j)
                                for (i64 k = 0; k < s[2]; ++k)
                                  y.data<double>()[(k * s[0] + i) * 3 + j] =
                                      a[0].value().template data<double>()[(i * 3 + j) * s[2] + k];
                            return Variable(y);
                          },
                      .errors = {{[] {
                                    permute(Variable(Tensor::zeros({2, 3})), {0});
                                  },
                                  "1 axes given for shape (2, 3)"},
                                 {[] {
                                    permute(Variable(Tensor::zeros({2, 3})), {0, 0});
                                  },
                                  "axis 0 given twice"}}});
WEFT_OP_ROW(permute, {.variant = "transpose",
                      .inputs = {matrix},
                      .op =
                          [](auto& a) {
                            return permute(a[0], {1, 0});
                          },
                      .reference =
                          [](auto& a) {
                            const Shape& s = a[0].shape();
                            Tensor y = Tensor::empty({s[1], s[0]}, DType::f64);
                            for (i64 i = 0; i < s[0]; ++i)
                              for (i64 j = 0; j < s[1]; ++j)
                                y.data<double>()[j * s[0] + i] =
                                    a[0].value().template data<double>()[i * s[1] + j];
                            return Variable(y);
                          }});
WEFT_OP_ROW(broadcast_to, {.inputs = {column},
                           .op =
                               [](auto& a) {
                                 return broadcast_to(a[0], {2, a[0].shape()[0], 7});
                               },
                           .reference =
                               [](auto& a) {
                                 const i64 rows = a[0].shape()[0];
                                 Tensor y = Tensor::empty({2, rows, 7}, DType::f64);
                                 for (i64 i = 0; i < y.elements(); ++i)
                                   y.data<double>()[i] =
                                       a[0].value().template data<double>()[i / 7 % rows];
                                 return Variable(y);
                               },
                           .errors = {{[] {
                                         broadcast_to(Variable(Tensor::zeros({2, 3})), {3, 2});
                                       },
                                       "(2, 3)"}}});

}  // namespace
}  // namespace weft

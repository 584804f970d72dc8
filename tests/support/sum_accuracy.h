// SPDX-License-Identifier: Apache-2.0
// The law of sums: the error of a sum of floats is at most four times that of a pairwise sum of the
// same terms, plus one rounding of the result. Every reduction and every gradient that is one keeps
// it, on every device, for up to 10^6 terms.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"

namespace weft::test_support {

// A reduction of terms (n, columns) to (columns) on a device.
struct Reduction {
  std::string name;
  std::function<Tensor(const Tensor& terms)> of;
  bool average = false;
  bool of_magnitudes = false;
};

// The gradient of `bias` for a result whose gradient is `terms`.
inline Tensor gradient_of(const Variable& bias, const Variable& result, const Tensor& terms) {
  result.backward(terms.reshape(result.shape()));
  return bias.grad();
}

inline std::vector<Reduction> reductions() {
  const auto ones = [](const Tensor& terms) {
    return Tensor::full({terms.size(1)}, 1, DType::f32, terms.device());
  };
  const auto zeros = [](const Tensor& terms, const Shape& shape) {
    return Tensor::zeros(shape, DType::f32, terms.device());
  };
  return {
      {"sum of axis 0", [](const Tensor& t) { return sum(t, 0); }},
      {"sum of axis 1 of 3",
       [](const Tensor& t) {
         return sum(t.reshape({1, t.size(0), t.size(1)}), 1);
       }},
      {"sum of two matrices",
       [](const Tensor& t) {
         Tensor both = Tensor::empty({2, t.size(0), t.size(1)}, t.dtype(), t.device());
         for (i64 i : {0, 1}) both.slice(i, i + 1).copy_from(t.reshape({1, t.size(0), t.size(1)}));
         return sum(both, 1).slice(1, 2);
       }},
      {"mean of axis 0", [](const Tensor& t) { return mean(t, 0); }, true},
      {"global_avg_pool",
       [](const Tensor& t) {
         return global_avg_pool(t.reshape({1, t.size(0), 1, t.size(1)}));
       },
       true},
      {"avg_pool2d",
       [](const Tensor& t) {
         return avg_pool2d(t.reshape({1, t.size(0), 1, t.size(1)}), {.kernel = {t.size(0), 1}});
       },
       true},
      {"the gradient of a row that is added",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(b, add(Variable(t), b), t);
       }},
      {"linear's bias",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(
             b, linear(Variable(zeros(t, {t.size(0), 1})), Variable(zeros(t, {t.size(1), 1})), b),
             t);
       }},
      {"conv2d's bias",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(b,
                            conv2d(Variable(zeros(t, {1, t.size(0), 1, 1})),
                                   Variable(zeros(t, {t.size(1), 1, 1, 1})), b),
                            t);
       }},
      {"layer_norm's bias",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(b, layer_norm(Variable(t), Variable(ones(t)), b), t);
       }},
      {"batch_norm's beta",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(b, batch_norm(Variable(t), Variable(ones(t)), b).y, t);
       }},
      {"embedding's table",
       [=](const Tensor& t) {
         const Variable table = Variable::leaf(zeros(t, {3, t.size(1)}));
         const Tensor index = Tensor::zeros({t.size(0)}, DType::int64, t.device());
         return gradient_of(table, embedding(table, index), t).slice(0, 1);
       }},
      {"batch_norm_eval's beta",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         return gradient_of(
             b, batch_norm_eval(Variable(t), Variable(ones(t)), b, zeros(t, {t.size(1)}), ones(t)),
             t);
       }},
      {"batch_norm_pool's beta",  // of pictures in which a window has equal pixels
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         const Variable x(zeros(t, {1, 2 * t.size(0), 2, t.size(1)}));
         return gradient_of(b, batch_norm_pool(x, Variable(ones(t)), b).y, t);
       }},
      {"batch_norm's beta with relu",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(Tensor::full({t.size(1)}, 1, DType::f32, t.device()));
         const Variable x(zeros(t, t.shape()));
         return gradient_of(b, batch_norm(x, Variable(ones(t)), b, {.relu = true}).y, t);
       }},
      {"sum of two axes that are not neighbours",
       [](const Tensor& t) {
         const i64 columns = t.size(1), rows = t.size(0) % 2 == 0 ? 2 : 1;
         // (rows, n/rows, columns) to (rows, columns, n/rows)
         return sum(permute(t.reshape({rows, t.size(0) / rows, columns}), {0, 2, 1}), {0, 2});
       }},
      {"the gradient of an input that is broadcast along two axes",
       [=](const Tensor& t) {
         const i64 columns = t.size(1), rows = t.size(0) % 2 == 0 ? 2 : 1;
         const Tensor terms = permute(t.reshape({rows, t.size(0) / rows, columns}), {0, 2, 1});
         const Variable b = Variable::leaf(zeros(t, {1, columns, 1}));
         return gradient_of(b, add(Variable(terms), b), terms).reshape({columns});
       }},
      {"sum of two axes of 3",
       [](const Tensor& t) {
         return sum(t.reshape({1, t.size(0), t.size(1)}), {0, 1});
       }},
      {"gather's gradient",
       [=](const Tensor& t) {
         const Variable x = Variable::leaf(zeros(t, {1, 3, t.size(1)}));
         const Tensor index = Tensor::zeros({1, t.size(0), t.size(1)}, DType::int64, t.device());
         return gradient_of(x, gather(x, 1, index), t).reshape({3, t.size(1)}).slice(0, 1);
       }},
      {"the gradient of a row in where",
       [=](const Tensor& t) {
         const Variable b = Variable::leaf(zeros(t, {t.size(1)}));
         const Tensor condition = Tensor::full({1}, 1, DType::uint8, t.device());
         return gradient_of(b, where(condition, b, Variable(t)), t);
       }},
      {"l1",
       [=](const Tensor& t) {
         Tensor y = Tensor::empty({t.size(1)});
         // Of one column at a time.
         for (i64 c = 0; c < t.size(1); ++c) {
           const Tensor column = permute(t, {1, 0}).slice(c, c + 1).reshape({t.size(0)});
           y.values<float>()[static_cast<std::size_t>(c)] =
               l1(Variable(column), zeros(t, {t.size(0)})).value().to(Cpu{}).item<float>();
         }
         return y;
       },
       true, true},
  };
}

inline float pairwise_sum(const float* x, i64 n, i64 stride) {
  if (n == 1) return x[0];
  const i64 half = n / 2;
  return pairwise_sum(x, half, stride) + pairwise_sum(x + half * stride, n - half, stride);
}

// Terms of which a running sum loses digits. Those that cancel are neighbours, so that a pairwise
// sum keeps the small ones.
inline std::vector<std::pair<std::string, std::function<float(i64)>>> terms_to_sum() {
  return {{"all 0.1", [](i64) { return 0.1f; }},
          {"uniform",
           [](i64 i) { return static_cast<float>((i * 2654435761ll) % 1000003) / 1000003.0f; }},
          {"a large one first", [](i64 i) { return i < 2 ? 1e6f : 0.3f; }},
          {"large ones that cancel", [](i64 i) {
             constexpr float kTerms[] = {1, 0, 1e8f, -1e8f};
             return kTerms[i / 2 % 4];
           }}};
}

inline void expect_law_of_sums(const Device& device, const std::vector<i64>& lengths) {
  constexpr i64 kColumns = 2;
  for (const i64 n : lengths)
    for (const auto& [kind, term] : terms_to_sum()) {
      std::vector<float> values;
      for (i64 i = 0; i < n * kColumns; ++i) values.push_back(term(i));
      const Tensor terms = Tensor::copy_of(values, {n, kColumns}).to(device);
      const bool negative = *std::min_element(values.begin(), values.end()) < 0;
      for (const Reduction& reduction : reductions()) {
        if (reduction.of_magnitudes && negative) continue;
        const auto got = reduction.of(terms).to(Cpu{}).to_vector<float>();
        ASSERT_EQ(got.size(), kColumns) << reduction.name;
        for (i64 c = 0; c < kColumns; ++c) {
          const float* first = values.data() + c;
          double exact = 0;
          for (i64 k = 0; k < n; ++k) exact += static_cast<double>(first[k * kColumns]);
          double pairwise = static_cast<double>(pairwise_sum(first, n, kColumns));
          if (reduction.average) {
            exact /= static_cast<double>(n);
            pairwise /= static_cast<double>(n);
          }
          const double rounding = std::ldexp(std::abs(exact), -23);
          EXPECT_LE(std::abs(static_cast<double>(got[static_cast<std::size_t>(c)]) - exact),
                    4 * std::abs(pairwise - exact) + rounding)
              << reduction.name << " of " << n << " terms, " << kind << ", on " << name_of(device);
        }
      }
    }
}

}  // namespace weft::test_support

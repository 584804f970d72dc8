// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/init.h"

#include <cmath>

#include <Eigen/QR>

namespace weft::nn::init {
namespace {

// Draws in f64 on the CPU and copies the result to `weight`, for initialisers that are not a single
// fill kernel.
template <class Draw>
void through_host(const Tensor& weight, const Draw& draw) {
  const Tensor host = Tensor::empty(weight.shape(), DType::f64);
  draw(host);
  weight.copy_from(host.to(weight.dtype()).to(weight.device()));
}

double chosen(const Tensor& weight, Fan fan) {
  const Fans counts = fans(weight);
  return static_cast<double>(std::max<i64>(1, fan == Fan::in ? counts.in : counts.out));
}

double xavier_std(const Tensor& weight, double gain) {
  const Fans counts = fans(weight);
  return gain * std::sqrt(2.0 / static_cast<double>(counts.in + counts.out));
}

}  // namespace

Fans fans(const Tensor& weight) {
  const Shape& shape = weight.shape();
  WEFT_CHECK(shape.rank() >= 2, "init: weight is {}; at least two axes are required to count fans",
             shape);
  const i64 window = shape.elements(1, shape.rank() - 1);
  return {shape[-1] * window, shape[0] * window};
}

void constant(const Tensor& weight, double value) { weight.fill(value); }
void uniform(const Tensor& weight, double low, double high, Generator& generator) {
  generator.uniform(weight, low, high);
}
void normal(const Tensor& weight, double mean, double std, Generator& generator) {
  generator.normal(weight, mean, std);
}

void trunc_normal(const Tensor& weight, double mean, double std, double low, double high,
                  Generator& generator) {
  WEFT_CHECK(
      low < high && std > 0 && low - mean < 4 * std && mean - high < 4 * std,
      "trunc_normal: bounds {} and {} for mean {} and std {}; they must be in order and within 4 std of "
      "the mean",
      low, high, mean, std);
  through_host(weight, [&](const Tensor& host) {
    generator.normal(host, mean, std);
    const Tensor again = Tensor::empty({1}, DType::f64);
    for (double& value : host.values<double>()) {
      while (value < low || value > high) {
        generator.normal(again, mean, std);
        value = again.values<double>()[0];
      }
    }
  });
}

void xavier_uniform(const Tensor& weight, double gain, Generator& generator) {
  const double bound = xavier_std(weight, gain) * std::sqrt(3.0);
  generator.uniform(weight, -bound, bound);
}
void xavier_normal(const Tensor& weight, double gain, Generator& generator) {
  generator.normal(weight, 0.0, xavier_std(weight, gain));
}
void kaiming_uniform(const Tensor& weight, double gain, Fan fan, Generator& generator) {
  const double bound = gain * std::sqrt(3.0 / chosen(weight, fan));
  generator.uniform(weight, -bound, bound);
}
void kaiming_normal(const Tensor& weight, double gain, Fan fan, Generator& generator) {
  generator.normal(weight, 0.0, gain / std::sqrt(chosen(weight, fan)));
}

void orthogonal(const Tensor& weight, double gain, Generator& generator) {
  fans(weight);
  const i64 rows = weight.size(0), cols = weight.shape().elements(1, weight.rank());
  through_host(weight, [&](const Tensor& host) {
    generator.normal(host, 0.0, 1.0);
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<Matrix> drawn(host.data<double>(), rows, cols);
    // The QR decomposition needs at least as many rows as columns. Multiplying by the signs of the
    // diagonal of R makes the result uniform over the orthogonal matrices.
    const Matrix tall = rows >= cols ? Matrix(drawn) : Matrix(drawn.transpose());
    const Eigen::HouseholderQR<Matrix> qr(tall);
    Matrix q = qr.householderQ() * Matrix::Identity(tall.rows(), tall.cols());
    for (Eigen::Index c = 0; c < q.cols(); ++c)
      if (qr.matrixQR()(c, c) < 0) q.col(c) *= -1.0;
    drawn = gain * (rows >= cols ? q : Matrix(q.transpose()));
  });
}

void default_linear(const Tensor& weight, const Tensor& bias, Generator& generator) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<i64>(1, fans(weight).in)));
  generator.uniform(weight, -bound, bound);
  if (bias.defined()) generator.uniform(bias, -bound, bound);
}

}  // namespace weft::nn::init

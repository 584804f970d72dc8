// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/batch_norm_pool.h"

#include "weft/tensor/check.h"
#include "weft/tensor/check_eps.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

void check_input(const Tensor& x) {
  WEFT_CHECK(x.rank() >= 2, "batch_norm: x is {}; (…, channels) with at least two axes is required",
             x.shape());
}

// Checks a parameter or statistic (channels), which may be undefined.
void check_channels(const char* op, const char* name, const Tensor& tensor, const Tensor& x) {
  if (!tensor.defined()) return;
  WEFT_CHECK(tensor.shape() == Shape{x.size(-1)}, "{}: x is {} and {} is {}; {} must be ({})", op,
             x.shape(), name, tensor.shape(), name, x.size(-1));
  check_same_device(op, x, tensor);
}

void check_parameters(const char* op, const Tensor& x, const BatchStatistics& statistics,
                      const Tensor& gamma, const Tensor& beta) {
  check_channels(op, "mean", statistics.mean, x);
  check_channels(op, "inv_std", statistics.inv_std, x);
  check_channels(op, "gamma", gamma, x);
  check_channels(op, "beta", beta, x);
  for (const Tensor* tensor : {&gamma, &beta})
    if (tensor->defined()) check_same_kind(op, x, *tensor);
}

void check_residual(const Tensor& x, const Tensor& residual) {
  if (residual.defined()) check_same_kind("batch_norm", x, residual);
  WEFT_CHECK(!residual.defined() || residual.shape() == x.shape(),
             "batch_norm: x is {} and the residual is {}; the same shape is required", x.shape(),
             residual.shape());
}

template <class T>
kernels::BatchNormParameters<T> parameters_of(const Tensor& gamma, const Tensor& beta,
                                              const BatchStatistics& statistics) {
  return {.gamma = data_or_null<T>(gamma),
          .beta = data_or_null<T>(beta),
          .mean = statistics.mean.data<double>(),
          .inv_std = statistics.inv_std.data<double>()};
}

Tensor per_channel(i64 channels, const Device& device) {
  return Tensor::empty({channels}, DType::f64, device);
}

kernels::BatchStatistics pointers_to(const BatchStatistics& s) {
  return {.mean = s.mean.data<double>(),
          .inv_std = s.inv_std.data<double>(),
          .batch_var = s.variance.data<double>()};
}

void check_values(const Tensor& x, i64 values, const char* where) {
  WEFT_CHECK(
      values >= 2,
      "batch_norm: x is {}, {} values per channel{}; at least 2 are required for statistics of the batch",
      x.shape(), values, where);
}

kernels::PooledImages images_of(const Tensor& x) {
  WEFT_CHECK(
      x.rank() == 4 && x.size(1) >= 2 && x.size(2) >= 2,
      "batch_norm_pool: x is {}; (batch, height, width, channels) of at least 2 × 2 pixels is required",
      x.shape());
  return {x.size(0), x.size(1), x.size(2), x.size(3)};
}
Shape pooled(const kernels::PooledImages& s) {
  return {s.batch, s.height / 2, s.width / 2, s.channels};
}

// Note [Shared batch]. The statistics are finished in the memory of the moments.
void shared_statistics(const BatchStatistics& s, const Tensor& x, double eps,
                       const SharedRows& shared) {
  const i64 channels = x.size(-1),
            own_rows = shared.counts ? x.shape().elements(0, x.rank() - 1) : 0;
  const Tensor sums = per_channel(channels + 1, x.device());
  const kernels::ShareMoments moments{.mean = s.mean.data<double>(),
                                      .squares = s.variance.data<double>(),
                                      .sums = sums.data<double>()};
  visit_compute("batch_norm", x.dtype(), [&]<class T>() {
    const kernels::Rows<const T> own{x.data<T>(), own_rows, channels};
    std::visit([&](auto device) { kernels::share_moments<T>(device, moments, own); }, x.device());
  });
  shared.sum(sums);
  // Where the own rows suffice, the device is not waited for. If all rows do not suffice, no
  // process has enough, and each of them throws.
  if (own_rows < 2)
    check_values(x, static_cast<i64>(sums.slice(channels, channels + 1).item<double>()),
                 " on all ranks together");
  std::visit([&](auto device) { kernels::recentre_moments(device, moments, own_rows, channels); },
             x.device());
  shared.sum(s.variance);
  std::visit(
      [&](auto device) {
        kernels::finish_statistics(device, pointers_to(s), moments.squares, moments.sums + channels,
                                   eps, channels);
      },
      x.device());
}

}  // namespace

BatchStatistics batch_statistics(const Tensor& x, double eps, const SharedRows& shared) {
  check_input(x);
  check_eps("batch_norm", eps);
  const i64 channels = x.size(-1);
  BatchStatistics s{per_channel(channels, x.device()), per_channel(channels, x.device()),
                    per_channel(channels, x.device())};
  if (shared.sum && channels > 0) {
    shared_statistics(s, x, eps, shared);
    return s;
  }
  check_values(x, x.shape().elements(0, x.rank() - 1), "");
  const kernels::BatchStatistics out = pointers_to(s);
  visit_compute("batch_norm", x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernels::batch_statistics<T>(device, out, rows<T>(x), eps); },
               x.device());
  });
  return s;
}

BatchStatistics running_statistics(const Tensor& running_mean, const Tensor& running_var,
                                   double eps) {
  check_same_kind("batch_norm", running_mean, running_var);
  check_eps("batch_norm", eps);
  const Tensor variance = running_var.to(DType::f64);
  const Tensor inv_std =
      div(Tensor::full({}, 1.0, DType::f64, variance.device()), sqrt(affine(variance, 1.0, eps)));
  return {running_mean.to(DType::f64), inv_std, variance};
}

Tensor batch_norm(const Tensor& x, const BatchStatistics& statistics, const Tensor& gamma,
                  const Tensor& beta, const Tensor& residual, bool relu) {
  check_input(x);
  check_parameters("batch_norm", x, statistics, gamma, beta);
  check_residual(x, residual);
  Tensor y = Tensor::empty_like(x);
  visit_compute("batch_norm", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::batch_norm<T>(device, rows<T>(y), rows<T>(x), data_or_null<T>(residual),
                                 parameters_of<T>(gamma, beta, statistics), relu);
        },
        x.device());
  });
  return y;
}

void batch_norm_backward(const BatchNormGradients& gradients, const Tensor& dy, const Tensor& x,
                         const Tensor& y, const BatchStatistics& statistics, const Tensor& gamma,
                         const Tensor& beta, bool relu, bool constant_statistics,
                         const SharedRows& shared) {
  check_input(x);
  check_output("batch_norm", dy, x.shape(), x);
  const i64 channels = x.size(-1);
  Tensor sums;  // of dz, of dz·(x − mean) and of rows over the processes
  if (shared.sum && channels > 0 && gradients.dx != nullptr && !constant_statistics)
    sums = per_channel(2 * channels + 1, x.device());
  if (sums.defined() && !shared.counts) {
    fill_with_zeros(sums);
    shared.sum(sums);
    sums = Tensor();
    constant_statistics = true;  // they do not depend on padding
  }
  visit_compute("batch_norm", x.dtype(), [&]<class T>() {
    const kernels::BatchNormGradients<T> out{.dx = data_or_null<T>(gradients.dx),
                                             .dresidual = data_or_null<T>(gradients.dresidual),
                                             .dgamma = data_or_null<T>(gradients.dgamma),
                                             .dbeta = data_or_null<T>(gradients.dbeta)};
    const auto parameters = parameters_of<T>(gamma, beta, statistics);
    const kernels::Rows<const T> DY = rows<T>(dy), X = rows<T>(x);
    const T* Y = data_or_null<T>(y);
    std::visit(
        [&](auto device) {
          if (!sums.defined())
            return kernels::batch_norm_backward<T>(
                device, out, DY, X, Y, parameters,
                {.relu = relu, .constant_statistics = constant_statistics});
          double* data = sums.data<double>();
          kernels::batch_norm_backward_sums<T>(device, data, out, DY, X, Y, parameters, relu);
          shared.sum(sums);
          kernels::batch_norm_backward_dx<T>(device, out, data, DY, X, Y, parameters, relu);
        },
        x.device());
  });
}

BatchNormPoolResult batch_norm_pool(const Tensor& x, const BatchStatistics& statistics,
                                    const Tensor& gamma, const Tensor& beta, bool relu,
                                    bool wants_index) {
  const kernels::PooledImages images = images_of(x);
  check_parameters("batch_norm_pool", x, statistics, gamma, beta);
  BatchNormPoolResult result{Tensor::empty(pooled(images), x.dtype(), x.device()), {}, {}};
  if (wants_index) {
    result.best = Tensor::empty_like(result.y);
    result.index = Tensor::empty(pooled(images), DType::uint8, x.device());
  }
  visit_compute("batch_norm_pool", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::batch_norm_pool<T>(device, result.y.data<T>(), data_or_null<T>(result.best),
                                      data_or_null<u8>(result.index), x.data<T>(), images,
                                      parameters_of<T>(gamma, beta, statistics), relu);
        },
        x.device());
  });
  return result;
}

void batch_norm_pool_backward(const BatchNormGradients& gradients, const Tensor& dy,
                              const Tensor& x, const BatchNormPoolResult& saved,
                              const BatchStatistics& statistics, const Tensor& gamma,
                              const Tensor& beta, bool relu) {
  const kernels::PooledImages images = images_of(x);
  check_output("batch_norm_pool", dy, pooled(images), x);
  const Tensor sums = per_channel(2 * images.channels + 1, x.device());
  visit_compute("batch_norm_pool", x.dtype(), [&]<class T>() {
    const kernels::BatchNormGradients<T> out{.dgamma = data_or_null<T>(gradients.dgamma),
                                             .dbeta = data_or_null<T>(gradients.dbeta)};
    const auto parameters = parameters_of<T>(gamma, beta, statistics);
    std::visit(
        [&](auto device) {
          kernels::batch_norm_backward_sums<T>(device, sums.data<double>(), out, rows<T>(dy),
                                               rows<T>(saved.best), nullptr, parameters, relu);
          if (gradients.dx == nullptr) return;
          kernels::batch_norm_pool_dx<T>(
              device, gradients.dx->data<T>(), sums.data<double>(),
              {.dy = dy.data<T>(), .best = saved.best.data<T>(), .index = saved.index.data<u8>()},
              x.data<T>(), images, parameters, relu);
        },
        x.device());
  });
}

void commit_running_stats(Tensor& running_mean, Tensor& running_var, const Tensor& batch_mean,
                          const Tensor& batch_var, double momentum, const bool* skip,
                          const Tensor& batches) {
  check_same_kind("commit_running_stats", running_mean, running_var);
  check_output("commit_running_stats", running_var, running_mean.shape(), running_mean);
  for (const Tensor* batch : {&batch_mean, &batch_var})
    WEFT_CHECK(batch->shape() == running_mean.shape() && batch->dtype() == DType::f64,
               "commit_running_stats: a statistic of the batch is {} {}; f64 {} is required",
               batch->dtype(), batch->shape(), running_mean.shape());
  visit_compute("commit_running_stats", running_mean.dtype(), [&]<class T>() {
    const kernels::RunningStatistics<T> running{.mean = running_mean.data<T>(),
                                                .var = running_var.data<T>(),
                                                .batches = data_or_null<i64>(batches),
                                                .channels = running_mean.elements()};
    const kernels::BatchMoments batch{.mean = batch_mean.data<double>(),
                                      .var = batch_var.data<double>()};
    std::visit(
        [&](auto device) {
          kernels::commit_running_stats<T>(device, running, batch, momentum, skip);
        },
        running_mean.device());
  });
}

}  // namespace weft

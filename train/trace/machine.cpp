// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trace/machine.h"

#include <algorithm>
#include <limits>

#include "weft/core/clock.h"
#include "weft/device/parallel.h"
#include "weft/tensor/ops.h"

namespace weft::train {
namespace {

constexpr double kEnough = 0.04;  // seconds of one measurement

// The shortest of a few calls.
template <class F>
double best_of(const Device& device, const F& call) {
  double best = std::numeric_limits<double>::infinity(), all = 0;
  for (int i = 0; i < 6 && all < 3 * kEnough; ++i) {
    synchronize(device);
    const Clock::time_point start = Clock::now();
    call();
    synchronize(device);
    const double seconds = seconds_since(start);
    all += seconds;
    best = std::min(best, seconds);
  }
  return std::max(best, 1e-9);
}

double copy_speed(const Device& device) {
  double speed = 0;
  for (i64 elements = i64{1} << 20; elements <= i64{1} << 24; elements *= 4) {
    const Tensor from = Tensor::zeros({elements}, DType::f32, device),
                 to = Tensor::zeros({elements}, DType::f32, device);
    const double seconds = best_of(device, [&] { to.copy_from(from); });
    // The largest size counts, because small ones fit in the caches.
    speed = 2.0 * static_cast<double>(bytes_of(from)) / seconds;
    if (seconds > kEnough) break;
  }
  return speed;
}

double product_speed(const Device& device, DType dtype) {
  double speed = 0;
  const Clock::time_point start = Clock::now();
  for (i64 n = 256; n <= 4096 && seconds_since(start) < 5 * kEnough; n *= 2) {
    const Tensor a = Tensor::full({n, n}, 0.5, dtype, device),
                 b = Tensor::full({n, n}, 0.25, dtype, device);
    const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(n * n);
    const double seconds = best_of(device, [&] { matmul(a, b); });
    speed = std::max(speed, flops / seconds);
    if (n >= 512 && seconds > kEnough / 4) break;
  }
  return speed;
}

}  // namespace

double Machine::least_seconds(double flops, double bytes, bool in_compute_dtype) const {
  const double speed = in_compute_dtype ? compute_flops_per_second : flops_per_second;
  return std::max(speed > 0 ? flops / speed : 0,
                  bytes_per_second > 0 ? bytes / bytes_per_second : 0);
}

Machine measure_machine(const Device& device, DType compute_dtype) {
  const Clock::time_point start = Clock::now();
  Machine machine;
  machine.device = name_of(device);
  machine.threads = threads();
  machine.compute_dtype = compute_dtype;
  machine.bytes_per_second = copy_speed(device);
  machine.flops_per_second = product_speed(device, DType::f32);
  machine.compute_flops_per_second =
      compute_dtype == DType::f32 ? machine.flops_per_second : product_speed(device, compute_dtype);
  machine.seconds = seconds_since(start);
  return machine;
}

}  // namespace weft::train

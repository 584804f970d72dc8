// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

struct RowsCols {
  i64 rows, cols;
};
RowsCols rows_of(const char* op, const Tensor& x) {
  WEFT_CHECK(x.rank() >= 1, "{}: x is a scalar; at least one axis is required", op);
  return {x.shape().elements(0, x.rank() - 1), x.size(-1)};
}

// kernel(device, rows, cols) with pointers of the dtype at hand.
template <class Kernel>
void run(const char* op, Tensor& out, const Tensor& x, const Kernel& kernel) {
  check_output(op, out, x.shape(), x);
  const auto [rows, cols] = rows_of(op, x);
  visit_compute(op, x.dtype(), [&, r = rows, c = cols]<class T>() {
    std::visit([&](auto device) { kernel.template operator()<T>(device, r, c); }, x.device());
  });
}

}  // namespace

void softmax(Tensor& y, const Tensor& x) {
  run("softmax", y, x, [&]<class T>(auto device, i64 rows, i64 cols) {
    kernels::softmax_forward(device, y.data<T>(), x.data<T>(), rows, cols);
  });
}
void softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y) {
  run("softmax", dx, dy, [&]<class T>(auto device, i64 rows, i64 cols) {
    kernels::softmax_backward(device, dx.data<T>(), dy.data<T>(), y.data<T>(), rows, cols);
  });
}
void log_softmax(Tensor& y, const Tensor& x) {
  run("log_softmax", y, x, [&]<class T>(auto device, i64 rows, i64 cols) {
    kernels::log_softmax_forward(device, y.data<T>(), x.data<T>(), rows, cols);
  });
}
void log_softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y) {
  run("log_softmax", dx, dy, [&]<class T>(auto device, i64 rows, i64 cols) {
    kernels::log_softmax_backward(device, dx.data<T>(), dy.data<T>(), y.data<T>(), rows, cols);
  });
}

Tensor softmax(const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  softmax(y, x);
  return y;
}
Tensor log_softmax(const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  log_softmax(y, x);
  return y;
}

}  // namespace weft

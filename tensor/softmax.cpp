// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

// Calls kernel.operator()<T>(device) for the dtype of x, which is the dtype of `out` too.
template <class Kernel>
void run(const char* op, Tensor& out, const Tensor& x, const Kernel& kernel) {
  check_output(op, out, x.shape(), x);
  WEFT_CHECK(x.rank() >= 1, "{}: x is a scalar; at least one axis is required", op);
  visit_compute(op, x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernel.template operator()<T>(device); }, x.device());
  });
}

}  // namespace

void softmax(Tensor& y, const Tensor& x) {
  run("softmax", y, x,
      [&]<class T>(auto device) { kernels::softmax_forward<T>(device, rows<T>(y), rows<T>(x)); });
}
void softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y) {
  run("softmax", dx, dy, [&]<class T>(auto device) {
    kernels::softmax_backward<T>(device, rows<T>(dx), rows<T>(dy), rows<T>(y));
  });
}
void log_softmax(Tensor& y, const Tensor& x) {
  run("log_softmax", y, x, [&]<class T>(auto device) {
    kernels::log_softmax_forward<T>(device, rows<T>(y), rows<T>(x));
  });
}
void log_softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y) {
  run("log_softmax", dx, dy, [&]<class T>(auto device) {
    kernels::log_softmax_backward<T>(device, rows<T>(dx), rows<T>(dy), rows<T>(y));
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

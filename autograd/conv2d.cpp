// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/activation.h"
#include "weft/autograd/autocast.h"
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable conv2d(const Variable& x, const Variable& w, const Variable& bias,
                const Conv2dOptions& options) {
  using kernels::Activation;
  Conv2dOptions plain = options;
  plain.activation = Activation::none;
  // An activation whose slope needs its input cannot be fused when gradients are on, because the
  // fused op does not store that input.
  if (!slope_from_output(options.activation) && grad_enabled())
    return activate(conv2d(x, w, bias, plain), options.activation);

  const Tensor X = autocast(x), W = autocast(w);
  const Tensor no_bias;
  Tensor y = conv2d(X, W, bias.defined() ? bias.value() : no_bias, options);
  const Tensor kept = options.activation == Activation::none ? Tensor() : y;
  const Variable absent;
  if (kept.defined()) note_op([&] { return std::string(name_of(options.activation)); });
  return record(
      "conv2d", std::move(y),
      multi_input_edge(
          std::array{&w, bias.defined() ? &bias : &absent, &x},
          [X = X, W = W, kept = kept, plain, activation = options.activation](
              const Tensor& dY, std::span<Tensor* const> dx) {
            // dY may be overwritten if nothing else holds it.
            Tensor dZ = !kept.defined() || dY.storage_is_unique() ? dY : Tensor::empty_like(dY);
            if (kept.defined()) activation_backward(dZ, dY, kept, activation);
            // The bias gradient is summed before the rounding to a half type.
            const Tensor factor = dZ.to(X.dtype());
            const bool with_bias = dx[0] != nullptr && factor.dtype() == dZ.dtype();
            if (dx[0] != nullptr)
              conv2d_weight_gradient(*dx[0], with_bias ? dx[1] : nullptr, factor, X, plain);
            if (dx[1] != nullptr && !with_bias) sum_to(*dx[1], dZ);
            if (dx[2] != nullptr) conv2d_input_gradient(*dx[2], factor, W, plain);
          }));
}

}  // namespace weft

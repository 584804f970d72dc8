// SPDX-License-Identifier: Apache-2.0
// Returns the gradient of the loss by the kernel of convolve(x, w), from the gradient dy by its
// output. A weight is used at each place, and its gradient is the sum over all of them.
#include "image.h"

Image kernel_gradient(const Image& x, const Image& dy) {
  Image dw = zeros(x.height - dy.height + 1, x.width - dy.width + 1);
  // TODO: y(r, c) has the term w(i, j)·x(r + i, c + j).
  return dw;
}

// SPDX-License-Identifier: Apache-2.0
#include "image.h"

// The loops are those of convolve(x, dy).
Image kernel_gradient(const Image& x, const Image& dy) {
  Image dw = zeros(x.height - dy.height + 1, x.width - dy.width + 1);
  for (int r = 0; r < dy.height; ++r)
    for (int c = 0; c < dy.width; ++c)
      for (int i = 0; i < dw.height; ++i)
        for (int j = 0; j < dw.width; ++j) dw.at(i, j) += dy.at(r, c) * x.at(r + i, c + j);
  return dw;
}

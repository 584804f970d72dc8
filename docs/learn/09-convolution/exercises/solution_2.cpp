// SPDX-License-Identifier: Apache-2.0
#include "image.h"

Image convolve(const Image& x, const Image& w) {
  Image y = zeros(x.height - w.height + 1, x.width - w.width + 1);
  for (int r = 0; r < y.height; ++r)
    for (int c = 0; c < y.width; ++c)
      for (int i = 0; i < w.height; ++i)
        for (int j = 0; j < w.width; ++j) y.at(r, c) += w.at(i, j) * x.at(r + i, c + j);
  return y;
}

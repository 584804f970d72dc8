// SPDX-License-Identifier: Apache-2.0
// Returns the convolution of an image with a kernel, without padding and with stride 1.
#include "image.h"

Image convolve(const Image& x, const Image& w) {
  Image y = zeros(x.height - w.height + 1, x.width - w.width + 1);
  // TODO: four loops: over the rows and columns of y, and over those of w.
  return y;
}

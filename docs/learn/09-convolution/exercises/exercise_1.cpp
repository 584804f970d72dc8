// SPDX-License-Identifier: Apache-2.0
// Returns how many outputs a convolution has along an axis of `size` pixels, with `padding` zeros
// added at each end. The kernel begins at every `stride`-th place at which it fits.
int output_size(int size, int kernel, int stride, int padding) {
  // TODO: count the places.
  return size;
}

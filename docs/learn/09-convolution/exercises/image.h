// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// An image of one channel, row by row.
struct Image {
  int height, width;
  std::vector<double> pixels;
  double& at(int row, int column) { return pixels[static_cast<std::size_t>(row * width + column)]; }
  double at(int row, int column) const {
    return pixels[static_cast<std::size_t>(row * width + column)];
  }
};
inline Image zeros(int height, int width) {
  return {height, width, std::vector<double>(static_cast<std::size_t>(height * width), 0.0)};
}

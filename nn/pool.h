// SPDX-License-Identifier: Apache-2.0
// Pooling of images (batch, height, width, channels).
#pragma once
#include "weft/nn/module.h"
#include "weft/tensor/ops.h"

namespace weft::nn {

struct PoolOptions {
  HeightWidth stride = 0;  // 0 means the kernel's size
  HeightWidth padding = 0;
};

// The maximum of each window. A padded element is never chosen.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(HeightWidth kernel, PoolOptions options = {})
      : options_{.kernel = kernel, .stride = options.stride, .padding = options.padding} {}
  Variable forward(const Variable& x) override;
  std::string label() const override;
  // Whether the windows are of 2 × 2 pixels and tile the image, so that a batch norm before them
  // can be computed in the same op.
  bool tiles_by_2() const;

 private:
  Pool2dOptions options_;
};

// The mean of each window, in which padded elements count as zeros.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(HeightWidth kernel, PoolOptions options = {})
      : options_{.kernel = kernel, .stride = options.stride, .padding = options.padding} {}
  Variable forward(const Variable& x) override;
  std::string label() const override;

 private:
  Pool2dOptions options_;
};

// The mean of each channel: (batch, height, width, channels) → (batch, channels).
class GlobalAvgPool : public Module {
 public:
  Variable forward(const Variable& x) override;
  std::string label() const override { return "GlobalAvgPool"; }
};

}  // namespace weft::nn

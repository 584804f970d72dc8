// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/parameter.h"

#include "weft/tensor/ops.h"

namespace weft::nn {

using Kind = FileLayout::Kind;

namespace {
void refuse_unknown(const FileLayout& layout) {
  WEFT_CHECK(
      layout.kind != Kind::unknown,
      "file layout: this Linear after a Flatten has not seen a sample yet, so the order of its inputs "
      "in a file is unknown; nn::dry_run(model, {{height, width, channels}}), with the sizes of a "
      "sample, is required once before the model is loaded or saved");
}
}  // namespace

Tensor to_file_layout(const Tensor& value, const FileLayout& layout) {
  refuse_unknown(layout);
  if (layout.kind == Kind::convolution) return permute(value, {0, 3, 1, 2});
  if (layout.kind == Kind::flattened_image) {
    const Tensor images = value.reshape(
        {value.size(0), layout.image.height, layout.image.width, layout.image.channels});
    return permute(images, {0, 3, 1, 2}).reshape(value.shape());
  }
  return value;
}

Tensor from_file_layout(const Tensor& value, const FileLayout& layout) {
  refuse_unknown(layout);
  if (layout.kind == Kind::convolution) return permute(value, {0, 2, 3, 1});
  if (layout.kind == Kind::flattened_image) {
    const Tensor images = value.reshape(
        {value.size(0), layout.image.channels, layout.image.height, layout.image.width});
    return permute(images, {0, 2, 3, 1}).reshape(value.shape());
  }
  return value;
}

Shape file_shape(const Shape& shape, const FileLayout& layout) {
  return layout.kind == Kind::convolution ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

Parameter::Parameter(Tensor initial, FileLayout layout)
    : variable_(Variable::leaf(std::move(initial))), layout_(layout) {}

Parameter::Parameter(const Parameter& other) : layout_(other.layout_) {
  if (!other.defined()) return;
  variable_ = Variable::leaf(other.value().clone(), other.variable_.leaf_state()->name);
  variable_.set_requires_grad(other.variable_.requires_grad());
}

Parameter& Parameter::operator=(Parameter other) noexcept {
  std::swap(variable_, other.variable_);
  std::swap(layout_, other.layout_);
  return *this;
}

void Parameter::tie(const Parameter& other) {
  WEFT_CHECK(other.defined() && (!defined() || value().shape() == other.value().shape()),
             "tie: parameters of shapes {} and {}; they must be equal",
             defined() ? value().shape() : Shape{},
             other.defined() ? other.value().shape() : Shape{});
  variable_ = other.variable_;
}

}  // namespace weft::nn

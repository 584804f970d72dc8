// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/linear.h"

#include "weft/autograd/ops.h"
#include "weft/nn/init.h"
#include "weft/nn/layer.h"

namespace weft::nn {

Linear::Linear(i64 in, i64 out, LinearOptions options) {
  WEFT_CHECK(in >= 1 && out >= 1, "Linear: {} inputs and {} outputs given; both must be at least 1",
             in, out);
  weight = Parameter(Tensor::empty({out, in}), {.kind = FileLayout::Kind::open});
  if (options.bias) bias = Parameter(Tensor::empty({out}));
  init::default_linear(weight.value(), options.bias ? bias.value() : Tensor());
}

// Note [Flatten and file layout]
void Linear::fix_file_layout(const Tensor& x) {
  using Kind = FileLayout::Kind;
  const FileLayout& layout = weight.file_layout();
  const FlatImage& image = flat_image_of(x);
  const i64 elements = image.height * image.width * image.channels, inputs = weight.value().size(1);
  WEFT_CHECK(!image || elements == inputs,
             "Linear: the input is a flattened image of {} × {} × {}, {} elements; {} are required "
             "(after a flatten, images are of one size)",
             image.height, image.width, image.channels, elements, inputs);
  if (image && (layout.kind == Kind::open || layout.kind == Kind::unknown)) {
    weight.set_file_layout({Kind::flattened_image, image});
  } else if (image) {
    // Only the number of channels decides the order, so height and width need not be equal.
    WEFT_CHECK(
        layout.image.channels == image.channels,
        "Linear: the input is a flattened image of {} × {} × {} and the weights are laid out for {}; "
        "their orders in a file differ, so one batch of images must run through the model before its "
        "weights are loaded or saved",
        image.height, image.width, image.channels,
        layout.image ? fmt::format("one of {} × {} × {}", layout.image.height, layout.image.width,
                                   layout.image.channels)
                     : "features that are not an image");
  } else if (layout.kind == Kind::unknown) {
    weight.set_file_layout({});
  }
}

Variable Linear::forward(const Variable& x) {
  fix_file_layout(x.value());
  return linear(x, weight, bias);
}

Variable Linear::forward_fused(const Variable& x, kernels::Activation activation) {
  fix_file_layout(x.value());
  return linear(x, weight, bias, activation);
}

std::string Linear::label() const {
  return fmt::format("Linear({}, {})", weight.value().size(1), weight.value().size(0));
}

namespace {

struct LinearLayer {
  i64 out = 0;
  bool bias = true;
};
void describe(Fields& f, LinearLayer& o) {
  f("out", o.out, "outputs; 0: as many as the model has", non_negative);
  f("bias", o.bias, "whether a bias is added");
}

AnyModule make_linear(const LinearLayer& options, const LayerInput& input) {
  return Linear{input.features("linear"),
                options.out == 0 ? input.outputs : options.out,
                {.bias = options.bias}};
}

const bool registered = Registry<Layer>::add<LinearLayer>("linear", make_linear);

}  // namespace

}  // namespace weft::nn

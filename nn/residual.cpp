// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/residual.h"

#include "weft/autograd/ops.h"
#include "weft/nn/layer.h"

namespace weft::nn {

Variable Residual::forward(const Variable& x) {
  const Variable y = layers_(x), beside = shortcut_.size() == 0 ? x : shortcut_(x);
  WEFT_CHECK(
      y.shape() == beside.shape(),
      "residual: the layers give {} and {} {}; equal shapes are required{}", y.shape(),
      shortcut_.size() == 0 ? "the input is" : "the shortcut gives", beside.shape(),
      shortcut_.size() == 0 ? ", or layers in `shortcut` that bring the input to that shape" : "");
  return y + beside;
}

namespace {

struct ResidualLayer {
  std::vector<LayerRecipe> layers = {}, shortcut = {};
};
void describe(Fields& f, ResidualLayer& o) {
  f("layers", o.layers, "the layers whose output is added to the input");
  f("shortcut", o.shortcut, "layers for the input, where its shape differs from the output's");
  f.rule(!o.layers.empty(), "layers", "at least one layer");
}

AnyModule make_residual(const ResidualLayer& options, const LayerInput& input) {
  Sequential layers = build_layers(options.layers, input).modules;
  return Residual{std::move(layers), build_layers(options.shortcut, input).modules};
}

const bool registered = Registry<Layer>::add<ResidualLayer>("residual", make_residual);

struct RepeatLayer {
  i64 times = 2;
  std::vector<LayerRecipe> layers = {};
};
void describe(Fields& f, RepeatLayer& o) {
  f("times", o.times, "how often the layers follow each other, each time with weights of its own",
    at_least(1));
  f("layers", o.layers, "the layers that are repeated");
  f.rule(!o.layers.empty(), "layers", "at least one layer");
}

AnyModule make_repeat(const RepeatLayer& options, const LayerInput& input) {
  Sequential blocks;
  LayerInput next = input;
  for (i64 i = 0; i < options.times; ++i) {
    try {
      BuiltLayers block = build_layers(options.layers, next);
      blocks.push(std::move(block.modules));
      next.x = block.y;
    } catch (const UserError& error) {
      if (i == 0) throw;  // the first repetition fails like layers without one
      fail("repetition {} of {}: {}", i + 1, options.times, error.what());
    }
  }
  return blocks;
}

const bool registered_repeat = Registry<Layer>::add<RepeatLayer>("repeat", make_repeat);

}  // namespace

}  // namespace weft::nn

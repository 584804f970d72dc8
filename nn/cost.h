// SPDX-License-Identifier: Apache-2.0
// What a step of a model costs, layer by layer: arithmetic and memory.
//
// Note [The cost of a layer]
// FLOPs are those of matrix products and convolutions; a multiplication and an addition count as 2.
// Biases, activations, norms, pooling and other elementwise work are not counted: memory bounds
// their speed, and their share of the arithmetic of a usual network is below a percent. The
// backward pass computes a product of the same size for the gradient of the weights, if these are
// trained, and one for the gradient of the input, if a layer before it is trained. (The first layer
// that trains needs none.)
//
// The memory of activations is that of the outputs of all ops, which the backward pass may read. It
// is an upper bound: an op keeps only what its gradient needs, a view takes no memory of its own,
// and dropout, which is off in the dry run, adds its output. Under autocast a product also keeps
// half copies of its inputs, which are not counted.
#pragma once
#include <string>
#include <vector>

#include "weft/nn/module.h"

namespace weft::nn {

// The forward FLOPs of an op of the tape with this output, from the weight of its layer, which may
// be undefined: 2·m·n·k for linear and 2·outputs·(weights per output channel) for conv2d; 0 for
// every other op.
double flops_of(const std::string& op, const Shape& output, const Tensor& weight);

// A module's own part, without the modules below it.
struct LayerCost {
  std::string path, label;
  std::string output = {};   // as Module::summary() shows it
  i64 parameters = 0;        // tied ones are counted where they come first
  i64 trained = 0;           // of these
  double share = 0;          // of the parameters of the model
  double forward_flops = 0;  // for one sample
  double backward_flops = 0;
  double activation_bytes = 0;  // for one sample
};

struct ModelCost {
  std::vector<LayerCost> layers;  // in the order of named_modules()
  LayerCost total;
  i64 parameter_bytes = 0, gradient_bytes = 0;  // gradients of the trained ones
};

// Runs the model as Module::summary() does. `sample` and `dtype` are those of an input without the
// batch axis. Requires what nn/dry_run.h requires.
ModelCost cost_of(Module& model, const Shape& sample, DType dtype);

}  // namespace weft::nn

// SPDX-License-Identifier: Apache-2.0
// The table of `weft summary`: layers with their shapes, parameters, arithmetic and memory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/nn/cost.h"

namespace weft::view {

// A model that a trainer has besides the run's, such as a teacher.
struct FurtherCost {
  std::string name = "";
  i64 parameters = 0, trained = 0;
  double parameter_bytes = 0, gradient_bytes = 0;
  // Of one pass for one sample. None: it does not take a sample of the data, and was not run.
  std::optional<double> flops = {}, activation_bytes = {};
};

// What a step needs besides the model.
struct StepSetting {
  i64 batch_size = 1;                // samples whose activations are held at once
  DType compute_dtype = DType::f32;  // of products (train/step/precision.h)
  std::string optimizer = "";
  double optimizer_bytes = 0;  // of its state; of all, if there are several
  std::vector<FurtherCost> further = {};
  std::string trainer = "";  // one that may run a model several times; empty: each runs once
};

// A row per module and the totals, below them in sentences, of further models too. A trainer that
// may run a model several times leaves no upper bound, and a sentence says so. FLOPs in rows are of
// one sample, activations of a batch (Note [The cost of a layer], nn/cost.h).
std::string summary_text(const nn::ModelCost& cost, const Shape& sample,
                         const StepSetting& setting);

// "0", "512", "12.3k", "4.56M", "3.63G".
std::string count_text(double count);

}  // namespace weft::view

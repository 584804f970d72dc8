// SPDX-License-Identifier: Apache-2.0
// weft's side of parity_ops_test.py.
#pragma once
#include <string>

namespace weft {

// Calls the op of each case on the tensors of its inputs, and writes results and gradients.
//
// `cases` is a JSON list of {"op", "inputs", "seeds", "leaves", arguments of the op…}. `tensors` is
// a safetensors file with NUMBER.input.I and NUMBER.seed.I, and `results` gets NUMBER.result.I and
// NUMBER.gradient.I. A case that throws is named on stderr and has no results.
void run_ops(const std::string& cases, const std::string& tensors, const std::string& results);

}  // namespace weft

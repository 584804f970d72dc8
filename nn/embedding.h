// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// Rows of a table by their index: x int64 (…), in [0, rows) → (…, columns). weight (rows, columns)
// is drawn from a normal distribution of deviation 1, as PyTorch's.
class Embedding : public Module {
 public:
  Embedding(i64 rows, i64 columns);

  void parts(Parts& p) override { p("weight", weight); }
  Variable forward(const Variable& x) override;
  std::string label() const override;

  Parameter weight;
};

}  // namespace weft::nn

// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// Maps indices to rows of a table: x int64 (…), in [0, rows) → (…, columns). weight is (rows,
// columns), drawn from a normal distribution with standard deviation 1, as in PyTorch.
class Embedding : public Module {
 public:
  Embedding(i64 rows, i64 columns);

  void parts(Parts& p) override { p("weight", weight); }
  Variable forward(const Variable& x) override;
  std::string label() const override;

  Parameter weight;
};

}  // namespace weft::nn

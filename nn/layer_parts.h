// SPDX-License-Identifier: Apache-2.0
// For tables of a model, with a row for each module.
#pragma once
#include <string>
#include <vector>

#include "weft/nn/module.h"

namespace weft::nn {

// The parameters of a module itself, not those of its children.
class OwnParameters final : public Parts {
 public:
  explicit OwnParameters(Module& module) { module.parts(*this); }
  std::vector<const Leaf*> leaves;

 protected:
  void visit(std::string_view, Module&) override {}
  void visit(std::string_view, Parameter& p) override {
    leaves.push_back(p.variable().leaf_state().get());
  }
  void visit(std::string_view, Buffer&) override {}
};

// The output shape of each of named_modules() as Module::summary() shows it; empty for a module
// that was not called. Runs the model on one sample and on two (nn/dry_run.h).
std::vector<std::string> output_texts(Module& module, const Shape& sample, DType dtype);

}  // namespace weft::nn

// SPDX-License-Identifier: Apache-2.0
// The state of a module (parameters and buffers) as a safetensors file with PyTorch's names and
// layouts. The equivalent torch module loads it with load_state_dict and gives the same outputs.
//
//   save(model, "mnist.safetensors");
//   load(model, "mnist.safetensors");
//   load(model, "backbone.safetensors", {.strict = false, .exclude = {"classifier.*"}});
#pragma once
#include <string>
#include <vector>

#include "weft/nn/module.h"
#include "weft/nn/safetensors.h"

namespace weft {

struct LoadOptions {
  // Requires that the file has every tensor of the module in its shape, and no others. UserError
  // otherwise.
  bool strict = true;
  // Globs of the names that are ignored in the module and in the file. A glob that matches nothing
  // throws UserError.
  std::vector<std::string> exclude = {};
  // What else would do, for the message of a strict load: a key of the config, for example.
  std::string or_else = {};
};

// The names of tensors in the module's order (`unexpected` in the file's).
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     // in the module, not in the file
  std::vector<std::string> mismatched;  // of another shape, or floating on one side only
  std::vector<std::string> unexpected;  // in the file, not in the module
  std::vector<std::string> excluded;
};

// The state under PyTorch's names and in its layouts. A tied parameter is there under each of its
// names. The tensors may share memory with the module. Throws UserError for a Linear whose file
// layout is unknown (Note [Flatten and file layout]).
TensorMap state_of(nn::Module& module);
// Copies the values into the tensors of the module and converts floating dtypes. Messages name
// `source` as the origin of the values. The module is unchanged after an error.
LoadReport load_state(nn::Module& module, const TensorMap& state, const std::string& source,
                      const LoadOptions& options = {});

// Metadata for a file with the state of the module. It lists the layouts from which load() knows
// the order of the inputs of a Linear after a Flatten that has not seen a sample yet. save() adds
// it.
Metadata layout_metadata(nn::Module& module);

// state_of() and load_state() with the file at `path`. They throw the errors of SafetensorsFile and
// write_safetensors too. load() reads only the tensors that the module has a name for. A tensor of
// a dtype or rank that weft cannot hold is `mismatched`.
void save(nn::Module& module, const std::string& path, const Metadata& metadata = {});
LoadReport load(nn::Module& module, const std::string& path, const LoadOptions& options = {});

}  // namespace weft

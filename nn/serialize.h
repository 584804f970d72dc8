// SPDX-License-Identifier: Apache-2.0
// A module's state (parameters and buffers) as a safetensors file with PyTorch's names and layouts:
// the equivalent torch module takes it with load_state_dict, and gives the same outputs.
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
  // Everything in the module must be in the file, in its shape, and nothing else: UserError
  // otherwise.
  bool strict = true;
  // Globs of names to leave alone, in the module and in the file. One that matches nothing is a
  // UserError.
  std::vector<std::string> exclude = {};
};

// Names, in the module's order (`unexpected` in the file's).
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     // in the module, not in the file
  std::vector<std::string> mismatched;  // of another shape, or floating on one side only
  std::vector<std::string> unexpected;  // in the file, not in the module
  std::vector<std::string> excluded;
};

// The state under PyTorch's names and in its layouts; tied parameters under each of their names.
// Tensors may share memory with the module. Throws UserError for a Linear whose file layout is
// unknown (Note [Flatten and file layout]).
TensorMap state_of(nn::Module& module);
// Writes the values into the module's tensors, converting floating dtypes. `source` names where
// they come from in messages. On an error the module is as it was.
LoadReport load_state(nn::Module& module, const TensorMap& state, const std::string& source,
                      const LoadOptions& options = {});

// For the metadata of a file with the module's state: the layouts by which load() knows the order
// of the inputs of a Linear behind a Flatten that has not seen a sample yet. save() adds it.
Metadata layout_metadata(nn::Module& module);

// Both with the file at `path`; errors of SafetensorsFile and write_safetensors included. load()
// reads only the tensors that the module has a name for. One of a dtype or rank that weft cannot
// hold is `mismatched`.
void save(nn::Module& module, const std::string& path, const Metadata& metadata = {});
LoadReport load(nn::Module& module, const std::string& path, const LoadOptions& options = {});

}  // namespace weft

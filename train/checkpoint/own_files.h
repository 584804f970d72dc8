// SPDX-License-Identifier: Apache-2.0
// The files in the folder of a checkpoint that weft itself wrote: those that its manifest lists,
// and the manifest. A file whose name is not one of every save must be as the manifest says. In a
// folder without a manifest, the remains of a save, they are the files whose names every save
// gives. Nothing else is ever removed: a user may have put notes beside them.
#pragma once
#include <filesystem>
#include <string_view>

namespace weft::train {

// Whether every save may give a file this name: model.safetensors, trainer_state.json, …, also with
// the ending of a file that is not complete.
bool is_name_of_a_save(std::string_view name);

// Both throw IoError.
bool holds_only_own_files(const std::filesystem::path& folder);
// Removes weft's own files, the manifest last, and then the folder, or a link in its place. Returns
// whether it is gone; if not, it holds other files.
bool remove_own_files(const std::filesystem::path& folder);

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// manifest.json of a checkpoint: the size and the SHA-256 of each of its files, and of itself. It
// is written last, so a folder without one is not a checkpoint.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "weft/core/types.h"

namespace weft::train {

inline constexpr const char* kManifestFile = "manifest.json";

struct FileRecord {
  i64 bytes = 0;
  std::string sha256;
};
using Manifest = std::map<std::string, FileRecord>;  // by file name

// The bytes of manifest.json. Its last entry is the SHA-256 of the text without that entry.
std::string manifest_text(const Manifest& manifest);
// Throws UserError, naming the folder, unless it has a manifest that equals the output of
// manifest_text() byte by byte and names only files of the folder itself. Like the two functions
// below it throws IoError if a file cannot be read, which says nothing about the file.
Manifest read_manifest(const std::filesystem::path& checkpoint);
// Throws UserError unless the manifest lists a file. One that is not listed is not verified.
void check_listed(const std::filesystem::path& checkpoint, const Manifest& manifest,
                  const std::string& name);
// Reads every file, and returns the manifest. Throws UserError that names a file that differs from
// the manifest, and how. A link is not followed; it differs. The checkpoint of a run, which has a
// trainer_state.json, must list it with the weights and the optimizer's state.
Manifest verify_checkpoint(const std::filesystem::path& checkpoint);
// Reads one file of the checkpoint. It also must be in the manifest.
void verify_checkpoint_file(const std::filesystem::path& checkpoint, const std::string& name);
// Does the same for one weights file, if the manifest of a run's checkpoint lies beside it. Another
// manifest need not list it, and a manifest.json of another program is passed over.
void verify_weights(const std::filesystem::path& file);

}  // namespace weft::train

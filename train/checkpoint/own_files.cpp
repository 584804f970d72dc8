// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/own_files.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <unistd.h>

#include "weft/core/files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// The name without the ending .tmp-PROCESS-COUNT of a file that is being written (AtomicFile).
std::string_view complete_name(std::string_view name) {
  const std::size_t at = name.rfind(".tmp-");
  if (at == name.npos) return name;
  const std::string_view numbers = name.substr(at + 5);
  const std::size_t dash = numbers.find('-');
  const bool temporary = dash != numbers.npos && is_digits(numbers.substr(0, dash)) &&
                         is_digits(numbers.substr(dash + 1));
  return temporary ? name.substr(0, at) : name;
}

// Empty for a folder whose manifest is missing or damaged.
Manifest manifest_if_whole(const fs::path& folder) {
  try {
    return read_manifest(folder);
  } catch (const UserError&) {  // the names of every save count
    return {};
  }
}

// A manifest from elsewhere may list any name, also one that a user gives a file of his own later.
bool is_as_listed(const fs::path& folder, const std::string& name) {
  try {
    verify_checkpoint_file(folder, name);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

bool is_own(const fs::path& folder, const Manifest& manifest, const std::string& name) {
  if (manifest.empty()) return is_name_of_a_save(name);
  const std::string complete(complete_name(name));
  if (complete == kManifestFile) return true;
  if (!manifest.contains(complete)) return false;
  return is_name_of_a_save(name) || complete != name || is_as_listed(folder, name);
}

struct Contents {
  std::vector<std::string> own;  // the manifest is the last
  bool others = false;
};
Contents contents_of(const fs::path& folder) {
  const Manifest manifest = manifest_if_whole(folder);
  Contents contents;
  for (const std::string& name : names_in(folder)) {
    const bool is_file = kind_of(folder / name) == PathKind::file;
    if (is_file && is_own(folder, manifest, name)) contents.own.push_back(name);
    else contents.others = true;
  }
  std::stable_partition(contents.own.begin(), contents.own.end(),
                        [](const std::string& name) { return name != kManifestFile; });
  return contents;
}

}  // namespace

bool is_name_of_a_save(std::string_view name) {
  name = complete_name(name);
  return name == kManifestFile || name == kTrainerStateFile || name.ends_with(".safetensors");
}

bool holds_only_own_files(const fs::path& folder) { return !contents_of(folder).others; }

bool remove_own_files(const fs::path& folder) {
  const PathKind kind = kind_of(folder);
  if (kind == PathKind::none) return true;
  if (kind == PathKind::folder) {
    const Contents contents = contents_of(folder);
    for (const std::string& name : contents.own)
      if (unlink((folder / name).c_str()) != 0)
        throw IoError((folder / name).string(), "removed", errno);
    if (contents.others) return false;
  } else if (kind != PathKind::link) {
    return false;  // no save makes it
  }
  if (::remove(folder.c_str()) != 0) throw IoError(folder.string(), "removed", errno);
  return true;
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/manifest.h"

#include <climits>
#include <vector>

#include <nlohmann/json.hpp>

#include "weft/core/at_once.h"
#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/json_field.h"
#include "weft/core/sha256.h"
#include "weft/train/checkpoint/checkpoint_reader.h"

namespace weft::train {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kManifestSchema = 1;
constexpr i64 kLargest = 1 << 20;  // maximum size of a manifest in bytes

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." &&
         name.find('/') == name.npos && name.find('\0') == name.npos;
}

void verify_file(const fs::path& checkpoint, const std::string& name, const FileRecord& record) {
  const fs::path path = checkpoint / name;
  const PathKind kind = kind_of(path);
  WEFT_CHECK(kind != PathKind::none,
             "checkpoint {}: {} is missing; all files of its manifest are required",
             checkpoint.string(), name);
  WEFT_CHECK(kind == PathKind::file, "checkpoint {}: {} is {}; a file is required",
             checkpoint.string(), name,
             kind == PathKind::link ? "a link, which is not followed" : "no file");
  std::error_code error;
  const auto bytes = static_cast<i64>(fs::file_size(path, error));
  if (error) throw IoError(path.string(), "examined", error.value());
  WEFT_CHECK(bytes == record.bytes, "checkpoint {}: {} has {} bytes; {} are required{}",
             checkpoint.string(), name, bytes, record.bytes,
             bytes < record.bytes ? ", it is cut off" : "");
  const std::string hash = sha256_of_file(path.string());
  WEFT_CHECK(hash == record.sha256,
             "checkpoint {}: {} is damaged: its SHA-256 is {}; {} is required", checkpoint.string(),
             name, hash, record.sha256);
}

// Of a run, and not of a program that saves files of its own.
bool is_of_run(const fs::path& checkpoint, const Manifest& manifest) {
  return manifest.contains(kTrainerStateFile) ||
         kind_of(checkpoint / kTrainerStateFile) != PathKind::none;
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json{{"schema", kManifestSchema}, {"files", Json::object()}};
  // Appends, because [] compares each name with all others. The names are unique.
  auto& files = json["files"].get_ref<Json::object_t&>();
  for (const auto& [name, file] : manifest)
    files.emplace_back(name, Json{{"bytes", file.bytes}, {"sha256", file.sha256}});
  json["sha256"] = sha256_of(json.dump());
  return json.dump(1) + "\n";
}

// The text is generated again from the parsed values. So any changed byte is found, also one that
// the parser ignores.
Manifest read_manifest(const fs::path& checkpoint) {
  const fs::path path = checkpoint / kManifestFile;
  WEFT_CHECK(kind_of(path) != PathKind::none,
             "checkpoint {}: it has no {}; a checkpoint that was completed is required",
             checkpoint.string(), kManifestFile);
  const std::string text = read_file(path, kLargest);
  Manifest manifest;
  bool intact = false;
  try {
    const auto json = parse_json<Json>(text, kManifestFile);
    // Not nlohmann's get<i64>(), which takes 1e20 as some integer.
    for (const auto& [name, file] : JsonField(json, kManifestFile).at("files").entries())
      manifest[name] = {file.at("bytes").integer(), file.at("sha256").text()};
    WEFT_CHECK(json.at("schema") == kManifestSchema,
               "checkpoint {}: {} is of schema {}; schema {} is required, of this version of weft",
               checkpoint.string(), kManifestFile, json.at("schema").dump(), kManifestSchema);
    intact = text == manifest_text(manifest);
  } catch (const Json::exception&) {
    intact = false;
  } catch (const JsonError&) {
    intact = false;
  }
  WEFT_CHECK(intact, "checkpoint {}: {} is damaged; every byte as it was written is required",
             checkpoint.string(), kManifestFile);
  for (const auto& [name, record] : manifest)
    WEFT_CHECK(is_plain_name(name),
               "checkpoint {}: {} names '{}'; files of the checkpoint itself are required",
               checkpoint.string(), kManifestFile, name);
  return manifest;
}

void check_listed(const fs::path& checkpoint, const Manifest& manifest, const std::string& name) {
  WEFT_CHECK(manifest.contains(name), "checkpoint {}: {} does not list {}; it is required",
             checkpoint.string(), kManifestFile, name);
}

Manifest verify_checkpoint(const fs::path& checkpoint) {
  Manifest manifest = read_manifest(checkpoint);
  if (is_of_run(checkpoint, manifest))
    for (const char* name : {kModelFile, kOptimizerFile, kTrainerStateFile})
      check_listed(checkpoint, manifest, name);
  const std::vector<Manifest::value_type> files(manifest.begin(), manifest.end());
  at_once(files.size(),
          [&](std::size_t i) { verify_file(checkpoint, files[i].first, files[i].second); });
  return manifest;
}

void verify_checkpoint_file(const fs::path& checkpoint, const std::string& name) {
  const Manifest manifest = read_manifest(checkpoint);
  check_listed(checkpoint, manifest, name);
  verify_file(checkpoint, name, manifest.at(name));
}

void verify_weights(const fs::path& file) {
  std::error_code error;
  fs::path real = fs::canonical(file, error);  // the manifest lies beside the file, not the link
  if (error) real = file;
  const fs::path folder = real.has_parent_path() ? real.parent_path() : fs::path(".");
  if (kind_of(folder / kManifestFile) == PathKind::none) return;
  Manifest manifest;
  try {
    manifest = read_manifest(folder);
  } catch (const UserError&) {
    if (kind_of(folder / kTrainerStateFile) != PathKind::none) throw;
    return;
  }
  const std::string name = real.filename().string();
  if (is_of_run(folder, manifest)) check_listed(folder, manifest, name);
  if (const auto found = manifest.find(name); found != manifest.end())
    verify_file(folder, name, found->second);
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/manifest.h"

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/core/json.h"
#include "weft/core/sha256.h"

namespace weft::train {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kManifestSchema = 1;
constexpr i64 kLargest = 1 << 20;  // maximum size of a manifest in bytes

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json{{"schema", kManifestSchema}, {"files", Json::object()}};
  for (const auto& [name, file] : manifest)
    json["files"][name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  json["sha256"] = sha256_of(json.dump());
  return json.dump(1) + "\n";
}

// The text is generated again from the parsed values. So any changed byte is found, also one that
// the parser ignores.
Manifest read_manifest(const fs::path& checkpoint) {
  const fs::path path = checkpoint / kManifestFile;
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  WEFT_CHECK(!error, "checkpoint {}: it has no {}; a checkpoint that was completed is required",
             checkpoint.string(), kManifestFile);
  WEFT_CHECK(bytes <= kLargest, "checkpoint {}: {} has {} bytes; at most {} are allowed",
             checkpoint.string(), kManifestFile, bytes, kLargest);
  const std::string text = text_of_file(path);
  Manifest manifest;
  bool intact = false;
  try {
    const auto json = parse_json<Json>(text, kManifestFile);
    for (const auto& [name, file] : json.at("files").items())
      manifest[name] = {file.at("bytes").get<i64>(), file.at("sha256").get<std::string>()};
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
  return manifest;
}

void verify_checkpoint(const fs::path& checkpoint) {
  for (const auto& [name, record] : read_manifest(checkpoint)) {
    const fs::path path = checkpoint / name;
    std::error_code error;
    const auto bytes = static_cast<i64>(fs::file_size(path, error));
    WEFT_CHECK(!error, "checkpoint {}: {} is missing; all files of its manifest are required",
               checkpoint.string(), name);
    WEFT_CHECK(bytes == record.bytes, "checkpoint {}: {} has {} bytes; {} are required{}",
               checkpoint.string(), name, bytes, record.bytes,
               bytes < record.bytes ? ", it is cut off" : "");
    const std::string hash = sha256_of_file(path.string());
    WEFT_CHECK(hash == record.sha256,
               "checkpoint {}: {} is damaged: its SHA-256 is {}; {} is required",
               checkpoint.string(), name, hash, record.sha256);
  }
}

}  // namespace weft::train

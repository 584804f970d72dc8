// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/snapshot.h"

#include "weft/core/at_once.h"
#include "weft/core/atomic_file.h"
#include "weft/core/files.h"
#include "weft/core/sha256.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr i64 kHeaderBytes = 512;  // of a tensor in its file's header, at most

// A tensor without other owners need not be copied.
Tensor on_host(const Tensor& tensor) {
  if (!is_cpu(tensor.device())) return tensor.to(Device{Cpu{}});
  return tensor.storage_is_unique() ? tensor : tensor.clone();
}

}  // namespace

void Snapshot::add(const std::string& file, TensorMap tensors, Metadata metadata) {
  for (auto& [name, tensor] : tensors) tensor = on_host(tensor);
  tensors_[file] = {std::move(tensors), std::move(metadata)};
}

void Snapshot::add(const std::string& file, std::string text) { texts_[file] = std::move(text); }

i64 Snapshot::bytes() const {
  i64 bytes = 0;
  for (const auto& [file, text] : texts_) bytes += static_cast<i64>(text.size());
  for (const auto& [file, entry] : tensors_) {
    for (const auto& [name, tensor] : entry.tensors) bytes += bytes_of(tensor) + kHeaderBytes;
    for (const auto& [key, text] : entry.metadata) bytes += static_cast<i64>(text.size());
  }
  return bytes;
}

std::vector<std::string> Snapshot::write(const fs::path& folder) const {
  for (const fs::path& file : before_) sync_to_disk(file.string());
  std::vector<std::string> problems;
  for (const fs::path& file : logs_) {
    try {
      sync_to_disk(file.string());
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  std::error_code error;
  fs::create_directory(folder, error);  // never its parent, which may have been moved away
  if (error) throw IoError(folder.string(), "made", error.value());
  Manifest manifest;
  std::vector<std::pair<const Tensors*, Manifest::value_type*>> files;
  for (const auto& [file, entry] : tensors_)
    files.emplace_back(&entry, &*manifest.try_emplace(file).first);
  at_once(files.size(), [&](std::size_t i) {
    const auto& [entry, record] = files[i];
    const fs::path file = folder / record->first;
    Sha256 hash;
    write_safetensors(file.string(), entry->tensors, entry->metadata, &hash);
    std::error_code unknown;
    const auto bytes = fs::file_size(file, unknown);
    if (unknown) throw IoError(file.string(), "examined", unknown.value());
    record->second = {static_cast<i64>(bytes), hash.hex()};
  });
  for (const auto& [file, text] : texts_) {
    write_file_atomically((folder / file).string(), text);
    manifest[file] = {static_cast<i64>(text.size()), sha256_of(text)};
  }
  write_file_atomically((folder / kManifestFile).string(), manifest_text(manifest));
  verify_checkpoint(folder);
  return problems;
}

}  // namespace weft::train

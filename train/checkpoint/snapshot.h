// SPDX-License-Identifier: Apache-2.0
// A checkpoint in memory: everything that its files will hold, copied to the host. Training goes on
// while another thread writes it.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "weft/nn/safetensors.h"

namespace weft::train {

class Snapshot {
 public:
  // A file of tensors, or of text. Copies the numbers, from any device: the only wait of a save.
  void add(const std::string& file, TensorMap tensors, Metadata metadata = {});
  void add(const std::string& file, std::string text);
  // Must be on the disk before the checkpoint is: it refers to what is in it.
  void after(std::filesystem::path file) { before_.push_back(std::move(file)); }

  // Of all files together, about.
  i64 bytes() const;
  // Makes `folder`, writes the files into it, each synced to the disk, and the manifest after them;
  // then reads everything back and verifies it. Throws InternalError, or what AtomicFile throws;
  // what was written stays.
  void write(const std::filesystem::path& folder) const;

 private:
  struct Tensors {
    TensorMap tensors;
    Metadata metadata;
  };
  std::map<std::string, Tensors> tensors_;
  std::map<std::string, std::string> texts_;
  std::vector<std::filesystem::path> before_;
};

}  // namespace weft::train

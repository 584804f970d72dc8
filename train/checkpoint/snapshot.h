// SPDX-License-Identifier: Apache-2.0
// A checkpoint in memory: the contents of all its files, copied to the host. Training continues
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
  // Adds a file of tensors, or of text. Copies the tensors, from any device. Training waits only
  // for this part of a save.
  void add(const std::string& file, TensorMap tensors, Metadata metadata = {});
  void add(const std::string& file, std::string text);
  // Adds a file that must be on the disk before the checkpoint is, because the checkpoint refers to
  // it.
  void after(std::filesystem::path file) { before_.push_back(std::move(file)); }
  // Adds a log whose lines should be on the disk before the checkpoint is. If that fails, the
  // checkpoint is good all the same.
  void after_log(std::filesystem::path file) { logs_.push_back(std::move(file)); }

  // The approximate size of all files together.
  i64 bytes() const;
  // Makes `folder`, in an existing one, and writes the files into it, each synced to the disk, then
  // the manifest. Reads all files back and verifies them. Throws InternalError, or what AtomicFile
  // throws; files that were written remain. Returns what is wrong with the logs (after_log).
  std::vector<std::string> write(const std::filesystem::path& folder) const;

 private:
  struct Tensors {
    TensorMap tensors;
    Metadata metadata;
  };
  std::map<std::string, Tensors> tensors_;
  std::map<std::string, std::string> texts_;
  std::vector<std::filesystem::path> before_, logs_;
};

}  // namespace weft::train

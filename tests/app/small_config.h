// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

#include "weft/tests/train/run_files.h"

namespace weft::testing_app {

// Writes small.yaml: two epochs of nine steps on digits, with validation and test, in a second.
inline void write_small_config(const std::filesystem::path& folder) {
  train::testing_runs::write(
      folder / "small.yaml",
      "run: {threads: 1}\n"
      "data: {type: digits, train_size: 200, test_size: 40, validation_split: 0.1}\n"
      "model: {type: mlp, hidden: [16]}\n"
      "train: {epochs: 2, batch_size: 20}\n");
}

}  // namespace weft::testing_app

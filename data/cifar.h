// SPDX-License-Identifier: Apache-2.0
// CIFAR-10 in its binary format (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
#pragma once
#include <filesystem>
#include <string>

#include "weft/data/tensor_dataset.h"

namespace weft::data {

// Images (32, 32, 3) in uint8, 10 classes. The training set is every data_batch_1.bin …
// data_batch_5.bin that exists, in order; one is enough. The test set is test_batch.bin. All are in
// one folder: `root`; or, if that is empty, the first of $WEFT_DATA_DIR/cifar-10-batches-bin and
// data/cifar-10-batches-bin that has any of them.
class Cifar10 : public TensorDataset {
 public:
  // `split` is train or test. Throws UserError for every defect of the files.
  explicit Cifar10(const std::filesystem::path& root = {}, const std::string& split = "train");
};

// Whether a folder has any of the files.
bool holds_cifar10(const std::filesystem::path& folder);

}  // namespace weft::data

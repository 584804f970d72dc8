// SPDX-License-Identifier: Apache-2.0
// CIFAR-10 and CIFAR-100 in their binary format (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
#pragma once
#include <filesystem>
#include <string>

#include "weft/data/sources.h"
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

// CIFAR-100: train.bin and test.bin. A record has two labels, of which one is read. The names of
// the classes are in fine_label_names.txt and coarse_label_names.txt beside them; without these
// files they are numbers.
class Cifar100 : public TensorDataset {
 public:
  explicit Cifar100(const std::filesystem::path& root = {}, const std::string& split = "train",
                    Cifar100Labels labels = Cifar100Labels::fine);
};

}  // namespace weft::data

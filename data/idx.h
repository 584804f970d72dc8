// SPDX-License-Identifier: Apache-2.0
// The IDX format (http://yann.lecun.com/exdb/mnist/, "File formats") and the datasets stored in it.
#pragma once
#include <filesystem>
#include <string>

#include "weft/data/file.h"
#include "weft/data/tensor_dataset.h"

namespace weft::data {

// The elements of an IDX file of unsigned bytes, plain or gzip, as a uint8 tensor of `rank` axes.
// Throws UserError (path, defect, `how_to_get`) for a missing or damaged file, another magic
// number, another size than the header's, or a packed file that promises far more than its size
// (InputFile::check_promised).
Tensor read_idx(const std::filesystem::path& path, int rank, const std::string& how_to_get);

// MNIST (LeCun, Cortes, Burges): images (28,
// 28, 1) in uint8, 10 classes. The files are train-images-idx3-ubyte, train-labels-idx1-ubyte,
// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each with or without .gz, and also with a dot
// in place of the last hyphen but one (train-images.idx3-ubyte). All are in one folder: `root`; or,
// if that is empty, the first of $WEFT_DATA_DIR/mnist and data/mnist that has any of them.
class Mnist : public TensorDataset {
 public:
  // `split` is train or test. Throws UserError for every defect of the files.
  explicit Mnist(const std::filesystem::path& root = {}, const std::string& split = "train");
};

// Fashion-MNIST, in files of the same names and sizes; the folders are named fashion-mnist.
class FashionMnist : public TensorDataset {
 public:
  explicit FashionMnist(const std::filesystem::path& root = {}, const std::string& split = "train");
};

}  // namespace weft::data

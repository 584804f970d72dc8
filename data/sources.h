// SPDX-License-Identifier: Apache-2.0
// The entries that a config's `data` section can name. Each makes a training set and a test set.
// They are registered in their own files: digits.cpp, idx.cpp, cifar.cpp, text.cpp.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "weft/core/registry.h"
#include "weft/data/dataset.h"
#include "weft/data/digits.h"

namespace weft {

namespace data {
struct TrainAndTest {
  std::shared_ptr<const Dataset> train, test;
  // The absolute path of the folder or file that was read; empty for data without one.
  std::string place = {};
};

// A path in the form of TrainAndTest::place.
std::string place_of(const std::filesystem::path& path);
}  // namespace data

template <>
struct RegistryTraits<data::Dataset> : RegistryDefaults<data::Dataset> {
  static constexpr const char* kind = "data";
  using Product = data::TrainAndTest;
};

namespace data {

using DataRecipe = Recipe<Dataset>;

struct DigitsSource {
  DigitsStyle style = DigitsStyle::strokes;
  i64 train_size = 20000;
  i64 test_size = 4000;
  double difficulty = 1.0;
  i64 seed = 1;
};
void describe(Fields& f, DigitsSource& o);
DataRecipe digits(const DigitsSource& options = {});

// `root` is the only folder looked in. If it is empty, $WEFT_DATA_DIR/<folder> and data/<folder>
// are, where <folder> is mnist here and cifar-10-batches-bin below.
struct MnistSource {
  std::string root;
};
void describe(Fields& f, MnistSource& o);
DataRecipe mnist(const MnistSource& options = {});

struct Cifar10Source {
  std::string root;
};
void describe(Fields& f, Cifar10Source& o);
DataRecipe cifar10(const Cifar10Source& options = {});

// The bytes of a file (data/text.h); no test set.
struct TextSource {
  std::string path;
  i64 context = 8;
};
void describe(Fields& f, TextSource& o);
DataRecipe text(const TextSource& options);

}  // namespace data
}  // namespace weft

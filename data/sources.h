// SPDX-License-Identifier: Apache-2.0
// What a config's `data` section can name: each entry makes a training set and a test set.
// Entries are registered in their own files: digits.cpp, idx.cpp, cifar.cpp, text.cpp.
#pragma once
#include <memory>
#include <string>

#include "weft/core/registry.h"
#include "weft/data/dataset.h"
#include "weft/data/digits.h"

namespace weft {

namespace data {
struct TrainAndTest {
  std::shared_ptr<const Dataset> train, test;
};
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

struct MnistSource {
  std::string root = "data/mnist";
};
void describe(Fields& f, MnistSource& o);
DataRecipe mnist(const MnistSource& options = {});

struct Cifar10Source {
  std::string root = "data/cifar-10-batches-bin";
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

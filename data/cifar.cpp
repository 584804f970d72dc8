// SPDX-License-Identifier: Apache-2.0
#include "weft/data/cifar.h"

#include <algorithm>
#include <memory>
#include <span>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/data/file.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

constexpr i64 kCifarSide = 32;  // pixels
constexpr i64 kChannels = 3;
constexpr i64 kPlane = kCifarSide * kCifarSide;
// CIFAR-10, or CIFAR-100 with one of its two labels.
struct CifarSet {
  const char *name, *folder, *how_to_get;
  std::vector<std::string> train, test;  // files
  // A record has the labels, one byte each, then a plane per channel.
  i64 labels = 1, label = 0;
  i64 classes = 10;
  std::vector<std::string> class_names;

  i64 record_bytes() const { return labels + kChannels * kPlane; }
};

const CifarSet& cifar10_set() {
  static const CifarSet set{.name = "cifar10",
                            .folder = "cifar-10-batches-bin",
                            .how_to_get = "`tools/get_data cifar10` fetches the official files",
                            .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin"},
                            .test = {"test_batch.bin"},
                            .class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog",
                                            "frog", "horse", "ship", "truck"}};
  return set;
}

CifarSet cifar100_set(Cifar100Labels labels) {
  const bool fine = labels == Cifar100Labels::fine;
  return {.name = "cifar100",
          .folder = "cifar-100-binary",
          .how_to_get =
              "the binary version of https://www.cs.toronto.edu/~kriz/cifar.html is "
              "required",
          .train = {"train.bin"},
          .test = {"test.bin"},
          .labels = 2,  // coarse, fine
          .label = fine ? 1 : 0,
          .classes = fine ? 100 : 20,
          .class_names = {}};
}

FileSearch search_for(const CifarSet& set, const std::filesystem::path& root) {
  return {set.name, root, set.folder, set.how_to_get};
}

// The one folder of all files: a test set of another folder may be of another dataset. Empty if no
// folder has any.
std::filesystem::path folder_of(const CifarSet& set, const std::filesystem::path& root) {
  std::vector<std::string> names = set.train;
  names.insert(names.end(), set.test.begin(), set.test.end());
  return find_folder(search_for(set, root), names);
}

// The first files may be a subset of all, but none may be missing between two.
std::vector<std::filesystem::path> files_of(const FileSearch& search,
                                            const std::vector<std::string>& names) {
  const auto folder = find_file(search, names).parent_path();
  std::vector<std::filesystem::path> paths;
  std::string missing;  // the first one
  for (const auto& name : names) {
    const bool is_there = kind_behind(folder / name) != PathKind::none;
    if (is_there && !missing.empty())
      fail(
          "{}: {} is missing and {} is there; all files before the last one are required, as a "
          "subset is the first of them; {}",
          search.dataset, (folder / missing).string(), name, search.how_to_get);
    if (is_there) paths.push_back(folder / name);
    else if (missing.empty()) missing = name;
  }
  return paths;
}

// The records of a file, from its size.
i64 records_in(const InputFile& file, const CifarSet& set) {
  if (file.packed()) file.fail_with("is a gzip file; the unpacked file is required");
  const i64 bytes = file.most_bytes_left();
  if (bytes % set.record_bytes() != 0)
    file.fail_with(
        fmt::format("has {} bytes; a multiple of {} ({} and 32 × 32 × 3 pixels) is "
                    "required",
                    bytes, set.record_bytes(), set.labels == 1 ? "a label" : "two labels"));
  return bytes / set.record_bytes();
}

// The lines of a file that lies beside the data; none if there is no such file.
std::vector<std::string> names_in_file(const std::filesystem::path& path, i64 count) {
  std::vector<std::string> names;
  if (kind_behind(path) != PathKind::file) return names;
  std::istringstream lines(read_file(path, 1 << 16));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) names.push_back(line);
  if (std::ssize(names) != count) names.clear();
  return names;
}

TensorDataset::Content read_set(const CifarSet& set, const std::filesystem::path& root,
                                const std::string& split) {
  WEFT_CHECK(split == "train" || split == "test", "{}: split is '{}'; train or test is required",
             set.name, split);
  const auto folder = folder_of(set, root);
  const FileSearch search = search_for(set, folder.empty() ? root : folder);
  std::vector<std::unique_ptr<InputFile>> files;
  i64 count = 0;
  for (const auto& path : files_of(search, split == "train" ? set.train : set.test)) {
    files.push_back(std::make_unique<InputFile>(path, search.how_to_get));
    count += records_in(*files.back(), set);
  }
  const Tensor images = Tensor::empty({count, kCifarSide, kCifarSide, kChannels}, DType::uint8);
  const Tensor labels = Tensor::empty({count}, DType::int64);
  constexpr i64 kAtOnce = 256;  // records of a read
  std::vector<u8> block(static_cast<std::size_t>(std::min(kAtOnce, count) * set.record_bytes()));
  i64 image_idx = 0;
  for (const auto& file : files) {
    const i64 records = records_in(*file, set);
    for (i64 i = 0; i < records; ++i, ++image_idx) {
      const i64 place = i % kAtOnce;
      if (place == 0)
        file->read(std::span(block).first(static_cast<std::size_t>(std::min(kAtOnce, records - i) *
                                                                   set.record_bytes())),
                   "its records");
      const u8* const record = block.data() + place * set.record_bytes();
      const u8 label = record[set.label];
      if (label >= set.classes)
        file->fail_with(fmt::format("has label {} in record {}; a class from 0 to {} is required",
                                    label, i, set.classes - 1));
      labels.data<i64>()[image_idx] = label;
      u8* image = images.data<u8>() + image_idx * kChannels * kPlane;
      const u8* planes = record + set.labels;
      for (i64 pixel = 0; pixel < kPlane; ++pixel)
        for (i64 channel = 0; channel < kChannels; ++channel)
          image[pixel * kChannels + channel] = planes[channel * kPlane + pixel];
    }
  }
  DatasetInfo info;
  info.name = set.name;
  info.split = split;
  info.classes = set.classes;
  info.class_names = set.class_names;
  if (set.labels == 2)
    info.class_names = names_in_file(
        folder / (set.label == 1 ? "fine_label_names.txt" : "coarse_label_names.txt"), set.classes);
  return {std::move(info), images, labels};
}

}  // namespace

Cifar10::Cifar10(const std::filesystem::path& root, const std::string& split)
    : TensorDataset(read_set(cifar10_set(), root, split)) {}

Cifar100::Cifar100(const std::filesystem::path& root, const std::string& split,
                   Cifar100Labels labels)
    : TensorDataset(read_set(cifar100_set(labels), root, split)) {}

void describe(Fields& f, Cifar10Source& o) {
  f("root", o.root,
    "folder of data_batch_1.bin …, test_batch.bin; where none is given, "
    "$WEFT_DATA_DIR/cifar-10-batches-bin, then data/cifar-10-batches-bin",
    is_path);
}

void describe(Fields& f, Cifar100Source& o) {
  f("root", o.root,
    "folder of train.bin and test.bin; where none is given, $WEFT_DATA_DIR/cifar-100-binary, then "
    "data/cifar-100-binary",
    is_path);
  f("labels", o.labels, "the 100 classes, or the 20 groups of them");
}

static const bool registered =
    Registry<Dataset>::add<Cifar10Source>("cifar10",
                                          [](const Cifar10Source& o) {
                                            return TrainAndTest{
                                                std::make_shared<Cifar10>(o.root, "train"),
                                                std::make_shared<Cifar10>(o.root, "test"),
                                                place_of(folder_of(cifar10_set(), o.root))};
                                          }) &&
    Registry<Dataset>::add<Cifar100Source>("cifar100", [](const Cifar100Source& o) {
      return TrainAndTest{std::make_shared<Cifar100>(o.root, "train", o.labels),
                          std::make_shared<Cifar100>(o.root, "test", o.labels),
                          place_of(folder_of(cifar100_set(o.labels), o.root))};
    });

DataRecipe cifar10(const Cifar10Source& options) { return DataRecipe::of("cifar10", options); }
DataRecipe cifar100(const Cifar100Source& options) { return DataRecipe::of("cifar100", options); }

}  // namespace weft::data

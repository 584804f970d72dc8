// SPDX-License-Identifier: Apache-2.0
#include "weft/data/cifar.h"

#include <memory>
#include <vector>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/data/file.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

constexpr i64 kCifarSide = 32;  // pixels
constexpr i64 kChannels = 3;
constexpr i64 kPlane = kCifarSide * kCifarSide;
constexpr i64 kRecord = 1 + kChannels * kPlane;  // bytes: the label, then a plane per channel
constexpr i64 kCifarClasses = 10;

FileSearch cifar_search(const std::filesystem::path& root) {
  return {"cifar10", root, "cifar-10-batches-bin",
          "`tools/get_data cifar10` fetches the official files"};
}

std::vector<std::string> names_of(const std::string& split) {
  if (split == "test") return {"test_batch.bin"};
  std::vector<std::string> names;
  for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  return names;
}

// The one folder of all files: a test set of another folder may be of another dataset. Empty if no
// folder has any.
std::filesystem::path cifar_folder(const std::filesystem::path& root) {
  std::vector<std::string> names = names_of("train");
  names.push_back(names_of("test").front());
  return find_folder(cifar_search(root), names);
}

std::vector<std::filesystem::path> files_of(const FileSearch& search, const std::string& split) {
  const std::vector<std::string> names = names_of(split);
  const auto folder = find_file(search, names).parent_path();
  std::vector<std::filesystem::path> paths;
  for (const auto& name : names)
    if (std::filesystem::exists(folder / name)) paths.push_back(folder / name);
  return paths;
}

// The records of a file, from its size.
i64 records_in(const InputFile& file) {
  if (file.packed()) file.fail_with("is a gzip file; the unpacked file is required");
  const i64 bytes = file.most_bytes_left();
  if (bytes % kRecord != 0)
    file.fail_with(
        fmt::format("has {} bytes; a multiple of {} (a label and 32 × 32 × 3 pixels) is required",
                    bytes, kRecord));
  return bytes / kRecord;
}

TensorDataset::Content read_cifar10(const std::filesystem::path& root, const std::string& split) {
  WEFT_CHECK(split == "train" || split == "test",
             "cifar10: split is '{}'; train or test is required", split);
  const auto folder = cifar_folder(root);
  const FileSearch search = cifar_search(folder.empty() ? root : folder);
  std::vector<std::unique_ptr<InputFile>> files;
  i64 count = 0;
  for (const auto& path : files_of(search, split)) {
    files.push_back(std::make_unique<InputFile>(path, search.how_to_get));
    count += records_in(*files.back());
  }
  const Tensor images = Tensor::empty({count, kCifarSide, kCifarSide, kChannels}, DType::uint8);
  const Tensor labels = Tensor::empty({count}, DType::int64);
  std::vector<u8> record(kRecord);
  i64 image_idx = 0;
  for (const auto& file : files) {
    const i64 records = records_in(*file);
    for (i64 i = 0; i < records; ++i, ++image_idx) {
      file->read(record, "its records");
      if (record[0] >= kCifarClasses)
        file->fail_with(fmt::format("has label {} in record {}; a class from 0 to 9 is required",
                                    record[0], i));
      labels.data<i64>()[image_idx] = record[0];
      u8* image = images.data<u8>() + image_idx * kChannels * kPlane;
      for (i64 channel = 0; channel < kChannels; ++channel)
        for (i64 pixel = 0; pixel < kPlane; ++pixel)
          image[pixel * kChannels + channel] =
              record[static_cast<std::size_t>(1 + channel * kPlane + pixel)];
    }
  }
  DatasetInfo info;
  info.name = "cifar10";
  info.split = split;
  info.classes = kCifarClasses;
  info.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                      "dog",      "frog",       "horse", "ship", "truck"};
  return {std::move(info), images, labels};
}

}  // namespace

Cifar10::Cifar10(const std::filesystem::path& root, const std::string& split)
    : TensorDataset(read_cifar10(root, split)) {}

void describe(Fields& f, Cifar10Source& o) {
  f("root", o.root,
    "folder of data_batch_1.bin …, test_batch.bin; where none is given, "
    "$WEFT_DATA_DIR/cifar-10-batches-bin, then data/cifar-10-batches-bin");
}

static const bool registered =
    Registry<Dataset>::add<Cifar10Source>("cifar10", [](const Cifar10Source& o) {
      return TrainAndTest{std::make_shared<Cifar10>(o.root, "train"),
                          std::make_shared<Cifar10>(o.root, "test"),
                          place_of(cifar_folder(o.root))};
    });

bool holds_cifar10(const std::filesystem::path& folder) { return !cifar_folder(folder).empty(); }

DataRecipe cifar10(const Cifar10Source& options) { return DataRecipe::of("cifar10", options); }

}  // namespace weft::data

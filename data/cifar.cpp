// SPDX-License-Identifier: Apache-2.0
#include "weft/data/cifar.h"

#include <array>
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
constexpr i64 kRecord = 1 + kChannels * kPlane;  // bytes: the label, then a plane per channel
constexpr i64 kCifarClasses = 10;

std::vector<std::filesystem::path> files_of(const FileSearch& search, const std::string& split) {
  if (split == "test") return {find_file(search, std::array<std::string, 1>{"test_batch.bin"})};
  std::vector<std::string> names;
  for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  const auto folder = find_file(search, names).parent_path();
  std::vector<std::filesystem::path> paths;
  for (const auto& name : names)
    if (kind_behind(folder / name) != PathKind::none) paths.push_back(folder / name);
  return paths;
}

TensorDataset::Content read_cifar10(const std::filesystem::path& root, const std::string& split) {
  WEFT_CHECK(split == "train" || split == "test",
             "cifar10: split is '{}'; train or test is required", split);
  const FileSearch search{"cifar10", root, "cifar-10-batches-bin",
                          "`tools/get_data cifar10` fetches the official files"};
  std::vector<u8> records;
  for (const auto& path : files_of(search, split)) {
    InputFile file{path, search.how_to_get};
    const i64 bytes = file.most_bytes_left();
    if (bytes % kRecord != 0)
      file.fail_with(
          fmt::format("has {} bytes; a multiple of {} (a label and 32 × 32 × 3 pixels) is required",
                      bytes, kRecord));
    const std::size_t begin = records.size();
    records.resize(begin + static_cast<std::size_t>(bytes));
    file.read(std::span(records).subspan(begin), "its records");
    for (std::size_t at = begin; at < records.size(); at += kRecord)
      if (records[at] >= kCifarClasses)
        file.fail_with(fmt::format("has label {} in record {}; a class from 0 to 9 is required",
                                   records[at], (at - begin) / kRecord));
  }

  const i64 count = static_cast<i64>(records.size()) / kRecord;
  const Tensor images = Tensor::empty({count, kCifarSide, kCifarSide, kChannels}, DType::uint8);
  const Tensor labels = Tensor::empty({count}, DType::int64);
  for (i64 i = 0; i < count; ++i) {
    const u8* record = records.data() + i * kRecord;
    labels.data<i64>()[i] = *record;
    u8* image = images.data<u8>() + i * kChannels * kPlane;
    for (i64 channel = 0; channel < kChannels; ++channel)
      for (i64 pixel = 0; pixel < kPlane; ++pixel)
        image[pixel * kChannels + channel] = record[1 + channel * kPlane + pixel];
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
    "folder of data_batch_1.bin …, test_batch.bin; else they are looked for in $WEFT_DATA_DIR",
    is_path);
}

static const bool registered =
    Registry<Dataset>::add<Cifar10Source>("cifar10", [](const Cifar10Source& o) {
      return TrainAndTest{std::make_shared<Cifar10>(o.root, "train"),
                          std::make_shared<Cifar10>(o.root, "test")};
    });

DataRecipe cifar10(const Cifar10Source& options) { return DataRecipe::of("cifar10", options); }

}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
#include "weft/data/idx.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

constexpr i64 kMnistSide = 28;  // pixels
constexpr i64 kMnistClasses = 10;

u32 big_endian(const u8* bytes) {
  return u32{bytes[0]} << 24 | u32{bytes[1]} << 16 | u32{bytes[2]} << 8 | u32{bytes[3]};
}

TensorDataset::Content read_mnist(const std::filesystem::path& root, const std::string& split) {
  WEFT_CHECK(split == "train" || split == "test", "mnist: split is '{}'; train or test is required",
             split);
  const FileSearch search{"mnist", root, "mnist",
                          "`tools/get_data mnist` fetches the official file"};
  const auto find = [&](const std::string& part) {
    const std::string name = (split == "train" ? "train-" : "t10k-") + part;
    return find_file(search, std::array{name + ".gz", name});
  };
  const auto images_path = find("images-idx3-ubyte"), labels_path = find("labels-idx1-ubyte");
  const Tensor images = read_idx(images_path, 3, search.how_to_get);
  const Tensor bytes = read_idx(labels_path, 1, search.how_to_get);

  const i64 count = images.size(0);
  WEFT_CHECK(count > 0, "mnist: {} holds no images; at least one is required; {}",
             images_path.string(), search.how_to_get);
  WEFT_CHECK(images.size(1) == kMnistSide && images.size(2) == kMnistSide,
             "mnist: the images of {} are {} × {}; 28 × 28 is required; {}", images_path.string(),
             images.size(1), images.size(2), search.how_to_get);
  WEFT_CHECK(bytes.size(0) == count,
             "mnist: {} holds {} images and {} {} labels; as many are required; {}",
             images_path.string(), count, labels_path.string(), bytes.size(0), search.how_to_get);
  const Tensor labels = Tensor::empty({count}, DType::int64);
  for (i64 i = 0; i < count; ++i) {
    const u8 label = bytes.data<u8>()[i];
    WEFT_CHECK(label < kMnistClasses,
               "mnist: label {} of {} is {}; a class from 0 to 9 is required; {}", i,
               labels_path.string(), label, search.how_to_get);
    labels.data<i64>()[i] = label;
  }
  DatasetInfo info;
  info.name = "mnist";
  info.split = split;
  info.classes = kMnistClasses;
  return {std::move(info), images.reshape({count, kMnistSide, kMnistSide, 1}), labels};
}

}  // namespace

Tensor read_idx(const std::filesystem::path& path, int rank, const std::string& how_to_get) {
  WEFT_CHECK(rank >= 1 && rank <= Shape::kMaxRank, "read_idx: rank is {}; 1 to {} is required",
             rank, Shape::kMaxRank);
  InputFile file{path, how_to_get};
  std::vector<u8> header(static_cast<std::size_t>(4 + 4 * rank));
  file.read(std::span(header).first(4), "the magic number");
  const u32 magic = big_endian(header.data());
  // 08: unsigned bytes; then the number of axes.
  const u32 wanted = 0x0800u | static_cast<u32>(rank);
  if (magic != wanted)
    file.fail_with(
        fmt::format("begins with the magic number 0x{:08x}; an IDX file of bytes with {} {} begins "
                    "with 0x{:08x}",
                    magic, rank, rank == 1 ? "axis" : "axes", wanted));
  file.read(std::span(header).subspan(4), "the sizes of its header");

  // A wrong header must not make us allocate: the product is bounded by what the file can hold.
  std::vector<i64> sizes;
  i64 bytes = 1;
  bool too_many = false;
  const i64 most = file.most_bytes_left();
  for (int axis = 0; axis < rank; ++axis) {
    sizes.push_back(big_endian(header.data() + 4 + 4 * axis));
    too_many |= sizes.back() > 0 && bytes > most / sizes.back();
    bytes = too_many ? bytes : bytes * sizes.back();
  }
  if (too_many)
    file.fail_with(
        fmt::format("is cut off or damaged: its header promises {} bytes and at most {} can follow",
                    fmt::join(sizes, " × "), most));
  Tensor numbers = Tensor::empty(Shape(sizes), DType::uint8);
  file.read(numbers.values<u8>(), fmt::format("its {} numbers", fmt::join(sizes, " × ")));
  file.expect_end();
  return numbers;
}

Mnist::Mnist(const std::filesystem::path& root, const std::string& split)
    : TensorDataset(read_mnist(root, split)) {}

void describe(Fields& f, MnistSource& o) {
  f("root", o.root, "folder of the four files; else they are looked for in $WEFT_DATA_DIR",
    is_path);
}

static const bool registered =
    Registry<Dataset>::add<MnistSource>("mnist", [](const MnistSource& o) {
      return TrainAndTest{std::make_shared<Mnist>(o.root, "train"),
                          std::make_shared<Mnist>(o.root, "test")};
    });

DataRecipe mnist(const MnistSource& options) { return DataRecipe::of("mnist", options); }

}  // namespace weft::data

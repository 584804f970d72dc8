// SPDX-License-Identifier: Apache-2.0
#include "weft/data/idx.h"

#include <vector>

#include <fmt/format.h>

#include "weft/core/at_once.h"
#include "weft/core/checked.h"
#include "weft/core/error.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

constexpr i64 kMnistSide = 28;  // pixels
constexpr i64 kMnistClasses = 10;

u32 big_endian(const u8* bytes) {
  return u32{bytes[0]} << 24 | u32{bytes[1]} << 16 | u32{bytes[2]} << 8 | u32{bytes[3]};
}

// An IDX file of unsigned bytes whose header was read and compared with the file's size.
class IdxFile {
 public:
  IdxFile(const std::filesystem::path& path, int rank, const std::string& how_to_get)
      : file_(path, how_to_get) {
    std::vector<u8> header(static_cast<std::size_t>(4 + 4 * rank));
    file_.read(std::span(header).first(4), "the magic number");
    const u32 magic = big_endian(header.data());
    // 08: unsigned bytes; then the number of axes.
    const u32 wanted = 0x0800u | static_cast<u32>(rank);
    if (magic != wanted)
      file_.fail_with(
          fmt::format("begins with the magic number 0x{:08x}; an IDX file of bytes with {} {} "
                      "begins with 0x{:08x}",
                      magic, rank, rank == 1 ? "axis" : "axes", wanted));
    file_.read(std::span(header).subspan(4), "the sizes of its header");
    for (int axis = 0; axis < rank; ++axis)
      sizes_.push_back(big_endian(header.data() + 4 + 4 * axis));
    const std::optional<i64> bytes = product_if_fits(std::span<const i64>(sizes_));
    if (!bytes || *bytes > file_.most_bytes_left())
      file_.fail_with(fmt::format(
          "is cut off or damaged: its header promises {} bytes and at most {} can follow",
          fmt::join(sizes_, " × "), file_.most_bytes_left()));
    file_.check_promised(*bytes);
  }

  const std::vector<i64>& sizes() const { return sizes_; }
  std::string path() const { return file_.path().string(); }
  Tensor read() {
    Tensor elements = Tensor::empty(Shape(sizes_), DType::uint8);
    file_.read(elements.values<u8>(), fmt::format("its {} elements", fmt::join(sizes_, " × ")));
    file_.expect_end();
    return elements;
  }

 private:
  InputFile file_;
  std::vector<i64> sizes_;
};

// MNIST, or a dataset in the same files.
struct IdxSet {
  const char *name, *folder, *how_to_get;
  std::vector<std::string> class_names;
};

const IdxSet& digits_set() {
  static const IdxSet set{"mnist", "mnist", "`tools/get_data mnist` fetches the official file", {}};
  return set;
}

// source: Xiao, Rasul, Vollgraf, arXiv:1708.07747, table 2
const IdxSet& fashion_set() {
  static const IdxSet set{
      "fashion_mnist",
      "fashion-mnist",
      "the four files of https://github.com/zalandoresearch/fashion-mnist are required",
      {"T-Shirt/Top", "Trouser", "Pullover", "Dress", "Coat", "Sandals", "Shirt", "Sneaker", "Bag",
       "Ankle boots"}};
  return set;
}

FileSearch search_for(const IdxSet& set, const std::filesystem::path& root) {
  return {set.name, root, set.folder, set.how_to_get};
}

// The official names, with and without compression, and those that some archives unpack to.
std::vector<std::string> mnist_names(const std::string& split, const std::string& content) {
  const std::string stem = (split == "train" ? "train-" : "t10k-") + content;
  const std::string kind = content == "images" ? "idx3-ubyte" : "idx1-ubyte";
  return {stem + "-" + kind + ".gz", stem + "-" + kind, stem + "." + kind + ".gz",
          stem + "." + kind};
}

// The one folder of all files: a test set of another folder may be of another dataset. Empty if no
// folder has any.
std::filesystem::path idx_folder(const IdxSet& set, const std::filesystem::path& root) {
  std::vector<std::string> names;
  for (const char* split : {"train", "test"})
    for (const char* content : {"images", "labels"})
      for (std::string& name : mnist_names(split, content)) names.push_back(std::move(name));
  return find_folder(search_for(set, root), names);
}

TensorDataset::Content read_set(const IdxSet& set, const std::filesystem::path& root,
                                const std::string& split) {
  const char* const name = set.name;
  WEFT_CHECK(split == "train" || split == "test", "{}: split is '{}'; train or test is required",
             name, split);
  const auto folder = idx_folder(set, root);
  const FileSearch search = search_for(set, folder.empty() ? root : folder);
  const auto open = [&](const std::string& content, int rank) {
    return IdxFile(find_file(search, mnist_names(split, content)), rank, search.how_to_get);
  };
  IdxFile images = open("images", 3), bytes = open("labels", 1);

  // The headers are checked before the elements are read.
  const i64 count = images.sizes()[0];
  WEFT_CHECK(count > 0, "{}: {} holds no images; at least one is required; {}", name, images.path(),
             search.how_to_get);
  WEFT_CHECK(images.sizes()[1] == kMnistSide && images.sizes()[2] == kMnistSide,
             "{}: the images of {} are {} × {}; 28 × 28 is required; {}", name, images.path(),
             images.sizes()[1], images.sizes()[2], search.how_to_get);
  WEFT_CHECK(bytes.sizes()[0] == count,
             "{}: {} holds {} images and {} {} labels; as many are required; {}", name,
             images.path(), count, bytes.path(), bytes.sizes()[0], search.how_to_get);
  const Tensor label_bytes = bytes.read();
  const Tensor labels = Tensor::empty({count}, DType::int64);
  for (i64 i = 0; i < count; ++i) {
    const u8 label = label_bytes.data<u8>()[i];
    WEFT_CHECK(label < kMnistClasses,
               "{}: label {} of {} is {}; a class from 0 to 9 is required; {}", name, i,
               bytes.path(), label, search.how_to_get);
    labels.data<i64>()[i] = label;
  }
  DatasetInfo info;
  info.name = name;
  info.split = split;
  info.classes = kMnistClasses;
  info.class_names = set.class_names;
  return {std::move(info), images.read().reshape({count, kMnistSide, kMnistSide, 1}), labels};
}

}  // namespace

Tensor read_idx(const std::filesystem::path& path, int rank, const std::string& how_to_get) {
  WEFT_CHECK(rank >= 1 && rank <= Shape::kMaxRank, "read_idx: rank is {}; 1 to {} is required",
             rank, Shape::kMaxRank);
  return IdxFile(path, rank, how_to_get).read();
}

Mnist::Mnist(const std::filesystem::path& root, const std::string& split)
    : TensorDataset(read_set(digits_set(), root, split)) {}

FashionMnist::FashionMnist(const std::filesystem::path& root, const std::string& split)
    : TensorDataset(read_set(fashion_set(), root, split)) {}

void describe(Fields& f, MnistSource& o) {
  f("root", o.root,
    "folder of the four files; where none is given, $WEFT_DATA_DIR/mnist, then data/mnist",
    is_path);
}

void describe(Fields& f, FashionMnistSource& o) {
  f("root", o.root,
    "folder of the four files; where none is given, $WEFT_DATA_DIR/fashion-mnist, then "
    "data/fashion-mnist",
    is_path);
}

namespace {

template <class Set>
TrainAndTest both_splits(const IdxSet& set, const std::string& root) {
  std::shared_ptr<Set> train, test;
  at_once(2, [&](std::size_t i) {  // to unpack them takes longest at a run's start
    (i == 0 ? train : test) = std::make_shared<Set>(root, i == 0 ? "train" : "test");
  });
  return {train, test, place_of(idx_folder(set, root))};
}

}  // namespace

static const bool registered =
    Registry<Dataset>::add<MnistSource>(
        "mnist", [](const MnistSource& o) { return both_splits<Mnist>(digits_set(), o.root); }) &&
    Registry<Dataset>::add<FashionMnistSource>("fashion_mnist", [](const FashionMnistSource& o) {
      return both_splits<FashionMnist>(fashion_set(), o.root);
    });

DataRecipe mnist(const MnistSource& options) { return DataRecipe::of("mnist", options); }
DataRecipe fashion_mnist(const FashionMnistSource& options) {
  return DataRecipe::of("fashion_mnist", options);
}

}  // namespace weft::data

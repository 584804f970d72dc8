// SPDX-License-Identifier: Apache-2.0
#include "weft/data/idx.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

const std::string kHow = "ask your teacher for it";

Bytes header(u8 type, const std::vector<u32>& sizes) {
  Bytes bytes{0, 0, type, static_cast<u8>(sizes.size())};
  for (const u32 size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<u8>(size >> shift));
  return bytes;
}

Bytes idx(const std::vector<u32>& sizes, std::size_t count, u8 most = 255) {
  Bytes bytes = header(8, sizes);
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<u8>(i * 7 % (most + 1u)));
  return bytes;
}

std::string error_of(const std::filesystem::path& path, int rank) {
  auto text = user_error_of([&] { read_idx(path, rank, kHow); });
  EXPECT_CONTAINS(text, path.string());
  EXPECT_CONTAINS(text, kHow);
  return text;
}

TEST(Idx, ReadsPlainAndGzip) {
  TempFolder folder;
  const Bytes bytes = idx({3, 4, 5}, 60);
  for (const auto& path : {folder.write("plain", bytes), folder.write("packed.gz", gzipped(bytes)),
                           folder.write("packed-without-a-name", gzipped(bytes))}) {
    const Tensor numbers = read_idx(path, 3, kHow);
    EXPECT_EQ(numbers.shape(), (Shape{3, 4, 5}));
    EXPECT_EQ(numbers.dtype(), DType::uint8);
    EXPECT_EQ(numbers.to_vector<u8>(), Bytes(bytes.begin() + 16, bytes.end()));
  }
}

TEST(Idx, ReadsAnEmptyArray) {
  TempFolder folder;
  EXPECT_EQ(read_idx(folder.write("none", header(8, {0})), 1, kHow).elements(), 0);
}

TEST(Idx, NamesAMissingFileAndAFolder) {
  TempFolder folder;
  EXPECT_CONTAINS(error_of(folder.path() / "nothing", 1), "does not exist");
  EXPECT_CONTAINS(error_of(folder.path(), 1), "is a folder, not a regular file");
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_CONTAINS(error_of(pipe, 1), "is a pipe, not a regular file");
  EXPECT_CONTAINS(error_of("/dev/zero", 1), "is a device, not a regular file");
  EXPECT_CONTAINS(error_of(folder.write("empty", {}), 1), "is empty");
}

TEST(Idx, NamesAWrongMagicNumber) {
  TempFolder folder;
  EXPECT_CONTAINS(error_of(folder.write("labels", idx({5}, 5)), 3),
                  "begins with the magic number 0x00000801; an IDX file of bytes with 3 axes "
                  "begins with 0x00000803");
  EXPECT_CONTAINS(error_of(folder.write("floats", header(0x0d, {1})), 1), "0x00000d01");
  EXPECT_CONTAINS(error_of(folder.write("text", {'<', 'h', 't', 'm', 'l', '>'}), 1), "0x3c68746d");
}

TEST(Idx, NamesACutFile) {
  TempFolder folder;
  EXPECT_CONTAINS(error_of(folder.write("magic", {0, 0}), 1),
                  "ends in the magic number: 4 bytes are needed and 2 are there");
  EXPECT_CONTAINS(error_of(folder.write("sizes", {0, 0, 8, 3, 0}), 3),
                  "ends in the sizes of its header");
  EXPECT_CONTAINS(error_of(folder.write("numbers", idx({3, 4, 5}, 59)), 3),
                  "its header promises 3 × 4 × 5 bytes and at most 59 can follow");
}

TEST(Idx, NamesEveryCutOfAGzipFile) {
  TempFolder folder;
  const Bytes packed = gzipped(idx({40, 5}, 200));
  for (std::size_t size = 2; size < packed.size(); size += 5) {
    const Bytes cut(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_CONTAINS(error_of(folder.write("part.gz", cut), 2), "is cut off");
  }
}

TEST(Idx, NamesADamagedGzipFile) {
  TempFolder folder;
  const Bytes packed = gzipped(idx({40, 5}, 200));
  Bytes checksum = packed;
  checksum[packed.size() - 8] ^= 1;  // the CRC-32 comes eight bytes before the end
  EXPECT_CONTAINS(error_of(folder.write("checksum.gz", checksum), 2),
                  "is damaged: incorrect data check");
  Bytes method = packed;
  method[2] = 7;
  EXPECT_CONTAINS(error_of(folder.write("method.gz", method), 2), "is damaged");
}

TEST(Idx, NamesWhatFollowsTheEnd) {
  TempFolder folder;
  EXPECT_CONTAINS(error_of(folder.write("plain", idx({5}, 6)), 1),
                  "is longer than its header says");
  EXPECT_CONTAINS(error_of(folder.write("packed.gz", gzipped(idx({5}, 6))), 1),
                  "is longer than its header says");
  Bytes packed = gzipped(idx({5}, 5));
  packed.insert(packed.end(), {1, 2, 3});
  EXPECT_CONTAINS(error_of(folder.write("tail.gz", packed), 1), "has 3 bytes after its end");
}

Bytes concatenated(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Idx, ReadsAGzipFileOfSeveralMembers) {
  TempFolder folder;
  const Bytes bytes = idx({300, 300}, 90000);
  const auto at = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    return gzipped(Bytes(bytes.begin() + begin, bytes.begin() + end));
  };
  const std::ptrdiff_t size = std::ssize(bytes);
  for (const Bytes& packed :
       {concatenated({at(0, 5), at(5, 40000), gzipped({}), at(40000, size)}),
        concatenated({at(0, size), gzipped({})}), concatenated({gzipped({}), at(0, size)})})
    EXPECT_EQ(read_idx(folder.write("packed.gz", packed), 2, kHow).to_vector<u8>(),
              Bytes(bytes.begin() + 12, bytes.end()));
  EXPECT_CONTAINS(error_of(folder.write("more.gz", concatenated({at(0, size), gzipped({1})})), 2),
                  "is longer than its header says");
  EXPECT_CONTAINS(error_of(folder.write("tail.gz", concatenated({at(0, size), {0, 0}})), 2),
                  "has 2 bytes after its end");
  EXPECT_CONTAINS(error_of(folder.write("magic.gz", concatenated({at(0, size), {0x1f, 0, 1}})), 2),
                  "is damaged: incorrect header check");
  EXPECT_CONTAINS(
      error_of(folder.write("half.gz", concatenated({at(0, size), {0x1f, 0x8b, 8}})), 2),
      "is cut off");
  Bytes damaged = concatenated({at(0, 5), at(5, size)});
  damaged[at(0, 5).size() - 8] ^= 1;  // the checksum of the first member
  EXPECT_CONTAINS(error_of(folder.write("sum.gz", damaged), 2), "incorrect data check");
}

// More is unpacked than any file of images needs; nothing was allocated for it.
TEST(Idx, APackedFileMayNotPromiseFarMoreThanItsSize) {
  TempFolder folder;
  Bytes bytes = header(8, {100'000, 28, 28});
  bytes.resize(bytes.size() + 78'400'000);
  const Bytes packed = gzipped(bytes);
  ASSERT_LT(packed.size(), 100'000u);
  EXPECT_CONTAINS(
      error_of(folder.write("bomb.gz", packed), 3),
      "has " + std::to_string(packed.size()) +
          " bytes and promises 78400000 when it is unpacked; at most 64 times its size, "
          "or the unpacked file, is required");
  EXPECT_EQ(read_idx(folder.write("plain", bytes), 3, kHow).elements(), 78'400'000);
  // What follows the promised bytes is not unpacked.
  Bytes longer = header(8, {5});
  longer.resize(50'000'000);
  EXPECT_CONTAINS(error_of(folder.write("longer.gz", gzipped(longer)), 1),
                  "is longer than its header says");
}

TEST(Idx, AnAbsurdHeaderAllocatesNothing) {
  TempFolder folder;
  const auto most = 0xffffffffu;
  EXPECT_CONTAINS(error_of(folder.write("plain", idx({most, most, most}, 9)), 3),
                  "4294967295 × 4294967295");
  EXPECT_CONTAINS(error_of(folder.write("packed.gz", gzipped(idx({most, 28, 28}, 9))), 3),
                  "is cut off or damaged");
  // The product is 2^64, which is 0 in 64 bits.
  EXPECT_CONTAINS(error_of(folder.write("zero", header(8, {65536, 65536, 65536, 65536})), 4),
                  "promises 65536 × 65536 × 65536 × 65536 bytes");
}

class MnistFiles : public ::testing::Test {
 protected:
  void write(u32 images, u32 labels, u32 side = 28, u8 most_label = 9) {
    folder_.write("train-images-idx3-ubyte.gz",
                  gzipped(idx({images, side, side}, images * side * side)));
    folder_.write("train-labels-idx1-ubyte", idx({labels}, labels, most_label));
  }
  std::string error() {
    auto text = user_error_of([&] { Mnist{folder_.path(), "train"}; });
    EXPECT_CONTAINS(text, folder_.path().string());
    EXPECT_CONTAINS(text, "tools/get_data mnist");
    return text;
  }
  TempFolder folder_;
  Environment no_data_dir_{"WEFT_DATA_DIR", nullptr};
};

TEST_F(MnistFiles, AreReadWithOrWithoutGzip) {
  write(12, 12);
  const Mnist set{folder_.path(), "train"};
  EXPECT_EQ(set.size(), 12);
  EXPECT_EQ(set.info().name, "mnist");
  EXPECT_EQ(set.info().split, "train");
  EXPECT_EQ(set.info().sample, (Shape{28, 28, 1}));
  EXPECT_EQ(set.info().target, Shape{});
  EXPECT_EQ(set.info().classes, 10);
  EXPECT_EQ(set.info().class_names[3], "3");
  Bytes sample(784);
  i64 label = -1;
  set.read(11, sample.data(), &label);
  EXPECT_EQ(label, 11 * 7 % 10);
  EXPECT_EQ(sample[5], (11 * 784 + 5) * 7 % 256);
}

TEST_F(MnistFiles, MayBeNamedWithADot) {
  const Bytes images = idx({2, 28, 28}, 2 * 784), labels = idx({2}, 2, 9);
  folder_.write("train-images.idx3-ubyte", images);
  folder_.write("train-labels.idx1-ubyte.gz", gzipped(labels));
  folder_.write("t10k-images.idx3-ubyte.gz", gzipped(images));
  folder_.write("t10k-labels.idx1-ubyte", labels);
  EXPECT_EQ((Mnist{folder_.path(), "train"}).size(), 2);
  EXPECT_EQ((Mnist{folder_.path(), "test"}).size(), 2);
}

// The working directory, for the length of a test.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::filesystem::path& path)
      : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  ~WorkingDirectory() { std::filesystem::current_path(before_); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;

 private:
  std::filesystem::path before_;
};

TEST_F(MnistFiles, WithoutARootAreFoundInTheDataFolders) {
  write(3, 3);
  TempFolder elsewhere;
  const auto put = [&](const std::filesystem::path& folder) {
    std::filesystem::create_directories(elsewhere.path() / folder);
    std::filesystem::create_directory_symlink(folder_.path(), elsewhere.path() / folder / "mnist");
  };
  const WorkingDirectory inside(elsewhere.path());
  put("data");
  EXPECT_EQ((Mnist{{}, "train"}).size(), 3);
  Environment data_dir{"WEFT_DATA_DIR", (elsewhere.path() / "all").c_str()};
  EXPECT_EQ((Mnist{{}, "train"}).size(), 3);
  put("all");
  std::filesystem::remove(elsewhere.path() / "data/mnist");
  EXPECT_EQ((Mnist{{}, "train"}).size(), 3);
  const Environment home{"HOME", elsewhere.path().c_str()}, in_home{"WEFT_DATA_DIR", "~/all"};
  EXPECT_EQ((Mnist{{}, "train"}).size(), 3);
}

TEST_F(MnistFiles, OfFashionHaveItsNamesAndFolder) {
  write(3, 3);
  const FashionMnist set{folder_.path()};
  EXPECT_EQ(set.size(), 3);
  EXPECT_EQ(set.info().name, "fashion_mnist");
  EXPECT_EQ(set.info().class_names[9], "Ankle boots");
  EXPECT_CONTAINS(user_error_of([] { FashionMnist{}; }), "data/fashion-mnist");
  EXPECT_CONTAINS(user_error_of([] { FashionMnist{"/nowhere"}; }), "fashion_mnist: there is no ");
}

// A test set of another folder may be of another dataset.
TEST_F(MnistFiles, AreAllOfOneFolder) {
  write(3, 3);
  TempFolder first;
  std::filesystem::create_directories(first.path() / "all/mnist");
  first.write("all/mnist/t10k-labels-idx1-ubyte", idx({2}, 2, 9));
  std::filesystem::create_directories(first.path() / "data");
  std::filesystem::create_directory_symlink(folder_.path(), first.path() / "data/mnist");
  const WorkingDirectory inside(first.path());
  Environment data_dir{"WEFT_DATA_DIR", (first.path() / "all").c_str()};
  const auto text = user_error_of([] { Mnist{{}, "train"}; });
  EXPECT_CONTAINS(text,
                  "train-images.idx3-ubyte in " + (first.path() / "all/mnist").string() + ";");
}

TEST_F(MnistFiles, ARootThatIsGivenIsTheOnlyPlace) {
  write(3, 3);
  std::filesystem::create_directory(folder_.path() / "all");
  std::filesystem::create_directory_symlink(folder_.path(), folder_.path() / "all" / "mnist");
  Environment data_dir{"WEFT_DATA_DIR", (folder_.path() / "all").c_str()};
  const auto elsewhere = folder_.path() / "elsewhere";
  EXPECT_EQ(user_error_of([&] {
              Mnist{elsewhere, "train"};
            }),
            "mnist: there is no train-images-idx3-ubyte.gz or train-images-idx3-ubyte or "
            "train-images.idx3-ubyte.gz or train-images.idx3-ubyte in " +
                elsewhere.string() + "; `tools/get_data mnist` fetches the official file");
}

TEST_F(MnistFiles, MissingOnesAreNamedWithEveryPlace) {
  const auto message = [] { return user_error_of([] { Mnist{{}, "train"}; }); };
  const TempFolder empty;
  const WorkingDirectory inside(empty.path());
  EXPECT_CONTAINS(message(), "in $WEFT_DATA_DIR/mnist (WEFT_DATA_DIR is not set) or data/mnist;");
  Environment data_dir{"WEFT_DATA_DIR", "/nowhere"};
  EXPECT_CONTAINS(message(), "in /nowhere/mnist or data/mnist;");
}

TEST_F(MnistFiles, OtherCountsAreNamed) {
  write(12, 11);
  EXPECT_CONTAINS(error(), "holds 12 images and");
  EXPECT_CONTAINS(error(), "11 labels; as many are required");
}

TEST_F(MnistFiles, OtherSizesAreNamed) {
  write(4, 4, 27);
  EXPECT_CONTAINS(error(), "are 27 × 27; 28 × 28 is required");
}

TEST_F(MnistFiles, AnEmptySetIsNamed) {
  write(0, 0);
  EXPECT_CONTAINS(error(), "holds no images; at least one is required");
}

TEST_F(MnistFiles, ALabelOutOfRangeIsNamed) {
  write(12, 12, 28, 10);
  EXPECT_CONTAINS(error(), "label 3 of");
  EXPECT_CONTAINS(error(), "is 10; a class from 0 to 9 is required");
}

TEST_F(MnistFiles, AnotherSplitIsNamed) {
  EXPECT_EQ(user_error_of([&] {
              Mnist{folder_.path(), "validation"};
            }),
            "mnist: split is 'validation'; train or test is required");
}

TEST(MnistReal, HasTheKnownContent) {
  const auto root = real_data("mnist");
  if (!root) GTEST_SKIP() << "no mnist in $WEFT_DATA_DIR or ../shared/data";
  const Mnist train{*root, "train"}, test{*root, "test"};
  EXPECT_EQ(train.size(), 60000);
  EXPECT_EQ(test.size(), 10000);
  i64 sum = 0;
  for (const u8 value : train.samples().values<u8>()) sum += value;
  EXPECT_NEAR(static_cast<double>(sum) / (60000.0 * 784 * 255), 0.1307,
              5e-5);  // the value everyone quotes
  const std::vector<i64> first{5, 0, 4, 1, 9};
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_EQ(train.targets().values<i64>()[i], first[i]);
  EXPECT_EQ(test.targets().values<i64>()[0], 7);
}

}  // namespace
}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
#include "weft/data/cifar.h"

#include <gtest/gtest.h>

#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

// Makes records whose pixels encode channel, row and column.
Bytes records(int count, u8 first_label) {
  Bytes bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<u8>(first_label + i));
    for (int channel = 0; channel < 3; ++channel)
      for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x)
          bytes.push_back(static_cast<u8>(80 * channel + 2 * y + (x + i) % 2));
  }
  return bytes;
}

class CifarFiles : public ::testing::Test {
 protected:
  std::string error(const std::string& split = "train") {
    auto text = user_error_of([&] { Cifar10{folder_.path(), split}; });
    EXPECT_CONTAINS(text, folder_.path().string());
    EXPECT_CONTAINS(text, "tools/get_data cifar10");
    return text;
  }
  TempFolder folder_;
  Environment no_data_dir_{"WEFT_DATA_DIR", nullptr};
};

TEST_F(CifarFiles, PlanesBecomePixels) {
  folder_.write("data_batch_1.bin", records(2, 3));
  const Cifar10 set{folder_.path(), "train"};
  EXPECT_EQ(set.size(), 2);
  EXPECT_EQ(set.info().sample, (Shape{32, 32, 3}));
  EXPECT_EQ(set.info().class_names[3], "cat");
  Bytes sample(3072);
  i64 label = -1;
  set.read(1, sample.data(), &label);
  EXPECT_EQ(label, 4);
  for (int y : {0, 7, 31})
    for (int x : {0, 5, 31})
      for (int channel = 0; channel < 3; ++channel)
        EXPECT_EQ(sample[static_cast<std::size_t>((y * 32 + x) * 3 + channel)],
                  80 * channel + 2 * y + (x + 1) % 2);
}

TEST_F(CifarFiles, TheFirstBatchesAreReadInOrder) {
  folder_.write("data_batch_2.bin", records(1, 5));
  folder_.write("data_batch_1.bin", records(2, 1));
  const Cifar10 set{folder_.path(), "train"};
  EXPECT_EQ(set.targets().to_vector<i64>(), (std::vector<i64>{1, 2, 5}));
}

TEST_F(CifarFiles, ABatchThatIsMissingBeforeAnotherIsNamed) {
  folder_.write("data_batch_3.bin", records(1, 5));
  EXPECT_CONTAINS(error(), "data_batch_1.bin is missing and data_batch_3.bin is there");
  folder_.write("data_batch_1.bin", records(2, 1));
  EXPECT_CONTAINS(error(), "data_batch_2.bin is missing and data_batch_3.bin is there");
  folder_.write("data_batch_2.bin", records(1, 3));
  EXPECT_EQ((Cifar10{folder_.path(), "train"}).size(), 4);
}

TEST_F(CifarFiles, OfAHundredClassesHaveTwoLabels) {
  Bytes bytes = records(1, 7);
  bytes.insert(bytes.begin() + 1, 93);  // the fine label follows the coarse one
  folder_.write("train.bin", bytes);
  const Cifar100 fine{folder_.path()}, coarse{folder_.path(), "train", Cifar100Labels::coarse};
  EXPECT_EQ(fine.targets().to_vector<i64>(), (std::vector<i64>{93}));
  EXPECT_EQ(fine.info().classes, 100);
  EXPECT_EQ(fine.info().class_names[93], "93");
  EXPECT_EQ(coarse.targets().to_vector<i64>(), (std::vector<i64>{7}));
  EXPECT_EQ(coarse.info().classes, 20);
  EXPECT_EQ(fine.samples().to_vector<u8>(),
            (Cifar100{folder_.path(), "train", Cifar100Labels::coarse}.samples().to_vector<u8>()));
  EXPECT_EQ(fine.samples().to_vector<u8>()[0], bytes[2]);
  std::string names;
  for (int i = 0; i < 100; ++i) names += "thing" + std::to_string(i) + "\n";
  folder_.write("fine_label_names.txt", Bytes(names.begin(), names.end()));
  EXPECT_EQ((Cifar100{folder_.path()}.info().class_names[93]), "thing93");
  bytes[0] = 20;
  folder_.write("train.bin", bytes);
  EXPECT_CONTAINS(user_error_of([&] {
                    Cifar100{folder_.path(), "train", Cifar100Labels::coarse};
                  }),
                  "has label 20 in record 0; a class from 0 to 19");
  bytes.pop_back();
  folder_.write("train.bin", bytes);
  EXPECT_CONTAINS(user_error_of([&] { Cifar100{folder_.path()}; }),
                  "a multiple of 3074 (two labels");
}

TEST_F(CifarFiles, MissingOnesAreNamed) {
  EXPECT_CONTAINS(error(), "there is no data_batch_1.bin or data_batch_2.bin");
  EXPECT_CONTAINS(error("test"), "there is no test_batch.bin in");
}

TEST_F(CifarFiles, ARootThatIsGivenIsTheOnlyPlace) {
  folder_.write("test_batch.bin", records(1, 0));
  std::filesystem::create_directory_symlink(folder_.path(),
                                            folder_.path() / "cifar-10-batches-bin");
  Environment data_dir{"WEFT_DATA_DIR", folder_.path().c_str()};
  EXPECT_EQ((Cifar10{{}, "test"}).size(), 1);
  EXPECT_EQ(user_error_of([] {
              Cifar10{"/nowhere", "test"};
            }),
            "cifar10: there is no test_batch.bin in /nowhere; `tools/get_data cifar10` fetches the "
            "official files");
}

TEST_F(CifarFiles, DamagedOnesAreNamed) {
  Bytes bytes = records(2, 0);
  bytes.pop_back();
  folder_.write("test_batch.bin", bytes);
  EXPECT_CONTAINS(error("test"), "test_batch.bin has 6145 bytes; a multiple of 3073");
  folder_.write("test_batch.bin", {});
  EXPECT_CONTAINS(error("test"), "is empty");
  folder_.write("test_batch.bin", gzipped(records(1, 0)));
  EXPECT_CONTAINS(error("test"), "is a gzip file; the unpacked file is required");
  folder_.write("test_batch.bin", records(3, 8));
  EXPECT_CONTAINS(error("test"), "has label 10 in record 2; a class from 0 to 9 is required");
}

TEST_F(CifarFiles, AnotherSplitIsNamed) {
  EXPECT_EQ(user_error_of([&] {
              Cifar10{folder_.path(), "all"};
            }),
            "cifar10: split is 'all'; train or test is required");
}

TEST(CifarReal, IsReadable) {
  const auto root = real_data("cifar-10-batches-bin");
  if (!root) GTEST_SKIP() << "no cifar-10-batches-bin in $WEFT_DATA_DIR or ../shared/data";
  const Cifar10 train{*root, "train"}, test{*root, "test"};
  EXPECT_GE(train.size(), 10000);
  EXPECT_GE(test.size(), 1000);
  EXPECT_EQ(train.targets().values<i64>()[0], 6);  // data_batch_1.bin begins with a frog
}

}  // namespace
}  // namespace weft::data

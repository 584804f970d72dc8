// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sources.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weft/core/files.h"
#include "weft/data/idx.h"
#include "weft/data/image_file.h"
#include "weft/tests/data/temp_folder.h"
#include "weft/tests/support/as_nobody.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

TEST(Sources, AreRegistered) {
  const auto names = Registry<Dataset>::instance().names();
  for (const char* name : {"cifar10", "digits", "mnist", "text"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  EXPECT_CONTAINS(user_error_of([] { DataRecipe::of("digit"); }), "data: 'digit' given; known: ");
}

TEST(Sources, DigitsAreATrainingSetAndATestSet) {
  const auto sets =
      digits({.style = DigitsStyle::outline, .train_size = 30, .test_size = 20}).make();
  EXPECT_EQ(sets.train->size(), 30);
  EXPECT_EQ(sets.train->info().split, "train");
  EXPECT_EQ(sets.test->size(), 20);
  EXPECT_EQ(sets.test->info().split, "test");
}

TEST(Sources, OptionsAreChecked) {
  EXPECT_CONTAINS(user_error_of([] { digits({.style = static_cast<DigitsStyle>(2)}); }), "style");
  EXPECT_CONTAINS(user_error_of([] { digits({.train_size = 0}); }), "train_size");
  EXPECT_CONTAINS(user_error_of([] { digits({.difficulty = -1}); }), "difficulty");
}

TEST(Sources, FilesAreLookedForWhenTheDataAreMade) {
  Environment no_data_dir{"WEFT_DATA_DIR", nullptr};
  const auto mnist_recipe = mnist({.root = "/nowhere"});
  EXPECT_CONTAINS(user_error_of([&] { mnist_recipe.make(); }), "/nowhere");
  const auto cifar_recipe = cifar10({.root = "/nowhere"});
  EXPECT_CONTAINS(user_error_of([&] { cifar_recipe.make(); }), "/nowhere");
}

TEST(Sources, SayWhichPlaceWasRead) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path() / "a");
  for (const char* name : {"data_batch_1.bin", "test_batch.bin"})
    folder.write(std::string("a/") + name, Bytes(3073));
  const std::string place = (folder.path() / "a").string();
  EXPECT_EQ(cifar10({.root = place + "/../a/"}).make().place, place);
  const auto file = folder.write("a.txt", Bytes(20, 'x'));
  EXPECT_EQ(text({.path = file.string()}).make().place, file.string());
  EXPECT_EQ(digits({.train_size = 10, .test_size = 10}).make().place, "");
}

// Each test in a folder with the data of two places.
class TwoPlaces : public ::testing::Test {
 protected:
  TwoPlaces() : before_(std::filesystem::current_path()) {
    for (const char* place : {"first", "data"}) {
      std::filesystem::create_directories(folder_.path() / place / "cifar-10-batches-bin");
      for (const char* name : {"data_batch_1.bin", "test_batch.bin"})
        folder_.write(std::string(place) + "/cifar-10-batches-bin/" + name, Bytes(3073));
    }
    std::filesystem::current_path(folder_.path());
  }
  ~TwoPlaces() override { std::filesystem::current_path(before_); }

  const TempFolder folder_;
  const std::filesystem::path before_;
  const std::filesystem::path first_ = folder_.path() / "first/cifar-10-batches-bin";
  const Environment data_dir_{"WEFT_DATA_DIR", (folder_.path() / "first").c_str()};
};

TEST_F(TwoPlaces, TheSecondDoesNotReplaceOneThatCannotBeRead) {
  const auto error_of = [&](const Cifar10Source& source) {
    const test_support::AsNobody nobody(folder_.path());
    return test_support::message_of<IoError>([&] { cifar10(source).make(); });
  };
  EXPECT_EQ(cifar10().make().place, first_.string());
  std::filesystem::permissions(first_, std::filesystem::perms::none);
  for (const std::string& root : {std::string(), first_.string()}) {
    const std::string error = error_of({.root = root});
    EXPECT_CONTAINS(error, (first_ / "data_batch_1.bin").string());
    EXPECT_CONTAINS(error, "Permission denied");
    EXPECT_EQ(error.find("get_data"), std::string::npos) << error;
  }
  std::filesystem::permissions(first_, std::filesystem::perms(0755));
  std::filesystem::permissions(first_ / "test_batch.bin", std::filesystem::perms::none);
  EXPECT_CONTAINS(error_of({}), "test_batch.bin cannot be opened (Permission denied)");
  std::filesystem::remove_all(first_);
  EXPECT_EQ(cifar10().make().place, (folder_.path() / "data/cifar-10-batches-bin").string());
}

TEST_F(TwoPlaces, WhatIsNoFolderIsNamed) {
  std::filesystem::remove_all(first_);
  ASSERT_EQ(mkfifo(first_.c_str(), 0600), 0);
  for (const std::string& root : {std::string(), first_.string(), std::string("/dev/null")}) {
    const std::string error = user_error_of([&] { cifar10({.root = root}).make(); });
    EXPECT_CONTAINS(error, (root.empty() ? first_.string() : root) + " is no folder");
    EXPECT_CONTAINS(user_error_of([&] { mnist({.root = first_}).make(); }), "is no folder");
  }
}

// Every reader of files.
TEST(Sources, ThatCannotBeReadAreNoWrongOnes) {
  const TempFolder folder;
  const std::string path = folder.write("a", Bytes(100, 'x')).string();
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const test_support::AsNobody nobody(folder.path());
  const auto expect_io = [&](const std::function<void()>& read) {
    const std::string error = test_support::message_of<IoError>(read);
    EXPECT_CONTAINS(error, path);
    EXPECT_CONTAINS(error, "cannot be opened (Permission denied); access to it is required");
  };
  expect_io([&] { csv({.path = path, .target = "y"}).make(); });
  expect_io([&] { text({.path = path}).make(); });
  expect_io([&] { tensors({.path = path}).make(); });
  expect_io([&] { read_idx(path, 1, "get it"); });
  expect_io([&] { read_picture(path, 1); });
  expect_io([&] { read_png(path, 1); });
  expect_io([&] { read_jpeg(path, 1); });
}

}  // namespace
}  // namespace weft::data

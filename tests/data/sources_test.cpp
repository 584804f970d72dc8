// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sources.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "weft/tests/data/temp_folder.h"

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

}  // namespace
}  // namespace weft::data

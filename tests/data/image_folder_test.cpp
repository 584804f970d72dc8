// SPDX-License-Identifier: Apache-2.0
#include "weft/data/image_folder.h"

#include <gtest/gtest.h>
#include <png.h>

#include "weft/data/loader.h"
#include "weft/data/sources.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

namespace fs = std::filesystem;

class Folders : public ::testing::Test {
 protected:
  // A picture whose pixels all have this value.
  void put(const std::string& name, u8 value, u32 height = 4, u32 width = 6) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_GRAY;
    const Bytes pixels(std::size_t{width} * height, value);
    ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr), 0);
  }
  TrainAndTest made(ImageFolderSource source = {}) const {
    source.root = folder_.path();
    return image_folder(source).make();
  }
  std::string refusal(const ImageFolderSource& source = {}) const {
    return user_error_of([&] {
      const TrainAndTest data = made(source);
      for (const auto& set : {data.train, data.test})
        for (i64 i = 0; set != nullptr && i < set->size(); ++i) sample(*set, i);
    });
  }
  // The first value and the label.
  static std::pair<int, i64> sample(const Dataset& set, i64 index) {
    Bytes pixels(static_cast<std::size_t>(set.info().sample_bytes()));
    i64 label = -1, again = -2;
    set.read(index, pixels.data(), &label);
    set.read_target(index, &again);
    EXPECT_EQ(label, again);
    return {pixels[0], label};
  }
  TempFolder folder_;
};

using Sample = std::pair<int, i64>;

TEST_F(Folders, HaveAClassEachInTheOrderOfTheirNames) {
  put("train/dog/2.png", 12);
  put("train/dog/10.PNG", 11);
  put("train/cat/deep/er/a.png", 1);
  put("test/dog/a.png", 99);
  std::ofstream(folder_.path() / "train/dog/notes.txt") << "none";
  const TrainAndTest data = made();
  EXPECT_EQ(data.train->info().class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data.train->info().sample, (Shape{4, 6, 3}));
  ASSERT_EQ(data.train->size(), 3);
  EXPECT_EQ(sample(*data.train, 0), (Sample{1, 0}));
  EXPECT_EQ(sample(*data.train, 1), (Sample{11, 1}));  // "10" before "2"
  EXPECT_EQ(sample(*data.train, 2), (Sample{12, 1}));
  ASSERT_EQ(data.test->size(), 1);
  EXPECT_EQ(sample(*data.test, 0), (Sample{99, 1}));
  EXPECT_EQ(data.test->info().split, "test");
  EXPECT_EQ(data.place, fs::canonical(folder_.path()).string());
}

TEST_F(Folders, WithoutATestHoldTheSameSamplesOut) {
  for (int i = 0; i < 20; ++i) put("a/" + std::to_string(i) + ".png", static_cast<u8>(i));
  for (int i = 0; i < 20; ++i) put("b/" + std::to_string(i) + ".png", static_cast<u8>(100 + i));
  const TrainAndTest data = made(), again = made();
  EXPECT_EQ(data.train->size(), 32);
  ASSERT_EQ(data.test->size(), 8);
  std::vector<int> values;
  for (i64 i = 0; i < 8; ++i) {
    EXPECT_EQ(sample(*data.test, i), sample(*again.test, i));
    values.push_back(sample(*data.test, i).first);
  }
  for (i64 i = 0; i < 32; ++i)
    EXPECT_EQ(std::count(values.begin(), values.end(), sample(*data.train, i).first), 0);
  EXPECT_EQ(made({.test_split = 0}).test, nullptr);
}

TEST_F(Folders, ResizeOnlyIfTheySayTo) {
  put("train/a/a.png", 50);
  put("train/a/b.png", 60, 8, 8);
  put("train/b/a.png", 70);
  EXPECT_NE(refusal({.test_split = 0})
                .find("b.png: 8 × 8 pixels; 6 × 4 is required (data.size resizes pictures)"),
            std::string::npos);
  const TrainAndTest data = made({.size = {2, 3}, .channels = 1, .test_split = 0});
  EXPECT_EQ(data.train->info().sample, (Shape{2, 3, 1}));
  EXPECT_EQ(sample(*data.train, 1), (Sample{60, 0}));
}

TEST_F(Folders, ThatCannotBeReadAreRefused) {
  EXPECT_NE(refusal().find("has no folders"), std::string::npos);
  fs::create_directories(folder_.path() / "train/empty");
  EXPECT_NE(refusal().find("train/empty has no pictures"), std::string::npos);
  put("train/a/a.png", 1);
  fs::remove_all(folder_.path() / "train/empty");
  EXPECT_NE(refusal({.test_split = 0}).find("train has one class, 'a'; at least two"),
            std::string::npos);
  put("train/b/a.png", 1);
  put("test/other/a.png", 1);
  EXPECT_NE(refusal().find("test/other is no class of the training pictures; one of a"),
            std::string::npos);
  fs::remove_all(folder_.path() / "test");
  folder_.write("train/a/z.jpg", {1, 2, 3});
  EXPECT_NE(refusal({.test_split = 0}).find("z.jpg"), std::string::npos);
  fs::remove(folder_.path() / "train/a/z.jpg");
  fs::create_directories(folder_.path() / "train/a/folder.png");  // no picture
  EXPECT_EQ(made({.test_split = 0}).train->size(), 2);
  fs::create_symlink("nothing", folder_.path() / "train/a/link.png");
  EXPECT_NE(refusal({.test_split = 0}).find("link.png: it does not exist"), std::string::npos);
  EXPECT_NE(user_error_of([] {
              image_folder({.root = "/nowhere"}).make();
            }).find("/nowhere is no folder"),
            std::string::npos);
  EXPECT_NE(user_error_of([] { image_folder({.root = "a", .size = {1}}); }).find("[height, width]"),
            std::string::npos);
}

// Its test pictures would be trained on, as a class.
TEST_F(Folders, WithATestAndNoTrainingAreRefused) {
  put("test/a/a.png", 1);
  put("test/b/a.png", 2);
  put("c/a.png", 3);
  EXPECT_NE(
      refusal().find("has a folder test/ and no train/; train/ with the training pictures, or "
                     "another name for a class 'test', is required"),
      std::string::npos);
}

// Decoding in other threads and another order gives the same batches.
TEST_F(Folders, GiveTheSameBatchesWithAnyNumberOfWorkers) {
  for (int i = 0; i < 23; ++i)
    put((i % 2 == 0 ? "train/a/" : "train/b/") + std::to_string(i) + ".png", static_cast<u8>(i));
  const TrainAndTest data = made({.size = {3, 3}, .test_split = 0});
  std::vector<Bytes> wanted;
  for (const i64 workers : {0, 1, 4}) {
    Loader loader(*data.train, {.batch_size = 4, .shuffle = true, .seed = 3, .workers = workers});
    std::vector<Bytes> batches;
    for (auto& [x, y] : loader) batches.push_back(x.to_vector<u8>());
    if (workers == 0) wanted = batches;
    EXPECT_EQ(batches, wanted);
  }
}

}  // namespace
}  // namespace weft::data

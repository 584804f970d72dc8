// SPDX-License-Identifier: Apache-2.0
// TensorBoard's files: records, histograms and pictures, and what a resumed run keeps. That the
// real TensorBoard reads them, tests/tools/tensorboard_test.py says.
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/run_files.h"
#include "weft/train/loggers/histogram.h"
#include "weft/train/loggers/picture_grid.h"
#include "weft/train/loggers/protobuf.h"
#include "weft/train/loggers/tfrecord.h"

namespace weft::train {
namespace {

using namespace testing_runs;

// RFC 3720, B.4.
TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising;
  for (char i = 0; i < 32; ++i) rising += i;
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(masked_crc32c("123456789"), 0xc78ab0e5u);
}

TEST(TfRecord, HasLengthAndChecksums) {
  const std::string record = tfrecord("abc");
  ASSERT_EQ(record.size(), 8u + 4u + 3u + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\3\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
}

TEST(TfRecord, OfAFileThatWasCutOrDamagedTheWholeOnesCount) {
  const std::string first = tfrecord("first"), second = tfrecord(std::string(300, 'x'));
  const std::string file = first + second;
  EXPECT_EQ(whole_tfrecords(file), file.size());
  EXPECT_EQ(whole_tfrecords(""), 0u);
  for (std::size_t end = first.size(); end < file.size(); ++end)
    ASSERT_EQ(whole_tfrecords(file.substr(0, end)), first.size()) << end;
  for (std::size_t at = first.size(); at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    ASSERT_EQ(whole_tfrecords(damaged), first.size()) << at;
  }
}

TEST(ProtobufWriter, EncodesAsTheSpecificationSays) {
  EXPECT_EQ(Protobuf().integer(1, 150).text(), "\x08\x96\x01");
  EXPECT_EQ(Protobuf().integer(1, -1).text().size(), 11u);
  EXPECT_EQ(Protobuf().bytes(2, "testing").text(), "\x12\x07testing");
  EXPECT_EQ(Protobuf().message(3, Protobuf().integer(1, 150)).text(), "\x1a\x03\x08\x96\x01");
  EXPECT_EQ(Protobuf().number(2, 1.0f).text(), std::string("\x15\0\0\x80\x3f", 5));
  EXPECT_EQ(Protobuf().bytes(16, "").text(), std::string("\x82\x01\0", 3));
}

TEST(HistogramOf, CountsEachFiniteValueOnce) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{-1, 0, 0.5f, 3, infinity, -infinity, infinity - infinity};
  const Histogram histogram = histogram_of(values, -2);
  EXPECT_EQ(histogram.least, -6);
  EXPECT_EQ(histogram.greatest, 2);
  EXPECT_EQ(histogram.count, 4);
  EXPECT_EQ(histogram.sum, -5);
  EXPECT_EQ(histogram.sum_of_squares, 41);
  ASSERT_EQ(histogram.counts.size(), static_cast<std::size_t>(kHistogramBuckets));
  EXPECT_EQ(histogram.counts.front(), 1);
  EXPECT_EQ(histogram.counts.back(), 1);
  EXPECT_EQ(histogram.upper.back(), 2);
  double sum = 0;
  for (const double count : histogram.counts) sum += count;
  EXPECT_EQ(sum, 4);
}

TEST(HistogramOf, EqualValuesIsOneBucket) {
  const Histogram histogram = histogram_of(std::vector<float>{3, 3, 3});
  EXPECT_EQ(histogram.counts, (std::vector<double>{3}));
  EXPECT_EQ(histogram.upper, (std::vector<double>{3}));
  EXPECT_EQ(histogram_of(std::vector<float>{std::nanf("")}).count, 0);
}

TEST(PictureGrid, ShowsImagesSideBySide) {
  std::vector<unsigned char> bytes;
  for (int i = 0; i < 3 * 2 * 2; ++i) bytes.push_back(static_cast<unsigned char>(i + 1));
  const auto grid = picture_grid(Tensor::copy_of(bytes, {3, 2, 2, 1}));
  ASSERT_TRUE(grid.has_value());
  EXPECT_EQ(grid->height, 6);
  EXPECT_EQ(grid->width, 6);
  EXPECT_EQ(grid->bytes[0], 1);
  EXPECT_EQ(grid->bytes[4], 5);      // beyond the gap
  EXPECT_EQ(grid->bytes[4 * 6], 9);  // in the second row
  EXPECT_EQ(png_of(*grid).substr(0, 4), "\x89PNG");
  EXPECT_FALSE(picture_grid(Tensor::zeros({3, 4})).has_value());
  EXPECT_FALSE(picture_grid(Tensor::zeros({3, 2, 2, 1}, DType::int64)).has_value());
}

TEST(PictureGrid, MapsFloatsToTheirRange) {
  const auto grid = picture_grid(Tensor::copy_of(std::vector<float>{-1, 0, 1, 3}, {1, 1, 4, 1}));
  ASSERT_TRUE(grid.has_value());
  EXPECT_EQ(grid->bytes, (std::vector<unsigned char>{0, 64, 128, 255}));
}

TEST(PictureGrid, OfManyOrLargeImagesShowsSome) {
  EXPECT_EQ(picture_grid(Tensor::zeros({500, 2, 2, 3}))->height, 8 * 2 + 7 * 2);
  const auto large = picture_grid(Tensor::zeros({9, 400, 600, 4}));
  EXPECT_LE(large->height * large->width, 1'100'000);
  EXPECT_EQ(large->channels, 3);
}

class TensorBoardFiles : public InScratchFolder {
 protected:
  TensorBoardFiles() : InScratchFolder("tensorboard") {}
  RunReport train(const std::string& name, std::vector<std::string> keys) const {
    keys.emplace_back("loggers=[tensorboard]");
    return train_small(dir(name), keys);
  }
  std::vector<fs::path> files(const std::string& name) const {
    std::vector<fs::path> found;
    if (fs::exists(dir(name) / "tensorboard"))
      for (const auto& entry : fs::directory_iterator(dir(name) / "tensorboard"))
        found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(TensorBoardFiles, LeaveTheRunAsItIs) {
  train_small(dir("plain"), {});
  train("logged", {});
  EXPECT_EQ(outcome_of(dir("logged")), outcome_of(dir("plain")));
  ASSERT_EQ(files("logged").size(), 1u);
  const std::string text = text_of(files("logged").front());
  EXPECT_EQ(whole_tfrecords(text), text.size());
  for (const char* part : {"brain.Event:2", "train/loss", "weights/1.weight", "gradients/1.weight",
                           "training batch", "optimizer.lr", "process/cpu"})
    EXPECT_NE(text.find(part), text.npos) << part;
}

TEST_F(TensorBoardFiles, MayBeSwitchedOff) {
  train_small(dir("off"), {"loggers=[{type: tensorboard, enabled: false}]"});
  EXPECT_FALSE(fs::exists(dir("off") / "tensorboard"));
  train_small(dir("little"),
              {"loggers=[{type: tensorboard, histograms: 0, picture: false, system_every: 0s}]"});
  const std::string text = text_of(files("little").front());
  for (const char* part : {"weights/", "gradients/", "training batch", "process/cpu"})
    EXPECT_EQ(text.find(part), text.npos) << part;
}

// A process that was killed after the checkpoint leaves a file with a part of a record, and the one
// before may have gone on too.
TEST_F(TensorBoardFiles, OfAResumedRunAreCutToTheCheckpoint) {
  train("run", {});
  const fs::path first = files("run").front();
  const std::string whole = text_of(first);
  const fs::path later = dir("run") / "tensorboard/events.out.tfevents.9000000000.weft";
  write(first, whole + tfrecord("later").substr(0, 9));
  write(later, tfrecord("later"));
  write(dir("run") / "tensorboard/notes.txt", "mine");
  Log log;
  train("run", {"resume=auto", "train.epochs=3"});
  EXPECT_EQ(log.text().find("logger 'tensorboard'"), std::string::npos) << log.text();
  EXPECT_FALSE(fs::exists(later));
  const std::vector<fs::path> now = files("run");
  ASSERT_EQ(now.size(), 3u);
  EXPECT_EQ(now[0], first);
  const std::string kept = text_of(first);
  EXPECT_EQ(kept, whole.substr(0, kept.size()));
  EXPECT_LT(kept.size(), whole.size());  // the test came after the last checkpoint
  EXPECT_EQ(text_of(dir("run") / "tensorboard/notes.txt"), "mine");
}

TEST_F(TensorBoardFiles, OfARunInAnotherFolderAreCopiedFromThere) {
  train("run", {});
  train("fork", {"resume=" + dir("run").string(), "train.epochs=3"});
  const std::vector<fs::path> copies = files("fork");
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].filename(), files("run").front().filename());
  const std::string copy = text_of(copies[0]);
  EXPECT_FALSE(copy.empty());
  EXPECT_EQ(copy, text_of(files("run").front()).substr(0, copy.size()));
}

TEST_F(TensorBoardFiles, ThatCannotBeWrittenAreAWarning) {
  fs::create_directories(dir("elsewhere"));
  train("run", {});
  fs::remove_all(dir("run") / "tensorboard");
  fs::create_directory_symlink(dir("elsewhere"), dir("run") / "tensorboard");
  Log log;
  EXPECT_EQ(train("run", {"resume=auto", "train.epochs=3"}).steps, 12);
  EXPECT_TRUE(log.has("is a link, which is not followed; a folder is required")) << log.text();
  EXPECT_TRUE(fs::is_empty(dir("elsewhere")));
}

}  // namespace
}  // namespace weft::train

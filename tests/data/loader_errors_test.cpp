// SPDX-License-Identifier: Apache-2.0
// Tests of a loader with wrong samples and wrong options.
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

TEST(LoaderErrors, ComeWithTheirBatchAndNameTheSample) {
  const Numbers set{100, [](i64 index) {
                      if (index == 57) fail("picture.png is not a picture");
                    }};
  for (const i64 workers : {0, 1, 4}) {
    Loader loader{set, {.batch_size = 10, .workers = workers}};
    for (int attempt = 0; attempt < 2; ++attempt) {
      i64 batches = 0;
      const auto text = user_error_of([&] {
        for ([[maybe_unused]] auto& batch : loader) ++batches;
      });
      EXPECT_EQ(text, "loader: sample 57 of numbers (train): picture.png is not a picture");
      EXPECT_EQ(batches, 5);
      EXPECT_EQ(loader.position(), (LoaderPosition{0, 5}));
      EXPECT_EQ(loader.next(), nullptr);
      loader.set_epoch(0);
    }
    loader.set_position({0, 6});
    EXPECT_EQ(joined(epoch_of(loader)).front(), 60);
  }
}

TEST(LoaderErrors, ForeignOnesAreOurs) {
  const Numbers set{10, [](i64 index) {
                      if (index == 3) throw std::runtime_error("disk on fire");
                    }};
  Loader loader{set, {.batch_size = 5}};
  try {
    epoch_of(loader);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_STREQ(error.what(), "loader: sample 3 of numbers (train): disk on fire");
  }
}

TEST(LoaderErrors, ThatAreNoExceptionsNameTheSample) {
  const Numbers set{10, [](i64 index) {
                      if (index == 3) throw 7;  // NOLINT: as a careless author would
                    }};
  for (const i64 workers : {0, 2}) {
    Loader loader{set, {.batch_size = 5, .workers = workers}};
    try {
      epoch_of(loader);
      FAIL();
    } catch (const InternalError& error) {
      EXPECT_STREQ(error.what(),
                   "loader: sample 3 of numbers (train): read() threw what is no std::exception");
    }
  }
}

// A dataset that does not check its samples.
class Careless : public Dataset {
 public:
  Careless(float number, i64 label) : number_(number), label_(label) {
    info_.name = "careless";
    info_.split = "train";
    info_.sample = {3};
    info_.sample_dtype = DType::f32;
    info_.classes = 4;
  }
  i64 size() const override { return 4; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override {
    const float numbers[3] = {1, 2, index == 2 ? number_ : 3};
    const i64 label = index == 2 ? label_ : 0;
    std::memcpy(sample, numbers, sizeof numbers);
    std::memcpy(target, &label, sizeof label);
  }

 private:
  float number_;
  i64 label_;
  DatasetInfo info_;
};

TEST(LoaderErrors, NameBadSamples) {
  const auto error = [](float number, i64 label) {
    const Careless set{number, label};
    Loader loader{set, {.batch_size = 2}};
    return user_error_of([&] {
      for ([[maybe_unused]] auto& batch : loader) {
      }
    });
  };
  EXPECT_EQ(error(NAN, 0),
            "careless (train): the input of sample 2 holds nan at position 2; finite values are "
            "required");
  EXPECT_EQ(error(-INFINITY, 0),
            "careless (train): the input of sample 2 holds -inf at position 2; finite values are "
            "required");
  EXPECT_EQ(error(1, 4),
            "careless (train): the label of sample 2 is 4; a class from 0 to 3 is required");
  EXPECT_EQ(error(1, -1),
            "careless (train): the label of sample 2 is -1; a class from 0 to 3 is required");
}

TEST(LoaderErrors, NameABadDescription) {
  struct Described : Numbers {
    Described() : Numbers(4), about(Numbers::info()) {}
    const DatasetInfo& info() const override { return about; }
    DatasetInfo about;
  };
  const auto error = [](const std::function<void(DatasetInfo&)>& change) {
    Described set;
    change(set.about);
    return user_error_of([&] { Loader{set, {.batch_size = 2}}; });
  };
  EXPECT_EQ(error([](DatasetInfo& info) { info.classes = 0; }),
            "numbers: targets are int64 with 0 classes; f32 is required");
  EXPECT_EQ(error([](DatasetInfo& info) { info.classes = -1; }),
            "numbers: classes is -1; a positive number, or 0 for regression, is required");
  EXPECT_EQ(error([](DatasetInfo& info) { info.target_dtype = DType::f32; }),
            "numbers: targets are f32 with 7 classes; int64 is required");
  const std::string required = "; known sizes and at most 1000000000 elements are required";
  EXPECT_EQ(error([](DatasetInfo& info) {
              info.sample = {2, Shape::kOpen};
            }),
            "numbers: a sample has the shape (2, -1)" + required);
  EXPECT_EQ(error([](DatasetInfo& info) {
              info.more = {{"mask", TensorInfo{{-1}}}};
            }),
            "numbers: more.mask has the shape (-1)" + required);
  EXPECT_EQ(error([](DatasetInfo& info) {
              info.more = {{"mask", TensorInfo{{1 << 30, 1 << 30}}}};
            }),
            "numbers: more.mask has the shape (1073741824, 1073741824)" + required);
}

TEST(LoaderErrors, NameBadOptions) {
  const Numbers set{10}, none{0};
  const auto error = [](const Dataset& dataset, const LoaderOptions& options) {
    return user_error_of([&] { Loader{dataset, options}; });
  };
  EXPECT_EQ(error(none, {}), "loader: numbers (train) is empty; at least one sample is required");
  EXPECT_EQ(error(set, {.batch_size = 0}), "loader: batch_size is 0; at least 1 is required");
  EXPECT_EQ(error(set, {.batch_size = 11, .shuffle = true}),
            "loader: batch_size is 11 and numbers (train) has 10 samples; a batch_size of at most "
            "10 is required");
  EXPECT_CONTAINS(error(set, {.batch_size = 11, .drop_last = true}), "batch_size is 11");
  EXPECT_EQ(error(set, {.batch_size = 5, .prefetch = -1}),
            "loader: prefetch is -1; 0 or more batches are required");
  EXPECT_EQ(error(set, {.batch_size = 5, .workers = -1}),
            "loader: workers is -1; 0 to 256 threads are required");
}

}  // namespace
}  // namespace weft::data

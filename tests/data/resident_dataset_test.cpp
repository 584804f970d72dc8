// SPDX-License-Identifier: Apache-2.0
#include "weft/data/resident_dataset.h"

#include "weft/data/subset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/tensor/ops.h"
#include "weft/tests/data/numbers.h"

namespace weft::data {
namespace {

// Gathers the samples of each batch by its sample indices, which are in x.
Epoch gathered(Loader& loader, const ResidentDataset& set) {
  Epoch epoch;
  for (const auto& [x, y] : loader)
    epoch.push_back(samples_of({gather_rows(set.samples(), x), gather_rows(set.targets(), x)}));
  return epoch;
}

TEST(ResidentDataset, GivesTheLoadersBatches) {
  const auto numbers = std::make_shared<Numbers>(23);
  const std::shared_ptr<const Dataset> some = some_samples(numbers, 17, 4);
  for (const i64 workers : {0, 3}) {
    const ResidentDataset set(*some, Cpu{}, workers);
    EXPECT_EQ(set.size(), 17);
    for (const bool shuffle : {false, true}) {
      const LoaderOptions options{.batch_size = 5, .shuffle = shuffle, .seed = 8};
      Loader loader{set, options}, host{some, options};
      for (int epoch = 0; epoch < 3; ++epoch) EXPECT_EQ(gathered(loader, set), epoch_of(host));
      loader.set_position({1, 2});
      host.set_position({1, 2});
      EXPECT_EQ(gathered(loader, set), epoch_of(host)) << "from the middle of an epoch";
    }
  }
}

TEST(ResidentDataset, ABatchIsIndicesAndTheTargetsOfTheHost) {
  const ResidentDataset set(Numbers{10}, Cpu{});
  EXPECT_EQ(set.stored().sample, Shape{2});
  EXPECT_EQ(as_resident(set), &set);
  EXPECT_EQ(as_resident(Numbers{1}), nullptr);
  EXPECT_EQ(bytes_in(Numbers{10}), 10 * (2 * 4 + 8));
  Loader loader{set, {.batch_size = 4, .workers = 0}};
  loader.set_position({0, 2});
  loader.start_epoch();
  const Batch& batch = *loader.next();
  EXPECT_EQ(batch.x.to_vector<i64>(), (std::vector<i64>{8, 9}));
  EXPECT_EQ(batch.y.to_vector<i64>(), (std::vector<i64>{1, 2}));
}

TEST(ResidentDataset, HoldsLabelsOfPositionsAndValues) {
  DatasetInfo text;
  text.name = "text";
  text.classes = 5;
  const Tensor letters = Tensor::copy_of(std::vector<float>{0, 1, 2, 3, 4, 0}, {2, 3});
  const Tensor next = Tensor::copy_of(std::vector<i64>{1, 2, 3, 4, 0, 1}, {2, 3});
  const ResidentDataset texts(TensorDataset(text, letters, next), Cpu{});
  EXPECT_EQ(
      gather_rows(texts.targets(), Tensor::copy_of(std::vector<i64>{1}, {1})).to_vector<i64>(),
      (std::vector<i64>{4, 0, 1}));
  DatasetInfo regression;
  regression.name = "regression";
  const ResidentDataset numbers(TensorDataset(regression, letters, letters), Cpu{});
  EXPECT_EQ(numbers.targets().to_vector<float>(), letters.to_vector<float>());
}

TEST(ResidentDataset, ABadSampleIsNamed) {
  const Numbers set{10, [](i64 index) {
                      if (index == 7) throw UserError("the file ends");
                    }};
  try {
    const ResidentDataset resident(set, Cpu{});
    ADD_FAILURE() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "loader: sample 7 of numbers (train): the file ends");
  }
}

}  // namespace
}  // namespace weft::data

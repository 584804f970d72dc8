// SPDX-License-Identifier: Apache-2.0
// Mix: joins each sample of a training batch with another sample of the batch. The target becomes a
// probability for each class.
//
//   data: {type: cifar10, mix: {type: cutmix, alpha: 1.0}}
//
// What a batch looks like depends on its samples and on (seed, epoch, index of the batch in the
// epoch), and on nothing else: not on workers, prefetch, or where a run was resumed.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "weft/core/registry.h"
#include "weft/data/dataset.h"
#include "weft/data/random.h"
#include "weft/kernels/picture_move.h"

namespace weft::data {

// The samples of a batch, one after the other: pictures or vectors in uint8 or f32.
struct BatchView {
  const std::byte* samples;
  i64 count;
  const DatasetInfo& info;  // of one sample

  const std::byte* sample(i64 i) const { return samples + i * info.sample_bytes(); }
};

class Mix {
 public:
  static constexpr const char* kKind = "mix";
  virtual ~Mix() = default;

  // Throws UserError, naming the dataset, for samples that cannot be mixed in this way.
  virtual void check(const DatasetInfo&) const {}

  // Mixes each sample i with sample partners[i] and writes the results to `out`, as many samples,
  // which do not overlap the batch. Returns the share of sample i, in [0, 1], one for the batch.
  // Draws everything from `random`. Thread-safe.
  virtual double apply(const BatchView& in, std::span<const i64> partners, std::byte* out,
                       Random& random) const = 0;

  // The same mix of a batch of such samples, by which a device mixes those that lie there. Draws
  // what apply() draws. Without one, for all batches, only the host can mix. Thread-safe.
  virtual std::optional<kernels::SampleMix> draw(const DatasetInfo& /*info*/,
                                                 Random& /*random*/) const {
    return std::nullopt;
  }
};

using MixRecipe = Recipe<Mix>;

// Mixes the batches of one dataset.
class BatchMixer {
 public:
  // Without `mix`, batches stay as they are. Throws UserError for samples that cannot be mixed, and
  // for targets that are not one class label per sample. `given` are the samples, or, where they
  // lie on a device, the rows that stand for them (kernels::SampleRows), which are joined instead.
  BatchMixer(std::shared_ptr<const Mix> mix, const DatasetInfo& samples, const DatasetInfo& given);

  bool mixes() const { return mix_ != nullptr; }
  // Of what apply() writes: the target is (classes) in f32.
  const DatasetInfo& info() const { return mixed_; }

  // The samples and labels of a batch before mixing. One per batch that is being prepared.
  struct Scratch {
    std::vector<std::byte> samples;
    std::vector<i64> labels, partners;
  };
  void prepare(Scratch& batch, i64 count) const;
  // Writes the mixed batch to x (count, info().sample…) and y (count, classes).
  void apply(Scratch& batch, std::byte* x, float* y, u64 seed, i64 epoch, i64 batch_idx) const;

 private:
  bool joins_rows() const { return given_.sample_dtype == DType::int64; }
  double join_rows(const Scratch& batch, std::byte* x, Random& random) const;

  std::shared_ptr<const Mix> mix_;
  DatasetInfo samples_, given_, mixed_;
};

struct MixOptions {
  double alpha = 1;
  double probability = 1;
};
void describe(Fields& f, MixOptions& o);

// Draws the share of a batch's first samples: from Beta(alpha, alpha), or 1 for a batch that is not
// mixed.
double draw_share(const MixOptions& options, Random& random);

// λ·a + (1 − λ)·b (Zhang et al. 2018, arXiv:1710.09412). λ is rounded to 1/65,536, and bytes to the
// nearest.
MixRecipe mixup(const MixOptions& options = {});

// a with a box of b in the same place, of the share 1 − λ of the area, around a point anywhere in
// the picture (Yun et al. 2019, arXiv:1905.04899). The share becomes that of the part of the box
// that lies in the picture.
MixRecipe cutmix(const MixOptions& options = {});

}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
// Loader: the batches of a dataset, epoch after epoch. Threads prepare them in the background.
//
//   data::Loader loader{train_set, {.batch_size = 128, .shuffle = true, .seed = 1}};
//   for (auto& [x, y] : loader) …      // each loop is one epoch
#pragma once
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "weft/data/augmentation.h"
#include "weft/data/dataset.h"
#include "weft/data/mix.h"
#include "weft/data/sampler.h"
#include "weft/tensor/state.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

// One of several processes that train together. Of a batch of n samples, rank r has those from
// n·r / ranks to n·(r + 1) / ranks, so that the shares of a short batch too differ by at most one.
struct Part {
  i64 rank = 0, ranks = 1;
  i64 first_of(i64 samples) const { return samples * rank / ranks; }
  i64 end_of(i64 samples) const { return samples * (rank + 1) / ranks; }
};
// The place of the samples of a Batch in the batch of all ranks.
struct BatchShare {
  i64 first = 0;  // the index of its first sample
  i64 all = 0;    // the samples of all ranks
  // This rank has none of the samples. The batch holds one that another rank has too, and that
  // counts for nothing here.
  bool is_padding = false;
};

// x is (samples, sample shape…) and y (samples, target shape…), in the dataset's types; labels are
// (samples). For a ResidentDataset, x holds int64 sample indices instead of samples; of augmented
// or mixed ones it is (samples, words), and row i begins with the index (data/resident_gather.h).
// Of mixed batches, y holds the probability of each class, f32 (samples, classes).
//
// `more` has the further tensors of the samples (DatasetInfo::more), each (samples, its shape…). It
// is no part of a structured binding: auto& [x, y] = batch.
struct Batch {
  Tensor x, y;
  TensorTree more = {};
  BatchShare share = {};
};
template <std::size_t I>
Tensor& get(Batch& batch) {
  return I == 0 ? batch.x : batch.y;
}
template <std::size_t I>
const Tensor& get(const Batch& batch) {
  return I == 0 ? batch.x : batch.y;
}
template <std::size_t I>
Tensor&& get(Batch&& batch) {
  return std::move(I == 0 ? batch.x : batch.y);
}

}  // namespace weft::data

template <>
struct std::tuple_size<weft::data::Batch> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, weft::data::Batch> {
  using type = weft::Tensor;
};

namespace weft::data {

struct LoaderOptions {
  i64 batch_size = 64;
  bool shuffle = false;  // each epoch has another order, a function of (seed, epoch)
  // Which samples, and in which order. Empty: sequential(), or shuffled() with `shuffle`.
  SamplerRecipe sampler = {};
  u64 seed = 0;
  bool drop_last = false;  // leaves out a last batch that is not full
  i64 prefetch = 2;        // batches prepared ahead of the one in use
  i64 workers = 1;         // threads that prepare batches; 0: the caller prepares its batch itself
  // What happens to each picture, in this order (data/augmentation.h). x has their last shape.
  std::vector<AugmentationRecipe> augment = {};
  // Joins the augmented samples of each batch (data/mix.h); empty: they stay apart.
  MixRecipe mix = {};
  // skip: a sample of the epoch that is chosen by (seed, epoch, position) takes the place of one
  // that cannot be read.
  BadSamples bad_samples = BadSamples::error;
  // Which samples of each batch this process is handed. batch_size, sampler and position are those
  // of all ranks, whose batches, joined, are the batches of one process byte for byte.
  Part part = {};
};

// The first of augment and mix that only the host can apply to samples of this dataset, as
// "data.augment: affine". Empty: all can also be applied on a device. Throws UserError for one that
// does not fit.
std::string prepared_on_host(const LoaderOptions& options, const DatasetInfo& info);

// Where an epoch stands: `batch` is the next one to be handed out.
struct LoaderPosition {
  i64 epoch = 0;
  i64 batch = 0;
  friend bool operator==(const LoaderPosition&, const LoaderPosition&) = default;
};

// The content of a batch depends on dataset, batch_size, sampler, augment, mix, seed, position and
// part only, never on workers or timing. So do errors: one that a sample causes is thrown when its
// batch is asked for, and names the sample.
//
// Buffers are reused: nothing is allocated after the first prefetch + 1 batches. A caller may keep
// a tensor of a batch; the loader then takes another buffer. The Batch itself is valid until the
// next one is asked for.
//
// One thread uses a loader. A loop may be left early: the next loop is the next epoch.
class Loader {
 public:
  // The dataset must outlive the loader. Throws UserError for an empty dataset, for options out of
  // range, and for a batch_size above the dataset's size with shuffle or drop_last, as in training.
  // A loader that reads everything in order gives one short batch instead. Also throws for a stream
  // with several ranks, and for a rank that is not in 0..ranks-1.
  Loader(const Dataset& dataset, const LoaderOptions& options);
  Loader(const Dataset&& dataset, const LoaderOptions& options) = delete;
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;
  ~Loader();  // stops the threads, also in the middle of an epoch

  const Dataset& dataset() const;
  const LoaderOptions& options() const;
  i64 batches_per_epoch() const;
  i64 samples_per_epoch() const;  // of all ranks

  // The next loop runs epoch `epoch` from its first batch. Without this call, loops run epochs 0,
  // 1, 2, ….
  void set_epoch(i64 epoch) { set_position({epoch, 0}); }
  // For resuming: the next loop begins with this batch. Its batches are those of an uninterrupted
  // loop.
  void set_position(LoaderPosition position);
  LoaderPosition position() const;
  // The information about the samples of a batch, augmented and mixed.
  const DatasetInfo& info() const;
  // The shape of an augmented sample, also where x has int64 words in its place.
  const Shape& sample_shape() const;

  // The position, for a checkpoint. On loading, size, batch_size, shuffle, seed and drop_last must
  // equal those that were saved; `part` may differ.
  void state(State& s);

  // The same without a range-for: start_epoch() begins an epoch, and next() gives its next batch,
  // or null after the last. It is also null where the samples of a stream have no end in sight
  // (NoMoreSamples): the epoch is broken off before that batch, or, if the stream has ended, after
  // its last samples, which may be a smaller batch.
  void start_epoch();
  Batch* next();
  // Whether next() returned null because a stream has ended: no epoch has more batches.
  bool stream_ended() const;

  // How long next() has waited for batches since the epoch began. It grows when training is faster
  // than the data.
  double seconds_waited() const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = Batch*;
    using reference = Batch&;

    Batch& operator*() const { return *batch_; }
    Batch* operator->() const { return batch_; }
    Iterator& operator++() {
      batch_ = loader_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, std::default_sentinel_t) {
      return a.batch_ == nullptr;
    }

   private:
    friend class Loader;
    explicit Iterator(Loader* loader) : loader_(loader), batch_(loader->next()) {}
    Loader* loader_;
    Batch* batch_;
  };
  Iterator begin() {
    start_epoch();
    return Iterator{this};
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace weft::data

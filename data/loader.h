// SPDX-License-Identifier: Apache-2.0
// Loader: the batches of a dataset, epoch after epoch, prepared by threads in the background.
//
//   data::Loader loader{train_set, {.batch_size = 128, .shuffle = true, .seed = 1}};
//   for (auto& [x, y] : loader) …      // each loop is one epoch
#pragma once
#include <cstddef>
#include <iterator>
#include <memory>

#include "weft/data/dataset.h"
#include "weft/tensor/state.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

// x is (samples, sample shape…) and y (samples, target shape…), in the dataset's types: labels are (samples).
// Of a ResidentDataset x holds the numbers of the samples.
struct Batch {
  Tensor x, y;
};

struct LoaderOptions {
  i64 batch_size = 64;
  bool shuffle = false;  // every epoch in another order, a function of (seed, epoch)
  u64 seed = 0;
  bool drop_last = false;  // leave out a last batch that is not full
  i64 prefetch = 2;        // batches prepared ahead of the one in use
  i64 workers = 1;  // threads that prepare batches; 0: the caller's, when it asks for a batch
};

// Where an epoch stands: `batch` is the next one to be handed out.
struct LoaderPosition {
  i64 epoch = 0;
  i64 batch = 0;
  friend bool operator==(const LoaderPosition&, const LoaderPosition&) = default;
};

// What is in a batch depends on dataset, batch_size, shuffle, seed and position only, never on workers or
// timing; so do errors: one that a sample causes is thrown when its batch is asked for, naming the sample.
//
// Buffers are used again: nothing is allocated after the first prefetch + 1 batches, unless a caller keeps
// a tensor of a batch; that one stays his, and the loader takes another. The Batch itself is valid until
// the next is asked for.
//
// A loader is used by one thread. Leaving a loop early is fine: the next loop is the next epoch.
class Loader {
 public:
  // The dataset must outlive the loader. Throws UserError for an empty dataset, and for options out of range.
  // A batch_size above the dataset's size is refused where it is part of a training recipe (shuffle or
  // drop_last); a loader that reads everything in order gives one short batch.
  Loader(const Dataset& dataset, const LoaderOptions& options);
  Loader(const Dataset&& dataset, const LoaderOptions& options) = delete;
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;
  ~Loader();  // stops the threads, also in the middle of an epoch

  const Dataset& dataset() const;
  const LoaderOptions& options() const;
  i64 batches_per_epoch() const;
  i64 samples_per_epoch() const;

  // The next loop runs epoch `epoch` from its first batch. Without this call loops run epochs 0, 1, 2, ….
  void set_epoch(i64 epoch) { set_position({epoch, 0}); }
  // To resume: the next loop begins with this batch, and is otherwise the same as one that was not broken off.
  void set_position(LoaderPosition position);
  LoaderPosition position() const;
  // The position, for a checkpoint. What the position depends on (size, batch_size, shuffle, seed,
  // drop_last) must be what it was.
  void state(State& s);

  // The same without a range-for: begins an epoch, and gives its next batch, or null after the last.
  void start_epoch();
  Batch* next();

  // How long next() waited for a batch since the epoch began: training is faster than its data when this grows.
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

// SPDX-License-Identifier: Apache-2.0
#include "weft/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "weft/core/clock.h"
#include "weft/core/counted.h"
#include "weft/core/error.h"
#include "weft/data/sample_reader.h"
#include "weft/data/stream/stream_dataset.h"

namespace weft::data {
namespace {

// One slot of the ring of batches. `x`, `y` and `leaves` are the whole buffers; `batch` is the part
// that the caller sees.
struct Slot {
  Tensor x, y;
  std::vector<Tensor> leaves;  // of batch.more
  std::vector<std::byte*> to;  // where the leaves of the sample at hand are written
  Batch batch;
  i64 ready = -1;  // the index of the batch that is complete in this slot
  std::exception_ptr error;
  std::optional<NoMoreSamples> no_more;  // the batch has the samples before these, or none
  SampleReader::Scratch scratch;
  BatchMixer::Scratch unmixed;
};

std::unique_ptr<Sampler> sampler_of(const LoaderOptions& options) {
  if (options.sampler) return options.sampler.make();
  return (options.shuffle ? shuffled() : sequential()).make();
}

std::shared_ptr<const Mix> mix_of(const LoaderOptions& options) {
  return options.mix ? std::shared_ptr<const Mix>(options.mix.make()) : nullptr;
}

constexpr i64 kMostSamples = i64{1} << 40;  // of an epoch

void check_part(const Part& part, const Dataset& dataset) {
  WEFT_CHECK(part.ranks > 0 && part.rank >= 0 && part.rank < part.ranks,
             "loader: part is rank {} of {} ranks; 1 rank or more, and a rank from 0 to ranks - 1, "
             "are required",
             part.rank, part.ranks);
  WEFT_CHECK(part.ranks == 1 || as_stream(dataset) == nullptr,
             "loader: a stream is given for rank {} of {} ranks; one process is required, because "
             "a streamed sample comes to one process only",
             part.rank, part.ranks);
}

// What a rank is handed of a batch of `all` samples.
struct Share {
  BatchShare place;
  i64 count;
};
Share share_of(const Part& part, i64 all) {
  const i64 first = part.first_of(all), count = part.end_of(all) - first;
  if (count > 0) return {{first, all, false}, count};
  return {{std::max<i64>(first - 1, 0), all, true}, 1};
}

Tensor buffer_for(i64 batch_size, const Shape& entry, DType dtype) {
  return Tensor::empty(entry.inserted(0, batch_size), dtype);
}

}  // namespace

// Batch b of an epoch uses slot b mod slots. Each worker takes the next whole batch when its slot
// is free. The caller takes the batches in order.
class Loader::Pipeline {
 public:
  Pipeline(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
      : reader_(std::move(dataset), options),
        mixer_(mix_of(options), reader_.samples(), reader_.info()),
        options_(options) {
    const auto& info = reader_.info();
    WEFT_CHECK(reader_.dataset().size() > 0,
               "loader: {} ({}) is empty; at least one sample is required", info.name, info.split);
    WEFT_CHECK(options_.batch_size > 0, "loader: batch_size is {}; at least 1 is required",
               options_.batch_size);
    check_part(options_.part, reader_.dataset());
    sampler_ = sampler_of(options_);
    sampler_->prepare(reader_.dataset());
    const i64 samples = sampler_->samples();
    WEFT_CHECK(samples > 0 && samples <= kMostSamples,
               "loader: the sampler '{}' gives {} samples of an epoch; 1 to {} are required",
               options_.sampler.name(), samples, kMostSamples);
    WEFT_CHECK(options_.batch_size <= samples || (!sampler_->mixes() && !options_.drop_last),
               "loader: batch_size is {} and {} ({}) has {}; a batch_size of at most {} is "
               "required",
               options_.batch_size, info.name, info.split, counted(samples, "sample"), samples);
    WEFT_CHECK(options_.prefetch >= 0, "loader: prefetch is {}; 0 or more batches are required",
               options_.prefetch);
    WEFT_CHECK(options_.workers >= 0 && options_.workers <= 256,
               "loader: workers is {}; 0 to 256 threads are required", options_.workers);
    batches_ = options_.drop_last ? samples / options_.batch_size
                                  : (samples + options_.batch_size - 1) / options_.batch_size;
    samples_ = options_.drop_last ? batches_ * options_.batch_size : samples;
    slots_.resize(static_cast<std::size_t>(options_.workers == 0 ? 1 : options_.prefetch + 1));
  }

  ~Pipeline() {
    {
      std::lock_guard lock(shared_.mutex);
      shared_.stopping = true;
    }
    shared_.slot_freed.notify_all();
  }

  // A sampler of a plugin may break its word.
  void check_order() const {
    WEFT_CHECK(std::ssize(filled_.indices) == sampler_->samples(),
               "loader: the sampler '{}' filled in {} indices; the {} that its samples() says are "
               "required",
               options_.sampler.name(), filled_.indices.size(), sampler_->samples());
    const i64 size = reader_.dataset().size();
    const auto outside = std::find_if(filled_.indices.begin(), filled_.indices.end(),
                                      [&](i64 index) { return index < 0 || index >= size; });
    WEFT_CHECK(outside == filled_.indices.end(),
               "loader: the sampler '{}' gave the index {}; 0 to {} are required",
               options_.sampler.name(), *outside, size - 1);
  }

  void start_epoch() {
    if (place_.in_epoch) position_ = {position_.epoch + 1, 0};
    drain();
    place_.in_epoch = true;
    filled_.epoch = position_.epoch;
    seconds_waited_ = 0;
    place_.holding = false;
    place_.cut_at = -1;
    filled_.indices.resize(static_cast<std::size_t>(sampler_->samples()));
    sampler_->fill(filled_.indices, options_.seed, position_.epoch);
    check_order();
    {
      std::lock_guard lock(shared_.mutex);
      for (auto& slot : slots_) {
        slot.ready = -1;
        slot.error = nullptr;
      }
      shared_.to_fill = shared_.released = position_.batch;
    }
    try {
      while (static_cast<i64>(workers_.size()) < options_.workers)
        workers_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      fail(
          "loader: {} of {} workers could be started ({}); fewer workers are required (data.workers)",
          workers_.size(), options_.workers, error.code().message());
    }
    shared_.slot_freed.notify_all();
  }

  Batch* next() {
    if (!place_.in_epoch) return nullptr;
    release();
    if (position_.batch == place_.cut_at) return break_off({.ended = true});
    if (position_.batch == batches_) {
      position_ = {position_.epoch + 1, 0};
      place_.in_epoch = false;
      return nullptr;
    }
    Slot& slot = slot_of(position_.batch);
    if (options_.workers == 0) {
      fill(slot, position_.batch);
    } else {
      wait_for(slot);
    }
    if (slot.error) {
      place_.in_epoch = false;
      std::rethrow_exception(std::exchange(slot.error, nullptr));
    }
    if (slot.no_more && !slot.batch.x.defined()) return break_off(*slot.no_more);
    // Behind the last samples of a stream, a batch may hold stored samples alone.
    if (slot.no_more) place_.cut_at = position_.batch + 1;
    ++position_.batch;
    place_.holding = true;
    return &slot.batch;
  }

  void set_position(LoaderPosition position) {
    WEFT_CHECK(position.epoch >= 0 && position.batch >= 0 && position.batch <= batches_,
               "loader: position is epoch {}, batch {}; an epoch from 0 and a batch from 0 to {} "
               "are required",
               position.epoch, position.batch, batches_);
    position_ = position;
    place_.in_epoch = false;
  }
  Batch* break_off(NoMoreSamples end) {
    place_.in_epoch = false;
    place_.stream_ended = end.ended;
    return nullptr;
  }

  SampleReader reader_;
  BatchMixer mixer_;
  LoaderOptions options_;
  std::unique_ptr<Sampler> sampler_;
  i64 batches_ = 0, samples_ = 0;
  LoaderPosition position_;
  double seconds_waited_ = 0;
  struct {
    bool in_epoch = false;
    bool holding = false;  // the caller has a batch that is not released
    i64 cut_at = -1;       // the batch behind the last samples of a stream
    bool stream_ended = false;
  } place_;

 private:
  Slot& slot_of(i64 batch) { return slots_[static_cast<std::size_t>(batch) % slots_.size()]; }

  void fill(Slot& slot, i64 batch) noexcept try {
    const auto& info = mixer_.info();
    const i64 begin = batch * options_.batch_size;
    auto [place, count] = share_of(options_.part, std::min(options_.batch_size, samples_ - begin));
    // The partner of a mixed sample may be in the share of any rank. So a rank reads and mixes the
    // whole batch, which takes as long as in one process, and hands out its share.
    const bool whole = mixer_.mixes();
    const i64 from = whole ? 0 : place.first, wanted = whole ? place.all : count;
    slot.batch = {};
    slot.no_more.reset();
    if (!slot.x.storage_is_unique())
      slot.x = buffer_for(buffer_size(), info.sample, info.sample_dtype);
    if (!slot.y.storage_is_unique())
      slot.y = buffer_for(buffer_size(), info.target, info.target_dtype);
    TensorTree more;  // a stream, whose batches may end early, has none
    if (!reader_.leaves().empty()) more = more_in(slot, wanted);
    auto* x = static_cast<std::byte*>(slot.x.raw());
    auto* y = static_cast<std::byte*>(slot.y.raw());
    if (whole) mixer_.prepare(slot.unmixed, wanted);
    const i64 got = whole ? read(slot, begin + from, wanted, slot.unmixed.samples.data(),
                                 reinterpret_cast<std::byte*>(slot.unmixed.labels.data()))
                          : read(slot, begin + from, wanted, x, y);
    if (got == 0) return;
    if (whole) {
      mixer_.prepare(slot.unmixed, got);
      mixer_.apply(slot.unmixed, x, slot.y.data<float>(), options_.seed, filled_.epoch, batch);
    }
    if (got < wanted) place.all = count = got;  // the end of a stream, which has one rank
    const i64 first = place.first - from;
    slot.batch = {slot.x.slice(first, first + count), slot.y.slice(first, first + count),
                  std::move(more), place};
  } catch (...) {
    slot.error = std::current_exception();
  }

  // The most samples of which a buffer is filled: a share of a batch, or all of a mixed one.
  i64 buffer_size() const {
    const i64 all = std::min(options_.batch_size, samples_), ranks = options_.part.ranks;
    return mixer_.mixes() ? all : all / ranks + (all % ranks > 0 ? 1 : 0);
  }

  TensorTree more_in(Slot& slot, i64 count) const {
    slot.leaves.resize(reader_.leaves().size());
    slot.to.resize(slot.leaves.size());
    auto leaf = slot.leaves.begin();
    return reader_.info().more.map([&](const TensorInfo& info) {
      Tensor& whole = *leaf++;
      if (!whole.storage_is_unique()) whole = buffer_for(buffer_size(), info.shape, info.dtype);
      return whole.slice(0, count);
    });
  }

  // Returns how many samples the batch has: all, or those before the end of a stream.
  i64 read(Slot& slot, i64 begin, i64 count, std::byte* x, std::byte* y) {
    const auto& info = reader_.info();
    const auto& leaves = reader_.leaves();
    for (i64 i = 0; i < count; ++i) {
      for (std::size_t l = 0; l < leaves.size(); ++l)
        slot.to[l] = static_cast<std::byte*>(slot.leaves[l].raw()) + i * leaves[l].second.bytes();
      try {
        reader_.read(filled_, begin + i,
                     {x + i * info.sample_bytes(), y + i * info.target_bytes(), slot.to},
                     slot.scratch);
      } catch (const NoMoreSamples& end) {
        slot.no_more = end;
        return end.ended && !options_.drop_last ? i : 0;
      }
    }
    return count;
  }

  void work() {
    std::unique_lock lock(shared_.mutex);
    while (true) {
      shared_.slot_freed.wait(lock, [this] {
        return shared_.stopping ||
               (shared_.to_fill < batches_ &&
                shared_.to_fill < shared_.released + static_cast<i64>(slots_.size()));
      });
      if (shared_.stopping) return;
      const i64 batch = shared_.to_fill++;
      Slot& slot = slot_of(batch);
      ++shared_.busy;
      lock.unlock();
      fill(slot, batch);
      lock.lock();
      --shared_.busy;
      slot.ready = batch;
      shared_.batch_filled.notify_one();
    }
  }

  void wait_for(const Slot& slot) {
    std::unique_lock lock(shared_.mutex);
    if (slot.ready == position_.batch) return;
    const Clock::time_point begin = Clock::now();
    shared_.batch_filled.wait(lock, [&] { return slot.ready == position_.batch; });
    seconds_waited_ += seconds_since(begin);
  }

  // Returns the slot of the batch in use to the workers.
  void release() {
    if (!std::exchange(place_.holding, false)) return;
    {
      std::lock_guard lock(shared_.mutex);
      shared_.released = position_.batch;
    }
    shared_.slot_freed.notify_one();
  }

  // Keeps the workers from taking more batches, and waits until all are idle.
  void drain() {
    std::unique_lock lock(shared_.mutex);
    shared_.to_fill = batches_;
    shared_.batch_filled.wait(lock, [this] { return shared_.busy == 0; });
  }

  // What the caller and the workers tell each other.
  struct Shared {
    std::mutex mutex;  // of all below
    std::condition_variable slot_freed, batch_filled;
    i64 to_fill = 0;   // the next batch a worker takes
    i64 released = 0;  // batches before this one are done with
    i64 busy = 0;      // workers that fill a slot
    bool stopping = false;
  };

  EpochOrder filled_;  // of the current epoch; not written while workers are busy

  Shared shared_;
  // Their `ready` is under the mutex; the rest belongs to the holder of the batch.
  std::vector<Slot> slots_;
  std::vector<std::jthread> workers_;  // last: joined before anything they use goes
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options)
    : Loader(std::shared_ptr<const Dataset>(std::shared_ptr<const void>(), &dataset), options) {}
Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : pipeline_(std::make_unique<Pipeline>(std::move(dataset), options)) {}
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;
Loader::~Loader() = default;

const Dataset& Loader::dataset() const { return pipeline_->reader_.dataset(); }
const LoaderOptions& Loader::options() const { return pipeline_->options_; }
const DatasetInfo& Loader::info() const { return pipeline_->mixer_.info(); }
i64 Loader::batches_per_epoch() const { return pipeline_->batches_; }
i64 Loader::samples_per_epoch() const { return pipeline_->samples_; }
const Shape& Loader::sample_shape() const { return pipeline_->reader_.samples().sample; }
void Loader::set_position(LoaderPosition position) { pipeline_->set_position(position); }
LoaderPosition Loader::position() const { return pipeline_->position_; }
void Loader::state(State& s) {
  const LoaderOptions& o = options();
  s.same("samples", dataset().size())
      .same("batch_size", o.batch_size)
      .same("shuffle", pipeline_->sampler_->mixes());
  s.same("seed", o.seed).same("drop_last", o.drop_last);
  LoaderPosition now = position();
  s.within("epoch", now.epoch, 0, kMostSaved);
  s.within("batch", now.batch, 0, static_cast<double>(batches_per_epoch()));
  if (s.loading()) set_position(now);
}
void Loader::start_epoch() { pipeline_->start_epoch(); }
Batch* Loader::next() { return pipeline_->next(); }
bool Loader::stream_ended() const { return pipeline_->place_.stream_ended; }
double Loader::seconds_waited() const { return pipeline_->seconds_waited_; }

}  // namespace weft::data

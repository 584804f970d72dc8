// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/stream_dataset.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "weft/core/error.h"
#include "weft/data/check.h"
#include "weft/data/random.h"
#include "weft/data/sampler.h"
#include "weft/data/stream/stream_server.h"
#include "weft/data/tensor_dataset.h"

namespace weft::data {
namespace {

constexpr i64 kMostSamples = i64{1} << 40;
constexpr i64 kShareParts = 1 << 16;  // products with kMostSamples fit in an i64

DType dtype_of(StreamDType dtype) {
  switch (dtype) {
    case StreamDType::uint8: return DType::uint8;
    case StreamDType::int64: return DType::int64;
    case StreamDType::f32: break;
  }
  return DType::f32;
}

Shape shape_of(const char* key, const std::vector<i64>& sizes) {
  WEFT_CHECK(sizes.size() <= Shape::kMaxRank, "data.{}: {} axes given; at most {} are allowed", key,
             sizes.size(), Shape::kMaxRank);
  return Shape{std::span<const i64>(sizes)};
}

DatasetInfo declared_info(const StreamSource& o) {
  DatasetInfo info;
  info.sample = shape_of("sample", o.sample);
  info.sample_dtype = dtype_of(o.sample_dtype);
  info.classes = o.classes;
  if (o.classes > 0) {
    for (i64 i = 0; i < o.classes; ++i) info.class_names.push_back(std::to_string(i));
  } else {
    info.target = shape_of("target", o.target);
    info.target_dtype = DType::f32;
  }
  return info;
}

// One sample of zeros, with label 0.
class Zeros final : public Dataset {
 public:
  explicit Zeros(DatasetInfo info) : info_(std::move(info)) {}
  i64 size() const override { return 1; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64, void* sample, void* target) const override {
    std::memset(sample, 0, static_cast<std::size_t>(info_.sample_bytes()));
    std::memset(target, 0, static_cast<std::size_t>(info_.target_bytes()));
  }

 private:
  DatasetInfo info_;
};

// Stored samples are evenly spread between the streamed ones. Each pass over them has another
// order.
class StreamOrder final : public Sampler {
 public:
  void prepare(const Dataset& dataset) override {
    stream_ = as_stream(dataset);
    WEFT_CHECK(stream_ != nullptr, "sampler: stream given for {}; data.type: stream is required",
               dataset.info().name);
    Sampler::prepare(dataset);
  }
  i64 samples() const override { return stream_->samples_per_epoch(); }
  void fill(std::vector<i64>& order, u64 seed, i64 epoch) const override {
    const i64 stored = stream_->stored() ? stream_->stored()->size() : 0;
    const std::unique_ptr<Sampler> shuffling = shuffled().make();
    if (stored > 0) shuffling->prepare(*stream_->stored());
    std::vector<i64> pass(static_cast<std::size_t>(stored));
    i64 filled = -1;
    for (i64 i = 0; i < samples(); ++i) {
      const i64 position = epoch * samples() + i;
      const i64 streamed = stream_->streamed_before(position);
      i64& index = order[static_cast<std::size_t>(i)];
      if (stream_->streamed_before(position + 1) > streamed) {
        index = stored + streamed;
        continue;
      }
      const i64 drawn = position - streamed;
      if (std::exchange(filled, drawn / stored) != drawn / stored)
        shuffling->fill(pass, key_of(seed, number_of("stored")), drawn / stored);
      index = pass[static_cast<std::size_t>(drawn % stored)];
    }
  }

 private:
  const StreamDataset* stream_ = nullptr;
};

const bool registered = Registry<Sampler>::add<StreamOrder>("stream");

}  // namespace

// What exists while the stream is open.
struct StreamDataset::Open {
  std::stop_source closing;
  std::optional<std::stop_callback<std::function<void()>>> forward;
  std::optional<RecordBuffer> buffer;
  std::optional<ListeningSocket> listening;
  std::optional<StreamServer> server;  // last: it uses the others
};

StreamDataset::StreamDataset(const StreamSource& options, std::shared_ptr<const Dataset> stored,
                             i64 samples)
    : options_(options),
      stored_(std::move(stored)),
      info_(stored_ ? stored_->info() : declared_info(options)),
      samples_(samples),
      open_(std::make_unique<Open>()) {
  stream_address(options_.address);
  info_.name = "stream";
  info_.split = "train";
  info_.overlaps = false;
  if (stored_) stored_parts_ = std::lround(options_.stored_share * kShareParts);
}

StreamDataset::~StreamDataset() { close(); }

i64 StreamDataset::size() const { return kMostSamples; }

i64 StreamDataset::streamed_before(i64 samples) const {
  return samples - samples * stored_parts_ / kShareParts;
}

std::shared_ptr<const Dataset> StreamDataset::example() const {
  return stored_ ? stored_ : std::make_shared<const Zeros>(info_);
}

void StreamDataset::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size());
  const i64 stored = stored_ ? stored_->size() : 0;
  if (index < stored) return stored_->read(index, sample, target);
  WEFT_CHECK(open_->buffer.has_value(),
             "stream: sample {} was asked for, and records come in only while weft train runs; "
             "elsewhere, a split of data.stored (validation, test) is required",
             index);
  std::vector<std::byte> record(
      static_cast<std::size_t>(info_.sample_bytes() + info_.target_bytes()));
  open_->buffer->take(index - stored, record.data());
  std::memcpy(sample, record.data(), static_cast<std::size_t>(info_.sample_bytes()));
  std::memcpy(target, record.data() + info_.sample_bytes(),
              static_cast<std::size_t>(info_.target_bytes()));
}

void StreamDataset::listen() const {
  if (!open_->listening) open_->listening.emplace(stream_address(options_.address));
}

void StreamDataset::open(const std::filesystem::path& folder, const StreamState& from,
                         std::stop_token stop) const {
  WEFT_CHECK(open_->listening && !open_->server,
             "stream: open() given for {}; listen() before it, and once, is required",
             options_.address);
  open_->closing = std::stop_source();
  open_->forward.emplace(std::move(stop),
                         [source = open_->closing]() mutable { source.request_stop(); });
  open_->buffer.emplace(folder, info_.sample_bytes() + info_.target_bytes(), options_, from,
                        open_->closing.get_token());
  open_->server.emplace(*open_->listening, info_, *open_->buffer);
}

// The buffer stays, for a thread that still waits in read().
void StreamDataset::close(const std::string& over) const {
  open_->closing.request_stop();
  if (open_->server) open_->server->close(over);
  open_->listening.reset();
}

RecordBuffer* StreamDataset::buffer() const { return open_->buffer ? &*open_->buffer : nullptr; }

const StreamDataset* as_stream(const Dataset& dataset) {
  return dynamic_cast<const StreamDataset*>(&dataset);
}

}  // namespace weft::data

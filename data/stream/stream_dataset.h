// SPDX-License-Identifier: Apache-2.0
// StreamDataset: samples that other processes send while training goes on, mixed with samples of a
// stored dataset.
//
// Indices below stored()->size() are stored samples. The index stored()->size() + k is streamed
// sample k, counted since the run began (Note [The order of a stream]); read() waits for it. The
// sampler "stream" gives each epoch its indices, a function of seed and epoch.
#pragma once
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/data/sources.h"
#include "weft/data/stream/record_buffer.h"

namespace weft::data {

class StreamDataset : public Dataset {
 public:
  // `stored` may be null. An epoch has `samples` samples, streamed and stored ones. Throws
  // UserError for options that do not fit together.
  StreamDataset(const StreamSource& options, std::shared_ptr<const Dataset> stored,
                i64 samples = 1);
  ~StreamDataset() override;

  // More samples than any run takes: their number is not known.
  i64 size() const override;
  const DatasetInfo& info() const override { return info_; }
  // Throws UserError for a streamed sample unless the stream is open, and what RecordBuffer::take
  // throws.
  void read(i64 index, void* sample, void* target) const override;

  const StreamSource& options() const { return options_; }
  const std::shared_ptr<const Dataset>& stored() const { return stored_; }
  // Samples to try a model on before the stream is open: the stored ones, or one of zeros.
  std::shared_ptr<const Dataset> example() const;
  i64 samples_per_epoch() const { return samples_; }
  // The streamed samples among the first `samples` samples of a run.
  i64 streamed_before(i64 samples) const;
  i64 stored_before(i64 samples) const { return samples - streamed_before(samples); }

  // Takes the address, so that producers can connect; they wait until open(). Throws UserError for
  // an address that cannot be listened at.
  void listen() const;
  // Begins to receive records, after listen(); the journal is in `folder`. `from` is the state of a
  // checkpoint. A wait for a record ends when a stop is requested. Throws UserError for a journal
  // that does not fit the state.
  void open(const std::filesystem::path& folder, const StreamState& from,
            std::stop_token stop) const;
  // Ends it. `over` tells the producers why the run takes no more records; if it is empty, they try
  // to connect again. Wakes read(). Does nothing for a stream that is not open.
  void close(const std::string& over = "") const;
  // Null before open().
  RecordBuffer* buffer() const;

 private:
  struct Open;
  StreamSource options_;
  std::shared_ptr<const Dataset> stored_;
  DatasetInfo info_;
  i64 samples_;
  i64 stored_parts_ = 0;  // of kShareParts: the share of stored samples
  std::unique_ptr<Open> open_;
};

// The dataset as a StreamDataset; null for any other.
const StreamDataset* as_stream(const Dataset& dataset);

}  // namespace weft::data

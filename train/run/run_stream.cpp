// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_stream.h"

#include <algorithm>

#include "weft/core/error.h"
#include "weft/core/log.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

// The last batch of a stream that has ended may be smaller.
i64 consumed_of(const data::StreamDataset& dataset, const data::StreamState& state, i64 samples) {
  const i64 replaced = state.replaced.empty() ? 0 : state.replaced.back().records;
  return std::min(dataset.streamed_before(samples), state.received - replaced);
}

}  // namespace

void RunStream::open(const fs::path& run, i64 samples, std::stop_token stop) {
  const i64 consumed = consumed_of(dataset_, state_, samples);
  WEFT_CHECK(state_.consumed == consumed,
             "resume: stream.consumed is {} and {} samples were trained on; {} is required",
             state_.consumed, samples, consumed);
  good_ = {{"", consumed}};  // the checkpoint that the run goes on from
  dataset_.open(run / "stream", state_, std::move(stop));
  log_info("stream: records come in at {}; {} were received and {} trained on before",
           dataset_.options().address, dataset_.buffer()->state(consumed).received, consumed);
}

std::string RunStream::failure() const {
  return dataset_.buffer() != nullptr ? dataset_.buffer()->failure() : "";
}

void RunStream::report() const {
  if (dataset_.buffer() == nullptr) return;
  const data::StreamState now = dataset_.buffer()->state(state_.consumed);
  log_info("stream: {} records received, {} refused, {} replaced, {} trained on", now.received,
           now.refused, now.replaced.empty() ? 0 : now.replaced.back().records, now.consumed);
  if (const std::string complaints = dataset_.buffer()->complaints(); !complaints.empty())
    log_warning("stream: {}", complaints);
}

void RunStream::save(i64 samples) {
  if (dataset_.buffer() == nullptr) return;
  state_ = dataset_.buffer()->state(dataset_.streamed_before(samples));
  state_.consumed = consumed_of(dataset_, state_, samples);
}

std::vector<fs::path> RunStream::files_of_checkpoint(const std::optional<fs::path>& newest_good,
                                                     i64 begun, i64 keep_last) {
  if (dataset_.buffer() == nullptr) return {};
  if (newest_good && !writing_.checkpoint.empty() &&
      newest_good->filename().string() == writing_.checkpoint)
    good_.push_back(std::exchange(writing_, {}));
  while (static_cast<i64>(good_.size()) > keep_last) good_.pop_front();
  // Until then, checkpoints of an earlier process are kept, and what they consumed is not known.
  if (static_cast<i64>(good_.size()) == keep_last)
    dataset_.buffer()->trim(std::min(good_.front().consumed, dataset_.streamed_before(begun)));
  return dataset_.buffer()->files();
}

}  // namespace weft::train

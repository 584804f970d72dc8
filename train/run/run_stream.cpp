// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_stream.h"

#include <algorithm>

#include "weft/core/error.h"
#include "weft/core/log.h"

namespace weft::train {

namespace fs = std::filesystem;

void RunStream::open(const fs::path& run, i64 samples, std::stop_token stop) {
  const i64 consumed = dataset_.streamed_before(samples);
  WEFT_CHECK(state_.consumed == consumed,
             "resume: stream.consumed is {} and {} samples were trained on; {} is required",
             state_.consumed, samples, consumed);
  good_ = {{"", consumed}};
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
}

// The last batch of a stream that has ended may be smaller.
void RunStream::save(i64 samples) {
  if (dataset_.buffer() == nullptr) return;
  state_ = dataset_.buffer()->state(dataset_.streamed_before(samples));
  const i64 replaced = state_.replaced.empty() ? 0 : state_.replaced.back().records;
  state_.consumed = std::min(state_.consumed, state_.received - replaced);
}

std::vector<fs::path> RunStream::files_of_checkpoint(const std::optional<fs::path>& newest_good,
                                                     i64 begun, i64 keep_last) {
  if (dataset_.buffer() == nullptr) return {};
  if (newest_good && !writing_.checkpoint.empty() &&
      newest_good->filename().string() == writing_.checkpoint)
    good_.push_back(std::exchange(writing_, {}));
  while (static_cast<i64>(good_.size()) > keep_last) good_.pop_front();
  dataset_.buffer()->trim(std::min(good_.front().consumed, dataset_.streamed_before(begun)));
  return dataset_.buffer()->files();
}

}  // namespace weft::train

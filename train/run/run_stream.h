// SPDX-License-Identifier: Apache-2.0
// The stream of a run with data.type: stream. It is open while the run trains. The records that are
// acknowledged are in RUN/stream until no kept checkpoint needs them (Note [What is acknowledged is
// kept], data/stream/journal.h).
#pragma once
#include <deque>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/data/stream/stream_dataset.h"

namespace weft::train {

class RunStream {
 public:
  // The dataset must outlive it.
  explicit RunStream(const data::StreamDataset& dataset) : dataset_(dataset) {}
  ~RunStream() { dataset_.close(); }
  RunStream(const RunStream&) = delete;
  RunStream& operator=(const RunStream&) = delete;

  // Takes the address, before the run writes anything.
  void listen() const { dataset_.listen(); }
  // Begins to receive records, in the folder of a run that has trained on `samples` samples.
  void open(const std::filesystem::path& run, i64 samples, std::stop_token stop);
  // `over` tells producers that the run takes no more records.
  void close(const std::string& over) const { dataset_.close(over); }

  // The reason if the run has to be given up because no records came; else empty.
  std::string failure() const;
  // Logs what came of the records.
  void report() const;

  // What a checkpoint has after `samples` samples: save() is called before state().
  void save(i64 samples);
  void state(State& s) { s("stream", state_); }
  // Called before a checkpoint is written. `newest_good` is complete by now, and the run may go
  // back to the first `begun` samples. Removes the records that neither needs, nor the `keep_last`
  // checkpoints before it. Returns what has to be on the disk first.
  std::vector<std::filesystem::path> files_of_checkpoint(
      const std::optional<std::filesystem::path>& newest_good, i64 begun, i64 keep_last);
  void note_checkpoint(std::string name) { writing_ = {std::move(name), state_.consumed}; }

 private:
  struct Saved {
    std::string checkpoint;
    i64 consumed = 0;
  };
  const data::StreamDataset& dataset_;
  data::StreamState state_;
  std::deque<Saved> good_;  // the newest checkpoints, from that of open() on, oldest first
  Saved writing_;
};

}  // namespace weft::train

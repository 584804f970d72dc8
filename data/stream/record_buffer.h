// SPDX-License-Identifier: Apache-2.0
// RecordBuffer: the records of a stream between the thread that receives them and the threads that
// prepare batches. The records themselves are in the journal; the buffer bounds how many of them
// wait there to be used, and says which record is which sample.
//
// Note [The order of a stream]
// Streamed sample k is record k of the journal, in the order of arrival. So batches depend on the
// order of arrival and on nothing else, and a resumed run reads the same records again. With
// when_full: replace, records that were replaced before they were used are passed over: sample k is
// record k + the records replaced before it (ReplacedRecords).
#pragma once
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/core/clock.h"
#include "weft/data/sources.h"
#include "weft/data/stream/journal.h"
#include "weft/data/stream/stream_state.h"

namespace weft::data {

// How a stream has come to its end. A stream that was stopped goes on when the run is resumed.
enum class StreamEnd { none, ended, stopped, failed };

class RecordBuffer {
 public:
  // Opens the journal in `folder`. `from` is the state of the checkpoint that the run goes on from.
  RecordBuffer(const std::filesystem::path& folder, i64 record_bytes, const StreamSource& options,
               const StreamState& from, std::stop_token stop);

  // --- for the thread that receives
  // Whether a record may be put. If not, `on_room` is called once when there is room again.
  bool has_room();
  void on_room(std::function<void()> call);  // set before anything else is called
  // The producer's mark; 0 and false for a new one.
  ProducerMark mark_of(const std::string& producer) const;
  void put(const std::string& producer, u64 number, const std::byte* record);
  void note_refused(const std::string& reason);
  void note_closed(const std::string& reason);  // a connection, for what it sent
  void note_end(const std::string& producer);
  void note_connected(i64 producers);
  // From now on take() throws this error: records cannot be kept.
  void fail(const std::exception_ptr& error);

  // --- for the threads that prepare batches
  // Copies the record of a streamed sample; waits for it. Throws NoMoreSamples when the stream has
  // ended before it, when a stop is requested, and when no record came for `timeout` seconds.
  void take(i64 sample, std::byte* record);

  // --- for the run
  StreamEnd how_ended() const;
  std::string failure() const;  // of StreamEnd::failed
  StreamState state(i64 consumed) const;
  // What producers did wrong in this process, with the first reasons; empty for nothing. The thread
  // that receives logs nothing itself: training may be writing a line.
  std::string complaints() const;
  // No sample before this one is asked for again.
  void trim(i64 sample);
  std::vector<std::filesystem::path> files() const { return journal_.files(); }

 private:
  void wait_for(i64 sample, std::unique_lock<std::mutex>& lock);
  std::map<std::string, ProducerMark> all_marks() const;
  bool is_full() const;
  bool has_ended() const;
  void end(StreamEnd how);

  StreamSource options_;
  std::stop_token stop_;
  std::function<void()> on_room_;
  StreamState first_;         // at the beginning of this process
  mutable std::mutex mutex_;  // of all below
  std::condition_variable_any changed_;
  Journal journal_;
  i64 claimed_;  // samples before this one were asked for
  std::vector<ReplacedRecords> replaced_;
  struct {
    i64 refused = 0, closed = 0;  // records of the whole run, connections of this process
    std::string first_refused, first_closed;
  } complaints_;
  i64 connected_ = 0;
  bool waits_for_room_ = false;
  Clock::time_point last_arrival_ = Clock::now();
  struct {
    StreamEnd how = StreamEnd::none;
    std::string failure;
    std::exception_ptr error;
  } end_;
};

}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
// Journal: the records of a stream that were acknowledged, on the disk, in the order of their
// arrival. Record i has the index i, from 0, for the whole life of the run.
//
//   records-0.bin, records-5000.bin, …   the records from that index on; each has a checksum
//   producers.txt                        the names of the producers, one per line, and END marks
//
// Note [What is acknowledged is kept]
// A record is acknowledged after the operating system has its bytes. So it outlives the process,
// however that ends. A checkpoint syncs the journal to the disk before it says that a record was
// received, so after a power failure the records of the newest checkpoint are there; of those that
// came after it, the last ones may be missing. Damaged records with no intact one after them are
// cut off. Intact records are never removed because of a damaged one before them: that is an error.
// Records before the one that the run goes on at are not checked. Files are removed when no kept
// checkpoint needs their records.
#pragma once
#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weft/core/types.h"
#include "weft/tensor/state.h"

namespace weft::data {

// What the run knows of a producer.
struct ProducerMark {
  u64 last = 0;        // the number of its last record that was kept; 0: none
  bool ended = false;  // it has sent its end mark

  void state(State& s) { s("last", last)("ended", ended); }
};

class Journal {
 public:
  // Opens the journal in `folder`, which is made if it does not exist, for a run that goes on at
  // record `first`. `promised` records were received when its checkpoint was saved. Warns of
  // records that are missing at the end. Throws IoError. Throws UserError, and changes nothing, if
  // the journal begins after `first`, is of other records, has damaged or missing records between
  // `first` and an intact one, or lacks the names of its producers.
  Journal(std::filesystem::path folder, i64 record_bytes, i64 first, i64 promised);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The number of records that were ever received.
  i64 end() const { return end_; }
  // By name; what the files say.
  const std::map<std::string, ProducerMark>& producers() const { return marks_; }

  // One thread calls these. Both throw IoError, and leave no half of a record.
  void append(const std::string& producer, u64 number, const std::byte* record);
  void note_end(const std::string& producer);

  // Thread-safe. `index` must be in the journal, and below an end() that the thread knows of.
  void read(i64 index, std::byte* record) const;
  // Removes the files all of whose records are before `index`. Thread-safe.
  void trim(i64 index);
  // What has to be on the disk before a checkpoint is: files, and the folder. Thread-safe.
  std::vector<std::filesystem::path> files() const;

 private:
  class Segment;
  i64 read_producers();
  void find_segments();
  std::size_t check_segments(std::size_t begin, i64 first);
  void cut_segments(std::size_t begin, std::size_t blank);
  bool has_header(const Segment& segment, bool newest);
  i64 records_in(const Segment& segment) const;
  i64 place_of(const Segment& segment, i64 index) const;
  bool read_intact(const Segment& segment, i64 index);
  void begin_segment(i64 first);
  std::shared_ptr<const Segment> segment_of(i64 index) const;
  std::size_t index_of(const std::string& producer);
  void add_line(const std::string& line) const;

  std::filesystem::path folder_;
  i64 record_bytes_;
  i64 end_ = 0;
  std::vector<std::string> names_;  // of the producers; a record has the index of its producer
  std::map<std::string, ProducerMark> marks_;
  std::vector<std::byte> entry_;
  std::shared_ptr<Segment> newest_;                // the last of segments_
  mutable std::mutex mutex_;                       // of segments_
  std::deque<std::shared_ptr<Segment>> segments_;  // oldest first
};

}  // namespace weft::data

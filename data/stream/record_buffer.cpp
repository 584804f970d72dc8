// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/record_buffer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "weft/core/error.h"

namespace weft::data {
namespace {

// The first of the entries that begin after a sample.
auto after_sample(const std::vector<ReplacedRecords>& replaced, i64 sample) {
  return std::upper_bound(
      replaced.begin(), replaced.end(), sample,
      [](i64 value, const ReplacedRecords& each) { return value < each.sample; });
}

// Note [The order of a stream]
i64 record_of(const std::vector<ReplacedRecords>& replaced, i64 sample) {
  const auto after = after_sample(replaced, sample);
  return sample + (after == replaced.begin() ? 0 : std::prev(after)->records);
}

// Without those that concern only samples before this one.
std::vector<ReplacedRecords> from_sample(const std::vector<ReplacedRecords>& replaced, i64 sample) {
  auto first = after_sample(replaced, sample);
  if (first != replaced.begin()) --first;
  return {first, replaced.end()};
}

}  // namespace

RecordBuffer::RecordBuffer(const std::filesystem::path& folder, i64 record_bytes,
                           const StreamSource& options, const StreamState& from,
                           std::stop_token stop)
    : options_(options),
      stop_(std::move(stop)),
      first_(from),
      journal_(folder, record_bytes, record_of(from.replaced, from.consumed), from.received),
      claimed_(from.consumed),
      replaced_(from.replaced) {
  complaints_.refused = from.refused;
  if (has_ended()) end_.how = StreamEnd::ended;
}

bool RecordBuffer::is_full() const {
  return journal_.end() - record_of(replaced_, claimed_) >= options_.capacity;
}

// The checkpoint has marks of records that are no longer in the journal.
std::map<std::string, ProducerMark> RecordBuffer::all_marks() const {
  std::map<std::string, ProducerMark> marks = first_.producers;
  for (const auto& [name, mark] : journal_.producers()) {
    ProducerMark& known = marks[name];
    known.last = std::max(known.last, mark.last);
    known.ended = known.ended || mark.ended;
  }
  return marks;
}

ProducerMark RecordBuffer::mark_of(const std::string& producer) const {
  const std::lock_guard lock(mutex_);
  const std::map<std::string, ProducerMark> marks = all_marks();
  const auto found = marks.find(producer);
  return found == marks.end() ? ProducerMark{} : found->second;
}

bool RecordBuffer::has_room() {
  const std::lock_guard lock(mutex_);
  waits_for_room_ = options_.when_full == WhenFull::wait && is_full();
  return !waits_for_room_;
}

void RecordBuffer::on_room(std::function<void()> call) { on_room_ = std::move(call); }

void RecordBuffer::put(const std::string& producer, u64 number, const std::byte* record) {
  const std::lock_guard lock(mutex_);
  journal_.append(producer, number, record);
  if (options_.when_full == WhenFull::replace &&
      journal_.end() - record_of(replaced_, claimed_) > options_.capacity) {
    const i64 before = replaced_.empty() ? 0 : replaced_.back().records;
    if (!replaced_.empty() && replaced_.back().sample == claimed_) ++replaced_.back().records;
    else replaced_.push_back({claimed_, before + 1});
  }
  last_arrival_ = Clock::now();
  changed_.notify_all();
}

void RecordBuffer::note_refused(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++complaints_.refused;
  if (complaints_.first_refused.empty()) complaints_.first_refused = reason;
}

void RecordBuffer::note_closed(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++complaints_.closed;
  if (complaints_.first_closed.empty()) complaints_.first_closed = reason;
}

std::string RecordBuffer::complaints() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (!complaints_.first_refused.empty())
    text =
        fmt::format("records were refused, the first one because: {}", complaints_.first_refused);
  if (complaints_.closed > 0)
    text += fmt::format("{}{} connections were closed, the first one because: {}",
                        text.empty() ? "" : "; ", complaints_.closed, complaints_.first_closed);
  return text;
}

void RecordBuffer::note_connected(i64 producers) {
  const std::lock_guard lock(mutex_);
  connected_ = producers;
}

// Whether enough producers have ended, in this process or an earlier one.
bool RecordBuffer::has_ended() const {
  std::map<std::string, ProducerMark> marks = all_marks();
  return std::count_if(marks.begin(), marks.end(),
                       [](const auto& each) { return each.second.ended; }) >= options_.producers;
}

void RecordBuffer::note_end(const std::string& producer) {
  const std::lock_guard lock(mutex_);
  journal_.note_end(producer);
  if (has_ended()) end(StreamEnd::ended);
}

void RecordBuffer::fail(const std::exception_ptr& error) {
  const std::lock_guard lock(mutex_);
  end_.error = error;
  end(StreamEnd::failed);
}

void RecordBuffer::end(StreamEnd how) {
  if (end_.how == StreamEnd::none) end_.how = how;
  changed_.notify_all();
}

// Waits until the record of a sample is there, or will not come.
void RecordBuffer::wait_for(i64 sample, std::unique_lock<std::mutex>& lock) {
  const auto there = [&] {
    return journal_.end() > record_of(replaced_, sample) || end_.how != StreamEnd::none;
  };
  const Clock::time_point asked = Clock::now();
  while (!there() && !stop_.stop_requested()) {
    if (options_.timeout == 0) {
      changed_.wait(lock, stop_, there);
      continue;
    }
    const Clock::time_point since = std::max(asked, last_arrival_);
    if (seconds_since(since) < options_.timeout) {
      const std::chrono::duration<double> timeout(options_.timeout);
      changed_.wait_until(lock, stop_, since + std::chrono::duration_cast<Clock::duration>(timeout),
                          there);
      continue;
    }
    end_.failure = fmt::format(
        "data.timeout: no record has come for {} s, and {} producers are connected to {}; "
        "producers that send records are required, or a longer timeout",
        options_.timeout, connected_, options_.address);
    end(StreamEnd::failed);
  }
}

void RecordBuffer::take(i64 sample, std::byte* record) {
  std::unique_lock lock(mutex_);
  claimed_ = std::max(claimed_, sample + 1);
  if (waits_for_room_ && !is_full()) {
    waits_for_room_ = false;
    on_room_();
  }
  wait_for(sample, lock);
  const i64 index = record_of(replaced_, sample);
  if (journal_.end() <= index) {
    if (end_.error) std::rethrow_exception(end_.error);
    if (end_.how == StreamEnd::none) end_.how = StreamEnd::stopped;
    throw NoMoreSamples{end_.how == StreamEnd::ended};
  }
  lock.unlock();
  journal_.read(index, record);
}

StreamEnd RecordBuffer::how_ended() const {
  const std::lock_guard lock(mutex_);
  return end_.how;
}

std::string RecordBuffer::failure() const {
  const std::lock_guard lock(mutex_);
  return end_.failure;
}

StreamState RecordBuffer::state(i64 consumed) const {
  const std::lock_guard lock(mutex_);
  return {.consumed = consumed,
          .received = journal_.end(),
          .refused = complaints_.refused,
          .replaced = from_sample(replaced_, consumed),
          .producers = all_marks()};
}

void RecordBuffer::trim(i64 sample) {
  const std::lock_guard lock(mutex_);
  replaced_ = from_sample(replaced_, sample);
  journal_.trim(record_of(replaced_, sample));
}

}  // namespace weft::data

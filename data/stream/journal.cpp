// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/data/stream/protocol.h"

namespace weft::data {

namespace fs = std::filesystem;

namespace {

constexpr i64 kSegmentBytes = i64{64} << 20;
constexpr i64 kMostProducersText = i64{1} << 24;
constexpr const char* kProducersFile = "producers.txt";
constexpr std::string_view kProducerLine = "producer ", kEndLine = "end ";
constexpr std::string_view kSegmentName = "records-", kSegmentEnding = ".bin";

struct SegmentHeader {
  char magic[8] = {'w', 'e', 'f', 't', 'r', 'e', 'c', '1'};
  i64 record_bytes = 0, first = 0;
};

struct EntryHeader {
  u32 checksum = 0;  // CRC-32 of all that follows
  u32 producer = 0;
  u64 number = 0;
};

u32 checksum_of(const std::byte* entry, i64 bytes) {
  constexpr i64 kSkipped = sizeof(u32);
  return static_cast<u32>(crc32_z(0, reinterpret_cast<const Bytef*>(entry + kSkipped),
                                  static_cast<z_size_t>(bytes - kSkipped)));
}

fs::path segment_path(const fs::path& folder, i64 first) {
  return folder / fmt::format("{}{}{}", kSegmentName, first, kSegmentEnding);
}

// The first index in the name of a file of records; −1 for another file.
i64 first_in_name(std::string_view name) {
  if (!name.starts_with(kSegmentName) || !name.ends_with(kSegmentEnding)) return -1;
  name.remove_prefix(kSegmentName.size());
  name.remove_suffix(kSegmentEnding.size());
  if (name.empty() || name.size() > 13 || (name.size() > 1 && name[0] == '0') ||
      name.find_first_not_of("0123456789") != name.npos)
    return -1;
  return std::stoll(std::string(name));
}

}  // namespace

// A file of records.
class Journal::Segment {
 public:
  Segment(fs::path path, int flags) : path_(std::move(path)) {
    file_ = open(path_.c_str(), flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (file_ < 0) throw IoError(path_.string(), "opened", errno);
    struct stat about {};
    if (fstat(file_, &about) != 0 || !S_ISREG(about.st_mode)) {
      close(file_);
      fail("stream: {} is no regular file; one is required", path_.string());
    }
    bytes = about.st_size;
  }
  ~Segment() { close(file_); }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  const fs::path& path() const { return path_; }
  // Returns how many bytes there were.
  i64 read(void* into, i64 count, i64 at) const {
    for (i64 done = 0; done < count;) {
      const ssize_t got = pread(file_, static_cast<std::byte*>(into) + done,
                                static_cast<std::size_t>(count - done), at + done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw IoError(path_.string(), "read", errno);
      if (got == 0) return done;
      done += got;
    }
    return count;
  }
  void append(const void* data, i64 count) {
    for (i64 done = 0; done < count;) {
      const ssize_t written = pwrite(file_, static_cast<const std::byte*>(data) + done,
                                     static_cast<std::size_t>(count - done), bytes + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        const int code = errno;
        [[maybe_unused]] const int best_effort = ftruncate(file_, bytes);
        throw IoError(path_.string(), "written", code);
      }
      done += written;
    }
    bytes += count;
  }
  void cut(i64 to) {
    if (ftruncate(file_, to) != 0) throw IoError(path_.string(), "cut", errno);
    bytes = to;
  }

  i64 first = 0, bytes = 0;

 private:
  fs::path path_;
  int file_ = -1;
};

Journal::Journal(fs::path folder, i64 record_bytes, i64 first, i64 promised)
    : folder_(std::move(folder)),
      record_bytes_(record_bytes),
      entry_(sizeof(EntryHeader) + static_cast<std::size_t>(record_bytes)) {
  const PathKind kind = kind_of(folder_);
  WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder,
             "stream: {} is no folder; the folder of the stream's records is required",
             folder_.string());
  make_folders("stream", folder_);
  read_producers();
  read_segments();
  WEFT_CHECK(segments_.empty() || segments_.front()->first <= first,
             "stream: the records in {} begin at {}, and the checkpoint goes on at {}; the newest "
             "checkpoint of the run is required",
             folder_.string(), segments_.front()->first, first);
  if (end_ < promised)
    log_warning("stream: {} has {} records, and {} were received: {} are missing", folder_.string(),
                end_, promised, promised - std::max(end_, first));
  if (!segments_.empty() && end_ >= first) {
    newest_ = segments_.back();
    return;
  }
  for (const auto& segment : segments_) fs::remove(segment->path());
  segments_.clear();
  begin_segment(first);
}

Journal::~Journal() = default;

void Journal::read_producers() {
  const fs::path path = folder_ / kProducersFile;
  if (kind_of(path) == PathKind::none) return;
  std::string text = read_file(path, kMostProducersText);
  const std::size_t whole = text.rfind('\n') + 1;
  if (whole < text.size()) Segment(path, 0).cut(static_cast<i64>(whole));  // by a power failure
  text.resize(whole);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    const bool ends = line.starts_with(kEndLine);
    WEFT_CHECK(ends || line.starts_with(kProducerLine),
               "stream: {} has a line that is neither 'producer NAME' nor 'end NAME'; the file as "
               "weft wrote it is required",
               path.string());
    line.remove_prefix(ends ? kEndLine.size() : kProducerLine.size());
    check_producer_name(line);
    ProducerMark& mark = marks_[std::string(line)];
    if (ends) mark.ended = true;
    else names_.emplace_back(line);
  }
}

void Journal::read_segments() {
  std::vector<i64> firsts;
  for (const std::string& name : names_in(folder_))
    if (const i64 first = first_in_name(name); first >= 0) firsts.push_back(first);
  std::sort(firsts.begin(), firsts.end());
  const i64 entry_bytes = std::ssize(entry_);
  bool whole = true;
  for (const i64 first : firsts) {
    auto segment = std::make_shared<Segment>(segment_path(folder_, first), 0);
    if (!whole || (!segments_.empty() && first != end_)) {
      log_warning("stream: {} does not follow the records before it and is left out",
                  segment->path().string());
      fs::remove(segment->path());
      continue;
    }
    SegmentHeader header, wanted;
    wanted.record_bytes = record_bytes_;
    wanted.first = first;
    if (segment->read(&header, sizeof header, 0) < static_cast<i64>(sizeof header)) {
      fs::remove(segment->path());  // a kill or a power failure, before its first record
      whole = false;
      continue;
    }
    WEFT_CHECK(std::memcmp(&header, &wanted, sizeof header) == 0,
               "stream: {} holds other records than this run's of {} bytes; the file as weft wrote "
               "it is required",
               segment->path().string(), record_bytes_);
    i64 at = sizeof header, records = 0;
    for (; segment->read(entry_.data(), entry_bytes, at) == entry_bytes; at += entry_bytes) {
      EntryHeader entry;
      std::memcpy(&entry, entry_.data(), sizeof entry);
      if (entry.checksum != checksum_of(entry_.data(), entry_bytes) ||
          entry.producer >= names_.size())
        break;
      u64& last = marks_[names_[entry.producer]].last;
      last = std::max(last, entry.number);
      ++records;
    }
    if (at < segment->bytes) {
      log_warning("stream: {} ends in a damaged record, and is cut after {} records",
                  segment->path().string(), records);
      segment->cut(at);
      whole = false;
    }
    segment->first = first;
    end_ = first + records;
    segments_.push_back(std::move(segment));
  }
}

void Journal::begin_segment(i64 first) {
  auto segment = std::make_shared<Segment>(segment_path(folder_, first), O_CREAT | O_EXCL);
  SegmentHeader header;
  header.record_bytes = record_bytes_;
  header.first = segment->first = first;
  segment->append(&header, sizeof header);
  end_ = first;
  newest_ = segment;
  const std::lock_guard lock(mutex_);
  segments_.push_back(std::move(segment));
}

void Journal::add_line(const std::string& line) const {
  Segment file(folder_ / kProducersFile, O_CREAT);
  file.append((line + "\n").data(), std::ssize(line) + 1);
}

std::size_t Journal::index_of(const std::string& producer) {
  const auto found = std::find(names_.begin(), names_.end(), producer);
  if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
  add_line(std::string(kProducerLine) + producer);
  names_.push_back(producer);
  return names_.size() - 1;
}

void Journal::append(const std::string& producer, u64 number, const std::byte* record) {
  EntryHeader header;
  header.producer = static_cast<u32>(index_of(producer));
  header.number = number;
  std::memcpy(entry_.data(), &header, sizeof header);
  std::memcpy(entry_.data() + sizeof header, record, static_cast<std::size_t>(record_bytes_));
  header.checksum = checksum_of(entry_.data(), std::ssize(entry_));
  std::memcpy(entry_.data(), &header, sizeof header.checksum);
  if (newest_->bytes >= kSegmentBytes) begin_segment(end_);
  newest_->append(entry_.data(), std::ssize(entry_));
  ++end_;
  marks_[producer].last = number;
}

void Journal::note_end(const std::string& producer) {
  index_of(producer);
  add_line(std::string(kEndLine) + producer);
  marks_[producer].ended = true;
}

std::shared_ptr<const Journal::Segment> Journal::segment_of(i64 index) const {
  const std::lock_guard lock(mutex_);
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), index,
      [](i64 i, const std::shared_ptr<Segment>& segment) { return i < segment->first; });
  WEFT_ASSERT(after != segments_.begin(), "stream: record {} is not in the journal", index);
  return *std::prev(after);
}

void Journal::read(i64 index, std::byte* record) const {
  const std::shared_ptr<const Segment> segment = segment_of(index);
  const i64 at = static_cast<i64>(sizeof(SegmentHeader)) +
                 (index - segment->first) * std::ssize(entry_) +
                 static_cast<i64>(sizeof(EntryHeader));
  WEFT_CHECK(segment->read(record, record_bytes_, at) == record_bytes_,
             "stream: {} ends before record {}; a file that no one changes is required",
             segment->path().string(), index);
}

void Journal::trim(i64 index) {
  std::deque<std::shared_ptr<Segment>> removed;
  {
    const std::lock_guard lock(mutex_);
    while (segments_.size() > 1 && segments_[1]->first <= index) {
      removed.push_back(segments_.front());
      segments_.pop_front();
    }
  }
  std::error_code ignored;
  for (const auto& segment : removed) fs::remove(segment->path(), ignored);
}

std::vector<fs::path> Journal::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<fs::path> paths{folder_};
  for (const auto& segment : segments_) paths.push_back(segment->path());
  if (kind_of(folder_ / kProducersFile) != PathKind::none)
    paths.push_back(folder_ / kProducersFile);
  return paths;
}

}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/journal.h"

#include <algorithm>
#include <array>
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

// Indices of records, ascending.
class IndexRanges {
 public:
  void add(i64 begin, i64 end) {
    if (begin >= end) return;
    if (!ranges_.empty() && ranges_.back().second == begin) ranges_.back().second = end;
    else ranges_.emplace_back(begin, end);
  }
  bool empty() const { return ranges_.empty(); }
  // "3, 7 to 9"; of many ranges, the first ones.
  std::string text() const {
    constexpr std::size_t kMost = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(kMost, ranges_.size()); ++i) {
      const auto [begin, end] = ranges_[i];
      text += fmt::format("{}{}", i == 0 ? "" : ", ", begin);
      if (end > begin + 1) text += fmt::format(" to {}", end - 1);
    }
    if (ranges_.size() > kMost) text += fmt::format(" and {} more ranges", ranges_.size() - kMost);
    return text;
  }

 private:
  std::vector<std::pair<i64, i64>> ranges_;
};

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

  void sync() const {
    if (fsync(file_) != 0) throw IoError(path_.string(), "written to the disk", errno);
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
  const i64 names_bytes = read_producers();
  find_segments();
  WEFT_CHECK(segments_.empty() || segments_.front()->first <= first,
             "stream: the records in {} begin at {}, and the checkpoint goes on at {}; the newest "
             "checkpoint of the run is required",
             folder_.string(), segments_.front()->first, first);
  if (!segments_.empty()) {
    std::size_t begin = segments_.size() - 1;  // of the file that has record `first`
    while (segments_[begin]->first > first) --begin;
    cut_segments(begin, check_segments(begin, first));
  }
  const fs::path names = folder_ / kProducersFile;
  if (kind_of(names) != PathKind::none)
    if (Segment file(names, 0); file.bytes > names_bytes) file.cut(names_bytes);
  if (end_ < promised)
    log_warning("stream: {} has {} records, and {} were received: {} are missing", folder_.string(),
                end_, promised, promised - std::max(end_, first));
  if (end_ >= first && !segments_.empty() &&
      segments_.back()->first + records_in(*segments_.back()) == end_)
    newest_ = segments_.back();
  else begin_segment(std::max(first, end_));
}

Journal::~Journal() = default;

// Returns the bytes of the lines that are whole: a power failure may leave half of one.
i64 Journal::read_producers() {
  const fs::path path = folder_ / kProducersFile;
  if (kind_of(path) == PathKind::none) return 0;
  std::string text = read_file(path, kMostProducersText);
  text.resize(text.rfind('\n') + 1);
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
  return std::ssize(text);
}

void Journal::find_segments() {
  std::vector<i64> firsts;
  for (const std::string& name : names_in(folder_))
    if (const i64 first = first_in_name(name); first >= 0) firsts.push_back(first);
  std::sort(firsts.begin(), firsts.end());
  for (const i64 first : firsts) {
    auto segment = std::make_shared<Segment>(segment_path(folder_, first), 0);
    segment->first = first;
    WEFT_CHECK(records_in(*segment) == 0 || !names_.empty(),
               "stream: {} has records, and {} names no producer; the file as weft wrote it is "
               "required",
               segment->path().string(), (folder_ / kProducersFile).string());
    segments_.push_back(std::move(segment));
  }
}

i64 Journal::records_in(const Segment& segment) const {
  constexpr i64 kHeader = sizeof(SegmentHeader);
  return std::max<i64>(0, segment.bytes - kHeader) / std::ssize(entry_);
}

// The place of a record's entry in its file, in bytes.
i64 Journal::place_of(const Segment& segment, i64 index) const {
  constexpr i64 kHeader = sizeof(SegmentHeader);
  return kHeader + (index - segment.first) * std::ssize(entry_);
}

// Reads the entry of a record. Returns false if it is damaged.
bool Journal::read_intact(const Segment& segment, i64 index) {
  const i64 bytes = std::ssize(entry_);
  EntryHeader entry;
  if (segment.read(entry_.data(), bytes, place_of(segment, index)) != bytes) return false;
  std::memcpy(&entry, entry_.data(), sizeof entry);
  return entry.checksum == checksum_of(entry_.data(), bytes);
}

// After a power failure, the newest file may have no header yet, or zeros, and no record.
bool Journal::has_header(const Segment& segment, bool newest) {
  SegmentHeader header, wanted;
  wanted.record_bytes = record_bytes_;
  wanted.first = segment.first;
  std::array<char, sizeof header> bytes{}, zeros{};
  const i64 got = segment.read(bytes.data(), std::ssize(bytes), 0);
  bool blank = newest && (got < std::ssize(bytes) || bytes == zeros);
  for (i64 i = 0; blank && i < records_in(segment); ++i)
    blank = !read_intact(segment, segment.first + i);
  WEFT_CHECK(blank || std::memcmp(bytes.data(), &wanted, sizeof wanted) == 0,
             "stream: {} holds other records than this run's of {} bytes; the file as weft wrote "
             "it is required",
             segment.path().string(), record_bytes_);
  return !blank;
}

// Checks the records from `first` on, which the file `begin` has. Sets end_ and the marks. Returns
// the index of a file that has no header, or the number of files.
std::size_t Journal::check_segments(std::size_t begin, i64 first) {
  IndexRanges lost;
  i64 position = first, intact_behind = 0;
  std::size_t blank = segments_.size();
  for (std::size_t k = begin; k < segments_.size(); ++k) {
    const Segment& segment = *segments_[k];
    WEFT_CHECK(k == begin || segment.first >= position,
               "stream: {} begins before the end of the records before it; the file as weft wrote "
               "it is required",
               segment.path().string());
    if (!has_header(segment, k + 1 == segments_.size())) blank = k;
    const i64 end = segment.first + (k == blank ? 0 : records_in(segment));
    if (k == begin) end_ = std::min(first, end);
    lost.add(position, segment.first);
    for (position = std::max(position, segment.first); position < end; ++position) {
      if (!read_intact(segment, position)) {
        lost.add(position, position + 1);
        continue;
      }
      EntryHeader entry;
      std::memcpy(&entry, entry_.data(), sizeof entry);
      WEFT_CHECK(entry.producer < names_.size(),
                 "stream: record {} in {} is of producer {}, and {} names {}; the file as weft "
                 "wrote it is required",
                 position, segment.path().string(), entry.producer + u64{1},
                 (folder_ / kProducersFile).string(), names_.size());
      u64& last = marks_[names_[entry.producer]].last;
      last = std::max(last, entry.number);
      if (lost.empty()) end_ = position + 1;
      else ++intact_behind;
    }
  }
  WEFT_CHECK(intact_behind == 0,
             "stream: of the records in {} from {} on, {} are damaged or missing, and {} behind "
             "the first of these are intact; the files as weft wrote them are required",
             folder_.string(), first, lost.text(), intact_behind);
  if (!lost.empty())
    log_warning("stream: the last records in {} are damaged or missing, and left out: {}",
                folder_.string(), lost.text());
  return blank;
}

// Removes what comes after end_, of which nothing is intact.
void Journal::cut_segments(std::size_t begin, std::size_t blank) {
  if (blank < segments_.size()) {
    fs::remove(segments_[blank]->path());
    segments_.pop_back();  // it is the newest
  }
  while (segments_.size() > begin && segments_.back()->first > end_) {
    fs::remove(segments_.back()->path());
    segments_.pop_back();
  }
  if (segments_.size() <= begin) return;
  Segment& last = *segments_.back();
  if (const i64 whole = place_of(last, end_); whole < last.bytes) last.cut(whole);
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
  file.sync();  // before a record that needs the name
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
  constexpr i64 kHeader = sizeof(EntryHeader);
  const i64 at = place_of(*segment, index) + kHeader;
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

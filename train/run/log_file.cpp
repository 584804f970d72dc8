// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/log_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "weft/core/files.h"
#include "weft/core/log.h"

namespace weft::train {
namespace {

constexpr i64 kUnknown = -1;  // lines of a file that cannot be read
constexpr i64 kLargestLog = i64{1} << 30;

// An editor may have put a byte order mark before the first line.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

// The part of a text up to the end of its n-th line, or of its last whole line.
LogPart first_lines(std::string_view text, i64 lines) {
  LogPart part;
  for (std::size_t end = 0; part.lines < lines; ++part.lines) {
    end = text.find('\n', part.bytes);
    if (end == text.npos) break;
    part.bytes = end + 1;
  }
  return part;
}

// A map has no entry for what a checkpoint of an older weft does not say.
i64 entry(const std::map<std::string, i64>& values, const std::string& name, i64 otherwise) {
  const auto found = values.find(name);
  return found == values.end() ? otherwise : found->second;
}

}  // namespace

LogPart log_until(std::string_view text, i64 bytes, i64 lines) {
  const std::string_view head = text.substr(0, static_cast<std::size_t>(bytes));
  const i64 lines_in_head = std::count(head.begin(), head.end(), '\n');
  const bool whole =
      static_cast<i64>(head.size()) == bytes && (head.empty() || head.ends_with('\n'));
  if (whole && (lines < 0 || lines == lines_in_head)) return {head.size(), lines_in_head, ""};
  const i64 wanted = lines >= 0 ? lines : lines_in_head + (whole || head.empty() ? 0 : 1);
  LogPart part = first_lines(text, wanted);
  part.note = part.lines < wanted || static_cast<i64>(text.size()) < bytes
                  ? fmt::format(
                        "was cut since the checkpoint, which had {} bytes of it: its first "
                        "{} lines are kept",
                        bytes, part.lines)
                  : fmt::format(
                        "was changed since the checkpoint, which had {} bytes of it: its "
                        "first {} lines are kept, which have {}",
                        bytes, part.lines, part.bytes);
  if (part.lines < wanted && part.bytes < text.size()) part.note += "; a part of a line is dropped";
  return part;
}

LogFile::LogFile(const LoggedRun& run, std::string name, const LogBeginning& beginning)
    : folder_(run.folder), name_(std::move(name)) {
  try {
    if (run.resumed_at == nullptr) begin(beginning.header);
    else restore(*run.resumed_at, run.before, beginning.text);
  } catch (const Error& error) {
    lines_ = kUnknown;
    log_warning("{} is not {}: {}", folder_.file(name_).string(),
                run.resumed_at == nullptr ? "emptied" : "cut to the checkpoint", error.what());
  }
}

void LogFile::begin(i64 header) {
  const std::filesystem::path path = folder_.file(name_);
  if (kind_of(path) == PathKind::none) return;
  const std::string text = read_file(path, kLargestLog);
  if (std::count(text.begin(), text.end(), '\n') <= header) return folder_.cut(name_, 0);
  log_warning("metrics: {} has lines of a run without a checkpoint; it is kept as {}",
              path.string(), folder_.keep_aside(name_));
}

void LogFile::restore(const CheckpointAbout& at, const std::filesystem::path& other,
                      std::string_view beginning) {
  const i64 bytes = entry(at.logs, name_, 0);
  const std::filesystem::path source = other.empty() ? folder_.file(name_) : other / name_;
  const bool exists = kind_of(source) != PathKind::none;
  std::string text;
  if (exists) text = read_file(source, kLargestLog);
  if (text.empty() && bytes > 0)
    log_warning(
        "resume: {} is {}, and with it {} bytes up to the checkpoint; {} begins after "
        "it",
        source.string(), exists ? "empty" : "missing", bytes, folder_.file(name_).string());
  if (!text.empty() && !without_mark(text).starts_with(beginning)) {
    const std::string kept = other.empty() ? folder_.keep_aside(name_) : source.string();
    log_warning(
        "resume: {} does not begin as weft has written it; it is kept as {}, and {} begins "
        "after the checkpoint",
        source.string(), kept, folder_.file(name_).string());
    text.clear();
  }
  const LogPart part = log_until(text, text.empty() ? 0 : bytes,
                                 text.empty() ? 0 : entry(at.log_lines, name_, kUnknown));
  if (!part.note.empty()) log_warning("resume: {} {}", source.string(), part.note);
  text.resize(part.bytes);
  if (other.empty() || text.empty()) folder_.cut(name_, static_cast<i64>(text.size()));
  else folder_.write(name_, text);
  lines_ = part.lines;
  first_line_ = without_mark(text).substr(0, without_mark(text).find('\n'));
}

bool LogFile::append(const std::string& line) {
  try {
    folder_.append(name_, line);
  } catch (const Error& error) {
    if (lost_++ == 0) log_warning("metrics: {}; the run goes on without these lines", error.what());
    return false;
  }
  if (lines_ != kUnknown) ++lines_;
  if (lost_ > 0)
    log_warning("metrics: {} can be written again; {} lines are missing in it",
                folder_.file(name_).string(), std::exchange(lost_, 0));
  return true;
}

}  // namespace weft::train

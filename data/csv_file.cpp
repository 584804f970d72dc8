// SPDX-License-Identifier: Apache-2.0
#include "weft/data/csv_file.h"

#include <charconv>
#include <cmath>
#include <iterator>
#include <span>

#include "weft/core/error.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/core/regular_file.h"

namespace weft::data {
namespace {

constexpr i64 kMostCsvBytes = i64{1} << 30;

// The first names, in a sentence.
std::string first_names(std::span<const std::string> names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) shown.push_back(excerpt(name));
  return listed(shown, 8);
}

}  // namespace

CsvFile::CsvFile(const std::string& path, char separator) : path_(path), separator_(separator) {
  const RegularFile file(path);
  const std::string subject = "csv: " + path;
  file.defect().check(subject, "a table of text is required");
  bytes_ = file.bytes();
  WEFT_CHECK(bytes_ <= kMostCsvBytes, "csv: {} has {} bytes; at most {} are read", path, bytes_,
             kMostCsvBytes);
  text_ = std::make_unique<char[]>(static_cast<std::size_t>(bytes_));
  file.read(text_.get(), bytes_, 0).check(subject, "a table of text is required");
  WEFT_CHECK(!is_wide_text({text_.get(), static_cast<std::size_t>(bytes_)}),
             "csv: {} is UTF-16 or UTF-32; UTF-8 is required: save the file as UTF-8", path);
  parse();
  WEFT_CHECK(!names_.empty() && rows() > 0,
             "csv: {} has no rows; a line of column names and at least one row are required", path);
}

void CsvFile::parse() {
  const char* at = text_.get();
  const char* const end = at + bytes_;
  if (std::string_view(at, static_cast<std::size_t>(bytes_)).starts_with("\xef\xbb\xbf")) at += 3;
  std::vector<std::string_view> row;
  i64 line = 1;
  const auto ends_line = [&](const char* c) { return *c == '\n' || *c == '\r'; };
  while (at < end) {
    const i64 row_line = line;
    row.clear();
    for (;;) {
      if (at < end && *at == '"') {
        const char* const begin = ++at;
        char* to = text_.get() + (begin - text_.get());
        for (;; ++at) {
          WEFT_CHECK(at < end, "csv: {} line {}: a quote does not end; a second one is required",
                     path_, row_line);
          if (*at == '"' && (++at == end || *at != '"')) break;
          line += *at == '\n' ? 1 : 0;
          *to++ = *at;
        }
        row.emplace_back(begin, static_cast<std::size_t>(to - begin));
        WEFT_CHECK(at == end || *at == separator_ || ends_line(at),
                   "csv: {} line {}: '{}' follows a quote; the separator '{}' or the line's end is "
                   "required",
                   path_, line, *at, separator_);
      } else {
        const char* const begin = at;
        for (; at < end && *at != separator_ && !ends_line(at); ++at)
          WEFT_CHECK(*at != '"',
                     "csv: {} line {}: a quote within a field; quotes around it, and two in its "
                     "place, are required",
                     path_, line);
        row.emplace_back(begin, static_cast<std::size_t>(at - begin));
      }
      if (at == end || *at != separator_) break;
      ++at;
    }
    if (at < end && *at == '\r') ++at;
    if (at < end && *at == '\n') ++at;
    ++line;
    if (row.size() > 1 || !row.front().empty()) add_row(row, row_line);
  }
}

void CsvFile::add_row(std::vector<std::string_view>& row, i64 line) {
  if (names_.empty()) {
    names_.assign(row.begin(), row.end());
    for (const std::string& name : names_) {
      const i64 column = std::ssize(column_of_);
      WEFT_CHECK(!name.empty(), "csv: {} line {}: column {} has no name; one is required", path_,
                 line, column + 1);
      WEFT_CHECK(invalid_utf8(name) == std::string::npos,
                 "csv: {} line {}: the name of column {}, '{}', is not UTF-8; UTF-8 is required: "
                 "save the file as UTF-8",
                 path_, line, column + 1, printable_line(name));
      WEFT_CHECK(column_of_.emplace(name, column).second,
                 "csv: {} line {}: two columns are named '{}'; different names are required", path_,
                 line, name);
    }
    return;
  }
  WEFT_CHECK(row.size() == names_.size(),
             "csv: {} line {}: {} fields; as many as there are columns, {}, are required{}", path_,
             line, row.size(), names_.size(),
             columns() > 1 ? "" : fmt::format(" (data.separator is '{}')", separator_));
  fields_.insert(fields_.end(), row.begin(), row.end());
  lines_.push_back(line);
}

i64 CsvFile::column(const std::string& name, std::string_view key) const {
  const auto found = column_of_.find(name);
  if (found != column_of_.end()) return found->second;
  std::string rest = did_you_mean(name, names_);
  if (columns() == 1)
    rest = fmt::format("; its one column is '{}'; data.separator is '{}'", excerpt(names_.front()),
                       separator_);
  else if (rest.empty()) rest = fmt::format("; its columns are {}", first_names(names_));
  fail("csv: {}: {} has no column '{}'{}", key, path_, name, rest);
}

bool parse_number(std::string_view text, double& number) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size() && std::isfinite(number);
}

}  // namespace weft::data

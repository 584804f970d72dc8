// SPDX-License-Identifier: Apache-2.0
// Tables of text: RFC 4180 (Shafranovich, 2005), with any separator and any line ends.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/core/types.h"

namespace weft::data {

// The first line has the names of the columns. A field in quotes may hold the separator, line ends
// and quotes, each of which is doubled. A byte order mark at the beginning and empty lines are
// passed over.
class CsvFile {
 public:
  // Throws UserError, naming the line, for a file that cannot be read or is UTF-16, a line with
  // another number of fields than the first, a quote that does not end or stands within a field, a
  // name that is empty or given twice, and a file without rows.
  explicit CsvFile(const std::string& path, char separator = ',');

  const std::string& path() const { return path_; }
  i64 bytes() const { return bytes_; }
  const std::vector<std::string>& names() const { return names_; }
  i64 columns() const { return static_cast<i64>(names_.size()); }
  i64 rows() const { return static_cast<i64>(lines_.size()); }
  std::string_view field(i64 row, i64 column) const {
    return fields_[static_cast<std::size_t>(row * columns() + column)];
  }
  // Where a row begins, counted from 1.
  i64 line(i64 row) const { return lines_[static_cast<std::size_t>(row)]; }
  // The column of that name; throws UserError with the nearest name, or with those there are. `key`
  // is the config's key.
  i64 column(const std::string& name, std::string_view key) const;

 private:
  void parse();
  void add_row(std::vector<std::string_view>& row, i64 line);

  std::string path_;
  char separator_;
  // The fields are parts of the text, in which doubled quotes were replaced.
  std::unique_ptr<char[]> text_;
  i64 bytes_ = 0;
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, i64> column_of_;  // by names_
  std::vector<std::string_view> fields_;
  std::vector<i64> lines_;
};

// A number in decimal notation, with spaces around it; nothing for any other text, infinity or NaN.
bool parse_number(std::string_view text, double& number);

}  // namespace weft::data

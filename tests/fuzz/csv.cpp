// SPDX-License-Identifier: Apache-2.0
// Input: a CSV file, of which the last column is predicted, once as a number and once as a class.
#include "weft/data/csv_file.h"

#include "weft/data/table.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

// Quotes around every field: what is written reads back equal.
std::string quoted(const data::CsvFile& file) {
  std::string text;
  const auto put = [&](std::string_view field, bool last) {
    text += '"';
    for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
    text += last ? "\"\n" : "\",";
  };
  for (i64 c = 0; c < file.columns(); ++c)
    put(file.names()[static_cast<std::size_t>(c)], c + 1 == file.columns());
  for (i64 row = 0; row < file.rows(); ++row)
    for (i64 c = 0; c < file.columns(); ++c) put(file.field(row, c), c + 1 == file.columns());
  return text;
}

void run_csv(std::string_view input) {
  const std::string path = write("table.csv", input).string();
  const data::CsvFile file(path);
  const data::CsvFile again(write("again.csv", quoted(file)).string());
  WEFT_ASSERT(file.names() == again.names(), "the names read back as others");
  // A line with one empty field is an empty line, which is passed over.
  if (file.columns() > 1) WEFT_ASSERT(file.rows() == again.rows(), "rows were lost");
  for (i64 row = 0; file.columns() > 1 && row < file.rows(); ++row)
    for (i64 c = 0; c < file.columns(); ++c)
      WEFT_ASSERT(file.field(row, c) == again.field(row, c), "a field reads back as another");
  for (const data::TableTask task :
       {data::TableTask::regression, data::TableTask::classification}) {
    const data::CsvSource source{.path = path,
                                 .target = file.names().back(),
                                 .task = task,
                                 .missing = data::Missing::mean,
                                 .test_split = 0};
    try {
      data::read_tables(source);
    } catch (const UserError&) {
      if (task == data::TableTask::classification) throw;
    }
  }
}

const bool registered = add("csv", run_csv);

}  // namespace
}  // namespace weft::fuzz

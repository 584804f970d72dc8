// SPDX-License-Identifier: Apache-2.0
// The small texts of a config. Target duration: the input is a duration. Target glob: patterns, one
// a line, then names.
#include "weft/core/duration.h"
#include "weft/core/glob.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_duration(std::string_view input) {
  const Duration duration(input);
  WEFT_ASSERT(Duration(duration.to_string()) == duration, "'{}' reads back as another",
              duration.to_string());
  for (const i64 steps_per_epoch : {i64{1}, i64{1000}})
    WEFT_ASSERT(duration.steps(steps_per_epoch) >= 0, "a negative number of steps");
}

// The definition of a glob, by a table of (pattern's beginning, name's beginning).
bool matches_by_table(std::string_view pattern, std::string_view name) {
  std::vector<char> row(name.size() + 1, 0);
  row[0] = 1;
  for (const char wanted : pattern) {
    std::vector<char> below(name.size() + 1, 0);
    if (wanted == '*') below[0] = row[0];
    for (std::size_t n = 1; n <= name.size(); ++n)
      below[n] = wanted == '*' ? row[n] | below[n - 1]
                               : row[n - 1] & (wanted == '?' || wanted == name[n - 1]);
    row = below;
  }
  return row.back() != 0;
}

void run_glob(std::string_view input) {
  const std::vector<std::string> parts = parts_of(input, 2);
  const std::vector<std::string> patterns = lines_of(parts[0]);
  std::vector<std::string> names = lines_of(parts[1]);
  // Names come from a model or its file, not from a config.
  names.resize(std::min<std::size_t>(names.size(), 100));
  for (std::string& name : names) name.resize(std::min<std::size_t>(name.size(), 200));
  const std::vector<i64> selected = glob_select("freeze", patterns, names);
  for (std::size_t n = 0; n < std::min<std::size_t>(names.size(), 8); ++n) {
    bool any = false;
    for (std::size_t p = 0; p < std::min<std::size_t>(patterns.size(), 8); ++p) {
      const std::string pattern = patterns[p].substr(0, 200);
      const bool matches = glob_matches(pattern, names[n]);
      WEFT_ASSERT(matches == matches_by_table(pattern, names[n]), "'{}' and '{}'", pattern,
                  names[n]);
      any |= matches && pattern.size() == patterns[p].size();
    }
    const bool in =
        std::find(selected.begin(), selected.end(), static_cast<i64>(n)) != selected.end();
    WEFT_ASSERT(in || !any, "'{}' is matched and not selected", names[n]);
  }
}

const bool duration_registered = add("duration", run_duration);
const bool glob_registered = add("glob", run_glob);

}  // namespace
}  // namespace weft::fuzz

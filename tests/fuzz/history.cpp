// SPDX-License-Identifier: Apache-2.0
// Input: metrics.jsonl of a run that `weft report`, `weft plot` and `weft top` read. It is read at
// once, and in two parts, as of a run that goes on; both must give the same.
#include "weft/view/history.h"

#include <cmath>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

bool same(const view::Series& a, const view::Series& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const view::Point& x, const view::Point& y) {
                      return x.step == y.step &&
                             (x.value == y.value || (std::isnan(x.value) && std::isnan(y.value)));
                    });
}

void check(const view::History& history) {
  for (const auto& [name, series] : history.series())
    WEFT_ASSERT(!series.empty(), "the series {} has no point", name);
  for (const auto& [name, table] : history.tables())
    for (const std::vector<i64>& row : table)
      WEFT_ASSERT(row.size() == table[0].size(), "the rows of {} differ in length", name);
  for (const double part : {0.0, 0.3, 1.0, 2.0}) {
    const auto step = static_cast<i64>(part * static_cast<double>(history.steps()));
    WEFT_ASSERT(std::isfinite(history.epoch_of(step)), "step {} is in no epoch", step);
  }
}

void run_history(std::string_view input) {
  // A line is read when it has its end, so the first part is cut anywhere.
  const auto run = write("history/metrics.jsonl", input.substr(0, input.size() / 2)).parent_path();
  write("history/config.yaml", "");
  view::History grown(run);
  check(grown);
  write("history/metrics.jsonl", input);
  grown.update();
  const view::History whole(run);
  check(whole);
  WEFT_ASSERT(grown.steps() == whole.steps() && grown.epochs() == whole.epochs() &&
                  grown.damaged_lines() == whole.damaged_lines() && grown.test() == whole.test() &&
                  grown.tables() == whole.tables() && grown.rebuilds() == whole.rebuilds(),
              "a file that grows is read otherwise than a whole one");
  WEFT_ASSERT(grown.series().size() == whole.series().size(), "{} of {} series",
              grown.series().size(), whole.series().size());
  for (const auto& [name, series] : whole.series())
    WEFT_ASSERT(same(series, grown.series(name)), "the series {} differs", name);
  WEFT_ASSERT(!grown.update(), "a file that did not change has something new");
}

const bool registered = add("history", run_history);

}  // namespace
}  // namespace weft::fuzz

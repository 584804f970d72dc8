// SPDX-License-Identifier: Apache-2.0
// Input: tune.json of a study that `weft report` reads.
#include "weft/view/study.h"

#include <algorithm>
#include <cmath>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_study(std::string_view input) {
  const std::string folder = write("study/tune.json", input).parent_path().string();
  WEFT_ASSERT(view::is_study(folder), "a study is not recognised");
  const view::Study study = view::read_study(folder);
  WEFT_ASSERT(study.name == "study", "its name is {}", study.name);
  if (study.best)
    WEFT_ASSERT(study.trials.at(*study.best).outcome == "complete", "the best trial is {}",
                study.trials.at(*study.best).outcome);
  for (const view::StudyTrial& trial : study.trials) {
    WEFT_ASSERT(trial.number >= 0, "trial {}", trial.number);
    for (const auto& [key, value] : trial.values)
      WEFT_ASSERT(value.text.empty() || std::isnan(value.number), "{} has two values", key);
  }
}

const bool registered = add("study", run_study);

}  // namespace
}  // namespace weft::fuzz

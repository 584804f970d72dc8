// SPDX-License-Identifier: Apache-2.0
// What a study of `weft tune` has found, as its results file says it: tune.json in the folder of
// the trials, and the same file beside the storage, NAME.tune.json.
#pragma once
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/types.h"

namespace weft::view {

// A value of a key in one trial.
struct StudyValue {
  double number = std::numeric_limits<double>::quiet_NaN();  // of a float or an int
  std::string text = {};                                     // of a choice
};

struct StudyParameter {
  std::string key;   // "optimizer.lr"
  std::string kind;  // "float", "int" or "choice"
  double low = 0, high = 0;
  bool logarithmic = false;
  double step = 0;                        // 0: none
  std::vector<std::string> choices = {};  // of a choice
  std::string condition = {};             // "optimizer.type is sgd"; empty: the key is always set
};

struct StudyTrial {
  i64 number = 0;
  std::string outcome = {};  // "complete", "pruned", "diverged", "failed" or "stopped"
  // The final validation loss, or the last one of a trial that did not complete. Infinite if it
  // diverged, and NaN without any.
  double loss = std::numeric_limits<double>::quiet_NaN();
  std::map<std::string, StudyValue> values = {};  // by key
  std::string folder = {}, message = {};
  double seconds = 0;
  std::vector<std::pair<i64, double>> validations = {};  // step and validation loss
};

struct Study {
  std::string name = {};  // of the folder or of the storage
  std::string config = {}, storage = {}, folder = {};
  std::vector<std::string> overrides = {};
  std::string command = {};  // that trains the best trial again; empty without one
  std::vector<StudyParameter> parameters = {};
  std::vector<StudyTrial> trials = {};   // the best first
  std::optional<std::size_t> best = {};  // the index of a trial that completed
};

// Whether the path is a folder that holds tune.json and is no run, or a file named *tune.json.
bool is_study(const std::string& path);
// Reads such a path. Throws UserError for a file that is damaged, longer than 64 MiB, or of another
// schema, and IoError for one that cannot be read.
Study read_study(const std::string& path);

}  // namespace weft::view

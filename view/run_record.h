// SPDX-License-Identifier: Apache-2.0
// What a report shows of one run, as its folder says it. A part that is missing or damaged becomes
// a sentence, and the report goes on; only a folder that is not a run's is refused.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/types.h"
#include "weft/view/history.h"

namespace weft::view {

struct ConfigValue {
  std::string value;   // on one line
  std::string origin;  // "command line", "default" or "config file"
};

struct CheckpointRecord {
  std::string name;  // step-40
  i64 step = 0, bytes = 0;
  std::map<std::string, double> metrics = {};
  bool is_last = false, is_best = false;
  bool is_damaged = false;  // as far as it was verified
};

struct RunRecord {
  History history;
  std::string name = {};  // short, and unlike those of the other runs of a report
  std::map<std::string, ConfigValue> config = {};  // by path: "optimizer.lr"
  std::string config_text = {};                    // config.yaml
  std::vector<std::string> overrides = {};
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::string headline = {};                       // the first line of log.txt: model, data, device
  std::vector<std::string> warnings = {};          // of log.txt, without "warning: "
  i64 all_warnings = 0;                            // how many log.txt has
  std::vector<CheckpointRecord> checkpoints = {};  // oldest first
  std::string monitor = {};                        // what the best checkpoint is best in
  std::vector<std::string> notes = {};             // what could not be read, as sentences
};

// Throws UserError for a folder that is not a run's and for metrics that are no events.
RunRecord read_run(const std::string& dir);
// Gives each run the shortest end of its path that no other has.
void name_runs(std::vector<RunRecord>& runs);

}  // namespace weft::view

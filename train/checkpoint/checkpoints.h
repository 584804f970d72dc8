// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run: the folders step-N, and the links last and best to two of them.
//
// Note [Nothing good is lost]
// A checkpoint is written into a hidden folder, file by file. Each file is synced; the manifest is
// the last. All files are read back and verified. Then the folder is renamed to step-N, a new name.
// From there on it is good. Older checkpoints are deleted after that. So after a failure at any
// moment, the newest step-N is complete.
//
// Note [The links last and best]
// They serve a reader who looks into the folder, and programs beside weft. weft itself finds the
// newest checkpoint by its name and the best one by the saved metrics, because a copy of a run may
// have made folders of the links, and some file systems have no links. A link that cannot be made
// is one warning. A folder in the place of a link is replaced if it is a copy of a checkpoint that
// verifies and holds nothing else, and stays otherwise.
//
// Note [Files of others]
// A user may have put notes beside the files of a checkpoint. Only weft's own files are removed
// (train/checkpoint/own_files.h). What is left keeps its place, with one warning, and is no
// checkpoint any more.
#pragma once
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/duration.h"
#include "weft/core/fields.h"
#include "weft/core/files.h"
#include "weft/core/monitor_mode.h"
#include "weft/train/checkpoint/snapshot.h"

namespace weft::train {

struct CheckpointOptions {
  Duration every = "1ep";
  i64 keep_last = 1;
  i64 keep_best = 1;
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::by_metric;
  std::string dir = {};  // "": checkpoints in the run folder
};
void describe(Fields& f, CheckpointOptions& o);

// step-40, or step-40-2 for the second checkpoint of that step.
struct CheckpointName {
  i64 step = -1, number = 1;
  std::string text() const;
  friend auto operator<=>(const CheckpointName&, const CheckpointName&) = default;
};
// Whether it is step-N or step-N-M.
bool is_checkpoint_name(const std::string& text);
// The checkpoints in the folder `checkpoints` of a run, oldest first, complete or not.
std::vector<CheckpointName> checkpoints_in(const std::filesystem::path& folder);
// Throws UserError, which begins with `subject`, unless weft can tell which of these checkpoints in
// the folder, oldest first, is the newest: if one is of another step than its name says (a folder
// was renamed), or if a link, which is not followed, has the name of a newer one.
void check_names(const std::string& subject, const std::filesystem::path& folder,
                 const std::vector<CheckpointName>& names);
// Checks the name of one checkpoint; other names than step-N say nothing.
void check_name(const std::string& subject, const std::filesystem::path& checkpoint);

// The score of a checkpoint with these metrics: higher is better; NaN if the monitored metric was
// not measured or is not finite.
double score_of(const CheckpointOptions& options, const std::map<std::string, double>& metrics);

// A checkpoint and its score.
struct ScoredCheckpoint {
  CheckpointName name;
  double score;
};
// The checkpoints up to `newest`, oldest first, without those whose metrics do not verify: a
// warning names these. Their other files are not verified.
std::vector<ScoredCheckpoint> scored_checkpoints(const std::filesystem::path& folder,
                                                 const CheckpointOptions& options,
                                                 const CheckpointName& newest);
// Whether all files of a checkpoint verify. A warning names one that does not or cannot be read.
bool verifies(const std::filesystem::path& folder, const CheckpointName& name);
// The best of at least one. Without scores, the newest checkpoint is the best.
const ScoredCheckpoint& best_of(const std::vector<ScoredCheckpoint>& checkpoints);

class Checkpoints {
 public:
  // Makes `folder` if it does not exist, and removes the remains of a killed save, which it knows
  // by their names (Note [Files of others]). Checkpoints up to `newest_good`, which is verified,
  // count for keep_last and keep_best if they verify. Others are not touched.
  Checkpoints(std::filesystem::path folder, const CheckpointOptions& options,
              const CheckpointName& newest_good = {});
  ~Checkpoints();  // waits for the current save
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Waits for the previous save, then starts writing in its own thread. `metrics` determine the
  // best checkpoint. The next call of save, poll or finish warns of a failed save. Returns the name
  // of the checkpoint.
  CheckpointName save(Snapshot snapshot, i64 step, const std::map<std::string, double>& metrics);
  // `written` is called after each save that succeeds, by the call that would warn of a failed one.
  void on_written(
      std::function<void(const CheckpointName&, const std::filesystem::path&)> written) {
    written_ = std::move(written);
  }
  // Warns of a save that has failed. Does not wait.
  void poll();
  // Waits for the current save, at the end of a run. Throws IoError if the last save failed.
  void finish();
  // Waits for the current save. Returns the folder of the newest good checkpoint, if there is one.
  std::optional<std::filesystem::path> newest_good();

 private:
  void write(const Snapshot& snapshot, const ScoredCheckpoint& saved);
  void wait_for_save();
  std::optional<std::filesystem::path> newest_there() const;
  void end_save();
  void report_notes();
  void link_and_retire();
  void link(const std::string& name, const CheckpointName& target);
  std::string problem_in_place_of_link(const std::filesystem::path& path) const;
  bool is_copy_of_a_good_one(const std::filesystem::path& path) const;
  void retire();
  void remove(const std::filesystem::path& path);
  void clear(const std::filesystem::path& hidden);

  std::filesystem::path path_;
  CheckpointOptions options_;
  CheckpointName last_name_;
  SameFolder folder_;
  std::optional<IoError> failure_;  // of the last save
  std::future<void> saving_;
  std::function<void(const CheckpointName&, const std::filesystem::path&)> written_;
  // Owned by the saving thread while it runs.
  std::vector<ScoredCheckpoint> saved_;  // oldest first, verified
  std::vector<std::string> notes_;
  bool noted_links_ = false;
  std::set<std::string> noted_logs_;
};

// Throws UserError unless the file system at `folder` has room for this many bytes and a margin.
void check_space(const std::filesystem::path& folder, i64 bytes);

}  // namespace weft::train

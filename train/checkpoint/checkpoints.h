// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run: checkpoints/step-N/ and the links last and best.
//
// Note [Nothing good is lost]
// A checkpoint is written into a hidden folder, file by file. Each file is synced; the manifest is
// the last. All files are read back and verified. Then the folder is renamed to step-N, a new name,
// and the links are replaced, each atomically. Older checkpoints are deleted after that. So after a
// failure at any moment, the newest step-N is complete, and the link last leads to a complete one.
#pragma once
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "weft/core/duration.h"
#include "weft/core/fields.h"
#include "weft/core/monitor_mode.h"
#include "weft/train/checkpoint/snapshot.h"

namespace weft::train {

struct CheckpointOptions {
  Duration every = "1ep";
  i64 keep_last = 1;
  i64 keep_best = 1;
  std::string monitor = "validation/loss";
  MonitorMode mode = MonitorMode::min;
};
void describe(Fields& f, CheckpointOptions& o);

// step-40, or step-40-2 for the second checkpoint of that step.
struct CheckpointName {
  i64 step = -1, number = 1;
  std::string text() const;
  friend auto operator<=>(const CheckpointName&, const CheckpointName&) = default;
};
// The checkpoints in the folder `checkpoints` of a run, oldest first, complete or not.
std::vector<CheckpointName> checkpoints_in(const std::filesystem::path& folder);

// The score of a checkpoint with these metrics: higher is better; NaN if the monitored metric was
// not measured or is not finite.
double score_of(const CheckpointOptions& options, const std::map<std::string, double>& metrics);

class Checkpoints {
 public:
  // Makes `folder` if it does not exist, and removes the remains of a killed save. Checkpoints up
  // to `newest_good` count for keep_last and keep_best. Later ones, which failed verification, are
  // not touched.
  Checkpoints(std::filesystem::path folder, const CheckpointOptions& options,
              const CheckpointName& newest_good = {});
  ~Checkpoints();  // waits for the current save
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Waits for the previous save, then starts writing in its own thread. `metrics` determine the
  // best checkpoint. The next call of save, poll or finish warns of a failed save. Returns the name
  // of the checkpoint.
  CheckpointName save(Snapshot snapshot, i64 step, const std::map<std::string, double>& metrics);
  // Warns of a save that has failed. Does not wait.
  void poll();
  // Waits for the current save, at the end of a run. Throws InternalError if the last save failed.
  void finish();
  // Waits for the current save. Returns true if there is a good checkpoint.
  bool any_good();

 private:
  struct Saved {
    CheckpointName name;
    double score;
  };
  void write(const Snapshot& snapshot, const Saved& saved);
  void settle();
  void link(const std::string& name, const std::string& target) const;
  void link_best() const;
  void retire();
  void remove(const std::filesystem::path& path);

  std::filesystem::path path_;
  CheckpointOptions options_;
  CheckpointName last_name_;
  std::string failure_;  // of the last save; empty when it was good
  std::future<void> saving_;
  // Owned by the saving thread while it runs.
  std::vector<Saved> saved_;  // oldest first, verified
  std::vector<std::string> notes_;
};

// Throws UserError unless the file system at `folder` has room for this many bytes and a margin.
void check_space(const std::filesystem::path& folder, i64 bytes);

}  // namespace weft::train

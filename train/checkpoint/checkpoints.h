// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run: checkpoints/step-N/ and the links last and best.
//
// Note [Nothing good is lost]
// A checkpoint is written into a hidden folder, file by file, each synced; the manifest comes last;
// all of it is read back and verified; only then is the folder renamed to step-N, a name that
// nothing has yet, and the links moved, each in one step. Older ones are deleted after that: so
// whatever happens at whatever moment, the newest step-N that was ever there is whole, and last
// leads to one that is.
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

// step-40, or step-40-2 for the second that was saved at that step.
struct CheckpointName {
  i64 step = -1, number = 1;
  std::string text() const;
  friend auto operator<=>(const CheckpointName&, const CheckpointName&) = default;
};
// Those in the folder `checkpoints` of a run, oldest first, whole or not.
std::vector<CheckpointName> checkpoints_in(const std::filesystem::path& folder);

class Checkpoints {
 public:
  // `folder` is made if it is not there; what a killed save has left in it goes. Checkpoints up to
  // `newest_good` count for keep_last and keep_best; later ones, which were refused, are left
  // alone.
  Checkpoints(std::filesystem::path folder, const CheckpointOptions& options,
              const CheckpointName& newest_good = {});
  ~Checkpoints();  // waits for the save at hand
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Starts writing in a thread of its own, after waiting for the save before it. `metrics` say
  // which is best. A save that fails is a warning, given by the next call of save, poll or finish.
  // Returns the name it will have.
  CheckpointName save(Snapshot snapshot, i64 step, const std::map<std::string, double>& metrics);
  // Gives the warning of a save that has failed since; does not wait.
  void poll();
  // Waits for the save at hand. Throws InternalError if the last one failed: at the end of a run.
  void finish();
  // Waits, and says whether there is a checkpoint to go back to.
  bool any_good();

 private:
  struct Saved {
    CheckpointName name;
    double score;
  };
  double score_of(const std::map<std::string, double>& metrics) const;
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
  // Of the thread that saves, while it does:
  std::vector<Saved> saved_;  // oldest first, verified
  std::vector<std::string> notes_;
};

// Throws UserError unless the file system at `folder` has room for this many bytes and some more.
void check_space(const std::filesystem::path& folder, i64 bytes);

}  // namespace weft::train

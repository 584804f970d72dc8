// SPDX-License-Identifier: Apache-2.0
// Orchestrator: a whole run from a config. It calls the Trainer for each step, and owns validation,
// strategies, callbacks, the run folder, metrics and checkpoints. The Trainer does not depend on
// any of them.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include "weft/core/clock.h"
#include "weft/nn/module.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/run/hooks.h"
#include "weft/train/run/metrics_log.h"
#include "weft/train/run/resume.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_data.h"
#include "weft/train/run/run_folder.h"
#include "weft/train/run/run_ranks.h"
#include "weft/train/run/run_stream.h"
#include "weft/train/run/trigger.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

struct RunReport {
  i64 epochs = 0;
  i64 steps = 0;
  double seconds = 0;
  bool stopped = false;          // by the stop token, before all was done; the run can be resumed
  std::string ended_early = {};  // the reason, if a callback ended it (Orchestrator::stop)
  // The error, if training or its result failed: a loss that is not finite, also that of the test,
  // or no step.
  std::string failed = {};
  bool saved = false;                         // there is a good checkpoint
  std::optional<Evaluation> validation = {};  // the last one
  // Loss of the last validation, to compare runs: infinity when training or the test failed, and
  // without validation data.
  double validation_loss = 0;
  // Of the final weights, averaged ones with `ema`. Not set if a stop was requested before its end.
  std::optional<Evaluation> test = {};
  std::string folder;
};

// The metrics of a completed epoch, as in its line of metrics.jsonl.
struct EpochMetrics {
  i64 epoch = 0, step = 0;
  std::map<std::string, double> metrics;
  void state(State& s) {
    s.within("epoch", epoch, 1, kMostSaved).within("step", step, 0, kMostSaved);
    s("metrics", metrics);
  }
};

class Orchestrator {
 public:
  // Finds the checkpoint to resume from, reads the data, builds model and trainer, and tries one
  // batch. Throws UserError for parts that do not fit together, before a folder is made. `name` is
  // the config's name, for the run folder. The program itself must apply the process-wide options
  // of a config (apply_to_process).
  //
  // `group`, which must outlive it, has the other processes that train the same model; null if
  // there are none. All of them call the same functions. What one throws before training begins,
  // all throw. Rank 0 alone writes and logs (Note [What ranks agree on], train/run/run_ranks.h).
  Orchestrator(const RunConfig& config, std::string name, std::vector<std::string> overrides = {},
               dist::ProcessGroup* group = nullptr);
  ~Orchestrator();

  // Adds a callback after those of the config. Throws what its on_setup() throws.
  void add_callback(std::shared_ptr<Callback> callback);
  // Adds a logger after those of the config, before train() is called. In a run of several ranks
  // that of rank 0 alone gets events.
  void add_logger(std::unique_ptr<Logger> logger, std::string name) {
    output_.log.add_logger(std::move(logger), std::move(name));
  }
  // For callbacks: ends the run after the current step as a complete run. `reason` is logged. Of
  // several ranks, all have to call it after the same step.
  void stop(std::string reason);
  // Whether the run ends after the current step, by stop() or because a stop was requested.
  bool ends() const { return control_.ending.stop_requested(); }

  // Trains to the end, or until a stop is requested. A stop takes effect after the current
  // optimizer step, or after the current batch of a validation or the test: a checkpoint is
  // written, and RunReport::stopped is set. A resumed run makes that validation or test anew. Test
  // data is read once, at the end. Several ranks all stop when one of them is asked to, after the
  // same step; a validation or test in progress is made to its end. When training fails
  // (TrainingError), RunReport::failed has the reason, and the last good checkpoint is kept. A
  // validation loss that is not finite and a run that applied no step are failures too. A
  // checkpoint that cannot be written is a warning, and an InternalError if it was the last one.
  RunReport train(std::stop_token stop = {});
  // Requests a checkpoint after the current optimizer step; training continues. May be called from
  // any thread, and on any rank.
  void request_checkpoint() { control_.checkpoint_requested = true; }
  // Evaluates on the held-out training samples. Throws UserError when there are none. Neither this
  // nor test() heeds a stop.
  Evaluation validate();
  Evaluation test();

  const RunConfig& config() const { return config_; }
  // Callbacks run on all ranks. What they write themselves, only ranks().is_first() may.
  const RunRanks& ranks() const { return control_.ranks; }
  nn::Module& model() { return **model_; }
  Trainer& trainer() { return *trainer_; }
  const RunData& data() const { return input_.data; }
  // Of the whole run: train.epochs, or what train.max_steps makes of a stream.
  i64 epochs() const;
  // The batches of training, from the first epoch on.
  data::Loader training_loader() const { return loader_for(data().train, true); }
  // The mean loss of the first `samples` training samples, by the current weights, without hooks.
  double loss_of_first(i64 samples);
  // The checkpoint that the run is resumed from, until the first epoch begins; null for a new run.
  const CheckpointReader* resumed_from() const { return resume_.from.get(); }
  // The metadata of the weights file of the run's model.
  Metadata model_metadata() const;
  // Run folder and log; null before training begins. Those of ranks other than 0 write nothing.
  const RunFolder* folder() const { return output_.folder ? &*output_.folder : nullptr; }
  MetricsLog* metrics_log() { return output_.folder ? &output_.log : nullptr; }
  // The folder of the newest good checkpoint, after waiting for one that is being written. On ranks
  // other than 0 it is that of the last on_failure or the end of the run.
  std::optional<std::filesystem::path> last_checkpoint();
  // Calls on_train_begin of callbacks and strategies, for tools that run single steps (trace_step).
  void begin_hooks();
  const std::vector<EpochMetrics>& history() const { return progress_.history; }
  // Throws UserError, naming `key`, unless the run measures this metric as one number. The metrics
  // are train/loss, train/ followed by one of train.metrics and, with validation data, validation/
  // followed by a metric of the evaluator.
  void check_monitor(const std::string& key, const std::string& metric) const;

 private:
  data::Loader loader_for(const std::shared_ptr<const data::Dataset>& dataset, bool training,
                          const std::vector<i64>& only = {}) const;
  class TrainerLog;  // logs rebuilds, and steps as run.log_every says
  void find_checkpoint();
  void set_up();
  void set_up_stream();
  void set_up_trainer();
  void try_one_batch();
  data::Loader loader_of_first(i64 samples) const;
  Evaluation evaluation_of_first(i64 samples, const std::vector<std::string>& metrics);
  void set_up_triggers();
  void set_up_hooks();

  // orchestrator_validation.cpp; `all`: not only those of validation.subset
  std::optional<Evaluation> validate(const std::stop_token& stop, bool all);
  std::optional<Evaluation> test(const std::stop_token& stop);
  std::optional<Evaluation> evaluate(const std::string& split,
                                     const std::shared_ptr<const data::Dataset>& data,
                                     const std::vector<i64>& only, const std::stop_token& stop);
  bool validation_due();
  bool validate_now(bool all);
  bool validated_all() const;
  bool validate_at_end();
  void check_validation() const;
  std::map<std::string, double> newest_validation();

  // orchestrator_ranks.cpp
  void listen_to_ranks(std::stop_token stop);
  RankRequests asked() const;
  void heed_step();
  void meet_ranks();
  bool take_request_to_save();
  void copy_buffers();
  void share_folder();
  void share_last_checkpoint();

  // orchestrator_train.cpp
  void begin();
  void begin_run();
  void open_folder();
  void discard_folder();
  void begin_log();
  bool train_epochs();
  void end_stream(std::string& failed);
  void note_failure(const std::string& reason);
  bool train_epoch();
  bool validate_and_save_if_due();
  bool end_epoch_or_repair();
  bool end_epoch();
  bool save_due();
  bool checkpoint_due() const;
  void check_steps() const;
  void warn_if_diverged(const std::string& metric, double loss);
  bool repaired(const TrainingError& error);
  bool has_epochs_left() const;
  bool stopped() const;
  std::optional<EpochReport> report_epoch(const EpochResult& result, bool validate_here, bool all);
  double seconds() const;  // since the run began, including earlier processes

  // orchestrator_checkpoint.cpp
  std::vector<StatefulPart> training_parts();
  void state(State& s);
  void save(const std::map<std::string, double>& metrics, bool due, const std::string& ended = {});
  StateParts states();
  void write(Snapshot snapshot, StateParts states, const std::map<std::string, double>& metrics,
             const std::string& ended);
  void restore_hooks();
  void restore_training();
  void check_restored(const CheckpointReader& from) const;
  i64 samples_begun(i64 batches_of_epoch) const;
  std::tuple<i64, i64, i64> place() const;  // equal when nothing was trained in between

  struct Origin {
    std::string name;  // of the config
    std::vector<std::string> overrides;
  };
  struct Input {
    RunData data;
    PlacedData placed = {};                   // read by the loaders; null before training begins
    std::optional<data::Loader> loader = {};  // of the training data
    // Null for data that is stored. Behind the loader, whose threads may wait for a record until
    // the stream is closed.
    std::unique_ptr<RunStream> stream = {};
    // Of the initial weights, on the first training samples, if both are known.
    struct {
      double loss = std::numeric_limits<double>::quiet_NaN();
      i64 samples = 0;
    } first_loss = {};
  };
  struct Output {
    std::optional<RunFolder> folder;
    MetricsLog log;
    std::set<std::string> metric_names;  // of an epoch with a validation
    std::optional<Checkpoints> checkpoints;
    std::tuple<i64, i64, i64> saved_place{-1, -1, -1};
    std::string last_of_first = {};  // last_checkpoint() of rank 0, on other ranks
  };
  struct RunProgress {
    i64 samples_seen = 0;
    std::optional<Evaluation> validation;  // the last one,
    i64 validated_at = -1;                 // and the step it was at
    std::vector<EpochMetrics> history;
    bool epoch_begun = false;  // and not ended, in this process or an earlier one
    bool diverged = false;     // and warned of it, in this process
    // An epoch whose steps are done and whose validation and report are not.
    std::optional<EpochResult> trained;
    std::string end_reason;  // argument of a callback's stop()
    Clock::time_point started = {};
    double seconds_before = 0;  // of earlier processes
  };
  struct Control {
    std::stop_token stop;     // from outside; the run may be resumed later
    std::stop_source ending;  // triggered by `stop` or a callback's stop()
    std::atomic<bool> checkpoint_requested = false;
    RunRanks ranks = RunRanks();
    // Of several ranks: what this one was asked for, and what all know of. `stop` is that of
    // `agreed_stop`.
    struct {
      std::stop_token stop;
      std::stop_source agreed_stop = {};
      bool agreed_save = false;
      i64 saved_after = -1;  // steps, at the last save
    } asked = {};
  };

  RunConfig config_;
  Origin origin_;
  Resume resume_;
  Input input_;
  std::optional<nn::AnyModule> model_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Evaluator> evaluator_;
  Hooks hooks_;
  std::unique_ptr<TrainerLog> trainer_log_;
  std::optional<Trigger> validation_, saves_;
  Output output_;
  RunProgress progress_;
  Control control_;
};

// The model of a config for this data, with its initial weights drawn from run.seed.
nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info);

}  // namespace weft::train

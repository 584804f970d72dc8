// SPDX-License-Identifier: Apache-2.0
// Orchestrator: a whole run from a config. It owns the epoch loop, validation, strategy, callbacks, the run
// folder, metrics and checkpoints; the Trainer it steers knows of none of them.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include "weft/nn/module.h"
#include "weft/train/run/callback.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/run/metrics_log.h"
#include "weft/train/run/resume.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_data.h"
#include "weft/train/run/run_folder.h"
#include "weft/train/strategies/strategy.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

struct RunReport {
  i64 epochs = 0;
  i64 steps = 0;
  double seconds = 0;
  bool stopped = false;          // by the stop token: it can be resumed
  std::string ended_early = {};  // why, when a callback ended it (Orchestrator::stop)
  std::string failed = {};       // why, when training failed: a loss that is not finite
  std::optional<Evaluation> validation = {};  // the last one
  // Of the last one, for who compares runs: infinity when training failed, NaN without validation data.
  double validation_loss = 0;
  std::optional<Evaluation> test = {};  // on the final weights
  std::string folder;
};

class Orchestrator {
 public:
  // Finds the checkpoint to go on from, reads the data, builds model and trainer, and tries one batch: whatever
  // does not fit together is a UserError here, before a folder is made. `name` is the config's, for the run folder.
  Orchestrator(const RunConfig& config, std::string name, std::vector<std::string> overrides = {});
  ~Orchestrator();

  // After those of the config. Throws what its on_setup() throws.
  void add_callback(std::shared_ptr<Callback> callback);
  // For callbacks: ends the run after the batch at hand as if it were complete. `reason` is logged.
  void stop(std::string reason);

  // Trains to the end, or until a stop is requested: then the optimizer step at hand is finished, a checkpoint
  // written, and the report says so. Test data is read once, at the end.
  // When training fails (TrainingError) the report says why, and the last good checkpoint stays. A checkpoint that
  // cannot be written is a warning, and InternalError when it was the last.
  RunReport train(std::stop_token stop = {});
  // A checkpoint after the optimizer step at hand; training goes on. May be called from any thread.
  void request_checkpoint() { checkpoint_asked_ = true; }
  // On held-out training samples; UserError when there are none.
  Evaluation validate();
  Evaluation test();

  const RunConfig& config() const { return config_; }
  nn::Module& model() { return **model_; }
  Trainer& trainer() { return *trainer_; }
  const RunData& data() const { return data_; }
  // What the weights file of the run's model says about itself.
  Metadata model_metadata() const;
  // Both made when training begins.
  const RunFolder* folder() const { return folder_ ? &*folder_ : nullptr; }
  MetricsLog* metrics_log() { return log_ ? &*log_ : nullptr; }
  // The folder of the newest good checkpoint, after waiting for one that is being written.
  std::optional<std::filesystem::path> last_checkpoint();
  // Of each epoch that is done: what its line in metrics.jsonl has.
  struct EpochMetrics {
    i64 epoch = 0, step = 0;
    std::map<std::string, double> metrics;
    void state(State& s) { s("epoch", epoch)("step", step)("metrics", metrics); }
  };
  const std::vector<EpochMetrics>& history() const { return history_; }
  // Throws UserError, naming `key`, unless the run measures this metric: train/loss, or with validation
  // data validation/ and what the evaluator measures.
  void check_monitor(const std::string& key, const std::string& metric) const;

 private:
  data::Loader loader_for(const std::shared_ptr<const data::Dataset>& dataset, bool training) const;
  class Steps;  // what it does between the steps of an epoch
  void try_one_batch();
  void set_up_steering();
  void add_callback(std::shared_ptr<Callback> callback, std::string name);
  void set_up_times();

  // orchestrator_train.cpp
  void begin();
  void open_folder();
  void train_epochs();
  std::optional<EpochResult> train_epoch();
  void end_epoch(const EpochResult& result);
  void step_settled();
  const Evaluation& validate_now();
  std::map<std::string, double> newest_validation();
  void observe(const std::string& metric, double value);
  EpochReport report_epoch(const EpochResult& result, bool validate);
  double seconds() const;  // since the run began, earlier processes included

  // orchestrator_checkpoint.cpp
  struct Part;
  std::vector<Part> steering();
  std::vector<Part> training();
  void state(State& s);
  void save(const std::map<std::string, double>& metrics, const std::string& ended = {});
  void restore_steering();
  void restore_training();
  std::tuple<i64, i64, i64> place() const;  // equal when nothing was trained in between

  RunConfig config_;
  std::string name_;
  std::vector<std::string> overrides_;
  RunData data_;
  std::optional<nn::AnyModule> model_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Strategy> strategy_;  // may be null
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::vector<std::string> callback_names_;  // of their states in a checkpoint
  std::unique_ptr<Steps> steps_;
  PlacedData placed_;                   // as loaders read them; null before training begins
  std::optional<data::Loader> loader_;  // of the training data
  Resume resume_;
  std::optional<RunFolder> folder_;
  std::optional<MetricsLog> log_;
  std::optional<Checkpoints> checkpoints_;
  i64 validate_epochs_ = 1, validate_steps_ = 0;  // the steps where they are not 0
  i64 save_epochs_ = 1, save_steps_ = 0;          // the steps where they are not 0
  i64 samples_seen_ = 0;
  std::optional<Evaluation> validation_;  // the last one,
  i64 validated_at_ = -1;                 // and the step it was at
  std::vector<EpochMetrics> history_;
  std::stop_token stop_;      // from outside: stop now, go on another day
  std::stop_source ending_;   // that, or a callback's stop()
  std::string end_reason_;    // of a callback
  bool epoch_begun_ = false;  // on_epoch_begin was called for the epoch at hand
  bool stop_saved_ = false;   // the checkpoint of a stop from outside is made
  std::atomic<bool> checkpoint_asked_ = false;
  double started_ = 0, seconds_before_ = 0;  // the clock at the begin; seconds of earlier processes
  std::tuple<i64, i64, i64> saved_place_{-1, -1, -1};
};

// Whether a state is that of a callback that was added to the run, and is not in its config.
inline bool is_added(const std::string& name) { return name.starts_with("added."); }

// The model of a config for this data, with its initial weights drawn from run.seed.
nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info);

}  // namespace weft::train

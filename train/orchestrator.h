// SPDX-License-Identifier: Apache-2.0
// Orchestrator: a whole run from a config. It owns the epoch loop, validation, the run folder, metrics and
// checkpoints; the Trainer it steers knows of none of them.
#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/nn/module.h"
#include "weft/train/callback.h"
#include "weft/train/checkpoints.h"
#include "weft/train/evaluator.h"
#include "weft/train/metrics_log.h"
#include "weft/train/run_config.h"
#include "weft/train/run_data.h"
#include "weft/train/run_folder.h"
#include "weft/train/strategy.h"
#include "weft/train/trainer.h"

namespace weft::train {

struct RunReport {
  i64 epochs = 0;
  i64 steps = 0;
  double seconds = 0;
  bool stopped = false;                 // by the stop token, before the end
  std::optional<Evaluation> test = {};  // on the final weights
  std::string folder;
};

class Orchestrator {
 public:
  // Reads the data, builds model and trainer, and tries one batch: whatever does not fit together is a
  // UserError here, before a folder is made. `name` is the config's, for the run folder.
  Orchestrator(const RunConfig& config, std::string name, std::vector<std::string> overrides = {});
  ~Orchestrator();

  void add_callback(std::shared_ptr<Callback> callback) {
    callbacks_.push_back(std::move(callback));
  }

  // Trains to the end, or until a stop is requested: then the batch at hand is finished, a checkpoint
  // written, and the report says so. Test data is read once, at the end.
  // Throws TrainingError when training fails; the last good checkpoint stays.
  RunReport train(std::stop_token stop = {});
  // On held-out training samples; UserError when there are none.
  Evaluation validate();
  Evaluation test();

  const RunConfig& config() const { return config_; }
  nn::Module& model() { return **model_; }
  Trainer& trainer() { return *trainer_; }
  const RunData& data() const { return data_; }
  // Made when training begins.
  const RunFolder* folder() const { return folder_ ? &*folder_ : nullptr; }

 private:
  data::Loader loader_for(const std::shared_ptr<const data::Dataset>& dataset, bool training) const;
  void try_one_batch();
  void open_folder();
  EpochReport finish_epoch(const EpochResult& result, double seconds, bool validate);
  void save(const EpochReport& report);

  RunConfig config_;
  std::string name_;
  std::vector<std::string> overrides_;
  RunData data_;
  std::optional<nn::AnyModule> model_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Evaluator> evaluator_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::optional<RunFolder> folder_;
  std::optional<MetricsLog> log_;
  std::optional<Checkpoints> checkpoints_;
  i64 validate_every_ = 1, save_every_ = 1;  // epochs
  i64 samples_seen_ = 0;
};

// The model of a config for this data, with its initial weights drawn from run.seed.
nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info);

}  // namespace weft::train

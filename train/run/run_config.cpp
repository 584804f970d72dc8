// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "weft/core/checked.h"
#include "weft/core/config/print.h"
#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/device/parallel.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/library/matmul_plans.h"
#include "weft/kernels/library/tf32.h"

namespace weft::train {

void describe(Fields& f, DistOptions& o) {
  constexpr i64 kMostSeconds = 1'000'000, kMostMegabytes = 1 << 20, kMostPort = 65535;
  f("backend", o.backend,
    "the library that exchanges tensors: gloo on CPUs, nccl on GPUs; auto: by the device");
  f("sync_batch_norm", o.sync_batch_norm,
    "batch norm takes the statistics of the batch of all processes, not of each one's part");
  f("bucket_mb", o.bucket_mb, "MB of gradients that are exchanged together",
    in_range(1, kMostMegabytes));
  f("timeout", o.timeout,
    "seconds that a process may keep the others waiting in an exchange; saving and validation do "
    "not count",
    in_range(1, kMostSeconds));
  f("shard_optimizer", o.shard_optimizer,
    "each process has a part of the optimizer's state and makes that part of the update");
  f("port", o.port, "where process 0 listens for the others; 0: as the launcher says",
    in_range(0, kMostPort));
}

void describe(Fields& f, RunOptions& o) {
  f("seed", o.seed, "of initial weights, order of samples, dropout and generated data",
    any_non_negative);
  f("device", o.device, "where to train: auto takes the fastest there is");
  f("deterministic", o.deterministic, "refuse anything whose result depends on timing");
  f("autotune", o.autotune,
    "on a GPU, time several algorithms for each kind of matrix product and keep the fastest");
  f("atomics", o.atomics,
    "on a GPU, sum an embedding's gradient in whatever order: faster for large tables");
  f("tf32", o.tf32,
    "on a GPU, products and convolutions of f32 may multiply in TF32, with 11 bits of precision",
    unprinted_if(!o.tf32));
  f("system_every", o.system_every,
    "time between figures of the machine (CPU, memory, GPU) in metrics.jsonl; 0s: none",
    unprinted_if(o.system_every.is_zero()));
  f("threads", o.threads, "threads of the CPU; 0: one per core", in_range(0, kMostThreads));
  f("convolution", o.convolution,
    "convolutions in fp32 on the CPU; auto: chosen by the shape; direct: oneDNN's or Eigen's only; "
    "winograd: Winograd's filtering wherever it can be used",
    unprinted_if(o.convolution == kernels::ConvolutionMethod::auto_));
  f("dir", o.dir, "the run folder; empty: runs/<config>/<date>-<time>", is_path);
  f("log_every", o.log_every,
    "how often to log a step, like 50ba: its own loss, learning rate and loss scale, as an event "
    "`step`; 0: never");
  f("print_every", o.print_every,
    "print the line of every so many epochs, like 10ep, and that of the last one; all are logged");
  f("heartbeat", o.heartbeat,
    "without a terminal, print a line when nothing was printed for so long, like 30s; 0s: never");
  f.rule(o.print_every.is_whole_epochs(), "print_every", "whole epochs, at least 1ep");
  f.rule(!o.autotune || !o.deterministic, "autotune", "false where deterministic is true");
  f.rule(!o.atomics || !o.deterministic, "atomics", "false where deterministic is true");
}

void apply_to_process(const ProcessOptions& options) {
  if (options.threads > 0) set_threads(checked_narrow<int>("run.threads", options.threads));
  kernels::set_matmul_autotune(options.autotune);
  kernels::embedding_atomics = options.atomics;
  kernels::set_convolution_method(options.convolution);
  kernels::allow_tf32 = options.tf32;
}

void describe(Fields& f, PretrainedOptions& o) {
  f("path", o.path, "safetensors file with weights to start from, beside the config or not",
    required(is_path));
  f("exclude", o.exclude, "globs of parameters that start fresh");
}

void describe(Fields& f, ModelOptions& o) {
  f("pretrained", o.pretrained, "weights to start from");
}

void describe(Fields& f, FurtherModelOptions& o) {
  describe(f, static_cast<ModelOptions&>(o));
  f("input", o.input, "sizes of its input, without the batch axis; empty: those of a sample",
    at_least(1));
  f("outputs", o.outputs, "numbers for each input; 0: as many as the loss takes", non_negative);
}

void describe(Fields& f, FurtherOptimizerOptions& o) {
  f("scheduler", o.scheduler, "of its learning rate; null: constant");
}

void describe(Fields& f, SchedulerOptions& o) {
  f("on_rebuild", o.on_rebuild,
    "what a strategy's rebuild does: go on, or start again over the rest");
}

void describe(Fields& f, TrainSection& o) { describe_train(f, o); }

void describe(Fields& f, ValidationOptions& o) {
  f("every", o.every, "how often to validate, like 1ep or 200ba");
  f("subset", o.subset,
    "look at this many held-out samples, chosen by the seed, except in the last validation; 0: all",
    non_negative);
  f("metrics", o.metrics, "by name; empty: the loss's own");
}

namespace {
Check named_loss() {
  Check check = one_of(Registry<Loss>::instance().names());
  check.spellings = Registry<Loss>::instance().spellings();
  return check;
}

constexpr std::size_t kLongestModelName = 64;

// Names of files and of keys.
bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestModelName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
         });
}

std::string shown_name(std::string_view name) { return printable_line(excerpt(name)); }

template <class Model>
std::string listed_models(const std::map<std::string, Model>& models) {
  std::string list;
  for (const auto& [name, model] : models) list += (list.empty() ? "" : ", ") + shown_name(name);
  return list.empty() ? "none is given" : list;
}
}  // namespace

void describe(Fields& f, RunConfig& o) {
  Check plugins = is_path;
  plugins.unprinted = o.run.plugins.empty();
  f("plugins", o.run.plugins, "shared libraries with entries of your own, beside this file",
    plugins);
  f("run", o.run, "the run itself");
  f("data", o.data, "what to train on", required());
  f("model", o.model, "what to train", required());
  f("task", o.objective.task, "sets loss.type and validation.metrics where they are not given",
    named_loss());
  f.sets_default("task", "loss.type", [&] { o.objective.loss.choose(*o.objective.task); });
  const auto set_metrics = [&] {
    o.validation.metrics =
        LossRecipe::of(o.objective.loss.name()).make()->default_metrics();  // of any options
  };
  f.sets_default("task", "validation.metrics", set_metrics);
  f("loss", o.objective.loss, "what to minimise");
  // The metrics of a task need not fit another loss.
  f.sets_default("loss", "validation.metrics", [&] {
    if (o.objective.task) set_metrics();
  });
  f("trainer", o.trainer,
    "how a loss comes about: standard, distillation beside a teacher, or adversarial");
  f("models", o.train.models, "further models of a trainer of several, by name",
    unprinted_if(o.train.models.empty()));
  for (const auto& [name, model] : o.train.models)
    f.rule(is_model_name(name), "models",
           fmt::format("names of a-z, 0-9 and _, at most {} of them; '{}' is given",
                       kLongestModelName, shown_name(name)));
  f("optimizers", o.train.optimizers,
    "what trains them, by the same names; one without it is frozen",
    unprinted_if(o.train.optimizers.empty()));
  for (const auto& [name, optimizer] : o.train.optimizers)
    f.rule(o.train.models.contains(name), "optimizers",
           fmt::format("names of models ({}); '{}' is given", listed_models(o.train.models),
                       shown_name(name)));
  f("optimizer", o.optimizer, "how to update");
  f("scheduler", o.scheduler, "how the learning rate changes");
  f("strategy", o.strategy, "what is frozen and unfrozen when; of several, each hook in this order",
    one_or_several);
  f("precision", o.precision, "in which type to multiply: fp32, bf16 or fp16");
  f("train", o.train, "the training loop");
  f("validation", o.validation, "looking at held-out data");
  f("checkpoint", o.checkpoint, "what is saved");
  f("resume", o.resume.from,
    "never; auto: go on from the newest good checkpoint in run.dir; or the path of a checkpoint",
    Check{.text = "of a checkpoint or run, never or auto", .path = true});
  f("resume_override", o.resume.override_keys,
    "keys of optimizer and scheduler that may differ from the checkpoint's");
  f("callbacks", o.callbacks, "what happens beside training, in this order");
  f("loggers", o.run.loggers, "what else gets the events of the run, besides jsonl and csv",
    unprinted_if(o.run.loggers.empty()));
  f("dist", o.run.dist,
    "how the processes of a job train together, where a launcher started several");
  for (std::size_t i = 0; i < o.run.loggers.size(); ++i) {
    const std::string& name = o.run.loggers[i].name();
    f.rule(name != "jsonl" && name != "csv", "loggers",
           fmt::format("loggers besides jsonl and csv, which are always on; loggers[{}] is {}", i,
                       name));
  }
}

void check_text(RunConfig config) {
  using nlohmann::json;
  for (const auto& [path, value] : config::flatten(section_ref(config))) {
    try {
      json(value).dump();
    } catch (const json::type_error&) {
      fail("{}: {} is not UTF-8; a value or a file name in UTF-8 is required", path,
           json(value).dump(-1, ' ', false, json::error_handler_t::replace));
    }
  }
}

TrainerOptions RunConfig::trainer_options() const {
  TrainerOptions options = train;
  options.optimizer = optimizer;
  options.scheduler = scheduler.recipe;
  options.on_rebuild = scheduler.common.on_rebuild;
  options.precision = precision;
  options.seed = static_cast<u64>(run.seed);
  options.ranks = run.dist;
  return options;
}

}  // namespace weft::train

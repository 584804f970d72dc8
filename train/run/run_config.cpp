// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_config.h"

namespace weft::train {

void describe(Fields& f, RunSection& o) {
  f("seed", o.seed, "of initial weights, order of samples, dropout and generated data",
    non_negative);
  f("device", o.device, "where to train: auto takes the fastest there is");
  f("deterministic", o.deterministic, "refuse anything whose result depends on timing");
  f("autotune", o.autotune,
    "on a GPU, time several algorithms for each kind of matrix product and keep the fastest");
  f("atomics", o.atomics,
    "on a GPU, sum an embedding's gradient in whatever order: faster for large tables");
  f("threads", o.threads, "threads of the CPU; 0: one per core", non_negative);
  f("dir", o.dir, "the run folder; empty: runs/<config>/<date>-<time>");
  f.rule(!o.autotune || !o.deterministic, "autotune", "false where deterministic is true");
  f.rule(!o.atomics || !o.deterministic, "atomics", "false where deterministic is true");
}

void describe(Fields& f, DataSection& o) {
  f("subset", o.subset, "train on this many samples, chosen by the seed; 0: all", non_negative);
  f("validation_split", o.validation_split, "share of the training samples held out for validation",
    from_to_below(0, 1));
  f("normalize", o.normalize,
    "to mean 0 and std 1 by the training set's statistics, or by those that the weights of "
    "model.pretrained were trained with, or not",
    one_of({"dataset", "pretrained", "none"}));
  f("workers", o.workers, "threads that prepare batches; 0: none", in_range(0, 64));
  f("on_device", o.on_device,
    "whether a GPU holds all samples and gathers batches itself; auto: where a quarter of its "
    "free memory holds them",
    one_of({"auto", "always", "never"}));
}

void describe(Fields& f, PretrainedSection& o) {
  f("path", o.path, "safetensors file with weights to start from, beside the config or not",
    required());
  f("exclude", o.exclude, "globs of parameters that start fresh");
}

void describe(Fields& f, ModelSection& o) {
  f("pretrained", o.pretrained, "weights to start from");
}

void describe(Fields& f, SchedulerSection& o) {
  f("on_rebuild", o.on_rebuild,
    "what a strategy's rebuild does: go on, or start again over the rest",
    one_of({"continue", "restart"}));
}

void describe(Fields& f, TrainSection& o) {
  f("epochs", o.epochs, "passes over the training data", at_least(1));
  f("batch_size", o.batch_size, "samples per batch", at_least(1));
  f("clip_norm", o.clip_norm, "longest norm of all gradients together; 0: no limit", non_negative);
  f("clip_value", o.clip_value, "largest absolute value of each number of a gradient; 0: no limit",
    non_negative);
  f("accumulate", o.accumulate, "batches per optimizer step", at_least(1));
  f("out_of_memory", o.out_of_memory,
    "what to do when memory runs out in a step: end with an error, or make the step again with its "
    "batches split in halves, quarters, …, which later batches are too",
    one_of({"error", "split"}));
  f("max_steps", o.max_steps, "stop after this many optimizer steps; 0: no limit", non_negative);
  f("overfit_batches", o.overfit_batches,
    "train on this many batches only, again and again: a quick check "
    "that a model can learn; 0: off",
    non_negative);
  f("capture", o.capture, "on a GPU, run whole steps as CUDA graphs");
  f.rule(o.clip_norm == 0 || o.clip_value == 0, "clip_value", "0 where clip_norm is given");
  f.rule(!o.capture || o.out_of_memory == "error", "capture", "false where out_of_memory is split");
}

void describe(Fields& f, ValidationSection& o) {
  f("every", o.every, "how often to validate, like 1ep or 200ba");
  f("metrics", o.metrics, "by name; empty: the loss's own");
}

void describe(Fields& f, RunConfig& o) {
  f("run", o.run, "the run itself");
  f("data", o.data, "what to train on", required());
  f("model", o.model, "what to train", required());
  f("task", o.task, "picks loss.type and validation.metrics, unless they are given",
    one_of(Registry<Loss>::instance().names()));
  f.sets_default("task", "loss.type", [&] { o.loss.choose(*o.task); });
  f.sets_default("task", "validation.metrics",
                 [&] { o.validation.metrics = o.loss.make()->default_metrics(); });
  f("loss", o.loss, "what to minimise");
  f("trainer", o.trainer,
    "how a loss comes about: standard, distillation beside a teacher, or adversarial");
  f("optimizer", o.optimizer, "how to update");
  f("scheduler", o.scheduler, "how the learning rate changes");
  f("strategy", o.strategy, "what is frozen and thawed when; null: nothing");
  f("precision", o.precision, "in which type to multiply: fp32, bf16 or fp16");
  f("train", o.train, "the training loop");
  f("validation", o.validation, "looking at held-out data");
  f("checkpoint", o.checkpoint, "what is saved");
  f("resume", o.resume,
    "never; auto: go on from the newest good checkpoint in run.dir; or the path of a checkpoint");
  f("resume_override", o.resume_override,
    "keys of optimizer and scheduler that may differ from the checkpoint's");
  f("callbacks", o.callbacks, "what happens beside training, in this order");
}

}  // namespace weft::train

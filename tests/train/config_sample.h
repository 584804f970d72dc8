// SPDX-License-Identifier: Apache-2.0
// A config with every kind of value, for the tests of core/config.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft/core/registry.h"
#include "weft/core/config/config.h"

namespace weft::config::sample {

struct Rule {
  static constexpr const char* kKind = "rule";
  virtual ~Rule() = default;
};
struct Momentum : Rule {};
struct Adaptive : Rule {};
struct Hook {
  static constexpr const char* kKind = "hook";
  virtual ~Hook() = default;
};
struct Stopper : Hook {};

struct GroupOptions {
  std::vector<std::string> match = {};
  std::optional<double> weight_decay = {};
};
inline void describe(Fields& f, GroupOptions& o) {
  f("match", o.match, "globs of parameter names", required());
  f("weight_decay", o.weight_decay, "instead of the optimizer's", non_negative);
}

struct MomentumOptions {
  double lr = 0.1, momentum = 0;
  bool nesterov = false;
};
inline void describe(Fields& f, MomentumOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("momentum", o.momentum, "", from_to_below(0, 1));
  f("nesterov", o.nesterov, "look ahead");
  f.rule(!o.nesterov || o.momentum > 0, "nesterov", "a momentum above 0 with nesterov");
}
struct AdaptiveOptions {
  double lr = 1e-3, weight_decay = 0.01;
  std::vector<double> betas = {0.9, 0.999};
  std::vector<GroupOptions> param_groups = {};
};
inline void describe(Fields& f, AdaptiveOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("weight_decay", o.weight_decay, "", non_negative);
  f("betas", o.betas, "", from_to_below(0, 1));
  f("param_groups", o.param_groups, "");
}
struct StopperOptions {
  std::string monitor = "validation/loss", mode = "min";
  int patience = 3;
};
inline void describe(Fields& f, StopperOptions& o) {
  f("monitor", o.monitor, "metric");
  f("mode", o.mode, "", one_of({"min", "max"}));
  f("patience", o.patience, "epochs", at_least(1));
}

struct TrainOptions {
  i64 epochs = 10;
  i64 batch_size = 64;
  std::optional<double> clip_norm = {};
  bool capture = false;
};
inline void describe(Fields& f, TrainOptions& o) {
  f("epochs", o.epochs, "passes over the data", non_negative);
  f("batch_size", o.batch_size, "samples per step", positive);
  f("clip_norm", o.clip_norm, "gradients are scaled down to this norm", positive);
  f("capture", o.capture, "replay steps as graphs");
}
enum class Format { fp32, bf16, fp16 };
constexpr EnumNames<3> names_of(Format) { return {"fp32", "bf16", "fp16"}; }
struct PrecisionOptions {
  Format type = Format::fp32;
  double loss_scale = 65536;
};
inline void describe(Fields& f, PrecisionOptions& o) {
  f("type", o.type, "of activations");
  f("loss_scale", o.loss_scale, "at the start", positive);
}
struct CheckpointOptions {
  Duration every = "1ep";
  int keep_last = 2;
};
inline void describe(Fields& f, CheckpointOptions& o) {
  f("every", o.every, "");
  f("keep_last", o.keep_last, "", at_least(1));
}

struct Config {
  std::string resume = "never";
  i64 seed = 1;
  std::vector<i64> hidden = {128};
  Recipe<Rule> optimizer = Recipe<Rule>::of("adaptive");
  TrainOptions train = {};
  PrecisionOptions precision = {};
  std::optional<CheckpointOptions> checkpoint = {};
  std::vector<Recipe<Hook>> callbacks = {};
};
inline void describe(Fields& f, Config& c) {
  f("resume", c.resume, "never, auto or a path");
  f("seed", c.seed, "of everything random");
  f("hidden", c.hidden, "sizes of the hidden layers", positive);
  f("optimizer", c.optimizer, "");
  f("train", c.train, "the loop");
  f("precision", c.precision, "number formats");
  f("checkpoint", c.checkpoint, "none if null");
  f("callbacks", c.callbacks, "in this order");
}

inline const bool rules_are_registered =
    Registry<Rule>::add<Momentum, MomentumOptions>("momentum") &&
    Registry<Rule>::add<Adaptive, AdaptiveOptions>("adaptive") &&
    Registry<Hook>::add<Stopper, StopperOptions>("stopper");

inline Config parsed(std::string_view yaml, const std::vector<std::string>& overrides = {}) {
  return load_text<Config>(yaml, "a.yaml", overrides).value;
}

// The message of the ConfigError, or "accepted".
inline std::string refusal(std::string_view yaml, const std::vector<std::string>& overrides = {}) {
  try {
    parsed(yaml, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace weft::config::sample

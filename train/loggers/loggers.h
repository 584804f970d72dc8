// SPDX-License-Identifier: Apache-2.0
// The loggers that a config can list: options with their defaults, and recipes. docs/watching.md
// says what they write.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/duration.h"
#include "weft/core/enum_names.h"
#include "weft/core/seconds.h"
#include "weft/train/run/logger.h"

namespace weft::train {

inline constexpr std::string_view kSystemEveryHelp =
    "time between figures of the machine (CPU, memory, GPU), like 30s; 0s: none";

// Event files for TensorBoard in the folder `tensorboard` of the run.
struct TensorBoardOptions {
  Duration histograms = "1ep";   // of weights and gradients; 0: none
  bool picture = true;           // of the first training batch, where samples are images
  Seconds system_every = "30s";  // between figures of the machine; 0s: none
};
void describe(Fields& f, TensorBoardOptions& o);
LoggerRecipe tensorboard(const TensorBoardOptions& options = {});

// Weights & Biases, through a process of Python that has the package wandb (python/weft/bridges).
enum class WandbMode { online, offline, disabled };
constexpr EnumNames<3> names_of(WandbMode) { return {"online", "offline", "disabled"}; }
struct WandbOptions {
  std::string project = "weft";
  std::string name = {};    // of the run; empty: the name of the run folder
  std::string entity = {};  // a user or a team; empty: that of the login
  std::string group = {};
  WandbMode mode = WandbMode::online;
  bool upload = false;           // the last checkpoint too
  std::string python = {};       // the interpreter; empty: $WEFT_PYTHON, or else python3
  i64 timeout = 60;              // seconds for an answer, and for the end of the run
  Seconds system_every = "30s";  // as above
};
void describe(Fields& f, WandbOptions& o);
LoggerRecipe wandb(const WandbOptions& options = {});

}  // namespace weft::train

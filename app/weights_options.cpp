// SPDX-License-Identifier: Apache-2.0
#include "weft/app/command.h"

namespace weft::app {

void add_weights_options(CLI::App& command, std::string& checkpoint, std::string& weights) {
  command.add_option("--checkpoint", checkpoint, "last, best or step-N")->capture_default_str();
  command
      .add_option(
          "--weights", weights,
          "model, or ema for the averaged weights of a run with the callback ema, which its "
          "validations and its test evaluated")
      ->check(CLI::IsMember({"model", "ema"}))
      ->capture_default_str();
}

}  // namespace weft::app

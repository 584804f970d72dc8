// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

#include "weft/app/command.h"
#include "weft/app/display.h"
#include "weft/app/stop_signals.h"
#include "weft/core/log.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::app {
namespace {

struct TrainArguments {
  std::string config;
  std::vector<std::string> overrides, plugins;
};

int run(const TrainArguments& arguments) {
  const auto& [path, overrides, plugins] = arguments;
  StopSignals signals;
  const auto display = std::make_shared<Display>([&] { signals.on_closed_pipe(); });
  set_log_sink([display](LogLevel level, std::string_view message) {
    display->say(level == LogLevel::warning ? "warning: " + std::string(message)
                                            : std::string(message));
  });
  load_plugins(plugins);
  const auto [config, origins] = train::load_run_config(path, overrides);
  train::apply_to_process(config.run);
  train::Orchestrator orchestrator(config, std::filesystem::path(path).stem().string(), overrides);
  orchestrator.add_callback(display);
  signals.listen([&] { orchestrator.request_checkpoint(); });
  const train::RunReport report = orchestrator.train(signals.token());
  set_log_sink({});
  if (!report.failed.empty()) throw TrainingError(report.failed);
  return signals.exit_code();  // also of a signal that came after the last step
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "train a model by a config");
  command->add_option("CONFIG", arguments->config, "YAML file")->transform(home_path())->required();
  command->add_option("key=value", arguments->overrides,
                      "changes to the config, such as train.epochs=3");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

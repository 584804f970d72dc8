// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "weft/app/command.h"
#include "weft/app/display.h"
#include "weft/app/event_stream.h"
#include "weft/app/rank.h"
#include "weft/app/stop_signals.h"
#include "weft/core/log.h"
#include "weft/core/printable.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::app {
namespace {

struct TrainArguments {
  std::string config;
  std::vector<std::string> overrides, plugins;
  std::optional<int> events = {};
};

// Rank 0 shows the run. The other ranks print warnings and errors alone.
void set_sink(const Rank& rank, const std::shared_ptr<Display>& display) {
  if (rank.is_first())
    set_log_sink([display](LogLevel level, std::string_view message) {
      display->say(level == LogLevel::warning ? "warning: " + std::string(message)
                                              : std::string(message));
    });
  else
    set_log_sink([prefix = rank.prefix()](LogLevel level, std::string_view message) {
      if (level == LogLevel::warning)
        std::fprintf(stderr, "weft: %swarning: %s\n", prefix.c_str(), std::string(message).c_str());
    });
}

int train(const TrainArguments& arguments, StopSignals& signals, Rank& rank,
          const std::shared_ptr<EventStream>& events,
          std::optional<train::Orchestrator>& orchestrator) {
  const auto& [path, overrides, plugins, descriptor] = arguments;
  const auto display = std::make_shared<Display>([&] { signals.on_closed_pipe(); });
  set_sink(rank, display);
  load_plugins(plugins);
  const auto [config, origins] = train::load_run_config(path, overrides);
  rank.join(config);
  train::apply_to_process(config.run);
  orchestrator.emplace(config, std::filesystem::path(path).stem().string(), overrides,
                       rank.group());
  if (rank.is_first()) orchestrator->add_callback(display);
  if (events) orchestrator->add_logger(logger_of(events, *orchestrator), "--events");
  signals.listen([&] { orchestrator->request_checkpoint(); });
  const train::RunReport report = orchestrator->train(signals.token());
  if (events) events->end(report);
  const int exit_code = rank.leave(signals.exit_code());  // also of a signal after the last step
  if (!report.failed.empty()) throw TrainingError(report.failed);
  return exit_code;
}

struct NoSinkAtTheEnd {
  ~NoSinkAtTheEnd() { set_log_sink({}); }
};

// Calls `train`. What it throws before the run has ended is the last event.
int with_events(const std::shared_ptr<EventStream>& events, const std::function<int()>& train) {
  try {
    return train();
  } catch (const std::exception& error) {
    if (events) events->fail(printable(error.what()));
    throw;
  }
}

int run(const TrainArguments& arguments) {
  Rank rank;
  // Rank 0 tells what happens. It is made before anything else could have the descriptor's number.
  const auto events = arguments.events && rank.is_first()
                          ? std::make_shared<EventStream>(*arguments.events)
                          : nullptr;
  std::optional<train::Orchestrator> orchestrator;
  StopSignals signals;  // outlived by what a signal uses
  const NoSinkAtTheEnd no_sink;
  return with_events(events, [&] {
    return rank.run([&] { return train(arguments, signals, rank, events, orchestrator); });
  });
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "train a model by a config");
  command->add_option("CONFIG", arguments->config, "YAML file")->transform(home_path())->required();
  command->add_option("key=value", arguments->overrides,
                      "changes to the config, such as train.epochs=3");
  command
      ->add_option_function<std::string>(
          "--events",
          [arguments](const std::string& text) { arguments->events = descriptor_of(text); },
          "open descriptor that gets the events of the run as JSON lines")
      ->type_name("INT");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

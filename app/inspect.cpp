// SPDX-License-Identifier: Apache-2.0
// summary, config and trace show a run before it starts.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/app/outputs.h"
#include "weft/app/rank.h"
#include "weft/core/config/config.h"
#include "weft/core/printable.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"
#include "weft/view/model_summary.h"
#include "weft/train/trace/trace.h"
#include "weft/view/page.h"
#include "weft/view/trace/trace_page.h"

namespace weft::app {
namespace {

struct InspectArguments {
  std::string config;
  std::vector<std::string> overrides, plugins;
  bool schema = false, text = false;
  std::string html, perfetto;  // files; empty: none
};

// With a rank, the run is that of all ranks.
train::Orchestrator orchestrator(const InspectArguments& arguments, Rank* rank = nullptr) {
  load_plugins(arguments.plugins);
  const auto loaded = train::load_run_config(arguments.config, arguments.overrides);
  if (rank != nullptr) rank->join(loaded.value);
  train::apply_to_process(loaded.value.run);
  return {loaded.value, std::filesystem::path(arguments.config).stem().string(),
          arguments.overrides, rank != nullptr ? rank->group() : nullptr};
}

// The bytes of the state of all optimizers.
double optimizer_bytes(train::Trainer& trainer) {
  double bytes = 0;
  for (const train::ScheduledOptimizer& each : trainer.optimizers().all())
    for (const auto& [name, state] : each.optimizer->state().parameters)
      for (const Tensor& slot : state.slots) bytes += static_cast<double>(bytes_of(slot));
  return bytes;
}

// A model may take other inputs than samples of the data, such as a decoder; then it is not run.
view::FurtherCost further_cost(const train::NamedModel& model, const Shape& sample, DType dtype) {
  view::FurtherCost cost{.name = model.name};
  for (const nn::NamedParameter& parameter : model.module->named_parameters()) {
    const Tensor& value = parameter.variable.value();
    const bool trains = parameter.variable.requires_grad();
    cost.parameters += value.elements();
    cost.trained += trains ? value.elements() : 0;
    cost.parameter_bytes += static_cast<double>(bytes_of(value));
    cost.gradient_bytes += trains ? static_cast<double>(bytes_of(value)) : 0;
  }
  try {
    const nn::ModelCost run = nn::cost_of(*model.module, sample, dtype);
    cost.flops = run.total.forward_flops + run.total.backward_flops;
    cost.activation_bytes = run.total.activation_bytes;
  } catch (const UserError&) {
  }
  return cost;
}

int summary(const InspectArguments& arguments) {
  train::Orchestrator run = orchestrator(arguments);
  if (!run.config().strategy.empty()) run.begin_hooks();  // a strategy may freeze layers
  const data::DatasetInfo& info = run.data().train->info();
  const DType dtype = info.has_tokens() ? info.sample_dtype : DType::f32;
  const nn::ModelCost cost = nn::cost_of(run.model(), info.sample, dtype);
  const std::string& trainer = run.config().trainer.name();
  const bool alone = run.trainer().optimizers().all().size() == 1;
  view::StepSetting setting{.batch_size = run.config().train.batch_size,
                            .compute_dtype = run.config().precision.make()->compute_dtype,
                            .optimizer = alone ? run.config().optimizer.name() : "all optimizers",
                            .optimizer_bytes = optimizer_bytes(run.trainer()),
                            .trainer = trainer == train::standard().name() ? "" : trainer};
  for (const train::NamedModel& model : run.trainer().models())
    if (model.module != &run.model())
      setting.further.push_back(further_cost(model, info.sample, dtype));
  print_text(view::summary_text(cost, info.sample, setting));
  return kDone;
}

// The files that were asked for; the text too if --text was given, and without any file.
void show(const train::Trace& trace, const InspectArguments& arguments) {
  if (!arguments.html.empty()) {
    view::write_page(arguments.html,
                     view::trace_page(trace, std::filesystem::path(arguments.config).filename()));
    print_formatted("trace: %s\n", printable_line(arguments.html).c_str());
  }
  if (!arguments.perfetto.empty()) {
    view::write_output(arguments.perfetto, to_perfetto(trace));
    print_formatted("trace: %s\n", printable_line(arguments.perfetto).c_str());
  }
  if (arguments.text || (arguments.html.empty() && arguments.perfetto.empty()))
    print_text(to_text(trace));
}

// As one of several ranks, it shows the times of all.
int trace(const InspectArguments& arguments) {
  check_outputs("trace", {arguments.html, arguments.perfetto}, {arguments.config});
  Rank rank;
  return rank.run([&] {
    train::Orchestrator run = orchestrator(arguments, &rank);
    const train::Trace trace = trace_step(run);
    if (rank.is_first()) show(trace, arguments);
    return rank.leave(kDone);
  });
}

int show_config(const InspectArguments& arguments) {
  load_plugins(arguments.plugins);
  if (arguments.schema) {
    print_text(config::schema<train::RunConfig>());
    return kDone;
  }
  WEFT_CHECK(!arguments.config.empty(),
             "config: no file given; a YAML file, or --schema, is required");
  print_text(config::to_yaml(train::load_run_config(arguments.config, arguments.overrides)));
  return kDone;
}

CLI::App* add(CLI::App& app, int& exit_code, const char* name, const char* help,
              int (*run)(const InspectArguments&),
              const std::shared_ptr<InspectArguments>& arguments, bool config_required) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("CONFIG", arguments->config, "YAML file")
      ->transform(home_path())
      ->required(config_required);
  command->add_option("key=value", arguments->overrides,
                      "changes to the config, such as train.batch_size=32");
  add_plugin_option(*command, arguments->plugins);
  command->callback([run, arguments, &exit_code] { exit_code = run(*arguments); });
  return command;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  add(app, exit_code, "summary",
      "print the layers of the model: shapes, parameters, FLOPs and memory", summary,
      std::make_shared<InspectArguments>(), true);
  const auto config = std::make_shared<InspectArguments>();
  add(app, exit_code, "config",
      "print the resolved config and where each value came from; a few keys, such as run.tf32, "
      "are left out at their defaults",
      show_config, config, false)
      ->add_flag("--schema", config->schema, "print every key with its type, default and meaning");
  const auto traced = std::make_shared<InspectArguments>();
  CLI::App* command = add(app, exit_code, "trace",
                          "show one training step, op by op: times, memory, gradients, updates",
                          trace, traced, true);
  command->add_flag("--text", traced->text, "print a table; so without another option");
  command->add_option("--html", traced->html, "write a page to this file")
      ->transform(home_path())
      ->type_name("FILE");
  command
      ->add_option("--perfetto", traced->perfetto,
                   "write trace events to this file, for ui.perfetto.dev or chrome://tracing")
      ->transform(home_path())
      ->type_name("FILE");
}

}  // namespace weft::app

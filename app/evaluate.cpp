// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/app/command.h"
#include "weft/nn/safetensors.h"
#include "weft/train/run/saved_run.h"

namespace weft::app {
namespace {

struct EvaluateArguments {
  std::string run, checkpoint = "last", weights = "model", split = "test", logits;
  bool json = false;
  std::vector<std::string> plugins;
};

void print(const train::Evaluation& result, const EvaluateArguments& arguments) {
  if (arguments.json) {
    nlohmann::ordered_json object{
        {"split", arguments.split}, {"weights", arguments.weights}, {"samples", result.samples}};
    for (const auto& [name, value] : result.metrics)
      object[name] = std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
    for (const auto& [name, table] : result.tables) {
      object[name] = nlohmann::ordered_json::array();
      for (i64 r = 0; r < table.size(0); ++r)
        object[name].push_back(table.slice(r, r + 1).to_vector<i64>());
    }
    std::printf("%s\n", object.dump().c_str());
    return;
  }
  std::printf("%s split, %lld samples%s:", arguments.split.c_str(),
              static_cast<long long>(result.samples),
              arguments.weights == "model" ? "" : (", weights " + arguments.weights).c_str());
  for (const auto& [name, value] : result.metrics) std::printf("  %s %.4g", name.c_str(), value);
  std::printf("\n");
  for (const auto& [name, table] : result.tables) {
    std::printf("%s (row: label, column: prediction)\n", name.c_str());
    for (i64 r = 0; r < table.size(0); ++r) {
      for (const i64 count : table.slice(r, r + 1).to_vector<i64>())
        std::printf(" %6lld", static_cast<long long>(count));
      std::printf("\n");
    }
  }
}

// The figures are printed, but a script must notice that they say nothing.
void check_loss(const train::Evaluation& result, const std::string& split) {
  if (std::isfinite(result.loss)) return;
  throw TrainingError(
      result.weight == 0
          ? fmt::format("evaluate: no sample of the {} split has a weight above 0 "
                        "(loss.class_weights, loss.ignore_index); at least one is required",
                        split)
          : fmt::format(
                "evaluate: the loss on the {} split is {}; weights whose outputs are finite "
                "are required",
                split, result.loss));
}

int run(const EvaluateArguments& arguments) {
  if (!arguments.logits.empty()) train::check_output(arguments.logits);
  load_plugins(arguments.plugins);
  train::SavedRun saved(arguments.run, arguments.checkpoint, arguments.weights);
  Tensor outputs;
  const train::Evaluation result =
      saved.evaluate(arguments.split, arguments.logits.empty() ? nullptr : &outputs);
  if (!arguments.logits.empty()) write_safetensors(arguments.logits, {{"logits", outputs}});
  print(result, arguments);
  check_loss(result, arguments.split);
  return kDone;
}

}  // namespace

void add_evaluate(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command = app.add_subcommand("evaluate", "print loss and metrics of a trained run");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")
      ->transform(home_path())
      ->required();
  command->add_flag("--json", arguments->json, "print one JSON object");
  command
      ->add_option("--logits", arguments->logits,
                   "write the model's outputs to this safetensors file")
      ->transform(home_path());
  command->add_option("--split", arguments->split, "test, validation or train")
      ->check(CLI::IsMember({"test", "validation", "train"}))
      ->capture_default_str();
  add_weights_options(*command, arguments->checkpoint, arguments->weights);
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

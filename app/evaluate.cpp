// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/files.h"
#include "weft/data/sources.h"
#include "weft/nn/safetensors.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
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
    print_formatted("%s\n", object.dump().c_str());
    return;
  }
  print_formatted("%s split, %lld samples%s:", arguments.split.c_str(),
                  static_cast<long long>(result.samples),
                  arguments.weights == "model" ? "" : (", weights " + arguments.weights).c_str());
  for (const auto& [name, value] : result.metrics)
    print_formatted("  %s %.4g", name.c_str(), value);
  print_formatted("\n");
  for (const auto& [name, table] : result.tables) {
    print_formatted("%s (row: label, column: prediction)\n", name.c_str());
    for (i64 r = 0; r < table.size(0); ++r) {
      for (const i64 count : table.slice(r, r + 1).to_vector<i64>())
        print_formatted(" %6lld", static_cast<long long>(count));
      print_formatted("\n");
    }
  }
}

// The samples are those of the folder that the checkpoint records. Where it is gone, data.root
// would be looked for as in a new run, and other data of the same kind might be evaluated. Throws
// then, and where the folder cannot be examined.
void check_data_place(const train::SavedRun& saved, const std::string& run) {
  const std::filesystem::path weights = saved.weights_file();
  const std::filesystem::path place = train::data_place_of_checkpoint(weights.parent_path());
  data::DataRecipe recipe = saved.config().data.recipe;
  const std::string* root = data::text_option(recipe, "root");
  if (place.empty() || root == nullptr || std::filesystem::path(*root).is_absolute()) return;
  WEFT_CHECK(
      kind_behind(place) != PathKind::none,
      "evaluate: the run read its data from {}, which is not there any more; that folder, or "
      "the absolute path of its new place as data.root in {}, is required",
      place.string(), (std::filesystem::path(run) / "config.yaml").string());
}

int run(const EvaluateArguments& arguments) {
  if (!arguments.logits.empty()) train::check_output(arguments.logits);
  load_plugins(arguments.plugins);
  train::SavedRun saved(arguments.run, arguments.checkpoint, arguments.weights);
  check_data_place(saved, arguments.run);
  Tensor outputs;
  train::Evaluation result =
      saved.evaluate(arguments.split, arguments.logits.empty() ? nullptr : &outputs);
  if (!arguments.logits.empty()) write_safetensors(arguments.logits, {{"logits", outputs}});
  print(result, arguments);
  // The figures are printed, but a script must notice that they say nothing.
  result.split = arguments.split;
  if (const std::string problem = train::problem_of(result); !problem.empty())
    throw TrainingError("evaluate: " + problem);
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

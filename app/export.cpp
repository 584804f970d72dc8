// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/glob.h"
#include "weft/core/printable.h"
#include "weft/nn/serialize.h"
#include "weft/train/run/saved_run.h"

namespace weft::app {
namespace {

struct ExportArguments {
  std::string run, file, checkpoint = "last", weights = "model";
  std::vector<std::string> only, plugins;
};

int run(const ExportArguments& arguments) {
  WEFT_CHECK(arguments.file.ends_with(".safetensors"),
             "export: '{}' given; a name that ends in .safetensors is required", arguments.file);
  train::check_output(arguments.file);
  load_plugins(arguments.plugins);
  train::SavedRun saved(arguments.run, arguments.checkpoint, arguments.weights);
  const TensorMap state = state_of(saved.model());
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  TensorMap chosen = arguments.only.empty() ? state : TensorMap{};
  for (const i64 i : glob_select("export: --only", arguments.only, names)) {
    const std::string& name = names[static_cast<std::size_t>(i)];
    chosen[name] = state.at(name);
  }
  Metadata metadata = read_safetensors_metadata(saved.weights_file());
  metadata.merge(layout_metadata(saved.model()));
  write_safetensors(arguments.file, chosen, metadata);
  print_formatted("%s: %zu tensors, under PyTorch's names and in its layouts\n",
                  printable_line(arguments.file).c_str(), chosen.size());
  return kDone;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command =
      app.add_subcommand("export", "write the weights of a run as one safetensors file");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")
      ->transform(home_path())
      ->required();
  command
      ->add_option("FILE", arguments->file,
                   "file to write, which PyTorch's load_state_dict accepts")
      ->transform(home_path())
      ->required();
  command->add_option("--only", arguments->only,
                      "globs of names to write, like 'features.*' for a backbone");
  add_weights_options(*command, arguments->checkpoint, arguments->weights);
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

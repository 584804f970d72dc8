// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "weft/app/command.h"
#include "weft/nn/serialize.h"
#include "weft/train/saved_run.h"

namespace weft::app {
namespace {

struct Arguments {
  std::string run, file, checkpoint = "last";
};

int run(const Arguments& arguments) {
  WEFT_CHECK(arguments.file.ends_with(".safetensors"),
             "export: '{}' given; a name that ends in .safetensors is required", arguments.file);
  train::SavedRun saved(arguments.run, arguments.checkpoint);
  save(saved.model(), arguments.file, read_safetensors_metadata(saved.weights_file()));
  std::printf("%s: %lld parameters, under PyTorch's names and in its layouts\n",
              arguments.file.c_str(), static_cast<long long>(saved.model().parameter_count()));
  return kDone;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("export", "write the weights of a run as one safetensors file");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")->required();
  command->add_option("FILE", arguments->file, "file to write; PyTorch's load_state_dict takes it")
      ->required();
  command->add_option("--checkpoint", arguments->checkpoint, "last, best or step-N")
      ->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

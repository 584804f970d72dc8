// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "weft/app/command.h"
#include "weft/core/registry.h"

namespace weft::app {
namespace {

struct ListArguments {
  std::string kind, name;
};

int run(const ListArguments& arguments) {
  if (!arguments.name.empty()) {
    for (const FieldRow& row : field_rows(registry_of(arguments.kind), arguments.name))
      std::printf("%-18s %-28s default %-12s %s\n", row.key.c_str(), row.expected.c_str(),
                  row.value.c_str(), row.help.c_str());
    return kDone;
  }
  const std::vector<std::string> kinds =
      arguments.kind.empty() ? registered_kinds() : std::vector<std::string>{arguments.kind};
  for (const std::string& kind : kinds) {
    const std::vector<std::string> names = registry_of(kind).names();
    std::printf("%-12s", kind.c_str());
    for (const std::string& name : names) std::printf(" %s", name.c_str());
    std::printf("\n");
  }
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ListArguments>();
  CLI::App* command =
      app.add_subcommand("list", "print what a config can name, and the keys of each");
  command->add_option("KIND", arguments->kind,
                      "data, model, loss, optimizer, scheduler, metric, …");
  command->add_option("NAME", arguments->name, "an entry of that kind, whose keys are printed");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "weft/app/command.h"
#include "weft/core/printable.h"
#include "weft/core/registry.h"

namespace weft::app {
namespace {

struct ListArguments {
  std::string kind, name;
  std::vector<std::string> plugins;
};

int run(const ListArguments& arguments) {
  load_plugins(arguments.plugins);
  if (!arguments.name.empty()) {
    for (const FieldRow& row : field_rows(registry_of(arguments.kind), arguments.name))
      std::printf("%-18s %-28s default %-12s %s\n", row.key.c_str(), row.expected.c_str(),
                  row.value.c_str(), row.help.c_str());
    return kDone;
  }
  const std::vector<std::string> kinds =
      arguments.kind.empty() ? registered_kinds() : std::vector<std::string>{arguments.kind};
  for (const std::string& kind : kinds) {
    const AnyRegistry& registry = registry_of(kind);
    std::printf("%-12s", kind.c_str());
    for (const std::string& name : registry.names()) {
      const std::string origin = registry.origin(name);
      std::printf(" %s%s", printable_line(name).c_str(),
                  origin.empty() ? "" : (" (" + printable_line(origin) + ")").c_str());
    }
    std::printf("\n");
  }
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ListArguments>();
  CLI::App* command = app.add_subcommand(
      "list",
      "print what a config can name, and the keys of each; (FILE) after a name is its plugin");
  command->add_option("KIND", arguments->kind,
                      "data, model, loss, optimizer, scheduler, metric, …");
  command->add_option("NAME", arguments->name, "an entry of that kind, whose keys are printed");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app

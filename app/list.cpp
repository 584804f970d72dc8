// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/entry_keys.h"
#include "weft/core/printable.h"
#include "weft/core/registry.h"
#include "weft/train/run/run_config.h"

namespace weft::app {
namespace {

struct ListArguments {
  std::string kind, name;
  std::vector<std::string> plugins;
};

// The keys that a config's sections of each kind have beside those of the chosen entry.
class CommonKeys final : public Fields {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>> of_kind;

 private:
  void field(const Field&, ValueRef value) override { look_into(value); }

  void look_into(const ValueRef& value) {
    const auto look = [this](const ValueRef& held) { look_into(held); };
    if (AnyRecipe* const* recipe = std::get_if<AnyRecipe*>(&value)) {
      of_kind.try_emplace(std::string((*recipe)->kind()), common_keys(**recipe));
      (*recipe)->describe_common(*this);
    }
    if (const auto* list = std::get_if<ListRef>(&value)) list->with_sample(look);
    if (const auto* optional = std::get_if<OptionalRef>(&value)) optional->with_sample(look);
    if (const auto* section = std::get_if<SectionRef>(&value)) section->describe(*this);
  }
};

// Throws UserError for an entry whose keys hide those of others.
void check_keys(const std::string& kind, const std::string& name) {
  static const CommonKeys common = [] {
    train::RunConfig config;
    CommonKeys keys;
    section_ref(config).describe(keys);
    return keys;
  }();
  const auto found = common.of_kind.find(kind);
  const std::string fault =
      key_fault(registry_of(kind), kind, name,
                found == common.of_kind.end() ? std::vector<std::string>{} : found->second);
  WEFT_CHECK(fault.empty(), "{}", fault);
}

int run(const ListArguments& arguments) {
  load_plugins(arguments.plugins);
  if (!arguments.name.empty()) {
    check_keys(arguments.kind, arguments.name);
    for (const FieldRow& row : field_rows(registry_of(arguments.kind), arguments.name))
      print_formatted("%-18s %-28s default %-12s %s\n", row.key.c_str(), row.expected.c_str(),
                      row.value.c_str(), row.help.c_str());
    return kDone;
  }
  const std::vector<std::string> kinds =
      arguments.kind.empty() ? registered_kinds() : std::vector<std::string>{arguments.kind};
  for (const std::string& kind : kinds) {
    const AnyRegistry& registry = registry_of(kind);
    for (const std::string& name : registry.names()) check_keys(kind, name);
    print_formatted("%-12s", kind.c_str());
    for (const std::string& name : registry.names()) {
      const std::string origin = registry.origin(name);
      print_formatted(" %s%s", printable_line(name).c_str(),
                      origin.empty() ? "" : (" (" + printable_line(origin) + ")").c_str());
    }
    print_formatted("\n");
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

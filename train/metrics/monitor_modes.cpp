// SPDX-License-Identifier: Apache-2.0
#include "weft/train/metrics/monitor_modes.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "weft/core/log.h"
#include "weft/core/monitor_mode.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// Of validation/accuracy. Other checks refuse the name of no metric, and a metric that is a table.
Metric::Better better_of(std::string_view monitor) {
  const std::string_view name = monitor.substr(monitor.find('/') + 1);
  if (name == "loss") return Metric::Better::lower;
  MetricRecipe recipe;
  const std::vector<std::string> known = recipe.names();
  if (std::find(known.begin(), known.end(), name) == known.end()) return Metric::Better::lower;
  recipe.choose(name);
  const std::unique_ptr<Metric> metric = recipe.make();
  return metric->table().defined() ? Metric::Better::lower : metric->better();
}

class ModeSetter final : public Fields {
 public:
  void visit(const std::string& path, ValueRef value) {
    const std::string outer = std::exchange(path_, path);
    const Watched outer_watched = std::exchange(watched_, {});
    if (auto** recipe = std::get_if<AnyRecipe*>(&value)) {
      (*recipe)->describe(*this);
    } else if (const auto* section = std::get_if<SectionRef>(&value)) {
      section->describe(*this);
    } else if (const auto* list = std::get_if<ListRef>(&value)) {
      for (i64 i = 0; i < list->size(list->list); ++i)
        visit(fmt::format("{}[{}]", path, i), list->at(list->list, i));
    } else if (const auto* optional = std::get_if<OptionalRef>(&value);
               optional != nullptr && optional->has_value(optional->optional)) {
      visit(path, optional->value(optional->optional));
    }
    set_mode();
    path_ = outer;
    watched_ = outer_watched;
  }

 private:
  struct Watched {
    const std::string* monitor = nullptr;
    std::optional<EnumRef> mode = {};
  };

  void field(const Field& field, ValueRef value) override {
    if (auto** text = std::get_if<std::string*>(&value)) {
      if (field.key == "monitor") watched_.monitor = *text;
    } else if (const auto* named = std::get_if<EnumRef>(&value)) {
      const auto& modes = enum_names<MonitorMode>;
      if (field.key == "mode" &&
          std::equal(named->names.begin(), named->names.end(), modes.begin(), modes.end()))
        watched_.mode = *named;
    } else {
      visit(path_ + (path_.empty() ? "" : ".") + std::string(field.key), value);
    }
  }

  void set_mode() const {
    if (!watched_.mode || watched_.monitor == nullptr) return;
    const EnumRef& mode = *watched_.mode;
    if (mode.get(mode.value) != static_cast<std::size_t>(MonitorMode::by_metric)) return;
    const Metric::Better better = better_of(*watched_.monitor);
    if (better == Metric::Better::unknown)
      log_warning(
          "{0}{1}monitor: '{2}' does not say whether it is better low or high; lower is taken to "
          "be better, and {0}{1}mode: min, or max, says it",
          path_, path_.empty() ? "" : ".", *watched_.monitor);
    mode.set(mode.value,
             static_cast<std::size_t>(better == Metric::Better::higher ? MonitorMode::max
                                                                       : MonitorMode::min));
  }

  std::string path_;
  Watched watched_;  // in the section that is visited
};

}  // namespace

void set_monitor_modes(ValueRef value, const std::string& path) { ModeSetter().visit(path, value); }

}  // namespace weft::train

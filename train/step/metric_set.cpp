// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/metric_set.h"

#include <set>
#include <utility>

#include "weft/core/log.h"
#include "weft/data/resident_dataset.h"
#include "weft/tensor/ops.h"
#include "weft/train/losses/valid_rows.h"

namespace weft::train {
namespace {

// The state of a metric in a record, which may be of other metrics.
struct SavedMetric {
  std::string json;
  std::map<std::string, Tensor> tensors;
  void state(State& s) { s("json", json)("tensors", tensors); }
};

// Calls `work` with each metric, and adds its name to a UserError.
template <class Metrics, class F>
void each_named(const std::vector<std::string>& names, Metrics& metrics, const F& work) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    try {
      work(*metrics[i]);
    } catch (const UserError& error) {
      fail("metric '{}': {}", names[i], error.what());
    }
  }
}

}  // namespace

MetricSet::MetricSet(std::vector<std::string> names) : names_(std::move(names)) {
  std::set<std::string_view> seen;
  for (const std::string& name : names_) {
    WEFT_CHECK(seen.insert(name).second, "metric: '{}' is given twice; each one once is required",
               name);
    MetricRecipe recipe;
    recipe.choose(name);
    metrics_.push_back(recipe.make());
  }
}

bool MetricSet::is_table(const std::string& name) const {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name && metrics_[i]->table().defined()) return true;
  return false;
}

void MetricSet::check_kind(const data::DatasetInfo& info, const Loss& loss) const {
  each_named(names_, metrics_, [&](const Metric& metric) {
    const Metric::Targets kind = metric.targets();
    WEFT_CHECK(kind != Metric::Targets::labels || info.target_dtype == DType::int64,
               "the targets of {} are {} values; class labels are required", info.name,
               info.target_dtype);
    WEFT_CHECK(kind != Metric::Targets::values || !info.has_labels(),
               "the targets of {} are class labels; values are required", info.name);
    const OutputKind read = metric.outputs(), given = loss.output_kind();
    WEFT_CHECK(read == given || read == OutputKind::any || given == OutputKind::any,
               "the outputs of the model are {} under {}; {} are required", enum_name(given),
               loss.name().empty() ? "the loss" : fmt::format("loss '{}'", loss.name()),
               enum_name(read));
  });
}

// Only the end of an evaluation would show it otherwise.
void MetricSet::check_merge() {
  each_named(names_, metrics_, [](Metric& metric) {
    metric.merge([](const Tensor&) {});
    metric.reset();
  });
}

void MetricSet::check_training(const data::Loader& loader, const Loss& loss) const {
  check_kind(data::stored_info(loader.dataset()), loss);
  each_named(names_, metrics_, [&](Metric& metric) {
    WEFT_CHECK(
        !loader.options().mix || metric.targets() != Metric::Targets::labels,
        "data.mix: {} gives training batches a probability for each class, and train.metrics "
        "has a metric of class labels; either without the other is required",
        loader.options().mix.name());
    save_state(metric);
  });
}

void MetricSet::reset() {
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->reset();
}

void MetricSet::update(const Loss& loss, const Tensor& output, const Tensor& target,
                       const Tensor& labels) {
  Tensor seen = output, wanted = target;
  const bool are_sequences = target.dtype() == DType::int64 && target.rank() > 1;
  if (are_sequences) {
    wanted = target.reshape({target.elements()});
    seen = output.reshape({target.elements(), output.size(-1)});
  }
  if (const std::optional<i64> ignored = loss.ignore_index()) {
    const ValidRows counted = valid_rows(labels.reshape({labels.elements()}), *ignored);
    if (counted.count == 0) return;
    seen = embedding(seen, counted.rows.to(output.device()));
    wanted = counted.labels.to(output.device());
  }
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->update(seen, wanted);
}

std::map<std::string, double> MetricSet::values() const {
  std::map<std::string, double> values;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!metrics_[i]->table().defined()) values[names_[i]] = metrics_[i]->value();
  return values;
}

std::map<std::string, Tensor> MetricSet::tables() const {
  std::map<std::string, Tensor> tables;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (const Tensor table = metrics_[i]->table(); table.defined()) tables[names_[i]] = table;
  return tables;
}

void MetricSet::merge(const SumOverRanks& sum) {
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->merge(sum);
}

void MetricSet::state(State& s, bool warns) {
  std::map<std::string, SavedMetric> saved;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    StateRecord record = save_state(*metrics_[i]);
    saved[names_[i]] = {std::move(record.json), std::move(record.tensors)};
  }
  s("metrics", saved);
  if (!s.loading()) return;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto found = saved.find(names_[i]);
    if (found != saved.end())
      load_state(*metrics_[i], {found->second.json, found->second.tensors},
                 "train.metrics: " + names_[i]);
    else if (warns)
      log_warning(
          "resume: train.metrics: {} was not measured before the checkpoint; the value of this "
          "epoch is that of its remaining batches",
          names_[i]);
  }
}

void check_metric_names(std::string_view key, const std::vector<std::string>& names) {
  try {
    const MetricSet known(names);
  } catch (const UserError& error) {
    fail("{}: {}", key, error.what());
  }
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/metrics_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "weft/core/entry_error.h"
#include "weft/core/log.h"
#include "weft/core/printable.h"
#include "weft/train/run/log_file.h"

namespace weft::train {
namespace {

bool is_own(const std::string& event) {
  constexpr std::array kOwn{"epoch",  "validation", "step",  "test",       "rebuild",
                            "failed", "system",     "begin", "checkpoint", "end"};
  return std::find(kOwn.begin(), kOwn.end(), event) != kOwn.end();
}
bool is_own_field(const std::string& field) {
  return field == "schema" || field == "event" || field == "step";
}

void add_metrics(LogEvent& event, const char* prefix, const std::map<std::string, double>& values) {
  for (const auto& [name, value] : values) event.values.emplace_back(prefix + name, value);
}
void add_tables(LogEvent& event, const char* prefix, const std::map<std::string, Tensor>& tables) {
  for (const auto& [name, table] : tables) event.values.emplace_back(prefix + name, table);
}

}  // namespace

std::optional<double> LogEvent::number(std::string_view key) const {
  for (const auto& [its_key, value] : values) {
    if (its_key != key) continue;
    if (const auto* number = std::get_if<double>(&value)) return *number;
    if (const auto* count = std::get_if<i64>(&value)) return static_cast<double>(*count);
  }
  return std::nullopt;
}

void MetricsLog::warn(Sink& sink, const std::string& reason) {
  if (!std::exchange(sink.failed, true))
    log_warning("logger '{}': {}; the run goes on without what it does not log", sink.name, reason);
}

MetricsLog::MetricsLog(const std::vector<LoggerRecipe>& loggers, double system_every) {
  for (const char* name : {"jsonl", "csv"})
    sinks_.push_back({LoggerRecipe::of(name).make(), name, ""});
  sinks_.front().system_every = system_every;
  std::map<std::string, std::string> writers;  // of each folder
  for (std::size_t i = 0; i < loggers.size(); ++i) {
    if (!loggers[i].enabled()) continue;
    const std::string& name = loggers[i].name();
    // Other loggers before it may come and go, and it keeps its state.
    const auto same = std::count_if(sinks_.begin(), sinks_.end(),
                                    [&](const Sink& sink) { return sink.name == name; });
    Sink sink{nullptr, name, fmt::format("loggers.{}.{}", name, same)};
    try {
      sink.logger = loggers[i].make();
    } catch (const EntryError& error) {  // it does not refuse its options
      warn(sink, error.reason());
      continue;
    } catch (const UserError& error) {
      throw UserError(fmt::format("loggers[{}]: {}", i, error.what()));
    } catch (const std::exception& error) {
      warn(sink, error.what());
      continue;
    }
    std::string folder;
    guarded(sink, [&] { folder = sink.logger->own_folder(); });
    const auto [writer, is_first] = writers.emplace(folder, name);
    WEFT_CHECK(folder.empty() || is_first,
               "loggers[{}]: {} is given {}, and each would write the folder {} of the run; one is "
               "required",
               i, name, writer->second == name ? "twice" : "beside " + writer->second,
               printable_line(folder));
    guarded(sink, [&] { sink.system_every = sink.logger->system_every(); });
    sinks_.push_back(std::move(sink));
  }
}

void MetricsLog::add_logger(std::unique_ptr<Logger> logger, std::string name) {
  std::string part = "own_loggers." + name;
  sinks_.push_back({std::move(logger), std::move(name), std::move(part)});
}

void MetricsLog::begin(const LoggedRun& run) {
  for (Sink& sink : sinks_) {
    if (sink.part.empty()) sink.logger->begin(run);
    else guarded(sink, [&] { sink.logger->begin(run); });
  }
  begun_ = true;
  begin_watch();
}

std::map<std::string, i64> MetricsLog::sizes() const {
  std::map<std::string, i64> sizes;
  for (const Sink& sink : sinks_)
    if (const LogFile* file = sink.logger->file()) sizes[file->name()] = file->bytes();
  return sizes;
}

std::map<std::string, i64> MetricsLog::lines() const {
  std::map<std::string, i64> known;
  for (const Sink& sink : sinks_)
    if (const LogFile* file = sink.logger->file(); file != nullptr && file->lines() >= 0)
      known[file->name()] = file->lines();
  return known;
}

void MetricsLog::save_states(StateParts& parts) {
  for (Sink& sink : sinks_)
    guarded(sink, [&] {
      StateRecord record = save_state(*sink.logger);
      if (record.json != "{}") parts[sink.part] = std::move(record);
    });
}

void MetricsLog::load_states(const CheckpointReader& from) {
  for (Sink& sink : sinks_)
    if (from.has(sink.part))
      guarded(sink, [&] { load_state(*sink.logger, from.part(sink.part), sink.part); });
}

void MetricsLog::log(const LogEvent& event) {
  if (!begun_) return;
  for (Sink& sink : sinks_) guarded(sink, [&] { sink.logger->log(event); });
}

void MetricsLog::add(const EpochReport& report) {
  LogEvent event{"epoch",
                 report.step,
                 {{"epoch", report.train.epoch},
                  {"step", report.step},
                  {"samples", report.samples_seen},
                  {"lr", report.train.lr}}};
  add_metrics(event, "", report.metrics);
  if (report.validation_samples > 0)
    event.values.emplace_back("validation_samples", report.validation_samples);
  event.values.emplace_back("skipped_steps", report.train.skipped);
  event.values.emplace_back("samples_per_second", report.train.samples_per_second);
  event.values.emplace_back("seconds", report.seconds);
  add_tables(event, "", report.tables);
  log(event);
}

void MetricsLog::add_test(i64 step, const Evaluation& evaluation) {
  LogEvent event{"test", step, {{"step", step}, {"samples", evaluation.samples}}};
  if (evaluation.weights != "model") event.values.emplace_back("weights", evaluation.weights);
  add_metrics(event, "test/", evaluation.metrics);
  add_tables(event, "test/", evaluation.tables);
  log(event);
}

void MetricsLog::add_validation(i64 epoch, i64 step, const Evaluation& evaluation, i64 samples) {
  LogEvent event{"validation", step, {{"epoch", epoch}, {"step", step}}};
  add_metrics(event, "validation/", evaluation.metrics);
  if (samples > 0) event.values.emplace_back("validation_samples", samples);
  log(event);
}

void MetricsLog::add_step(const Trainer& trainer) {
  const TrainingProgress& progress = trainer.progress();
  const StepResult& last = progress.last_step;
  const i64 applied = trainer.optimizers().first().applied_steps();
  LogEvent event{"step",
                 applied,
                 {{"epoch", progress.epochs_done},
                  {"step", applied},
                  {"batch", last.batch},
                  {"loss", last.loss},
                  {"lr", last.lr}}};
  if (const optim::LossScaler* scaler = trainer.optimizers().loss_scaler())
    event.values.emplace_back("loss_scale", scaler->scale());
  event.values.emplace_back("skipped_steps", progress.epoch.skipped);
  log(event);
}

void MetricsLog::add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report) {
  log({"rebuild",
       step,
       {{"epoch", epoch},
        {"step", step},
        {"kept", report.kept},
        {"created", report.created},
        {"parked", report.stashed},
        {"returned", report.restored}}});
}

void MetricsLog::add_failure(i64 epoch, i64 step, const std::string& reason) {
  log({"failed", step, {{"epoch", epoch}, {"step", step}, {"reason", reason}}});
}

void MetricsLog::add_checkpoint(i64 step, const std::filesystem::path& folder) {
  if (!begun_) return;
  for (Sink& sink : sinks_) guarded(sink, [&] { sink.logger->log_checkpoint(step, folder); });
}

void MetricsLog::add_event(const std::string& event, i64 step,
                           const std::map<std::string, double>& values) {
  WEFT_CHECK(!is_own(event), "add_event: '{}' is an event of every run; another name is required",
             event);
  for (const auto& [name, value] : values)
    WEFT_CHECK(!is_own_field(name),
               "add_event: '{}' of '{}' is a field of every event; another name is required", name,
               event);
  LogEvent logged{event, step, {{"step", step}}};
  add_metrics(logged, "", values);
  log(logged);
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "weft/core/log.h"
#include "weft/data/resident_gather.h"
#include "weft/train/loggers/event_files.h"
#include "weft/train/loggers/event_values.h"
#include "weft/train/loggers/loggers.h"
#include "weft/train/loggers/summary_event.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

// Markdown shows indented lines as they are.
std::string as_code(const std::string& text) {
  std::istringstream lines(text);
  std::string code;
  for (std::string line; std::getline(lines, line);) code += "    " + line + "\n";
  return code;
}

class TensorBoard final : public Logger {
 public:
  explicit TensorBoard(const TensorBoardOptions& options) : options_(options) {}

  void begin(const LoggedRun& run) override {
    loader_ = run.loader;
    files_.begin(run);
    SummaryEvent summary;
    if (run.resumed_at == nullptr) summary.hyperparameters(run.values, wall_time());
    summary.text("config", as_code(run.config));
    append(summary, run.resumed_at == nullptr ? 0 : run.resumed_at->step);
  }

  void log(const LogEvent& event) override {
    SummaryEvent summary;
    bool has_validation = false;
    for (const auto& [tag, value] : shown_numbers(event)) {
      // The line of an epoch has the metrics of a validation at this step, which may have a line of
      // its own.
      const bool is_validation = tag.starts_with("validation/");
      if (is_validation && event.step == validated_at_) continue;
      has_validation = has_validation || is_validation;
      summary.scalar(tag, value);
    }
    for (const auto& [key, value] : event.values)
      if (const auto* text = std::get_if<std::string>(&value))
        summary.text(shown_tag(event, key), as_code(*text));
    if (has_validation) validated_at_ = event.step;
    append(summary, event.step);
  }

  void end(const RunReport& report) override {
    SummaryEvent summary;
    summary.end_of_session(report.failed.empty(), wall_time());
    append(summary, report.steps);
  }

  bool watches_training() const override { return has_histograms() || options_.picture; }
  bool needs_gradients(const Trainer& trainer) const override {
    if (!has_histograms()) return false;
    const i64 every = options_.histograms.steps(trainer.optimizers().length().steps_per_epoch);
    return trainer.progress().steps_begun % std::max<i64>(1, every) == 0;
  }

  void on_gradients(Trainer& trainer, double scale) override {
    if (!files_.begun() || !needs_gradients(trainer)) return;
    trainer.synchronize();  // for the count of applied steps
    const i64 step = trainer.optimizer().applied_steps();
    if (step == histograms_at_) return;  // the step before was skipped
    histograms_at_ = step;
    SummaryEvent summary;
    const bool whole = !trainer.options().ranks.shard_optimizer;
    for (const ScheduledOptimizer& each : trainer.optimizers().all())
      add_histograms(summary, each.name == "optimizer" ? "" : each.name + ".",
                     each.optimizer->parameters(), whole ? scale : 0);
    append(summary, step);
  }

  void on_batch_begin(Trainer& trainer, const BatchInProgress& batch) override {
    if (!options_.picture || pictured_ || !files_.begun()) return;
    pictured_ = true;
    Tensor images = batch.batch.x;
    if (loader_ != nullptr)
      if (const data::ResidentGather gather(*loader_); gather.gathers())
        images = gather(images.to(trainer.optimizers().device())).x;
    SummaryEvent summary;
    if (images.rank() != 4) return;
    if (const auto grid = picture_grid(images.to(Device{Cpu{}})))
      summary.picture("training batch", *grid);
    append(summary, trainer.optimizer().applied_steps());
  }

  double system_every() const override { return options_.system_every.amount(); }
  std::string own_folder() const override { return "tensorboard"; }
  void state(State& s) override {
    files_.state(s);
    s("pictured", pictured_).within("validated_at", validated_at_, -1, kMostSaved);
    s.within("histograms_at", histograms_at_, -1, kMostSaved);
  }

 private:
  bool has_histograms() const { return !options_.histograms.is_zero(); }

  void append(const SummaryEvent& summary, i64 step) {
    if (!summary.empty()) files_.append(summary.event(wall_time(), step));
  }

  // `scale` multiplies the gradients; 0 leaves them out. Values and gradients are copied from a GPU
  // in one piece each.
  static void add_histograms(SummaryEvent& summary, const std::string& prefix,
                             const nn::FlatParameters& parameters, double scale) {
    const auto on_host = [](const Tensor& x) { return x.to(Device{Cpu{}}).to(DType::f32); };
    const Tensor values = on_host(parameters.values());
    Tensor gradients;
    if (scale != 0 && parameters.gradients().defined()) gradients = on_host(parameters.gradients());
    const auto add = [&](const char* kind, const std::string& name, const Tensor& all, i64 offset,
                         i64 length, double factor) {
      const auto part = all.values<float>().subspan(static_cast<std::size_t>(offset),
                                                    static_cast<std::size_t>(length));
      const Histogram histogram = histogram_of(part, factor);
      if (histogram.count > 0) summary.histogram(kind + prefix + name, histogram);
    };
    for (const nn::FlatParameters::Segment& segment : parameters.segments()) {
      add("weights/", segment.name, values, segment.offset, segment.length, 1);
      if (gradients.defined() && segment.gradient_offset >= 0 && segment.leaf->has_grad)
        add("gradients/", segment.name, gradients, segment.gradient_offset, segment.length, scale);
    }
  }

  TensorBoardOptions options_;
  EventFiles files_;
  const data::Loader* loader_ = nullptr;
  bool pictured_ = false;
  i64 validated_at_ = -1, histograms_at_ = -1;  // steps
};

const bool has_tensorboard = Registry<Logger>::add<TensorBoard, TensorBoardOptions>("tensorboard");

}  // namespace

void describe(Fields& f, TensorBoardOptions& o) {
  f("histograms", o.histograms,
    "how often to write histograms of weights and gradients, like 1ep or 200ba; 0: never");
  f("picture", o.picture, "write the first training batch as a picture, if its samples are images");
  f("system_every", o.system_every, kSystemEveryHelp);
}

LoggerRecipe tensorboard(const TensorBoardOptions& options) {
  return LoggerRecipe::of("tensorboard", options);
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// What loggers get besides the events of a run: hooks into the training, and figures of the machine
// (Note [Figures of the machine]).
#include <algorithm>
#include <chrono>
#include <optional>

#include "weft/core/clock.h"
#include "weft/train/run/metrics_log.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/system_figures.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

class MetricsLog::Watch final : public TrainerObserver {
 public:
  explicit Watch(MetricsLog& log) : log_(log) {
    for (std::size_t i = 0; i < log.sinks_.size(); ++i) {
      Sink& sink = log.sinks_[i];
      bool watches = false;
      guarded(sink, [&] { watches = sink.logger->watches_training(); });
      if (watches) watching_.push_back(i);
      if (sink.system_every > 0) timed_.push_back({i, {}});
    }
  }
  bool is_needed() const { return !watching_.empty() || !timed_.empty(); }

  void begin() {
    if (timed_.empty()) return;
    figures_.emplace();
    for (Timed& each : timed_) set_next(each, Clock::now());
    find_next();
  }

  void on_batch_begin(Trainer& trainer, const BatchInProgress& batch) override {
    each_watching([&](Logger& logger) { logger.on_batch_begin(trainer, batch); });
  }
  bool needs_gradients(const Trainer& trainer) const override {
    bool needs = false;
    for (const std::size_t i : watching_)
      guarded(log_.sinks_[i],
              [&, i] { needs = log_.sinks_[i].logger->needs_gradients(trainer) || needs; });
    return needs;
  }
  void on_gradients(Trainer& trainer, double scale) override {
    each_watching([&](Logger& logger) { logger.on_gradients(trainer, scale); });
  }
  void on_step_end(Trainer& trainer, const optim::StepOutcome&) override {
    if (!figures_) return;
    if (const Clock::time_point now = Clock::now(); now >= next_)
      log_figures(trainer.optimizer().applied_steps(), now);
  }

  // Logs the figures to the loggers for which they are due, or to all that get them. The end of a
  // run has them too, so that a short one has some.
  void log_figures(i64 step, Clock::time_point now, bool all = false) {
    if (!figures_) return;
    LogEvent event{"system", step, {{"step", step}}};
    for (const auto& [name, value] : figures_->read()) event.values.emplace_back(name, value);
    for (Timed& each : timed_) {
      if (now < each.next && !all) continue;
      guarded(log_.sinks_[each.sink], [&] { log_.sinks_[each.sink].logger->log(event); });
      set_next(each, now);
    }
    find_next();
  }

 private:
  struct Timed {
    std::size_t sink;
    Clock::time_point next;
  };

  template <class F>
  void each_watching(const F& call) {
    for (const std::size_t i : watching_)
      guarded(log_.sinks_[i], [&, i] { call(*log_.sinks_[i].logger); });
  }
  void set_next(Timed& each, Clock::time_point now) {
    constexpr double kMostSeconds = 1e9;
    const double seconds = std::min(log_.sinks_[each.sink].system_every, kMostSeconds);
    each.next =
        now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  void find_next() {
    next_ = Clock::time_point::max();
    for (const Timed& each : timed_) next_ = std::min(next_, each.next);
  }

  MetricsLog& log_;
  std::vector<std::size_t> watching_;  // indices of sinks
  std::vector<Timed> timed_;
  std::optional<SystemFigures> figures_;  // of rank 0
  Clock::time_point next_;
};

void MetricsLog::watch(Trainer& trainer) {
  watch_ = std::make_shared<Watch>(*this);
  if (watch_->is_needed()) trainer.add_observer(*watch_);
}

void MetricsLog::begin_watch() {
  if (watch_) watch_->begin();
}

void MetricsLog::end(const RunReport& report) {
  if (!begun_) return;
  if (watch_) watch_->log_figures(report.steps, Clock::now(), true);
  for (Sink& sink : sinks_) guarded(sink, [&] { sink.logger->end(report); });
}

}  // namespace weft::train

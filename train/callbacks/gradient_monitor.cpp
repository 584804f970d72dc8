// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <set>

#include "weft/core/log.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

class GradientMonitor final : public Callback {
 public:
  explicit GradientMonitor(const GradientMonitorOptions& options) : options_(options) {}

  void on_setup(Orchestrator& run) override {
    run_ = &run;
    every_ =
        std::max<i64>(1, options_.every.steps(run.trainer().optimizers().length().steps_per_epoch));
  }

  bool needs_gradients(const Trainer& trainer) const override {
    return trainer.progress().steps_begun % every_ == 0;
  }
  void on_gradients(Trainer& trainer, double scale) override {
    if (trainer.progress().steps_begun % every_ != 0) return;
    optim::Optimizer& optimizer = trainer.optimizer();
    const std::vector<double> of_parameters = optimizer.gradient_norms();
    std::map<std::string, double> squares;  // by layer
    for (std::size_t i = 0; i < of_parameters.size(); ++i) {
      const nn::FlatParameters::Segment& segment = optimizer.parameters().segments()[i];
      const Leaf& leaf = *segment.leaf;
      if (!leaf.requires_grad || !leaf.has_grad) continue;
      squares[segment.name.substr(0, segment.name.rfind('.'))] +=
          of_parameters[i] * of_parameters[i];
    }
    std::map<std::string, double> norms;
    for (const auto& [layer, square] : squares) {
      norms["norm/" + layer] = std::sqrt(square) * scale;
      look_at(layer, std::sqrt(square) * scale, trainer);
    }
    if (run_->metrics_log() != nullptr)
      run_->metrics_log()->add_event("gradients", optimizer.applied_steps(), norms);
  }

 private:
  std::string alarm(double norm) const {
    if (!std::isfinite(norm)) return "not finite";
    if (norm == 0) return "zero";
    if (norm < options_.vanishing) return "vanishing";
    return norm > options_.exploding ? "exploding" : "";
  }

  void look_at(const std::string& layer, double norm, const Trainer& trainer) {
    if (!run_->ranks().is_first()) return;  // the gradients of all ranks are equal by now
    const std::string kind = alarm(norm);
    if (kind.empty() || !warned_.insert(layer + " " + kind).second) return;
    log_warning("gradient_monitor: the gradient of {} is {} (norm {:.3g}) at step {} of epoch {}",
                layer, kind, norm, trainer.progress().steps_begun + 1,
                trainer.progress().epochs_done + 1);
  }

  GradientMonitorOptions options_;
  Orchestrator* run_ = nullptr;
  i64 every_ = 1;  // steps
  std::set<std::string> warned_;
};

const bool registered =
    Registry<Callback>::add<GradientMonitor, GradientMonitorOptions>("gradient_monitor");

}  // namespace

void describe(Fields& f, GradientMonitorOptions& o) {
  f("every", o.every, "how often to look, like 50ba; a look reads every gradient");
  f("vanishing", o.vanishing, "a norm below it is an alarm", non_negative);
  f("exploding", o.exploding, "a norm above it is an alarm", positive);
}

CallbackRecipe gradient_monitor(const GradientMonitorOptions& options) {
  return CallbackRecipe::of("gradient_monitor", options);
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
// Entries of a plugin that break their word: each is one sentence that names it, and no crash.
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/run/callback.h"
#include "weft/train/run/metrics_log.h"

namespace weft::train {
namespace {

using namespace testing_runs;

struct CarelessOptions {
  std::string does = "nothing";
};
void describe(Fields& f, CarelessOptions& o) { f("does", o.does, "what it should not do"); }

struct CarelessSampler final : data::Sampler {
  explicit CarelessSampler(const CarelessOptions& o) : does(o.does) {}
  i64 samples() const override {
    if (does == "none") return 0;
    return does == "huge" ? std::numeric_limits<i64>::max() : dataset_size();
  }
  void fill(std::vector<i64>& order, u64, i64) const override {
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<i64>(i);
    if (does == "shrink") order.resize(3);
    if (does == "grow") order.push_back(0);
    if (does == "beyond") order.back() = dataset_size();
    if (does == "negative") order.back() = -1;
  }
  std::string does;
};
struct CarelessLoss final : Loss {
  explicit CarelessLoss(const CarelessOptions& o) : does(o.does) {}
  Variable forward(const Variable& output, const Tensor& target) const override {
    return does == "shape" ? output : cross_entropy(output, target);
  }
  double weight(const Tensor& target) const override {
    if (does == "shape") return static_cast<double>(target.size(0));
    return does == "nan" ? std::numeric_limits<double>::quiet_NaN() : -1;
  }
  i64 outputs(const data::DatasetInfo& info) const override { return info.classes; }
  std::vector<std::string> default_metrics() const override { return {"accuracy"}; }
  std::string does;
};
struct CarelessSchedule final : optim::Schedule {
  CarelessSchedule(const CarelessOptions& o, const optim::ScheduleSpan&) : does(o.does) {}
  double lr_factor(i64 step) const override {
    return step < 2 ? 1 : does == "nan" ? std::numeric_limits<double>::quiet_NaN() : -0.5;
  }
  std::string does;
};
struct CarelessTrainer final : Trainer {
  using Trainer::Trainer;
  explicit CarelessTrainer(const TrainerContext& c) : Trainer(c) {}
  Variable compute_loss(const Variable&, const Tensor&) override { return {}; }
};
struct CarelessCallback final : Callback {
  explicit CarelessCallback(const CarelessOptions& o) : does(o.does) {}
  using Callback::on_epoch_end;
  void on_setup(Orchestrator& run) override { run_ = &run; }
  void on_epoch_end(const EpochReport&) override {
    if (does == "event") run_->metrics_log()->add_event("epoch", 1, {});
    if (does == "field") run_->metrics_log()->add_event("note", 1, {{"step", 7}});
  }
  void state(State& s) override {
    if (does == "twice") s("n", n)("n", n);
  }
  std::string does;
  i64 n = 0;
  Orchestrator* run_ = nullptr;
};
const bool has_careless =
    Registry<data::Sampler>::add<CarelessSampler, CarelessOptions>("unruly") &&
    Registry<Loss>::add<CarelessLoss, CarelessOptions>("unruly") &&
    Registry<optim::Schedule>::add<CarelessSchedule, CarelessOptions>("unruly") &&
    Registry<Trainer>::add<CarelessTrainer>("unruly") &&
    Registry<Callback>::add<CarelessCallback, CarelessOptions>("unruly");

class CarelessEntries : public InScratchFolder {
 protected:
  CarelessEntries() : InScratchFolder("unruly") {}
  template <class E = UserError>
  std::string refusal(const std::string& key) {
    const fs::path run_dir = dir("run" + std::to_string(runs_++));
    return test_support::message_of<E>([&] {
      train_small(run_dir, {key, "data.validation_split=0"});
    });
  }

 private:
  int runs_ = 0;
};

TEST_F(CarelessEntries, OfASampler) {
  const auto refused = [&](const std::string& does, const std::string& part) {
    const std::string what = refusal(fmt::format("data.sampler={{type: unruly, does: {}}}", does));
    EXPECT_NE(what.find("loader: the sampler 'unruly' " + part), std::string::npos) << what;
  };
  refused("none", "gives 0 samples of an epoch; 1 to ");
  refused("huge", "gives 9223372036854775807 samples of an epoch; 1 to ");
  refused("shrink", "filled in 3 indices; the 60 that its samples() says are required");
  refused("grow", "filled in 61 indices; the 60 that its samples() says are required");
  refused("beyond", "gave the index 60; 0 to 59 are required");
  refused("negative", "gave the index -1; 0 to 59 are required");
}

TEST_F(CarelessEntries, OfALossATrainerAndASchedule) {
  EXPECT_EQ(refusal("loss={type: unruly, does: nan}"),
            "Trainer: weight() of the loss gave nan for a batch; a finite number of at least 0 is "
            "required");
  EXPECT_EQ(refusal("loss={type: unruly, does: shape}"),
            "loss 'unruly' gives (2, 10); one number is required");
  EXPECT_NE(refusal("loss=unruly").find("gave -1 for a batch"), std::string::npos);
  EXPECT_EQ(
      refusal("trainer=unruly"),
      "Trainer: compute_loss() gave an undefined Variable; a loss of one element is required");
  for (const char* does : {"nan", "less"})
    EXPECT_NE(refusal(fmt::format("scheduler={{type: unruly, does: {}}}", does))
                  .find("scheduler of 'optimizer': the factor of the learning rate at step 2 is "),
              std::string::npos)
        << does;
}

TEST_F(CarelessEntries, OfACallback) {
  const auto with = [](const char* does) {
    return fmt::format("callbacks=[{{type: unruly, does: {}}}]", does);
  };
  EXPECT_EQ(refusal(with("event")),
            "add_event: 'epoch' is an event of every run; another name is required");
  EXPECT_EQ(refusal(with("field")),
            "add_event: 'step' of 'note' is a field of every event; another name is required");
  EXPECT_NE(refusal<InternalError>(with("twice")).find("'n' is the key of two values"),
            std::string::npos)
      << refusal<InternalError>(with("twice"));
}

}  // namespace
}  // namespace weft::train

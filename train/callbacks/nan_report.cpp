// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "weft/autograd/tape.h"
#include "weft/core/log.h"
#include "weft/nn/statistics.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

// The positions of the non-finite elements of a tensor.
struct Bad {
  i64 count = 0;
  std::vector<i64> rows = {};  // of the first axis, the first few
  i64 rows_in_all = 0;
};

Bad bad_numbers(const Tensor& tensor) {
  constexpr std::size_t kShown = 8;
  Bad bad;
  if (!is_floating(tensor.dtype()) || tensor.elements() == 0) return bad;
  const std::vector<double> values = tensor.to(DType::f64).to_vector<double>();
  const std::size_t rows = tensor.rank() > 0 ? static_cast<std::size_t>(tensor.size(0)) : 1;
  const std::size_t width = values.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    i64 here = 0;
    for (std::size_t i = row * width; i < (row + 1) * width; ++i)
      here += std::isfinite(values[i]) ? 0 : 1;
    if (here == 0) continue;
    bad.count += here;
    ++bad.rows_in_all;
    if (bad.rows.size() < kShown) bad.rows.push_back(static_cast<i64>(row));
  }
  return bad;
}

// `batch`: that whose samples are the rows of the tensor; null: others.
std::string text_of(Bad bad, const Tensor& tensor, const data::Batch* batch) {
  std::string text = fmt::format("{} of {} numbers of {} {} are not finite", bad.count,
                                 tensor.elements(), tensor.dtype(), tensor.shape());
  if (batch == nullptr || tensor.rank() == 0 || tensor.size(0) != batch->x.size(0)) return text;
  for (i64& row : bad.rows) row += batch->share.first;  // in the batch of all ranks
  return text + fmt::format(", in samples {}{} of the batch", fmt::join(bad.rows, ", "),
                            bad.rows_in_all > static_cast<i64>(bad.rows.size())
                                ? fmt::format(" … ({} samples)", bad.rows_in_all)
                                : "");
}

// Finds the first op whose output has a non-finite element.
class Finder final : public TapeObserver {
 public:
  explicit Finder(const data::Batch& batch) : batch_(batch), before_(set_tape_observer(this)) {}
  ~Finder() override { set_tape_observer(before_); }
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  void on_forward(const char* op, const std::string& scope, const Tensor& output) override {
    ++ops_;
    if (!found_.empty()) return;
    const Bad bad = bad_numbers(output);
    if (bad.count > 0)
      found_ = fmt::format("op {} ('{}'{}): {}", ops_, op,
                           scope.empty() ? ", outside of layers" : " in layer " + scope,
                           text_of(bad, output, &batch_));
  }
  void on_backward(const char*, const std::string&, const Tensor&) override {}
  const std::string& found() const { return found_; }

 private:
  const data::Batch& batch_;
  i64 ops_ = 0;
  std::string found_;
  TapeObserver* before_;
};

class NanReport final : public Callback {
 public:
  void on_setup(Orchestrator& run) override { run_ = &run; }

  void on_non_finite(Trainer& trainer, const BatchInProgress& batch) override {
    const std::string text =
        fmt::format("nan_report: batch {} of epoch {} (step {}): {}", batch.batch_idx, batch.epoch,
                    batch.step, first_bad(trainer, batch, run_->ranks().alone()));
    log_warning("{}", text);
    if (run_->folder() == nullptr) return;
    for (const std::string& of_rank : run_->ranks().texts_of_all(text))
      run_->folder()->append("nan_report.txt", of_rank);
  }

 private:
  static std::string first_bad(Trainer& trainer, const BatchInProgress& batch, bool alone) {
    if (const Bad bad = bad_numbers(batch.batch.x); bad.count > 0)
      return "the input: " + text_of(bad, batch.batch.x, &batch.batch);
    if (const Bad bad = bad_numbers(batch.batch.y); bad.count > 0)
      return "the target: " + text_of(bad, batch.batch.y, &batch.batch);
    for (const NamedModel& model : trainer.models())  // with the parameters of the loss
      for (const nn::NamedParameter& p : model.module->named_parameters())
        if (const Bad bad = bad_numbers(p.variable.value()); bad.count > 0)
          return fmt::format("parameter {}{}, before the batch: {}",
                             model.name == "model" ? "" : model.name + ".", p.name,
                             text_of(bad, p.variable.value(), nullptr));
    const NoGrad no_grad;
    const nn::StatisticsScope dropped;
    Finder finder(batch.batch);
    const Variable loss = trainer.loss_of(batch);
    if (!finder.found().empty()) return finder.found();
    const double again = loss.value().item<double>();
    if (!alone)
      return fmt::format("with the samples of this rank, every op is finite and the loss {}",
                         again);
    return fmt::format("run again, every op is finite and the loss {}: it does not repeat", again);
  }

  Orchestrator* run_ = nullptr;
};

const bool registered = Registry<Callback>::add<NanReport>("nan_report");

}  // namespace

CallbackRecipe nan_report() { return CallbackRecipe::of("nan_report"); }

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>

#include "weft/train/step/step_runner.h"

namespace weft::train {
namespace {

class DirectRunner final : public StepRunner {
 public:
  explicit DirectRunner(TrainStep& step) : step_(step) {}

  void run(const StepInput& input, StepEvents& events) override {
    place(input);
    step_.run(placed_, events);
    placed_.batches.clear();  // the loader may reuse their memory
  }

 private:
  void place(const StepInput& input) {
    const i64 count = static_cast<i64>(input.micro_batches.size());
    if (!placed_.weights.defined() || placed_.weights.elements() != count) {
      placed_.random = Tensor::empty({count, 3}, DType::int64, step_.device());
      placed_.weights = Tensor::empty({count}, DType::f64, step_.device());
    }
    placed_.batches.clear();
    placed_.host_weights.clear();
    random_.clear();
    for (const MicroBatch& micro_batch : input.micro_batches) {
      placed_.batches.push_back(micro_batch.batch);
      placed_.host_weights.push_back(micro_batch.weight);
      random_.insert(random_.end(),
                     {static_cast<i64>(step_.seed()), input.step, micro_batch.first_sample});
    }
    send(random_, placed_.random);
    send(placed_.host_weights, placed_.weights);
  }

  template <class T>
  static void send(std::vector<T>& from, const Tensor& to) {
    if (is_cpu(to.device())) std::copy(from.begin(), from.end(), to.values<T>().begin());
    else to.copy_from(Tensor::view_of(std::span(from), to.shape(), nullptr));
  }

  TrainStep& step_;
  PlacedStep placed_;
  std::vector<i64> random_;
};

}  // namespace

std::unique_ptr<StepRunner> direct_runner(TrainStep& step) {
  return std::make_unique<DirectRunner>(step);
}

}  // namespace weft::train

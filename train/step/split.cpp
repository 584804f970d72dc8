// SPDX-License-Identifier: Apache-2.0
// Note [Out of memory]
#include <algorithm>
#include <utility>

#include "weft/core/log.h"
#include "weft/device/allocator.h"
#include "weft/device/out_of_memory.h"
#include "weft/nn/batch_norm.h"
#include "weft/train/step/step_runner.h"

namespace weft::train {
namespace {

// Reports each batch once, even if its parts are run several times.
class PartEvents final : public StepEvents {
 public:
  PartEvents(const StepInput& parts, StepEvents& events, i64& begun, i64& ended)
      : parts_(parts), events_(events), begun_(begun), ended_(ended) {}

  void begin(i64 part) override {
    if (const i64 batch = batch_of(part); batch == begun_) events_.begin(begun_++);
  }
  void end(i64 part) override {
    const bool is_last = parts_.micro_batches[static_cast<std::size_t>(part)].is_last_part;
    if (is_last && batch_of(part) == ended_) events_.end(ended_++);
  }
  void gradients(const std::function<double()>& scale) override { events_.gradients(scale); }

 private:
  i64 batch_of(i64 part) const {
    return parts_.micro_batches[static_cast<std::size_t>(part)].batch_idx -
           parts_.micro_batches.front().batch_idx;
  }

  const StepInput& parts_;
  StepEvents& events_;
  i64 &begun_, &ended_;
};

class SplitRunner final : public StepRunner {
 public:
  SplitRunner(TrainStep& step, std::unique_ptr<StepRunner> inner, SplitOptions options)
      : step_(step), inner_(std::move(inner)), options_(std::move(options)) {}

  void run(const StepInput& input, StepEvents& events) override {
    const Tensor& loss_sum = step_.scalars().loss_sum();
    if (options_.on_out_of_memory) loss_before_ = loss_sum.clone();
    i64 begun = 0, ended = 0;
    while (true) {
      std::string reason;
      try {
        if (parts_ == 1 && !options_.on_out_of_memory) return inner_->run(input, events);
        const StepInput parts = split(input);
        PartEvents part_events(parts, events, begun, ended);
        return inner_->run(parts, part_events);
      } catch (const OutOfMemory& error) {
        if (!options_.on_out_of_memory) throw;
        reason = error.what();
      }
      split_further(reason, input);
      step_.undo();
      loss_sum.copy_from(loss_before_);
      release_cached(step_.device());
    }
  }

  MicroBatch micro_batch(const StepInput& input, i64 i) const override {
    return split(input).micro_batches[static_cast<std::size_t>(i)];
  }
  i64 batch_parts() const override { return parts_; }
  void set_batch_parts(i64 parts) override { parts_ = parts; }

 private:
  StepInput split(const StepInput& input) const {
    StepInput parts{.micro_batches = {}, .epoch = input.epoch, .step = input.step};
    for (const MicroBatch& whole : input.micro_batches) {
      const i64 samples = whole.batch.x.size(0), size = (samples + parts_ - 1) / parts_;
      if (size >= samples) {
        parts.micro_batches.push_back(whole);
        continue;
      }
      for (i64 begin = 0; begin < samples; begin += size) {
        const i64 end = std::min(begin + size, samples);
        const auto part_of = [&](const Tensor& t) { return t.slice(begin, end); };
        MicroBatch part{.batch = {part_of(whole.batch.x), part_of(whole.batch.y),
                                  whole.batch.more.map(part_of)},
                        .batch_idx = whole.batch_idx,
                        .first_sample = whole.first_sample + begin,
                        .is_last_part = end == samples};
        part.weight = options_.weight(part.batch.y);
        parts.micro_batches.push_back(std::move(part));
      }
    }
    return parts;
  }

  void split_further(const std::string& reason, const StepInput& input) {
    i64 largest = 0;
    for (const MicroBatch& micro_batch : input.micro_batches)
      largest = std::max(largest, micro_batch.batch.x.size(0));
    if (parts_ >= largest)
      throw OutOfMemory(fmt::format(
          "train: memory does not suffice for one sample at a time ({}); a smaller model is required",
          reason));
    parts_ *= 2;
    const std::string batch_norm = first_batch_norm(step_.model());
    log_warning(
        "out of memory in step {}: batches go through the model in {} parts from here on{} ({})",
        input.step + 1, parts_,
        batch_norm.empty() ? ""
                           : fmt::format("; batch norm ({}) sees each part alone, and the step is "
                                         "not that of the whole batch",
                                         batch_norm),
        reason);
  }

  TrainStep& step_;
  std::unique_ptr<StepRunner> inner_;
  SplitOptions options_;
  i64 parts_ = 1;
  Tensor loss_before_;
};

}  // namespace

std::unique_ptr<StepRunner> split_runner(TrainStep& step, std::unique_ptr<StepRunner> inner,
                                         SplitOptions options) {
  return std::make_unique<SplitRunner>(step, std::move(inner), std::move(options));
}

std::string first_batch_norm(nn::Module& model) {
  for (const nn::NamedModule& named : model.named_modules())
    if (dynamic_cast<const nn::BatchNorm*>(named.module) != nullptr) return named.path;
  return {};
}

}  // namespace weft::train

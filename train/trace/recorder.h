// SPDX-License-Identifier: Apache-2.0
// TapeRecorder: writes down each op of a step, its backward pass, and the memory that tensors take
// in between.
//
// Note [What an op saves]
// A backward function holds the tensors that its op captured. The recorder knows the addresses of
// the Storage objects of this step, and finds those that a function holds by looking for these
// addresses among its bytes. Tensors behind a pointer of the function are not found. They are
// shown as memory that no op holds.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>

#include "weft/autograd/tape.h"
#include "weft/core/clock.h"
#include "weft/tensor/storage_observer.h"
#include "weft/train/trace/trace.h"

namespace weft::train {

// Note [The clock of a trace]
class StepClock {
 public:
  double now() const { return between(start_, stands_ ? stopped_at_ : Clock::now()) - stopped_; }
  void stop() {
    stopped_at_ = Clock::now();
    stands_ = true;
  }
  void go_on() {
    stopped_ += between(stopped_at_, Clock::now());
    stands_ = false;
  }

 private:
  static double between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
  }
  Clock::time_point start_ = Clock::now(), stopped_at_ = {};
  double stopped_ = 0;  // seconds
  bool stands_ = false;
};

class TapeRecorder final : public TapeObserver, private StorageObserver {
 public:
  // Names of leaves, for the inputs of ops.
  using Names = std::unordered_map<const Leaf*, std::string>;

  // Records the ops of this thread into `trace` while it lives.
  TapeRecorder(Trace& trace, const Device& device, Names names);
  ~TapeRecorder() override;
  TapeRecorder(const TapeRecorder&) = delete;
  TapeRecorder& operator=(const TapeRecorder&) = delete;

  void begin_micro_batch(i64 index);
  void begin_update();
  void end_step();

  // While it lives, the clock stands still and allocations do not count.
  class Pause {
   public:
    explicit Pause(TapeRecorder& recorder);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    TapeRecorder& recorder_;
    bool before_;
  };

  void on_forward(const char*, const std::string&, const Tensor&) override {}
  void on_backward(const char*, const std::string&, const Tensor&) override {}
  void on_module(const std::string& scope) override;
  void on_recorded(const RecordedOp& op) override;
  void on_node_begin(const detail::Node& node, const Tensor& grad) override;
  void on_node_end(const detail::Node& node) override;
  void on_node_freed(const detail::Node& node) override;

 private:
  void on_allocated(const Storage& storage) override;
  void on_freed(const Storage& storage) noexcept override;

  // Ends the present moment and begins another. That of an op in forward direction is named when
  // the op is done.
  void begin_moment(Moment::Kind kind, i64 op);
  void note_memory();
  TracedOp describe(const RecordedOp& recorded) const;
  TracedInput input_of(const Variable& input) const;
  void find_saved(const detail::Node& node, i64 op);
  void measure_output(TracedOp& op, const Tensor& output);

  // An output on the tape. The newest one at an address is the one that an input there means.
  struct Output {
    Shape shape;
    i64 op;
  };
  // The memory of this step.
  struct Memory {
    std::unordered_map<const Storage*, i64> tensors;  // alive ones, by index of Trace::tensors
    i64 bytes = 0, peak = 0;
    bool counts = true;
  };

  Trace& trace_;
  Device device_;
  Names names_;
  StepClock clock_;
  Memory memory_;
  std::unordered_map<const void*, std::vector<Output>> outputs_;  // by address
  std::unordered_map<const detail::Node*, i64> nodes_;
  double mark_ = 0;  // when the op in progress began
  i64 micro_batch_ = 0;
  i64 backward_ = -1;  // the op whose backward functions run
  i64 maps_ = 0;       // ops with feature maps
  TapeObserver* before_;
  StorageObserver* storage_before_;
};

}  // namespace weft::train

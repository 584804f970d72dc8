// SPDX-License-Identifier: Apache-2.0
// One training step, opened: for `weft trace`. It is the step that training makes
// (train/step/train_step.h), run under observers of the tape, of the memory and of the trainer.
//
// Note [The clock of a trace]
// Times are seconds since the step began on a clock that stands still while the trace measures
// tensors. On a GPU the trace waits for the device after each op, so ops do not overlap as they do
// in training. The sum is therefore an upper bound of the time of a step.
#pragma once
#include <string>
#include <vector>

#include "weft/train/run/orchestrator.h"
#include "weft/train/trace/machine.h"
#include "weft/train/trace/statistics.h"

namespace weft::train {

struct TracedInput {
  i64 op = -1;            // the op of which it is the output; −1: none
  std::string name = {};  // of the parameter; "input" if neither
  Shape shape = {};
  DType dtype = DType::f32;
  bool requires_grad = false;
};

// An op in one direction. FLOPs are counted by autograd/formulas.h, bytes are those of the tensors
// that the op reads and writes once each.
struct TracedPass {
  double begin = 0, seconds = 0;
  double flops = 0;
  i64 bytes = 0;
};

struct TracedOp {
  std::string scope = {};  // module path
  std::string op = {};
  std::string note = {};  // "relu": a fused activation; "add+relu": a residual and one
  Shape shape = {};       // of the output
  DType dtype = DType::f32;
  i64 micro_batch = 0;
  std::vector<TracedInput> inputs = {};
  TracedPass forward = {}, backward = {};
  bool has_backward = false;
  Statistics output = {}, gradient = {};  // the gradient is that of the output
  std::vector<i64> saved = {};            // indices of Trace::tensors, held for the backward pass
  data::Pixels maps = {};                 // of the first sample, if the output is images

  i64 output_bytes() const { return shape.elements() * bytes_of(dtype); }
};

// What happens in the step, one after the other.
struct Moment {
  enum class Kind { prepare, forward, backward, update };
  Kind kind = Kind::prepare;
  i64 op = -1;  // of Trace::ops; −1 for the others
  double begin = 0;
  i64 peak_bytes = 0;  // the most that the tensors made in this step held at once
  i64 end_bytes = 0;   // what they hold at its end
};

// Memory that the step allocated.
struct TracedTensor {
  i64 bytes = 0;
  i64 op = -1;  // whose output it holds; −1: none (statistics, masks, gradients, copies)
  i64 born = 0, died = 0;          // indices of Trace::moments; the memory is held in both
  std::vector<i64> saved_by = {};  // ops that hold it for their backward pass
};

// The memory that is there before and after the step, in bytes.
struct LastingMemory {
  i64 parameters = 0, gradients = 0, optimizer_state = 0;
};

// One element of a parameter through the update.
struct TracedElement {
  i64 index = 0;
  double before = 0, gradient = 0, after = 0;
  std::vector<double> state_before = {}, state_after = {};
};

struct TracedParameter {
  std::string name = {}, optimizer = {};
  Shape shape = {};
  bool trains = true;        // false: frozen, or without a gradient in this step
  double lr = 0;             // of the optimizer, times the factor of the parameter's group
  double weight_decay = -1;  // of a parameter group; −1: the optimizer's
  Statistics before = {}, gradient = {}, update = {}, after = {};  // update = after − before
  std::vector<Statistics> state = {};        // after the step, in the order of TracedUpdate::slots
  std::vector<TracedElement> examples = {};  // those with the largest gradients
};

struct TracedUpdate {
  std::vector<std::string> optimizers = {};  // names of types: "sgd"
  std::vector<std::string> slots = {};       // of the first: "momentum"
  bool applied = false;
  double grad_norm = 0;  // of all gradients before clipping; 0 if not measured
  double clip_norm = 0;  // 0: off
  double clip_factor = 1;
  double loss_scale = 1;
  double begin = 0, seconds = 0;  // clip, optimizer, statistics, and exchanges
};

struct TracedModule {
  std::string path, label;
};

// The time of the step on one of several ranks.
struct RankTimes {
  double computing = 0;      // seconds in which it did not wait
  double communicating = 0;  // of exchanges beside the computation; 0 on a GPU
  double waiting = 0;        // for exchanges
  i64 bytes = 0;             // of the tensors that were exchanged
};

struct NamedPicture {
  std::string name;
  data::Pixels picture;
};

struct Trace {
  std::vector<TracedOp> ops = {};  // in forward order, of this rank
  std::vector<Moment> moments = {};
  std::vector<TracedTensor> tensors = {};
  LastingMemory lasting = {};
  std::vector<TracedParameter> parameters = {};
  TracedUpdate update = {};
  std::vector<TracedModule> modules = {};
  std::vector<NamedPicture> pictures = {};  // an input, and filters of the first layer
  std::vector<RankTimes> ranks = {};        // empty in a run of one process
  Machine machine = {};
  double loss = 0;
  double loss_after = 0;  // of the same batches and random numbers with the new parameters
  double seconds = 0;     // of the step
  i64 samples = 0;        // of the step, on this rank
};

// Makes one training step as Trainer::train_step() does, after one warm-up step. Both change the
// model. All ranks of a run call it.
Trace trace_step(Orchestrator& run);

// A table of ops and one of parameters.
std::string to_text(const Trace& trace);
// Chrome's trace events in JSON, for ui.perfetto.dev and chrome://tracing: tracks of the forward
// pass, the backward pass and the update, and counters of memory.
std::string to_perfetto(const Trace& trace);

}  // namespace weft::train

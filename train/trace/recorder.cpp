// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trace/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "weft/autograd/formulas.h"

namespace weft::train {
namespace {

constexpr i64 kMostMaps = 40, kMapsOfOp = 8;

// The operations of the forward pass.
double forward_flops(const OpFormula* formula, const TracedOp& op) {
  if (formula == nullptr) return 0;
  const double outputs = static_cast<double>(op.shape.elements());
  const auto elements = [&](std::size_t input) {
    return input < op.inputs.size() ? static_cast<double>(op.inputs[input].shape.elements()) : 0;
  };
  if (!formula->work.is_product)
    return formula->work.per_output * outputs + formula->work.per_input * elements(0);
  if (op.op == "matmul") {  // (batch, m, k)·(batch, k, n), either of them transposed or not
    const int rank = op.shape.rank();
    const double batch = rank > 2 ? static_cast<double>(op.shape.elements(0, rank - 2)) : 1;
    if (outputs == 0) return 0;
    return 2 * outputs * std::round(std::sqrt(elements(0) * elements(1) / (outputs * batch)));
  }
  // The first input is the weight.
  return op.inputs.empty() ? 0 : weighted_product_flops(op.shape, op.inputs[0].shape);
}

// A product has another one for the gradient of each of its matrices. For other ops the work of a
// gradient is taken as that of the forward pass.
double backward_flops(const OpFormula* formula, const TracedOp& op) {
  if (formula == nullptr) return 0;
  double gradients = 0;
  for (const TracedInput& input : op.inputs)
    if (input.requires_grad && (!formula->work.is_product || input.shape.rank() >= 2)) ++gradients;
  if (!formula->work.is_product) gradients = std::min(gradients, 1.0);
  return gradients * op.forward.flops;
}

}  // namespace

TapeRecorder::TapeRecorder(Trace& trace, const Device& device, Names names)
    : trace_(trace),
      device_(device),
      names_(std::move(names)),
      before_(set_tape_observer(this)),
      storage_before_(set_storage_observer(this)) {
  begin_moment(Moment::Kind::prepare, -1);
}
TapeRecorder::~TapeRecorder() {
  set_storage_observer(storage_before_);
  set_tape_observer(before_);
}

TapeRecorder::Pause::Pause(TapeRecorder& recorder)
    : recorder_(recorder), before_(std::exchange(recorder.memory_.counts, false)) {
  if (!before_) return;           // within another pause
  synchronize(recorder.device_);  // what was begun before belongs to the time before
  recorder.clock_.stop();
}
TapeRecorder::Pause::~Pause() {
  recorder_.memory_.counts = before_;
  if (before_) recorder_.clock_.go_on();
}

void TapeRecorder::note_memory() {
  if (trace_.moments.empty()) return;
  Moment& moment = trace_.moments.back();
  moment.peak_bytes = std::max(moment.peak_bytes, memory_.peak);
  moment.end_bytes = memory_.bytes;
}

void TapeRecorder::begin_moment(Moment::Kind kind, i64 op) {
  note_memory();
  memory_.peak = memory_.bytes;
  trace_.moments.push_back({.kind = kind, .op = op, .begin = clock_.now()});
}

void TapeRecorder::on_allocated(const Storage& storage) {
  if (!memory_.counts || is_cpu(storage.device()) != is_cpu(device_)) return;
  memory_.tensors[&storage] = static_cast<i64>(trace_.tensors.size());
  const i64 moment = static_cast<i64>(trace_.moments.size()) - 1;
  trace_.tensors.push_back({.bytes = storage.bytes(), .born = moment, .died = -1});
  memory_.bytes += storage.bytes();
  memory_.peak = std::max(memory_.peak, memory_.bytes);
}

void TapeRecorder::on_freed(const Storage& storage) noexcept {
  const auto found = memory_.tensors.find(&storage);
  if (found == memory_.tensors.end()) return;
  trace_.tensors[static_cast<std::size_t>(found->second)].died =
      static_cast<i64>(trace_.moments.size()) - 1;
  memory_.bytes -= storage.bytes();
  memory_.tensors.erase(found);
}

void TapeRecorder::begin_micro_batch(i64 index) {
  const Pause pause(*this);
  micro_batch_ = index;
  if (index > 0) begin_moment(Moment::Kind::prepare, -1);
  mark_ = clock_.now();
}

// The first module call ends the preparation of the batch.
void TapeRecorder::on_module(const std::string& /*scope*/) {
  if (trace_.moments.back().kind != Moment::Kind::prepare) return;
  synchronize(device_);
  mark_ = clock_.now();
  begin_moment(Moment::Kind::forward, -1);
}

TracedInput TapeRecorder::input_of(const Variable& input) const {
  TracedInput traced{.name = "input",
                     .shape = input.shape(),
                     .dtype = input.dtype(),
                     .requires_grad = input.requires_grad()};
  if (input.is_leaf()) {
    const auto named = names_.find(input.leaf_state().get());
    traced.name = named != names_.end() ? named->second : input.leaf_state()->name;
    return traced;
  }
  const auto found = outputs_.find(input.value().raw());
  if (found == outputs_.end()) return traced;
  for (const Output& output : found->second)
    if (output.shape == input.shape()) traced.op = output.op;
  if (traced.op >= 0) traced.name.clear();
  return traced;
}

TracedOp TapeRecorder::describe(const RecordedOp& recorded) const {
  TracedOp op{.scope = recorded.scope,
              .op = recorded.op,
              .note = recorded.note,
              .shape = recorded.output.shape(),
              .dtype = recorded.output.dtype(),
              .micro_batch = micro_batch_};
  op.forward.bytes = op.output_bytes();
  for (const Variable* input : recorded.inputs) {
    op.inputs.push_back(input_of(*input));
    op.forward.bytes += bytes_of(input->value());
  }
  const OpFormula* formula = formula_of(op.op);
  if (op.op == "reshape") op.forward.bytes = 0;
  op.forward.flops = forward_flops(formula, op);
  if (recorded.node == nullptr) return op;
  op.backward.flops = backward_flops(formula, op);
  op.backward.bytes = op.op == "reshape" ? 0 : op.output_bytes();
  for (const Variable* input : recorded.inputs)
    if (input->requires_grad() && op.op != "reshape") op.backward.bytes += bytes_of(input->value());
  return op;
}

void TapeRecorder::find_saved(const detail::Node& node, i64 index) {
  TracedOp& op = trace_.ops[static_cast<std::size_t>(index)];
  for (const detail::BackwardFunction* f = node.functions; f != nullptr; f = f->next) {
    const auto* const bytes = static_cast<const std::byte*>(f->function);
    const std::size_t size =
        f->block_bytes - static_cast<std::size_t>(bytes - reinterpret_cast<const std::byte*>(f));
    for (std::size_t at = 0; at + sizeof(void*) <= size; at += sizeof(void*)) {
      const Storage* held = nullptr;
      std::memcpy(&held, bytes + at, sizeof(void*));
      const auto found = memory_.tensors.find(held);
      if (found == memory_.tensors.end()) continue;
      const i64 tensor = found->second;
      if (std::find(op.saved.begin(), op.saved.end(), tensor) != op.saved.end()) continue;
      op.saved.push_back(tensor);
      TracedTensor& traced = trace_.tensors[static_cast<std::size_t>(tensor)];
      traced.saved_by.push_back(index);
      if (op.op != "reshape") op.backward.bytes += traced.bytes;
    }
  }
}

void TapeRecorder::measure_output(TracedOp& op, const Tensor& output) {
  if (is_floating(output.dtype())) op.output = statistics_of(output);
  if (output.rank() != 4 || op.micro_batch > 0 || maps_ >= kMostMaps) return;
  if (op.op == "reshape" || output.elements() == 0) return;
  ++maps_;
  op.maps = feature_maps(output, kMapsOfOp);
}

void TapeRecorder::on_recorded(const RecordedOp& recorded) {
  const Pause pause(*this);
  const double now = clock_.now();
  const i64 index = static_cast<i64>(trace_.ops.size());
  // The op's allocations belong to the moment that began when the op before it was done.
  Moment& moment = trace_.moments.back();
  if (moment.kind == Moment::Kind::forward && moment.op < 0) {
    moment.op = index;
    moment.begin = mark_;
  }
  trace_.ops.push_back(describe(recorded));
  TracedOp& op = trace_.ops.back();
  op.forward.begin = mark_;
  op.forward.seconds = now - mark_;
  const void* const address = recorded.output.elements() > 0 ? recorded.output.raw() : nullptr;
  if (address != nullptr) outputs_[address].push_back({op.shape, index});
  if (op.op != "reshape")
    for (const auto& [storage, tensor] : memory_.tensors)
      if (storage->data() == address) trace_.tensors[static_cast<std::size_t>(tensor)].op = index;
  if (recorded.node != nullptr) {
    nodes_[recorded.node] = index;
    find_saved(*recorded.node, index);
  }
  measure_output(op, recorded.output);
  if (backward_ < 0) begin_moment(Moment::Kind::forward, -1);
  mark_ = clock_.now();
}

void TapeRecorder::on_node_begin(const detail::Node& node, const Tensor& grad) {
  const Pause pause(*this);
  const auto found = nodes_.find(&node);
  backward_ = found == nodes_.end() ? -1 : found->second;
  // The moment behind the last op in forward direction has no op: the loss was added up in it.
  if (trace_.moments.back().kind == Moment::Kind::forward && trace_.moments.back().op < 0)
    trace_.moments.back().kind = Moment::Kind::prepare;
  begin_moment(Moment::Kind::backward, backward_);
  if (backward_ < 0) return;
  TracedOp& op = trace_.ops[static_cast<std::size_t>(backward_)];
  op.has_backward = true;
  op.backward.begin = clock_.now();
  op.gradient = statistics_of(grad);
}

void TapeRecorder::on_node_end(const detail::Node& /*node*/) {
  if (backward_ < 0) return;
  const Pause pause(*this);
  TracedPass& pass = trace_.ops[static_cast<std::size_t>(backward_)].backward;
  pass.seconds = clock_.now() - pass.begin;
}

void TapeRecorder::on_node_freed(const detail::Node& node) {
  nodes_.erase(&node);
  backward_ = -1;
}

void TapeRecorder::begin_update() {
  const Pause pause(*this);
  begin_moment(Moment::Kind::update, -1);
  trace_.update.begin = clock_.now();
}

void TapeRecorder::end_step() {
  synchronize(device_);
  const double now = clock_.now();
  trace_.seconds = now;
  trace_.update.seconds = now - trace_.update.begin;
  note_memory();
  const i64 last = static_cast<i64>(trace_.moments.size()) - 1;
  for (TracedTensor& tensor : trace_.tensors)
    if (tensor.died < 0) tensor.died = last;
  memory_.counts = false;
  memory_.tensors.clear();
}

}  // namespace weft::train

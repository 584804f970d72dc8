// SPDX-License-Identifier: Apache-2.0
// The parameter table of an optimizer: what the host knows of each parameter, and the copy that the
// kernels read (Note [One kernel for all parameters], kernels/optim/parameter_table.h).
//
// Note [The table on the device]
// A GPU reads copies of segments and chunks. The host's table is the master of everything but the
// counts of steps, which the kernels keep. The counts are fetched when the host is asked for them
// or changes something else; the table is then sent again before the next step. In a steady run
// neither happens. On the CPU the kernels read the host's table itself.
#pragma once
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "weft/kernels/optim/parameter_table.h"
#include "weft/nn/flat_parameters.h"
#include "weft/optim/parameter_groups.h"

namespace weft::optim {

// The table as a kernel takes it: where the parameters are, in their dtype.
struct AnyTable {
  Device device;
  std::variant<kernels::ParameterTable<float>, kernels::ParameterTable<double>> typed;

  // f(device, table) with the types that both have.
  template <class F>
  void visit(F&& f) const {
    std::visit(std::forward<F>(f), device, typed);
  }
};

class SegmentTable {
 public:
  static constexpr int kMostSlots = 2;  // first and second of kernels::Segment

  // `parameters` must outlive the table, which is empty before build().
  explicit SegmentTable(const nn::FlatParameters& parameters);
  SegmentTable(const SegmentTable&) = delete;
  SegmentTable& operator=(const SegmentTable&) = delete;

  // Rewrites segments and chunks for the places of the parameters; steps are 0. Each of `slots` is
  // one tensor of state for all parameters, with their places in the gradients.
  void build(std::span<const Tensor> slots);
  // Throws UserError for a parameter that is no longer where the optimizer put it.
  void check_places() const;
  // Notes which parameters have a gradient, and sends the device what has changed. Throws UserError
  // for a parameter that is no longer where the optimizer put it, or that was unfrozen after
  // build().
  void refresh();
  // By the last refresh(); holds until the next build().
  AnyTable view();

  // This and the lists below have one element per parameter, in the order of the segments.
  void set_rates(std::span<const ParamSettings> rates);
  std::vector<i64> steps() const;  // updates that each parameter has had; a GPU's host waits for it
  void set_steps(std::span<const i64> steps);
  // The norm of each gradient as it lies, by the last refresh(); 0 without a gradient. A GPU's host
  // waits for it.
  std::vector<double> gradient_norms();
  // Scratch for norms, on the device: one value for each chunk.
  double* partials() const { return partials_.data<double>(); }

 private:
  template <class T>
  using Segments = std::vector<kernels::Segment<T>>;
  const Device& device() const { return parameters_.values().device(); }
  bool on_host() const { return std::holds_alternative<Cpu>(device()); }
  void send();
  void send(Tensor& to, const Tensor& from) const;
  void fetch_steps();

  const nn::FlatParameters& parameters_;
  std::variant<Segments<float>, Segments<double>> segments_;  // one for each parameter, in order
  std::vector<kernels::Chunk> chunks_;
  Tensor sent_segments_, sent_chunks_;  // bytes on a GPU
  bool current_ = false;  // a GPU's segments are what the host would send, and newer in steps
  Tensor partials_;
};

}  // namespace weft::optim

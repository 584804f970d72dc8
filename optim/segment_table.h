// SPDX-License-Identifier: Apache-2.0
// The parameter table of an optimizer: the entries of the host, and the copy that the kernels read
// (Note [One kernel for all parameters], kernels/optim/parameter_table.h).
//
// Note [The table on the device]
// A GPU reads copies of segments and chunks. The table of the host is authoritative for everything
// except the step counts, which the kernels increment. The counts are fetched when the host needs
// them, or before it changes another entry. After a change the table is sent again before the next
// step. If nothing changes, neither copy is made. On the CPU the kernels read the table of the host
// itself.
#pragma once
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "weft/kernels/optim/parameter_table.h"
#include "weft/nn/flat_parameters.h"
#include "weft/optim/parameter_groups.h"

namespace weft::optim {

// The table as an argument of a kernel: the device and the dtype of the parameters, and pointers on
// that device.
struct AnyTable {
  Device device;
  std::variant<kernels::ParameterTable<float>, kernels::ParameterTable<double>> typed;

  // Calls f(device, table) with the concrete types of both.
  template <class F>
  void visit(F&& f) const {
    std::visit(std::forward<F>(f), device, typed);
  }
};

class SegmentTable {
 public:
  static constexpr int kMostSlots = 3;  // `first` to `third` of kernels::Segment

  // `parameters` must outlive the table. The table is empty before build().
  explicit SegmentTable(const nn::FlatParameters& parameters);
  SegmentTable(const SegmentTable&) = delete;
  SegmentTable& operator=(const SegmentTable&) = delete;

  // Rewrites segments and chunks for the present layout of the parameters; step counts become 0.
  // Each of `slots` is one state tensor for all parameters, with the layout of the gradients, or
  // for the part `rank` of `ranks` (Note [Sharding]), to which the chunks are confined.
  void build(std::span<const Tensor> slots, i64 rank = 0, i64 ranks = 1);
  // The elements [begin, end) of parameter `i` that the chunks cover, and where its state begins in
  // a slot.
  struct Part {
    i64 begin = 0, end = 0;
    i64 slot_offset = 0;
  };
  const std::vector<Part>& parts() const { return parts_; }
  // Throws UserError for a parameter whose value is no longer in the buffer of the optimizer.
  void check_places() const;
  // Updates which parameters have a gradient, and sends the table if it has changed. Throws
  // UserError for a parameter whose value is no longer in the buffer of the optimizer, or that was
  // unfrozen after build().
  void refresh();
  // The table of the last refresh(). It is valid until the next build().
  AnyTable view();

  // The arguments and results below have one element per parameter, in the order of the segments.
  void set_rates(std::span<const ParamSettings> rates);
  std::vector<i64> steps() const;  // updates of each parameter; the host waits for a GPU
  void set_steps(std::span<const i64> steps);
  // The sum of the squares of each gradient in its present state, for the parameters that were
  // active at the last refresh(); 0 for the others. The host waits for a GPU.
  std::vector<double> gradient_squares();
  // Temporary memory of the norm kernels on the device, with one double per chunk. The address is
  // valid until the next build().
  const Tensor& partials() const { return partials_; }

 private:
  template <class T>
  using Segments = std::vector<kernels::Segment<T>>;
  const Device& device() const { return parameters_.values().device(); }
  bool on_host() const { return std::holds_alternative<Cpu>(device()); }
  void set_parts(i64 rank, i64 ranks);
  void send();
  void send(Tensor& to, const Tensor& from) const;
  void fetch_steps();

  const nn::FlatParameters& parameters_;
  std::variant<Segments<float>, Segments<double>> segments_;  // one per parameter, in order
  std::vector<kernels::Chunk> chunks_;
  std::vector<Part> parts_;
  Tensor sent_segments_, sent_chunks_;  // copies on a GPU, as bytes
  bool current_ = false;  // the copy on a GPU equals the host's table, except for newer step counts
  Tensor partials_;
};

}  // namespace weft::optim

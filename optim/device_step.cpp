// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/device_step.h"

#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"
#include "weft/kernels/optim/clip_values.h"
#include "weft/kernels/optim/global_norm.h"
#include "weft/kernels/optim/rank_tally.h"
#include "weft/optim/optimizer.h"

namespace weft::optim {

DeviceStep::DeviceStep(Optimizer& optimizer)
    : optimizer_(optimizer), control_(optimizer.parameters().values().device()) {
  send_control();
}

void DeviceStep::prepare() { optimizer_.table_.refresh(); }

void DeviceStep::mark_active(const double* flags) {
  optimizer_.table_.view().visit(
      [&](auto device, const auto& table) { kernels::mark_active(device, table, flags); });
}

void DeviceStep::send_control() { control_.send(optimizer_.control_); }

template <class D, class T>
void DeviceStep::measure(D device, const kernels::ParameterTable<T>& table, double max_norm) {
  const Tensor& partials = optimizer_.table_.partials();
  if (optimizer_.shard_ == nullptr)
    return kernels::global_norm(device, table, max_norm, partials.data<double>(), control());
  kernels::square_sums(device, table, partials.data<double>());
  const Tensor squares = sum(partials);
  optimizer_.shard_->sum(squares);
  kernels::clip_by_squares(device, squares.data<double>(), 1, max_norm, control());
}

void DeviceStep::enqueue(const GradientLimits& limits) {
  const AnyTable table = optimizer_.table_.view();
  table.visit([&]<class T>(auto device, const kernels::ParameterTable<T>& typed) {
    if (limits.measure()) measure(device, typed, limits.clip_norm);
    // All of the gradient buffer is clipped. That includes absent gradients, which nothing reads.
    const Tensor& gradients = optimizer_.parameters().gradients();
    if (limits.clip_value > 0)
      kernels::clip_values(device, span<T>(gradients), limits.clip_value, control());
  });
  optimizer_.update(table, control());
}

void DeviceStep::record(bool applied, double lr, double momentum) {
  optimizer_.control_.lr = lr;
  optimizer_.control_.momentum = momentum;
  optimizer_.control_.applied += applied ? 1 : 0;
}

}  // namespace weft::optim

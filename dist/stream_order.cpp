// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/stream_order.h"

#include <type_traits>
#include <variant>

#include "weft/device/gpu/gpu.h"

namespace weft::dist {
namespace {

StreamHandle stream_of(const Tensor& x) {
  return std::visit(
      [](auto device) -> StreamHandle {
        if constexpr (std::is_same_v<decltype(device), Cuda>) return device.stream;
        else return nullptr;
      },
      with_stream(x.device()));
}

}  // namespace

void StreamOrder::begin(const Tensor& values) {
  if constexpr (kHasCuda) {
    gpu::order(stream_of(values), own_);
    begun_.push_back(values);
  }
}

void StreamOrder::finish() {
  if constexpr (kHasCuda) {
    StreamHandle last = nullptr;
    for (const Tensor& values : begun_)
      if (const StreamHandle stream = stream_of(values); stream != last) {
        gpu::order(own_, stream);
        last = stream;
      }
    begun_.clear();
  }
}

void StreamOrder::wait() const {
  if constexpr (kHasCuda)
    if (own_ != nullptr) gpu::synchronize(own_);
}

}  // namespace weft::dist

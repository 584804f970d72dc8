// SPDX-License-Identifier: Apache-2.0
// Optional operands as kernels take them: the data of a tensor, or null for one that is not given.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

template <class T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}
template <class T>
T* data_or_null(const Tensor* tensor) {
  return tensor != nullptr ? tensor->data<T>() : nullptr;
}

}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
// Views of a tensor that kernels read and write. The view of an undefined tensor is null.
#pragma once
#include "weft/kernels/common/views.h"
#include "weft/tensor/tensor.h"

namespace weft {

template <class T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
template <class T>
T* data_or_null(const Tensor* x) {
  return x != nullptr ? data_or_null<T>(*x) : nullptr;
}

// A view of all elements.
template <class T>
kernels::Span<T> span(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.data<T>(), x.elements()};
}

// A view with the last axis as the columns and all others as the rows. x has at least one axis.
template <class T>
kernels::Rows<T> rows(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.data<T>(), x.shape().elements(0, x.rank() - 1), x.size(-1)};
}

}  // namespace weft

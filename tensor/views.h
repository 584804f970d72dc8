// SPDX-License-Identifier: Apache-2.0
// A tensor as kernels read and write it. An undefined tensor, or none, is null.
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

// All elements.
template <class T>
kernels::Span<T> span(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.data<T>(), x.elements()};
}

// The last axis as the columns, all others as the rows; x has at least one axis.
template <class T>
kernels::Rows<T> rows(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.data<T>(), x.shape().elements(0, x.rank() - 1), x.size(-1)};
}

}  // namespace weft

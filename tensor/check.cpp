// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/check.h"

namespace weft {

void check_same_device(const char* op, const Tensor& a, const Tensor& b) {
  WEFT_CHECK(a.device() == b.device(), "{}: inputs on {} and {}; one device is required", op,
             name_of(a.device()), name_of(b.device()));
}

void check_same_kind(const char* op, const Tensor& a, const Tensor& b) {
  WEFT_CHECK(a.defined() && b.defined(), "{}: an input is undefined; both are required", op);
  WEFT_CHECK(a.dtype() == b.dtype(), "{}: inputs of {} and {}; one dtype is required", op,
             a.dtype(), b.dtype());
  check_same_device(op, a, b);
}

void check_output(const char* op, const Tensor& output, const Shape& shape, const Tensor& like) {
  WEFT_CHECK(output.shape() == shape && output.dtype() == like.dtype(),
             "{}: the output is {} {}; {} {} is required", op, output.dtype(), output.shape(),
             like.dtype(), shape);
  WEFT_CHECK(output.device() == like.device(), "{}: the output is on {}; {} is required", op,
             name_of(output.device()), name_of(like.device()));
}

}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
// What the outputs of a model are under a loss. A metric that reads them as something else gives a
// number that says nothing.
#pragma once
#include "weft/core/enum_names.h"

namespace weft {

// `values` are compared with targets as they are; `logits` are scores before softmax or sigmoid.
enum class OutputKind { any, logits, values };
constexpr EnumNames<3> names_of(OutputKind) { return {"any", "logits", "values"}; }

}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
// A limit of what a thread allocates, for sizes that come from a file.
#pragma once
#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft {

// During its lifetime, the blocks that this thread has in use may grow by `bytes`; an allocation
// beyond that throws Exceeded. Budgets do not nest.
class AllocationBudget {
 public:
  class Exceeded : public UserError {
   public:
    using UserError::UserError;
  };

  explicit AllocationBudget(i64 bytes);
  ~AllocationBudget();
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;
};

}  // namespace weft

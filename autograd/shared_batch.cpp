// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/shared_batch.h"

#include <utility>

namespace weft {
namespace {

thread_local SharedBatch* current_shared_batch = nullptr;

}  // namespace

SharedBatch* set_shared_batch(SharedBatch* batch) {
  return std::exchange(current_shared_batch, batch);
}

SharedBatch* shared_batch() { return current_shared_batch; }

}  // namespace weft

// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/backend.h"

namespace weft::dist {

BackendMaker detail::open_backend_of_gpu(i64 size) {
  return open_library("libweft_nccl.so", "NCCL", size);
}

}  // namespace weft::dist

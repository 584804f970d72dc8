// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <dlfcn.h>

#include "weft/core/error.h"
#include "weft/dist/backend.h"

namespace weft::dist {

// The library stays open, because its code may run until the process ends.
BackendMaker detail::open_library(const std::string& name, const char* needs, i64 size) {
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&open_library), &self);
  const auto path =
      std::filesystem::absolute(self.dli_fname == nullptr ? "" : self.dli_fname).parent_path() /
      name;
  WEFT_CHECK(std::filesystem::exists(path),
             "dist: {} ranks were started, and this build has no {}; a build with {} is required",
             size, name, needs);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  WEFT_CHECK(library != nullptr, "dist: {} cannot be opened ({}); it is required for {} ranks",
             path.string(), dlerror(), size);
  void* function = dlsym(library, kBackendFunction);
  WEFT_ASSERT(function != nullptr, "{} has no {}", path.string(), kBackendFunction);
  return [make = reinterpret_cast<MakeBackend*>(function)](const BackendSetup& setup) {
    return std::unique_ptr<Backend>(make(setup));
  };
}

BackendMaker open_backend(BackendKind kind, const Device& device, i64 size) {
  const BackendKind fits = is_cpu(device) ? BackendKind::gloo : BackendKind::nccl;
  WEFT_CHECK(kind == BackendKind::auto_ || kind == fits,
             "dist.backend: {} given, and the device is {}; auto or {} is required",
             enum_name(kind), name_of(device), enum_name(fits));
  if constexpr (kHasCuda)
    if (!is_cpu(device)) return detail::open_backend_of_gpu(size);
  return detail::open_library("libweft_gloo.so", "libgloo-dev", size);
}

}  // namespace weft::dist

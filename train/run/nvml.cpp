// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/nvml.h"

#include <algorithm>

#include <dlfcn.h>
#include <fmt/format.h>

namespace weft::train {
namespace {

// nvml.h. Every function returns 0 for success.
struct NvmlUtilization {
  unsigned gpu = 0, memory = 0;  // percent
};
struct NvmlMemory {
  unsigned long long total = 0, free = 0, used = 0;  // bytes
};

constexpr unsigned kMostGpus = 64;

template <class F>
bool find(void* library, const char* name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

struct Nvml::Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*device)(unsigned, void**) = nullptr;
  int (*utilization)(void*, NvmlUtilization*) = nullptr;
  int (*memory)(void*, NvmlMemory*) = nullptr;
  int (*power)(void*, unsigned*) = nullptr;  // milliwatts
};

Nvml::Nvml(std::unique_ptr<Functions> functions) : functions_(std::move(functions)) {}

// The library stays open, because its code may run until the process ends.
std::unique_ptr<Nvml> Nvml::open(const char* library) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto functions = std::make_unique<Functions>();
  const bool found = find(handle, "nvmlInit_v2", functions->init) &&
                     find(handle, "nvmlShutdown", functions->shutdown) &&
                     find(handle, "nvmlDeviceGetCount_v2", functions->count) &&
                     find(handle, "nvmlDeviceGetHandleByIndex_v2", functions->device) &&
                     find(handle, "nvmlDeviceGetUtilizationRates", functions->utilization) &&
                     find(handle, "nvmlDeviceGetMemoryInfo", functions->memory) &&
                     find(handle, "nvmlDeviceGetPowerUsage", functions->power);
  if (!found || functions->init() != 0) return nullptr;
  std::unique_ptr<Nvml> nvml(new Nvml(std::move(functions)));
  return nvml->find_devices() ? std::move(nvml) : nullptr;
}

Nvml::~Nvml() { functions_->shutdown(); }

bool Nvml::find_devices() {
  unsigned count = 0;
  if (functions_->count(&count) != 0) return false;
  for (unsigned i = 0; i < std::min(count, kMostGpus); ++i) {
    void* device = nullptr;
    devices_.push_back(functions_->device(i, &device) == 0 ? device : nullptr);
  }
  return !devices_.empty();
}

void Nvml::read(std::map<std::string, double>& figures) const {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    void* const device = devices_[i];
    if (device == nullptr) continue;
    const std::string gpu = fmt::format("gpu{}/", i);
    NvmlUtilization utilization;
    NvmlMemory memory;
    unsigned milliwatts = 0;
    if (functions_->utilization(device, &utilization) == 0)
      figures[gpu + "utilization"] = utilization.gpu / 100.0;
    if (functions_->memory(device, &memory) == 0) {
      figures[gpu + "memory_bytes"] = static_cast<double>(memory.used);
      figures[gpu + "memory_total_bytes"] = static_cast<double>(memory.total);
    }
    if (functions_->power(device, &milliwatts) == 0)
      figures[gpu + "power_watts"] = milliwatts / 1000.0;
  }
}

}  // namespace weft::train

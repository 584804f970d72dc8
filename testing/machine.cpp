// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/machine.h"

#include "weft/core/error.h"
#include "weft/device/allocator.h"
#include "weft/device/parallel.h"

namespace weft::testing {
namespace {

// Returns the values that can be set on this machine.
template <class T, class Set>
std::vector<T> accepted(std::initializer_list<T> values, const Set& set) {
  const MachineState restore;
  std::vector<T> result;
  for (const T value : values) {
    try {
      set(value);
      result.push_back(value);
    } catch (const UserError&) {  // this machine or build does not support it
    }
  }
  return result;
}

}  // namespace

std::vector<VectorSet> vector_sets() {
  return accepted({VectorSet::baseline, VectorSet::avx2, VectorSet::avx512}, set_vector_set);
}
std::vector<kernels::CpuBackend> backends() {
  return accepted({kernels::CpuBackend::eigen, kernels::CpuBackend::onednn},
                  kernels::set_cpu_backend);
}
int most_threads() { return static_cast<int>(accepted({1, 2}, set_threads).size()); }

MachineState::MachineState()
    : vector_set_(vector_set()),
      backend_(kernels::cpu_backend()),
      convolution_(kernels::convolution_method()),
      threads_(threads()) {}
MachineState::~MachineState() {
  set_vector_set(vector_set_);
  kernels::set_cpu_backend(backend_);
  kernels::set_convolution_method(convolution_);
  set_threads(threads_);
}

Poison::Poison() : before_(set_allocator_poison(true)) {}
Poison::~Poison() { set_allocator_poison(before_); }

}  // namespace weft::testing

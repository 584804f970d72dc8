// SPDX-License-Identifier: Apache-2.0
// A descriptor of the backend interface of cuDNN: what it is asked about and what it answers.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <cudnn.h>
#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/types.h"

#if CUDNN_VERSION < 90000
#error weft needs cuDNN 9
#endif

namespace weft::kernels::cudnn {

// cuDNN does not support what it was asked.
struct Refused {
  std::string why;
};

// Throws Refused if cuDNN does not support what it was asked, and InternalError for other errors.
inline void expect(cudnnStatus_t status, const char* step) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char details[256] = "";
  cudnnGetLastErrorString(details, sizeof details);
  std::string why = fmt::format("{}: {} ({})", step, cudnnGetErrorString(status), details);
  const int category = status / 1000;
  if (category == 2 || category == 3) throw Refused{std::move(why)};
  throw InternalError(fmt::format("conv2d: cuDNN failed at {}", why));
}

// A descriptor of cuDNN's backend, with its attributes.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    expect(cudnnBackendCreateDescriptor(type, &raw_), "create a descriptor");
  }
  ~Descriptor() {
    if (raw_ != nullptr) cudnnBackendDestroyDescriptor(raw_);
  }
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  cudnnBackendDescriptor_t raw() const { return raw_; }
  void finalize(const char* step) const { expect(cudnnBackendFinalize(raw_), step); }

  template <class Value>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, i64 count,
           const Value* values) const {
    expect(cudnnBackendSetAttribute(raw_, name, type, count, values), "set an attribute");
  }
  template <class Value>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, Value value) const {
    set(name, type, 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, i64 value) const {
    set(name, CUDNN_TYPE_INT64, value);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& other) const {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other.raw_);
  }

  // Fills at most `most` values and returns how many there are.
  template <class Value>
  i64 get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, i64 most,
          Value* values) const {
    i64 count = 0;
    expect(cudnnBackendGetAttribute(raw_, name, type, most, &count, values), "read an attribute");
    return count;
  }
  i64 get(cudnnBackendAttributeName_t name) const {
    i64 value = 0;
    get(name, CUDNN_TYPE_INT64, 1, &value);
    return value;
  }
  // cuDNN fills descriptors that exist.
  std::vector<Descriptor> get_all(cudnnBackendAttributeName_t name,
                                  cudnnBackendDescriptorType_t type, i64 most) const {
    std::vector<Descriptor> all;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (i64 i = 0; i < most; ++i) raw.push_back(all.emplace_back(type).raw());
    const i64 count = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
    while (static_cast<i64>(all.size()) > count) all.pop_back();
    return all;
  }

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

}  // namespace weft::kernels::cudnn

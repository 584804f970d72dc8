// SPDX-License-Identifier: Apache-2.0
// Nvml: the management library of NVIDIA's driver (https://docs.nvidia.com/deploy/nvml-api). It is
// opened where there is one, and never linked.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::train {

class Nvml {
 public:
  // Null if the library or a GPU is missing.
  static std::unique_ptr<Nvml> open(const char* library = "libnvidia-ml.so.1");
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  // Adds the figures of each GPU (SystemFigures::read).
  void read(std::map<std::string, double>& figures) const;

 private:
  struct Functions;
  explicit Nvml(std::unique_ptr<Functions> functions);
  bool find_devices();

  std::unique_ptr<Functions> functions_;
  std::vector<void*> devices_;
};

}  // namespace weft::train

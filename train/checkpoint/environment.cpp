// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/environment.h"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/device/device.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/matmul.h"

namespace weft::train {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace

std::map<std::string, std::string> environment() {
  return {{"weft", WEFT_VERSION},
          {"compiler", compiler()},
          {"vector_set", std::string(name_of(vector_set()))},
          {"matrix_library", kernels::name_of(kernels::cpu_backend())},
          {"threads", std::to_string(threads())},
          {"processor", processor()}};
}

std::string environment_json() {
  const nlohmann::ordered_json all{{"schema", 1},
                                   {"weft", WEFT_VERSION},
                                   {"compiler", compiler()},
                                   {"vector_set", name_of(vector_set())},
                                   {"matrix_library", kernels::name_of(kernels::cpu_backend())},
                                   {"devices", devices_text()},
                                   {"threads", threads()},
                                   {"processor", processor()}};
  return all.dump(2) + "\n";
}

std::string version_text() {
  return fmt::format(
      "weft {}\ncompiler: {}\nvector width: {} (chosen at run time; WEFT_SIMD overrides)\n"
      "matrix library: {}, with {} for f64\ndevices: {}\nthreads: {}\nprocessor: {}\n",
      WEFT_VERSION, compiler(), name_of(vector_set()), kernels::name_of(kernels::cpu_backend()),
      kernels::name_of(kernels::CpuBackend::eigen), devices_text(), threads(), processor());
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/system_figures.h"

#include <array>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <unistd.h>

#include "weft/train/run/nvml.h"

namespace weft::train {
namespace {

// The memory of the machine in bytes by the names of /proc/meminfo.
std::map<std::string, double> memory_of_machine() {
  constexpr double kBytes = 1024;  // the file has kB
  std::map<std::string, double> memory;
  std::ifstream file("/proc/meminfo");
  for (std::string line; memory.size() < 2 && std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double value = 0;
    if (words >> name >> value && (name == "MemTotal:" || name == "MemAvailable:"))
      memory[name] = value * kBytes;
  }
  return memory;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

i64 resident_bytes(i64 process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  i64 pages = 0, resident = 0;
  return file >> pages >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

SystemFigures::SystemFigures()
    : read_at_(Clock::now()),
      process_seconds_(process_seconds()),
      machine_(machine_ticks()),
      nvml_(Nvml::open()) {}
SystemFigures::~SystemFigures() = default;

SystemFigures::Ticks SystemFigures::machine_ticks() {
  constexpr int kIdle = 3, kWaitsForDisk = 4, kFields = 8;  // proc(5); the rest is counted twice
  std::ifstream file("/proc/stat");
  std::string name;
  Ticks ticks;
  file >> name;
  double value = 0;
  for (int i = 0; i < kFields && file >> value; ++i) {
    ticks.all += value;
    if (i != kIdle && i != kWaitsForDisk) ticks.busy += value;
  }
  return ticks;
}

double SystemFigures::process_seconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

std::map<std::string, double> SystemFigures::read() {
  std::map<std::string, double> figures;
  const double used = process_seconds(), seconds = seconds_since(read_at_);
  const Ticks machine = machine_ticks();
  if (seconds > 0) figures["process/cpu"] = (used - process_seconds_) / seconds;
  if (const double ticks = machine.all - machine_.all; ticks > 0)
    figures["machine/cpu"] = (machine.busy - machine_.busy) / ticks;
  read_at_ = Clock::now();
  process_seconds_ = used;
  machine_ = machine;

  if (const i64 bytes = resident_bytes(getpid()); bytes > 0)
    figures["process/memory_bytes"] = static_cast<double>(bytes);
  if (const auto memory = memory_of_machine(); memory.size() == 2) {
    figures["machine/memory_total_bytes"] = memory.at("MemTotal:");
    figures["machine/memory_bytes"] = memory.at("MemTotal:") - memory.at("MemAvailable:");
  }
  if (nvml_) nvml_->read(figures);
  return figures;
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/app/rank.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "weft/core/config/config.h"
#include "weft/core/plugin.h"
#include "weft/core/plugin_stamp.h"
#include "weft/core/printable.h"
#include "weft/device/parallel.h"
#include "weft/train/run/run_ranks.h"

namespace weft::app {
namespace {

constexpr const char* kVisibleGpus = "CUDA_VISIBLE_DEVICES";
// For ranks that have to hear why this one ends.
constexpr int kFarewells = 100;
constexpr std::chrono::milliseconds kBetweenFarewells{10};

const char* variable(const char* name) { return std::getenv(name); }

class ErrorOfRank : public Error {
 public:
  ErrorOfRank(const std::string& sentence, int code) : Error(sentence), code_(code) {}
  int exit_code() const noexcept override { return code_; }

 private:
  int code_;
};

// What all ranks must have in common, in lines: the build and the kind of device, the plugins, the
// whole config.
std::string build_and_config(const train::RunConfig& config, const Device& device) {
  std::string text = std::string(own_plugin_stamp()) + (is_cpu(device) ? " cpu " : " gpu ");
  text += '\n';
  for (const Plugin& plugin : loaded_plugins()) text += plugin.name + " " + plugin.sha256 + "\n";
  return text + "\n" + config::to_yaml(config);
}

// A process has one GPU (device/device.h), which is the first that CUDA shows it. A launcher that
// shows each rank one GPU of its own has chosen already.
void choose_gpu(i64 local_rank) {
  const char* given = variable(kVisibleGpus);
  if (given == nullptr) {
    setenv(kVisibleGpus, std::to_string(local_rank).c_str(), 1);
    return;
  }
  const std::string list = given;
  if (list.find(',') == list.npos) return;
  std::size_t begin = 0;
  for (i64 i = 0; i < local_rank; ++i) {
    const std::size_t comma = list.find(',', begin);
    WEFT_CHECK(comma != list.npos,
               "{}: '{}' has {} GPUs, and this is process {} of the machine, counted from 0; one "
               "GPU for each is required",
               kVisibleGpus, printable(list), i + 1, local_rank);
    begin = comma + 1;
  }
  setenv(kVisibleGpus, list.substr(begin, list.find(',', begin) - begin).c_str(), 1);
}

}  // namespace

// The port does not matter yet, and a config may give it.
Rank::Rank() : launch_(dist::launch_of(variable, 1)) {
  if (launch_ && launch_->size == 1) launch_.reset();
}

std::string Rank::prefix() const { return is_first() ? "" : fmt::format("rank {}: ", number()); }

void Rank::join(const train::RunConfig& config) {
  if (!launch_) return;
  const train::DistOptions& options = config.run.dist;
  const std::optional<int> port =
      options.port > 0 ? std::optional<int>(static_cast<int>(options.port)) : std::nullopt;
  launch_ = dist::launch_of(variable, port);
  std::signal(SIGPIPE, SIG_IGN);  // of a connection to a rank that has ended
  if (kHasCuda && config.run.device != "cpu") choose_gpu(launch_->local_rank);
  const Device device = device_named(config.run.device);
  group_ = std::make_unique<dist::ProcessGroup>(
      *launch_, dist::GroupOptions{.build_and_config = build_and_config(config, device),
                                   .timeout = std::chrono::seconds(options.timeout),
                                   .when_stuck =
                                       [prefix = prefix()](const std::string& sentence) {
                                         std::fprintf(stderr, "weft: %s%s\n", prefix.c_str(),
                                                      printable(sentence).c_str());
                                         _exit(1);
                                       },
                                   .device = device,
                                   .backend = options.backend});
  const i64 threads = train::fair_threads(train::RunRanks(group()));
  if (config.run.threads == 0) set_threads(static_cast<int>(threads));
}

int Rank::run(const std::function<int()>& work) {
  if (!launch_) return work();
  try {
    return work();
  } catch (const dist::LostRank& error) {
    throw ErrorOfRank(prefix() + error.what(), error.exit_code());
  } catch (const Error& error) {
    fail_job(error.what());
    throw ErrorOfRank(prefix() + error.what(), error.exit_code());
  } catch (const std::exception& error) {
    fail_job(error.what());
    throw;
  } catch (...) {
    fail_job("a plugin threw an exception that is no std::exception");
    throw;
  }
}

// The store, which ends with rank 0, tells all ranks.
void Rank::fail_job(const std::string& why) {
  if (!group_ || left_) return;
  group_->fail_job(why);
  try {
    for (int i = 0; i < kFarewells; ++i) {
      group_->check();
      std::this_thread::sleep_for(kBetweenFarewells);
    }
  } catch (const Error&) {  // they know
  }
}

int Rank::leave(int code) {
  if (!group_) return code;
  code = train::RunRanks(group()).first_code(code);
  group_->leave();
  left_ = true;
  return code;
}

}  // namespace weft::app

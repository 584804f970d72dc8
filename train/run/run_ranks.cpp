// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_ranks.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "weft/core/lines.h"
#include "weft/device/parallel.h"
#include "weft/dist/process_group.h"
#include "weft/nn/serialize.h"
#include "weft/train/run/run_config.h"

namespace weft::train {
namespace {

constexpr int kNoError = 0, kOurs = 1, kUsers = 2, kTraining = 3;

[[noreturn]] void throw_with_code(i64 code, const std::string& sentence) {
  if (code == kUsers) throw UserError(sentence);
  if (code == kTraining) throw TrainingError(sentence);
  throw InternalError(sentence);
}

// The values of all ranks, in their order. The ranks are there at the same time.
std::vector<i64> gathered(dist::ProcessGroup& group, i64 value) {
  const Tensor all = Tensor::empty({group.size()}, DType::int64, group.device());
  group.all_gather(Tensor::copy_of(std::vector<i64>{value}, {1}).to(group.device()), all);
  return all.to_vector<i64>();
}

// Calls `exchange` with the tensor on the device of the group.
template <class F>
void on_device(dist::ProcessGroup& group, const Tensor& values, const F& exchange) {
  if (values.device() == group.device()) return exchange(values);
  const Tensor there = values.to(group.device());
  exchange(there);
  values.copy_from(there);
}

// Tells tensors apart. It is no protection against somebody who wants two to be equal.
u64 hash_of_bytes(const Tensor& tensor) {
  constexpr u64 kOdd = 0x9E3779B97F4A7C15;
  const Tensor here = is_cpu(tensor.device()) ? tensor : tensor.to(Device{Cpu{}});
  const auto* bytes = static_cast<const char*>(here.raw());
  u64 hash = kOdd;
  for (i64 i = 0, count = bytes_of(here); i < count; i += 8) {
    u64 word = 0;
    std::memcpy(&word, bytes + i, static_cast<std::size_t>(std::min<i64>(8, count - i)));
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  }
  return hash;
}

// A line "hash dtype shape name" for each tensor.
std::string fingerprint(const std::vector<NamedModel>& models) {
  std::string text;
  for (const NamedModel& model : models)
    for (const auto& [name, tensor] : state_of(*model.module))
      text += fmt::format("{:016x} {} {} {}{}\n", hash_of_bytes(tensor), name_of(tensor.dtype()),
                          tensor.shape().to_string(),
                          models.size() > 1 ? model.name + "." : std::string(), name);
  return text;
}

// The name at the end of a line of a fingerprint.
std::string name_in(const std::pair<std::string, std::string>& lines) {
  const std::string& line = lines.first.empty() ? lines.second : lines.first;
  return line.substr(line.rfind(' ') + 1);
}

}  // namespace

i64 RunRanks::rank() const { return alone() ? 0 : group_->rank(); }
i64 RunRanks::size() const { return alone() ? 1 : group_->size(); }

void RunRanks::together(const std::string& what, const std::function<void()>& work) const {
  if (alone()) return work();
  int code = kNoError;
  std::string sentence;
  std::exception_ptr own;
  try {
    work();
  } catch (const dist::LostRank&) {
    throw;
  } catch (const Error& error) {
    code = error.exit_code();
    sentence = error.what();
    own = std::current_exception();
  } catch (const std::exception& error) {
    code = kOurs;
    sentence = error.what();
    own = std::current_exception();
  }
  group_->wait_for_others(what);
  const std::vector<i64> codes = gathered(*group_, code);
  const auto failed = std::find_if(codes.begin(), codes.end(), [](i64 c) { return c != kNoError; });
  if (failed == codes.end()) return;
  const auto which = failed - codes.begin();
  sentence = group_->broadcast_text(sentence, which);
  try {
    group_->wait_for_others(what);   // until all have the sentence
  } catch (const dist::LostRank&) {  // one of them, which has it, has ended by now
  }
  if (own) std::rethrow_exception(own);
  throw_with_code(*failed, fmt::format("{} (on rank {})", sentence, which));
}

std::string RunRanks::from_first(const std::string& text) const {
  return alone() ? text : group_->broadcast_text(text);
}

std::vector<std::string> RunRanks::texts_of_all(const std::string& text) const {
  if (alone()) return {text};
  std::vector<std::string> texts;
  for (i64 rank = 0; rank < size(); ++rank)
    texts.push_back(fmt::format("rank {}: {}", rank, group_->broadcast_text(text, rank)));
  return texts;
}

void RunRanks::wait(const std::string& what) const {
  if (!alone()) group_->wait_for_others(what);
}

RankRequests RunRanks::any(const RankRequests& here) const {
  if (alone()) return here;
  group_->wait_for_others("agreeing on what was asked for");
  const Tensor asked =
      Tensor::copy_of(std::vector<i64>{here.stop, here.save}, {2}).to(group_->device());
  group_->all_reduce(asked);
  const std::vector<i64> ranks = asked.to_vector<i64>();
  return {.stop = ranks[0] > 0, .save = ranks[1] > 0};
}

int RunRanks::first_code(int code) const {
  if (alone()) return code;
  group_->wait_for_others("the end of the run");
  const std::vector<i64> codes = gathered(*group_, code);
  const auto first = std::find_if(codes.begin(), codes.end(), [](i64 c) { return c != 0; });
  return first == codes.end() ? 0 : static_cast<int>(*first);
}

void RunRanks::sum(const Tensor& values, const std::string& what) const {
  if (alone()) return;
  group_->wait_for_others(what);
  on_device(*group_, values, [&](const Tensor& there) { group_->all_reduce(there); });
}

void RunRanks::copy_buffers(nn::Module& module) const {
  if (alone()) return;
  for (const nn::NamedBuffer& each : module.named_buffers())
    on_device(*group_, each.buffer->value, [&](const Tensor& there) { group_->broadcast(there); });
}

void RunRanks::compare(const std::string& what, const std::string& here,
                       const std::function<void(const std::string& first)>& check) const {
  const std::string first = from_first(here);
  together("comparing the " + what, [&] { check(first); });
}

void RunRanks::check_equal(const std::vector<NamedModel>& models) const {
  if (alone()) return;
  const std::string here = fingerprint(models);
  compare("weights", here, [&](const std::string& first) {
    WEFT_CHECK(
        here == first,
        "dist: '{}' of the model is not that of rank 0; equal weights are required: the same "
        "files, and a model whose initial weights depend on nothing but run.seed",
        name_in(first_difference(here, first)));
  });
}

void RunRanks::check_lines(const std::string& what, const std::string& lines) const {
  compare(what, lines, [&](const std::string& first) {
    const auto [own, of_first] = first_difference(lines, first);
    WEFT_CHECK(
        lines == first,
        "dist: the {} is not that of rank 0: '{}' here, and '{}' there; the same is required", what,
        own, of_first);
  });
}

void RunRanks::check_device(const Device& device) const {
  const std::string here = name_of(device);
  compare("devices", here, [&](const std::string& first) {
    WEFT_CHECK(here == first,
               "run.device: {}, and rank 0 has {}; the same is required: no more processes on a "
               "machine than it has GPUs, or run.device=cpu",
               here, first);
  });
}

void check_fits_ranks(const RunConfig& config, i64 ranks) {
  if (ranks == 1) return;
  WEFT_CHECK(config.data.name() != "stream",
             "data.type: stream given for {} ranks; one process is required, because records come "
             "to one of them",
             ranks);
}

i64 fair_threads(const RunRanks& ranks) {
  if (ranks.alone()) return threads();
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  sched_getaffinity(0, sizeof cores, &cores);
  std::string place(host.data());
  for (int core = 0; core < CPU_SETSIZE; ++core) place += CPU_ISSET(core, &cores) ? '1' : '0';
  ranks.wait("the start");
  const auto here = static_cast<i64>(std::hash<std::string>{}(place));
  const std::vector<i64> all = gathered(*ranks.group(), here);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return threads();  // torchrun sets it
  return std::max<i64>(1, threads() / std::count(all.begin(), all.end(), here));
}

}  // namespace weft::train

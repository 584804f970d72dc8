// SPDX-License-Identifier: Apache-2.0
// The ranks of a run: the processes that train one model together.
//
// Note [What ranks agree on]
// All ranks make the same steps, validations and saves, because each of these decisions is a
// function of the config, of counters and of values that are equal on all ranks: losses and metrics
// over all samples, and what the trainer has agreed on in a step. What only one rank knows, such as
// a signal, the clock, or the content of a folder, decides nothing before all ranks know it. Rank 0
// alone writes. Where the others wait for it outside of a step, they wait as long as it lives.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "weft/data/loader.h"
#include "weft/nn/module.h"
#include "weft/train/trainer/further_model.h"
#include "weft/train/trainer/progress.h"

namespace weft::dist {
class ProcessGroup;
}

namespace weft::train {

struct RunConfig;

// All ranks call the same functions in the same order. In a run of one process nothing is exchanged
// and everything is as if the process were rank 0. The functions throw dist::LostRank when another
// rank is lost.
class RunRanks {
 public:
  // The group must outlive it; null: one process.
  explicit RunRanks(dist::ProcessGroup* group = nullptr) : group_(group) {}

  bool alone() const { return group_ == nullptr; }
  i64 rank() const;
  i64 size() const;
  bool is_first() const { return rank() == 0; }
  dist::ProcessGroup* group() const { return group_; }
  data::Part part() const { return {.rank = rank(), .ranks = size()}; }

  // Calls `work`, in which ranks must not wait for each other. If it throws on some of them, it
  // throws on all: those that have no error of their own get that of the first one that has, with
  // its exit code. `what` says what the ranks wait for: "the set-up".
  void together(const std::string& what, const std::function<void()>& work) const;
  // The text of rank 0.
  std::string from_first(const std::string& text) const;
  // The texts of all ranks, in their order; those of several begin with "rank 1: ".
  std::vector<std::string> texts_of_all(const std::string& text) const;
  // Waits for all ranks, as long as they live.
  void wait(const std::string& what) const;
  // What any rank asks for.
  RankRequests any(const RankRequests& here) const;
  // The first code that is not 0, in the order of the ranks.
  int first_code(int code) const;

  // Replaces the elements by their sums over all ranks, however long ranks come after each other.
  void sum(const Tensor& values, const std::string& what) const;
  // Gives the buffers of rank 0's module, such as the running statistics of batch norms, to those
  // of the others.
  void copy_buffers(nn::Module& module) const;
  // Throws UserError, with the first line that differs, unless all ranks have the same lines:
  // `what` is what they describe, such as "data".
  void check_lines(const std::string& what, const std::string& lines) const;
  // Throws UserError, naming the first tensor, unless all ranks have the same bytes.
  void check_equal(const std::vector<NamedModel>& models) const;
  void check_device(const Device& device) const;

 private:
  // Calls check(text of rank 0) on all ranks; what it throws on one, it throws on all.
  void compare(const std::string& what, const std::string& here,
               const std::function<void(const std::string& first)>& check) const;

  dist::ProcessGroup* group_;
};

// Throws UserError for what several ranks cannot do.
void check_fits_ranks(const RunConfig& config, i64 ranks);

// Threads for this rank where it shares cores with others: the cores that it may use, divided by
// the ranks that may use the same ones. OMP_NUM_THREADS is respected.
i64 fair_threads(const RunRanks& ranks);

}  // namespace weft::train

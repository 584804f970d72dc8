// SPDX-License-Identifier: Apache-2.0
// ProcessGroup: the ranks of a job, and what they do together.
//
//   if (auto launch = dist::launch_of(std::getenv)) {
//     dist::ProcessGroup group(*launch, {.build_and_config = hash});
//     group.all_reduce(gradients);
//     group.leave();
//   }
//
// All ranks call the same operations in the same order, with tensors of equal shape and dtype on
// the CPU. An operation returns when the tensors of this rank have their values. If another rank is
// lost, or a live one keeps the others waiting beyond `timeout`, it throws a sentence that names
// the rank; the group cannot be used any more. A group is used by one thread. The process has to
// ignore SIGPIPE, which Gloo raises when another rank has ended.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "weft/dist/backend.h"
#include "weft/dist/launch.h"
#include "weft/dist/store.h"
#include "weft/dist/store_server.h"

namespace weft::dist {

struct GroupOptions {
  std::string build_and_config;  // ranks with another one are refused
  // How long ranks wait for each other: at the start, and in each operation.
  std::chrono::milliseconds timeout{60000};
  std::chrono::milliseconds silence = kMostSilence;  // after which a rank counts as lost
  // Runs on another thread when the job has ended, and this rank still waits for a rank that was
  // stopped: Gloo cannot be interrupted. It should print the sentence and end the process. Without
  // it, the operation ends after `timeout`.
  std::function<void(const std::string& sentence)> when_stuck = {};
};

class ProcessGroup {
 public:
  // Waits for all ranks. Throws UserError if they do not fit together, on all of them, or if the
  // build has no backend.
  ProcessGroup(Launch launch, const GroupOptions& options);
  // Without leave(), the other ranks count this one as lost.
  ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  i64 rank() const { return launch_.rank; }
  i64 size() const { return launch_.size; }

  // Replaces the elements by their sums over all ranks; f16 and bf16 are added in f32. All ranks
  // get the same bits.
  void all_reduce(const Tensor& values);
  // Part r of the sums of `values`, in rank order, goes to `part` of rank r. `values` is
  // overwritten.
  void reduce_scatter(const Tensor& values, const Tensor& part);
  // `values` becomes the parts of all ranks in their order.
  void all_gather(const Tensor& part, const Tensor& values);
  void broadcast(const Tensor& values, i64 root = 0);
  void barrier();

  // Waits for all ranks however long they take, for example while rank 0 writes a checkpoint. Only
  // the loss of a rank and the end of the job end it early. `what` is for messages, and the same on
  // all ranks: "the checkpoint of step 100".
  void wait_for_others(const std::string& what);
  // Returns the text of rank `root` on all ranks; the others' does not matter. Waits as
  // wait_for_others().
  std::string broadcast_text(const std::string& text, i64 root = 0);

  // What this rank does between operations, for the message of the others if it is lost.
  void doing(std::string what) { store_->doing(std::move(what)); }
  // Throws if the job ends because of another rank.
  void check() const { store_->check(); }
  // Tells the others why this rank ends.
  void fail_job(const std::string& why) { store_->fail_job(why); }
  // Ends the group. Rank 0 waits for the others to do so.
  void leave();

 private:
  void join(MakeBackend* make);
  void wait_for_all();
  void call(const char* operation, const std::function<void()>& run);
  std::string meet(const std::string& what, const std::string& text, i64 root);
  void check_parts(const char* operation, const Tensor& part, const Tensor& values) const;

  Launch launch_;
  GroupOptions options_;
  std::unique_ptr<StoreServer> server_;  // of rank 0
  std::unique_ptr<Store> store_;
  std::unique_ptr<Backend> backend_;
  i64 meetings_ = 0;
};

}  // namespace weft::dist

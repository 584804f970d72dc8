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
// the group's device. An operation first waits for those that were begun before. On the CPU it
// returns when the tensors of this rank have their values. On a GPU it is queued: it begins after
// the work so far on the tensor's stream, and later work there begins after it. Graphs can record
// it, and must not be launched after the group has ended.
//
// If another rank is lost, or a live one keeps the others waiting beyond `timeout`, an operation
// throws a sentence that names the rank; the group cannot be used any more. On a GPU, what waits
// for the device may throw it. A group is used by one thread. The process has to ignore SIGPIPE,
// which Gloo raises when another rank has ended.
//
//   group.begin_all_reduce(bucket);  // while gradients of other layers are computed
//   group.finish();                  // now the bucket has the sums
#pragma once
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "weft/dist/backend.h"
#include "weft/dist/background.h"
#include "weft/dist/launch.h"
#include "weft/dist/store.h"
#include "weft/dist/store_server.h"
#include "weft/dist/stream_order.h"

namespace weft::dist {

struct GroupOptions {
  std::string build_and_config;  // lines; ranks with others are refused
  // How long ranks wait for each other: at the start, and in each operation, but for patiently().
  // Operations of NCCL have no such limit.
  std::chrono::milliseconds timeout{60000};
  std::chrono::milliseconds silence = kMostSilence;  // after which a rank counts as lost
  // Runs on another thread when the job has ended, and this rank still waits for a rank that was
  // stopped: Gloo cannot be interrupted. It should print the sentence and end the process. Without
  // it, the operation ends after `timeout`.
  std::function<void(const std::string& sentence)> when_stuck = {};
  Device device = Cpu{};                     // of the tensors
  BackendKind backend = BackendKind::auto_;  // auto: gloo on the CPU, nccl on a GPU
};

// What the operations of this rank were, for a trace and a benchmark.
struct Traffic {
  i64 bytes = 0;  // of the whole tensors given, not of what crosses the network
  i64 operations = 0;
  double seconds_busy = 0;    // of the group's thread, up to the last finish(); 0 on a GPU
  double seconds_waited = 0;  // of the caller, in finish() and in the other operations
};

class ProcessGroup {
 public:
  // Waits for all ranks. Throws UserError if they do not fit together, on all of them, or if the
  // build has no backend.
  ProcessGroup(Launch launch, const GroupOptions& options);
  // Without leave(), the other ranks count this one as lost. Operations that were begun are given
  // up; one that cannot be within some seconds goes on behind the group, with its tensor.
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  i64 rank() const { return launch_.rank; }
  i64 size() const { return launch_.size; }
  const Device& device() const { return options_.device; }  // of the tensors

  // Replaces the elements by their sums over all ranks; f16 and bf16 are added in f32. All ranks
  // get the same bits.
  void all_reduce(const Tensor& values);
  // Part r of the sums of `values`, in rank order, goes to `part` of rank r. `values` is
  // overwritten.
  void reduce_scatter(const Tensor& values, const Tensor& part);
  // `values` becomes the parts of all ranks in their order. `part` may be this rank's part of it.
  void all_gather(const Tensor& part, const Tensor& values);
  void broadcast(const Tensor& values, i64 root = 0);
  void barrier();

  // Begins an all-reduce of `values`, which must not be read or written before finish(). Operations
  // run in the order in which they were begun, beside the work of the caller: on a thread of the
  // group, or on a stream of the backend. Throws what an operation begun before has thrown.
  void begin_all_reduce(const Tensor& values);
  // `part` may be this rank's part of `values`.
  void begin_reduce_scatter(const Tensor& values, const Tensor& part);
  // Waits until all operations that were begun are done, and throws what they threw. On a GPU only
  // later work on the streams of the tensors waits. Does nothing if none was begun.
  void finish();

  // Waits for all ranks however long they take, for example while rank 0 writes a checkpoint. Only
  // the loss of a rank and the end of the job end it early. `what` is for messages, and the same on
  // all ranks: "the checkpoint of step 100".
  void wait_for_others(const std::string& what);
  // Returns the text of rank `root` on all ranks; the others' does not matter. Waits as
  // wait_for_others(). A text has at most 16 MiB.
  std::string broadcast_text(const std::string& text, i64 root = 0);

  const Traffic& traffic() const { return traffic_; }

  // What this rank does between operations, for the message of the others if it is lost.
  void doing(std::string what) { store_->doing(std::move(what)); }
  // Throws if the job ends because of another rank.
  void check() const { store_->check(); }
  // Runs `work`, which is not the others' and may take long, such as reading data: until it ends
  // they wait as long as this rank lives.
  void patiently(const std::function<void()>& work);
  // Tells the others why this rank ends.
  void fail_job(const std::string& why) { store_->fail_job(why); }
  // Ends the group. Rank 0 waits for the others to do so.
  void leave();

 private:
  void join(const BackendMaker& make);
  void wait_for_all();
  void call(const char* operation, const std::function<void()>& run);
  void noticing(const std::function<void()>& run);
  void begin(const char* operation, std::initializer_list<Tensor> tensors,
             std::function<void(Backend&)> run);
  void run(const char* operation, std::initializer_list<Tensor> tensors,
           const std::function<void()>& run);
  void queue(const char* operation, std::initializer_list<Tensor> tensors,
             const std::function<void()>& run);
  std::string meet(const std::string& name, const std::string& text = "");
  void count(const char* operation, const Tensor& values);
  void check_root(const char* operation, i64 root) const;
  void check_parts(const char* operation, const Tensor& part, const Tensor& values) const;

  Launch launch_;
  GroupOptions options_;
  std::unique_ptr<StoreServer> server_;  // of rank 0
  // The thread may outlive the group.
  std::shared_ptr<Store> store_;
  StreamOrder order_;  // of a GPU; keeps the memory that the backend still uses
  std::shared_ptr<Backend> backend_;
  std::unique_ptr<Background> background_;  // from the first begin_all_reduce()
  Traffic traffic_;
};

}  // namespace weft::dist

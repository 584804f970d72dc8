// SPDX-License-Identifier: Apache-2.0
// RankExchange: what the ranks of a job tell each other in a training step.
//
// Note [Ranks]
// Several processes, the ranks, train one model. Each has a share of every batch, and all make the
// step that one process would make with the whole batch: Σ w·∇L / Σ w over the micro-batches of all
// ranks (Note [Accumulation]). The backward pass of a rank starts from w / c, where c, the share of
// a rank in a full batch, is the same on all ranks and makes the numbers as large as in one
// process. The update multiplies by c / Σ w, with the sum over all ranks.
//
// - The gradients of an optimizer lie in one buffer (Note [Flat parameters]). It is cut into
//   buckets of whole parameters, last first, because the backward pass reaches the last layers
//   first. Once all gradients of a bucket are complete, and those before it have begun, an
//   all-reduce of the bucket begins, while the backward pass goes on. Every rank begins the buckets
//   in this order, whatever its own order of gradients is. A window of accumulation is exchanged
//   once, in the backward pass of its last micro-batch.
// - A parameter that has a gradient on some ranks counts as zero on the others. One that has none
//   on any rank is skipped, as in one process.
// - With shard_optimizer a bucket is not all-reduced but reduce-scattered: each rank gets the sums
//   of its part, updates its part of the parameters, and gathers the others' (Note [Sharding]).
// - The scalars of the step travel in one vector (kernels/optim/rank_tally.h): losses and weights,
//   a loss that is not finite, the parameters with a gradient, and what the ranks ask for. So all
//   ranks agree on skipped steps, on a failure, and on a stop, without the host waiting for it.
// - All ranks get the same bits from an all-reduce. Norm, clipping, overflow and update are
//   computed from these, and are the same on each rank without any further word.
// - A rank without samples computes one that counts for nothing, because batch norm adds up its
//   statistics over all ranks inside the forward and the backward pass (autograd/shared_batch.h).
//   These sums lie between the buckets, so their place must not depend on the data of a rank.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weft/autograd/shared_batch.h"
#include "weft/data/loader.h"
#include "weft/kernels/optim/rank_tally.h"
#include "weft/train/step/optimizers.h"

namespace weft::dist {
class ProcessGroup;
}

namespace weft::train {

// What ranks ask each other for, for example after a signal.
struct RankRequests {
  bool stop = false, save = false;
};

// How the processes of a job train one model.
struct RankOptions {
  dist::ProcessGroup* group = nullptr;  // must outlive the trainer; null: one process
  bool sync_batch_norm = true;          // statistics of the batch of all ranks
  i64 bucket_mb = 25;                   // gradients are exchanged in parts of about this size
  bool shard_optimizer = false;         // each rank has a part of the optimizer's state
  // What this rank asks for, called before each step; empty: nothing. TrainingProgress::asked has
  // what any rank has asked for.
  std::function<RankRequests()> ask = {};
};

class RankExchange final : private SharedBatch, private optim::Shard {
 public:
  // `optimizers` must outlive it. options.group is not null.
  RankExchange(Optimizers& optimizers, const RankOptions& options);

  // Called before each step, which may be a captured one. `batch_size` is that of all ranks.
  void prepare(i64 batch_size);

  // Reads the next batch, which may take long (dist/process_group.h).
  data::Batch* read(data::Loader& loader);

  bool is_first() const { return rank() == 0; }
  // Replaces the elements of a tensor on the CPU by their sums over all ranks.
  void add_up(const Tensor& values);

  // --- the parts of a step, in this order
  void begin();
  // While it lives, the forward and backward pass of a micro-batch run on this thread. `is_last`:
  // the last of the step, whose gradients are exchanged as they become complete.
  class Pass {
   public:
    Pass(RankExchange& exchange, bool is_padding, bool is_last);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    SharedBatch* before_;
    bool watches_;
  };
  // Makes gradients the sums of all ranks, adds their losses to `loss_sum`, f64 (2), and tells
  // `state` what they said. `counts`: a micro-batch of this rank had a weight above 0. Afterwards
  // all parameters with requires_grad have a gradient on the host.
  void finish(kernels::StepState* state, const Tensor& loss_sum, bool counts);
  // With shard_optimizer, after the update of optimizer `i`: gives all ranks its parameters.
  void gather_parameters(std::size_t i);
  // Deactivates the parameters of optimizer `i` that have no gradient on any rank.
  void mark_active(std::size_t i);
  // The step failed on this rank: tells the others, and waits for what has begun.
  void fail(const std::string& why) noexcept;

  // The first weight of Note [Accumulation], and the address of the sum of all weights.
  double common_weight() const { return common_weight_; }
  const double* total_weight() const { return tally_.data<double>() + 1; }
  const Tensor& loss_of_step() const { return loss_of_step_; }
  // The sum of all weights on the host, which waits for a GPU.
  double weight_of_step() const;

 private:
  struct Bucket {
    Tensor gradients;
    Tensor part = {};  // of this rank, with shard_optimizer
    std::vector<Leaf*> leaves = {};
    std::size_t missing = 0;  // leaves whose gradient is not complete
  };
  // Numbers of the host, and the copy on the device that they were sent to.
  struct Sent {
    std::vector<double> on_host = {};
    Tensor on_device = {};
    void resize(i64 count, const Device& device);
    void send(const std::vector<double>& values);  // unless they are there
  };
  void sum(const Tensor& values) override;  // of both base classes
  bool counts() const override { return !is_padding_; }
  i64 rank() const override;
  i64 ranks() const override;
  void gather(const Tensor& part, const Tensor& whole) override;
  void lay_out();
  void add_buckets(const nn::FlatParameters& parameters);
  void ready(const Leaf& leaf);
  void begin_bucket();
  void send_flags(bool counts);
  kernels::RankTally tally() const;

  Optimizers& optimizers_;
  RankOptions options_;
  std::size_t known_ = 0;  // optimizers whose gradients are cut into buckets
  u64 layout_ = 0;
  std::vector<Bucket> buckets_;
  std::map<const Leaf*, std::size_t> bucket_of_;
  std::size_t begun_ = 0;  // buckets of this step
  double common_weight_ = 1;
  bool is_padding_ = false;
  Sent asked_, flags_;
  Tensor tally_, loss_of_step_;  // f64, on the device
};

}  // namespace weft::train

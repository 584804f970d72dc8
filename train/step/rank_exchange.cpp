// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/rank_exchange.h"

#include <algorithm>
#include <utility>

#include "weft/autograd/tape.h"
#include "weft/dist/process_group.h"
#include "weft/tensor/ops.h"

namespace weft::train {
RankExchange::RankExchange(Optimizers& optimizers, const RankOptions& options)
    : optimizers_(optimizers), options_(options) {
  loss_of_step_ = Tensor::zeros({2}, DType::f64, optimizers.device());
  asked_.resize(2, optimizers.device());
}

void RankExchange::Sent::resize(i64 count, const Device& device) {
  on_host.assign(static_cast<std::size_t>(count), 0.0);
  on_device = Tensor::zeros({count}, DType::f64, device);
}

void RankExchange::Sent::send(const std::vector<double>& values) {
  if (values == on_host) return;
  on_host = values;
  on_device.copy_from(Tensor::view_of(std::span(on_host), on_device.shape(), nullptr));
}

void RankExchange::prepare(i64 batch_size) {
  common_weight_ = static_cast<double>(batch_size) / static_cast<double>(options_.group->size());
  for (; known_ < optimizers_.all().size(); ++known_)
    optimizers_.all()[known_].optimizer->set_buckets(options_.bucket_mb << 20,
                                                     options_.shard_optimizer ? this : nullptr);
  if (const u64 layout = optimizers_.layout_version(); layout != layout_) {
    lay_out();
    layout_ = layout;
  }
  const RankRequests asks = options_.ask ? options_.ask() : RankRequests{};
  asked_.send({asks.stop ? 1.0 : 0.0, asks.save ? 1.0 : 0.0});
}

data::Batch* RankExchange::read(data::Loader& loader) {
  data::Batch* batch = nullptr;
  options_.group->patiently([&] { batch = loader.next(); });
  return batch;
}

// The addresses stay the same until the next change of the layout.
void RankExchange::lay_out() {
  buckets_.clear();
  bucket_of_.clear();
  for (std::size_t i = optimizers_.all().size(); i-- > 0;)
    add_buckets(optimizers_.all()[i].optimizer->parameters());
  const kernels::RankTally layout = tally();
  tally_ = Tensor::zeros({layout.size()}, DType::f64, optimizers_.device());
  flags_.resize(layout.parameters, optimizers_.device());
}

void RankExchange::add_buckets(const nn::FlatParameters& parameters) {
  for (std::size_t b = parameters.buckets().size(); b-- > 0;) {
    const auto& [offset, length, segments] = parameters.buckets()[b];
    Bucket bucket{.gradients = parameters.gradients().range(offset, {length})};
    if (options_.shard_optimizer) {
      const i64 part = length / ranks();
      bucket.part = bucket.gradients.range(rank() * part, {part});
    }
    for (const std::size_t i : segments) {
      bucket.leaves.push_back(parameters.segments()[i].leaf.get());
      bucket_of_[bucket.leaves.back()] = buckets_.size();
    }
    buckets_.push_back(std::move(bucket));
  }
}

void RankExchange::begin() {
  begun_ = 0;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.leaves.size();
  loss_of_step_.fill(0);
}

RankExchange::Pass::Pass(RankExchange& exchange, bool is_padding, bool is_last)
    : before_(shared_batch()), watches_(is_last) {
  exchange.is_padding_ = is_padding;
  if (exchange.options_.sync_batch_norm) set_shared_batch(&exchange);
  if (is_last) Tape::current().set_on_ready([&exchange](Leaf& leaf) { exchange.ready(leaf); });
}

RankExchange::Pass::~Pass() {
  set_shared_batch(before_);
  if (watches_) Tape::current().set_on_ready(nullptr);
}

void RankExchange::ready(const Leaf& leaf) {
  const auto found = bucket_of_.find(&leaf);
  if (found == bucket_of_.end()) return;
  --buckets_[found->second].missing;
  while (begun_ < buckets_.size() && buckets_[begun_].missing == 0) begin_bucket();
}

void RankExchange::begin_bucket() {
  const Bucket& bucket = buckets_[begun_++];
  if (options_.shard_optimizer) options_.group->begin_reduce_scatter(bucket.gradients, bucket.part);
  else options_.group->begin_all_reduce(bucket.gradients);
}

void RankExchange::finish(kernels::StepState* state, const Tensor& loss_sum, bool counts) {
  send_flags(counts);
  for (; begun_ < buckets_.size(); begin_bucket())
    for (Leaf* leaf : buckets_[begun_].leaves)
      if (!leaf->has_grad) leaf->grad.fill(0);
  for (const Bucket& bucket : buckets_)
    for (Leaf* leaf : bucket.leaves) leaf->has_grad = true;
  const kernels::RankTally all = tally();
  const kernels::OwnTally own{.state = state,
                              .loss = loss_of_step_.data<double>(),
                              .asked = asked_.on_device.data<double>(),
                              .flags = flags_.on_device.data<double>()};
  std::visit([&](auto device) { kernels::fill_tally(device, all, own); }, optimizers_.device());
  options_.group->begin_all_reduce(tally_);
  options_.group->finish();
  std::visit(
      [&](auto device) { kernels::apply_tally(device, all, state, loss_sum.data<double>()); },
      optimizers_.device());
}

void RankExchange::send_flags(bool counts) {
  std::vector<double> flags;
  for (const ScheduledOptimizer& each : optimizers_.all())
    for (const auto& segment : each.optimizer->parameters().segments())
      flags.push_back(counts && segment.leaf->has_grad ? 1 : 0);
  flags_.send(flags);
}

void RankExchange::mark_active(std::size_t i) {
  i64 first = tally().flags();
  for (std::size_t before = 0; before < i; ++before)
    first += std::ssize(optimizers_.all()[before].optimizer->parameters().segments());
  optimizers_.all()[i].optimizer->device_step().mark_active(tally_.data<double>() + first);
}

void RankExchange::fail(const std::string& why) noexcept try {
  options_.group->fail_job(why);
  options_.group->finish();
} catch (const std::exception&) {
  // The other ranks have ended, as they were told.
}

void RankExchange::gather_parameters(std::size_t i) {
  if (options_.shard_optimizer) optimizers_.all()[i].optimizer->gather_parameters();
}

i64 RankExchange::rank() const { return options_.group->rank(); }
i64 RankExchange::ranks() const { return options_.group->size(); }
void RankExchange::gather(const Tensor& part, const Tensor& whole) {
  options_.group->all_gather(part, whole);
}
void RankExchange::sum(const Tensor& values) { options_.group->all_reduce(values); }

kernels::RankTally RankExchange::tally() const {
  kernels::RankTally tally{
      .data = tally_.defined() ? tally_.data<double>() : nullptr, .rank = rank(), .ranks = ranks()};
  for (const ScheduledOptimizer& each : optimizers_.all())
    tally.parameters += std::ssize(each.optimizer->parameters().segments());
  return tally;
}

void RankExchange::add_up(const Tensor& values) {
  options_.group->wait_for_others("the metrics of training");
  const Tensor there = values.to(options_.group->device());
  sum(there);
  if (!is_cpu(there.device())) values.copy_from(there);
}

double RankExchange::weight_of_step() const { return tally_.range(1, {}).item<double>(); }

}  // namespace weft::train

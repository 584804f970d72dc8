// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/optimizer.h"

#include <cmath>
#include <utility>

#include <fmt/ranges.h>

namespace weft::optim {
namespace {

// Runs before the constructor moves the parameters into the flat buffer.
std::vector<std::string> checked(std::vector<std::string> slot_names) {
  WEFT_CHECK(slot_names.size() <= SegmentTable::kMostSlots,
             "optimizer: {} tensors of state for each parameter given ({}); at most {} are "
             "required, as many as kernels::Segment has",
             slot_names.size(), fmt::join(slot_names, ", "), SegmentTable::kMostSlots);
  return slot_names;
}

void check_limit(const char* name, double limit) {
  WEFT_CHECK(limit == 0 || positive.accepts(limit), "optimizer: {} is {}; {} is required", name,
             limit, kLimitRequired);
}

}  // namespace

Optimizer::Optimizer(const nn::NamedParameters& parameters, const Rates& rates,
                     std::vector<std::string> slot_names, std::vector<ParamGroup> groups)
    : slot_names_(checked(std::move(slot_names))),
      flat_(parameters),
      table_(flat_),
      groups_(std::move(groups)),
      lr_factors_(parameters.size(), 1.0),
      base_lr_(rates.lr),
      weight_decay_(rates.weight_decay),
      control_{.lr = rates.lr, .momentum = rates.momentum},
      device_step_(*this) {
  build_table();
}

StepOutcome Optimizer::step(const UpdateOptions& options) {
  check_limit("clip_norm", options.clip_norm);
  check_limit("clip_value", options.clip_value);
  const GradientLimits limits = options.limits();
  ++state_version_;
  control_.grad_scale = options.grad_scale;
  device_step_.prepare();
  device_step_.send_control();
  device_step_.enqueue(limits);
  StepOutcome outcome;
  if (limits.measure()) {  // a step without a measured norm is never skipped
    if (outcome_ == nullptr)
      outcome_ = make_readback(flat_.values().device(), sizeof(kernels::StepControl));
    outcome_->start(device_step_.control());
    const auto& control = *static_cast<const kernels::StepControl*>(outcome_->wait());
    outcome = {!control.skip, control.grad_norm};
  }
  device_step_.record(outcome.applied, lr(), momentum());
  return outcome;
}

std::vector<double> Optimizer::gradient_norms() {
  device_step_.prepare();
  std::vector<double> norms = table_.gradient_squares();
  if (shard_ != nullptr) {
    const Tensor sums = Tensor::copy_of(norms, {std::ssize(norms)}).to(flat_.values().device());
    shard_->sum(sums);
    norms = sums.to_vector<double>();
  }
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

void Optimizer::set_lr(double lr) {
  WEFT_CHECK(non_negative_f32.accepts(lr),
             "optimizer: a learning rate of {} given; a number from 0 to {:.7g} is required", lr,
             kMostF32);
  ++state_version_;
  control_.lr = lr;
}

void Optimizer::set_momentum(double momentum) {
  WEFT_CHECK(momentum >= 0 && momentum < 1,
             "optimizer: a momentum of {} given; a number from 0 to below 1 is required", momentum);
  ++state_version_;
  control_.momentum = momentum;
}

// Writes the learning-rate factors and weight decays that follow from groups and factors into the
// table.
void Optimizer::update_rates() {
  std::vector<std::string> names;
  for (const auto& parameter : flat_.segments()) names.push_back(parameter.name);
  std::vector<ParamSettings> rates = settings_of(groups_, names, weight_decay_);
  for (std::size_t i = 0; i < rates.size(); ++i) rates[i].lr_factor *= lr_factors_[i];
  table_.set_rates(rates);
  ++state_version_;
}

void Optimizer::set_param_groups(std::vector<ParamGroup> groups) {
  std::swap(groups_, groups);
  try {
    update_rates();
  } catch (...) {
    std::swap(groups_, groups);
    throw;
  }
}

void Optimizer::set_lr_factors(std::vector<double> factors) {
  WEFT_CHECK(factors.size() == flat_.segments().size(),
             "optimizer: {} learning-rate factors given; {} are required, one per parameter",
             factors.size(), flat_.segments().size());
  for (const double factor : factors)
    WEFT_CHECK(std::isfinite(factor) && factor >= 0,
               "optimizer: a learning-rate factor of {} given; 0 or more is required", factor);
  lr_factors_ = std::move(factors);
  update_rates();
}

}  // namespace weft::optim

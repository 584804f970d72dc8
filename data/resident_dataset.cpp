// SPDX-License-Identifier: Apache-2.0
#include "weft/data/resident_dataset.h"

#include <algorithm>
#include <cstring>

#include "weft/core/error.h"
#include "weft/data/check.h"
#include "weft/data/loader.h"
#include "weft/data/slow_pass.h"

namespace weft::data {
namespace {

constexpr i64 kPartBytes = i64{16} << 20;  // read and sent at a time, about

DatasetInfo with_indices(DatasetInfo info) {
  info.sample = {};
  info.sample_dtype = DType::int64;
  return info;
}

}  // namespace

ResidentDataset::ResidentDataset(const Dataset& whole, const Device& device, i64 workers)
    : stored_(whole.info()), info_(with_indices(stored_)) {
  WEFT_CHECK(
      stored_.more.empty(),
      "ResidentDataset: the samples of {} ({}) have more tensors than x and target; a dataset "
      "without DatasetInfo::more is required",
      stored_.name, stored_.split);
  const i64 size = whole.size(), part = kPartBytes / std::max<i64>(1, stored_.sample_bytes());
  Loader loader(
      whole, {.batch_size = std::clamp<i64>(part, 1, std::max<i64>(1, size)), .workers = workers});
  samples_ = Tensor::empty(stored_.sample.inserted(0, size), stored_.sample_dtype, device);
  host_targets_ = Tensor::empty(stored_.target.inserted(0, size), stored_.target_dtype);
  i64 begin = 0;
  SlowPass pass(fmt::format("data.on_device: {} ({})", stored_.name, stored_.split), size);
  for (const auto& [x, y] : loader) {
    const i64 end = begin + x.size(0);
    samples_.slice(begin, end).copy_from(x);
    host_targets_.slice(begin, end).copy_from(y);
    begin = end;
    pass.note(end);
  }
  targets_ = host_targets_.to(device);
}

void ResidentDataset::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size());
  const i64 bytes = info_.target_bytes();
  std::memcpy(sample, &index, sizeof index);
  std::memcpy(target, static_cast<const std::byte*>(host_targets_.raw()) + index * bytes,
              static_cast<std::size_t>(bytes));
}

i64 bytes_in(const Dataset& whole) {
  return whole.size() * (whole.info().sample_bytes() + whole.info().target_bytes());
}

const ResidentDataset* as_resident(const Dataset& dataset) {
  return dynamic_cast<const ResidentDataset*>(&dataset);
}

const DatasetInfo& stored_info(const Dataset& dataset) {
  const ResidentDataset* resident = as_resident(dataset);
  return resident != nullptr ? resident->stored() : dataset.info();
}

}  // namespace weft::data

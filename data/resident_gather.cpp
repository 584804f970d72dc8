// SPDX-License-Identifier: Apache-2.0
#include "weft/data/resident_gather.h"

#include "weft/core/error.h"
#include "weft/data/resident_dataset.h"
#include "weft/kernels/gather_pictures.h"
#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft::data {
namespace {

// Samples that are no pictures count as pictures of one row.
template <class T>
kernels::Pictures<T> pictures_of(const Tensor& x) {
  T* data = static_cast<T*>(x.raw());
  if (x.rank() == 4) return {data, x.size(0), x.size(1), x.size(2), x.size(3)};
  return {data, x.size(0), 1, x.shape().without(0).elements(), 1};
}

template <class T>
void gather_as(const Tensor& y, const Tensor& x, const kernels::SampleRows& rows) {
  std::visit(
      [&](auto device) {
        kernels::gather_pictures<T>(device, pictures_of<T>(y), pictures_of<const T>(x), rows);
      },
      x.device());
}

}  // namespace

ResidentGather::ResidentGather(const Loader& loader) {
  const ResidentDataset* resident = as_resident(loader.dataset());
  if (resident == nullptr) return;
  samples_ = resident->samples();
  targets_ = resident->targets();
  sample_ = loader.sample_shape();
  moves_ = std::ssize(loader.options().augment);
  if (loader.options().mix) mixed_classes_ = resident->stored().classes;
}

bool ResidentGather::is_like(const ResidentGather& other) const {
  return samples_.shares_storage_with(other.samples_) && sample_ == other.sample_;
}

Batch ResidentGather::operator()(const Tensor& rows) const {
  if (moves_ == 0 && mixed_classes_ == 0)
    return {gather_rows(samples_, rows), gather_rows(targets_, rows)};
  const bool mixes = mixed_classes_ > 0;
  const i64 count = rows.size(0), words = kernels::SampleRows::row_words(moves_, mixes);
  WEFT_CHECK(rows.dtype() == DType::int64 && rows.shape() == Shape({count, words}),
             "gather: rows are {} {}; int64 (samples, {}) are required, as the loader gives them",
             rows.dtype(), rows.shape(), words);
  check_same_device("gather", samples_, rows);
  const kernels::SampleRows view{rows.data<i64>(), count, moves_, mixes};
  Batch batch{Tensor::empty(sample_.inserted(0, count), samples_.dtype(), samples_.device()), {}};
  if (samples_.dtype() == DType::uint8) gather_as<u8>(batch.x, samples_, view);
  else gather_as<float>(batch.x, samples_, view);
  if (!mixes) {
    batch.y = gather_rows(targets_, narrow(rows, 1, 0, 1).reshape({count}));
    return batch;
  }
  batch.y = Tensor::empty({count, mixed_classes_}, DType::f32, samples_.device());
  std::visit(
      [&](auto device) {
        kernels::gather_mixed_targets(device, {batch.y.data<float>(), count, mixed_classes_},
                                      {targets_.data<i64>(), targets_.size(0)}, view);
      },
      samples_.device());
  return batch;
}

}  // namespace weft::data

// SPDX-License-Identifier: Apache-2.0
// ResidentDataset: a dataset that was copied to a device once, so that training sends sample
// indices instead of samples.
//
//   auto resident = std::make_shared<data::ResidentDataset>(train_set, device);
//   data::Loader loader{resident, {.batch_size = 128, .shuffle = true, .seed = 1}};
//   trainer.train_one_epoch(loader);  // gathers each batch on the device
//
// A loader gives the same batches in the same order as for the dataset itself, but a batch's x
// holds the indices of its samples, int64 (samples), or rows with what augmentation and mixing make
// of them (Note [Batches of a device dataset]). Its y holds the targets, for the host.
#pragma once
#include "weft/data/dataset.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

class ResidentDataset : public Dataset {
 public:
  // Reads every sample, on `workers` threads, with a loader's errors. `whole` is not needed
  // afterwards. Throws UserError for an empty dataset and for one with DatasetInfo::more, and
  // OutOfMemory where the device has too little memory.
  explicit ResidentDataset(const Dataset& whole, const Device& device, i64 workers = 0);

  i64 size() const override { return samples_.size(0); }
  const DatasetInfo& info() const override { return info_; }  // of the indices
  void read(i64 index, void* sample, void* target) const override;

  const DatasetInfo& stored() const { return stored_; }  // of the samples themselves
  // On the device: (size, sample shape…) and (size, target shape…), for gather_rows().
  const Tensor& samples() const { return samples_; }
  const Tensor& targets() const { return targets_; }

 private:
  DatasetInfo stored_, info_;
  Tensor samples_, targets_, host_targets_;
};

// The bytes of device memory that it would take.
i64 bytes_in(const Dataset& whole);
// The dataset as a ResidentDataset; null for any other.
const ResidentDataset* as_resident(const Dataset& dataset);
// The information about the samples themselves, which for a ResidentDataset is stored().
const DatasetInfo& stored_info(const Dataset& dataset);

}  // namespace weft::data

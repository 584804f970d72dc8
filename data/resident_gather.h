// SPDX-License-Identifier: Apache-2.0
// ResidentGather: makes the samples and targets of a loader's batch on the device that holds its
// ResidentDataset. They are, byte for byte, those of a loader on the host.
//
// Note [Batches of a device dataset]
// A row of x says all about one sample: its index, then the moves of its augmentations, then the
// same of its partner and their mix (kernels/picture_move.h). The loader draws them, as it does for
// samples on the host. So a batch needs no epoch and no seed on the device, any part of it can be
// gathered alone, and a captured graph gets all of a step with the copy that sends the indices.
#pragma once
#include "weft/data/loader.h"

namespace weft::data {

class ResidentGather {
 public:
  ResidentGather() = default;
  // Of a loader whose dataset lies on the host it gathers nothing.
  explicit ResidentGather(const Loader& loader);

  bool gathers() const { return samples_.defined(); }
  // The samples and targets of rows of x of a batch, which must be on the dataset's device.
  Batch operator()(const Tensor& rows) const;
  // Whether a graph that was captured with the other one's work is valid for this one's too, for
  // rows of as many words, whose number tells how many moves there are and whether there is a mix.
  bool is_like(const ResidentGather& other) const;

 private:
  Tensor samples_, targets_;  // of the dataset
  Shape sample_;              // augmented
  i64 moves_ = 0;
  i64 mixed_classes_ = 0;  // 0: batches are not mixed
};

}  // namespace weft::data

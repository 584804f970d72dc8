// SPDX-License-Identifier: Apache-2.0
// data.type: stream.
#include "weft/core/error.h"
#include "weft/data/sources.h"
#include "weft/data/stream/stream_dataset.h"

namespace weft::data {
namespace {

TrainAndTest make_stream(const StreamSource& o) {
  if (!o.stored) return {std::make_shared<StreamDataset>(o, nullptr), nullptr};
  WEFT_CHECK(o.stored->name() != "stream",
             "data.stored: a stream given; a dataset that is stored is required");
  TrainAndTest stored = o.stored->make();
  return {std::make_shared<StreamDataset>(o, stored.train), stored.test, stored.place};
}

}  // namespace

void describe(Fields& f, StreamSource& o) {
  f("address", o.address, "where records come in: unix:PATH or tcp:127.0.0.1:PORT", required());
  f("producers", o.producers, "the stream ends when so many have sent their end mark", at_least(1));
  f("stored", o.stored,
    "a dataset that is mixed in; records have its shapes, and validation and test its samples");
  f("stored_share", o.stored_share, "share of the training samples that are stored ones",
    from_to_below(0, 1));
  f("sample", o.sample, "shape of x, without stored", positive);
  f("sample_dtype", o.sample_dtype, "dtype of x, without stored");
  f("classes", o.classes, "y is a label of so many, without stored; 0: y is numbers",
    in_range(0, 1'000'000));
  f("target", o.target, "shape of y, without stored and classes", positive);
  f("capacity", o.capacity, "records that may wait to be used", at_least(1));
  f("when_full", o.when_full,
    "a producer waits for room, or its record replaces the oldest one that waits");
  f("timeout", o.timeout, "seconds without a record after which the run is given up; 0: never",
    in_range(0, 1e8));  // the clock counts nanoseconds
  f("epoch_steps", o.epoch_steps, "optimizer steps that count as an epoch", at_least(1));
  const bool declared = !o.sample.empty() || o.classes > 0 || !o.target.empty();
  f.rule(o.stored.has_value() != declared, "stored",
         "either stored, or sample with classes or target");
  f.rule(o.stored.has_value() || !o.sample.empty(), "sample", "the shape of a sample");
  f.rule(o.classes == 0 || o.target.empty(), "target", "none beside classes");
}

static const bool registered = Registry<Dataset>::add<StreamSource>("stream", make_stream);

DataRecipe stream(const StreamSource& options) { return DataRecipe::of("stream", options); }

}  // namespace weft::data

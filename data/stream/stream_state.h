// SPDX-License-Identifier: Apache-2.0
// What a checkpoint says of a stream.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/data/stream/journal.h"
#include "weft/tensor/state.h"

namespace weft::data {

// From streamed sample `sample` on, `records` records in all were replaced before they were used.
struct ReplacedRecords {
  i64 sample = 0, records = 0;
  void state(State& s) {
    s.within("sample", sample, 0, kMostSaved).within("records", records, 0, kMostSaved);
  }
};

struct StreamState {
  i64 consumed = 0;  // streamed samples that were trained on
  i64 received = 0;  // records that were acknowledged
  i64 refused = 0;
  std::vector<ReplacedRecords> replaced = {};  // ascending
  std::map<std::string, ProducerMark> producers = {};

  void state(State& s) {
    s.within("consumed", consumed, 0, kMostSaved).within("received", received, 0, kMostSaved);
    s.within("refused", refused, 0, kMostSaved)("replaced", replaced)("producers", producers);
  }
};

}  // namespace weft::data

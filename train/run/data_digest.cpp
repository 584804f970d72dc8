// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/data_digest.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/sha256.h"
#include "weft/data/stream/stream_dataset.h"

namespace weft::train {
namespace {

constexpr i64 kTargets = i64{1} << 16, kSamples = 64;
constexpr std::size_t kDigits = 16;  // of the hash, which a message shows

template <class Bytes>
void add(Sha256& hash, const Bytes& bytes) {
  hash.add(bytes.data(), std::ssize(bytes));
}

// Calls f(i) for at most `most` indices, evenly spread. A sample that cannot be read is an error
// later, or is skipped (data.bad_samples).
template <class F>
void spread(i64 size, i64 most, Sha256& hash, const F& f) {
  const i64 count = std::min(size, most);
  for (i64 i = 0; i < count; ++i) {
    try {
      f(i * size / count);
    } catch (const Error& error) {
      add(hash, std::string_view(error.what()));
    }
  }
}

std::string line_of(const char* name, const data::Dataset* dataset) {
  if (dataset == nullptr) return fmt::format("{}: none\n", name);
  const data::DatasetInfo& info = dataset->info();
  Sha256 hash;
  for (const std::string& label : info.class_names) add(hash, label);
  std::vector<char> sample(static_cast<std::size_t>(info.sample_bytes())),
      target(static_cast<std::size_t>(info.target_bytes()));
  spread(dataset->size(), kTargets, hash, [&](i64 i) {
    dataset->read_target(i, target.data());
    add(hash, target);
  });
  spread(dataset->size(), kSamples, hash, [&](i64 i) {
    dataset->read(i, sample.data(), target.data());
    add(hash, sample);
  });
  return fmt::format("{}: {} samples, each {} {}, digest {}\n", name, dataset->size(),
                     info.sample_dtype, info.sample, hash.hex().substr(0, kDigits));
}

}  // namespace

std::string digest_of(const RunData& data) {
  if (data::as_stream(*data.train) != nullptr) return "";
  return line_of("training", data.train.get()) + line_of("validation", data.validation.get()) +
         line_of("test", data.test.get());
}

}  // namespace weft::train

// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/data_digest.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/data/stream/stream_dataset.h"

namespace weft::train {
namespace {

constexpr i64 kTargets = i64{1} << 16, kSamples = 64;

// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) value_ = (value_ ^ static_cast<u8>(c)) * 0x100000001b3;
  }
  void add(const std::vector<char>& bytes) { add(std::string_view(bytes.data(), bytes.size())); }
  u64 value() const { return value_; }

 private:
  u64 value_ = 0xcbf29ce484222325;
};

// Calls f(i) for at most `most` indices, evenly spread. A sample that cannot be read is an error
// later, or is skipped (data.bad_samples).
template <class F>
void spread(i64 size, i64 most, Hash& hash, const F& f) {
  const i64 count = std::min(size, most);
  for (i64 i = 0; i < count; ++i) {
    try {
      f(i * size / count);
    } catch (const Error& error) {
      hash.add(error.what());
    }
  }
}

std::string line_of(const char* name, const data::Dataset* dataset) {
  if (dataset == nullptr) return fmt::format("{}: none\n", name);
  const data::DatasetInfo& info = dataset->info();
  Hash hash;
  for (const std::string& label : info.class_names) hash.add(label);
  std::vector<char> sample(static_cast<std::size_t>(info.sample_bytes())),
      target(static_cast<std::size_t>(info.target_bytes()));
  spread(dataset->size(), kTargets, hash, [&](i64 i) {
    dataset->read_target(i, target.data());
    hash.add(target);
  });
  spread(dataset->size(), kSamples, hash, [&](i64 i) {
    dataset->read(i, sample.data(), target.data());
    hash.add(sample);
  });
  return fmt::format("{}: {} samples, each {} {}, digest {:016x}\n", name, dataset->size(),
                     info.sample_dtype, info.sample, hash.value());
}

}  // namespace

std::string digest_of(const RunData& data) {
  if (data::as_stream(*data.train) != nullptr) return "";
  return line_of("training", data.train.get()) + line_of("validation", data.validation.get()) +
         line_of("test", data.test.get());
}

}  // namespace weft::train

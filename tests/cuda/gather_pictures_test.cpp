// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_pictures.h"

#include <fmt/format.h>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

constexpr i64 kStored = 7, kTall = 5, kWide = 9, kLabels = 4;

// Rows with moves of all kinds, and boxes, that reach over the border of the picture.
class RandomRows {
 public:
  RandomRows(i64 count, i64 moves, bool mixes, Numbers& numbers)
      : words_(count * SampleRows::row_words(moves, mixes)),
        rows_{words_.data(), count, moves, mixes} {
    i64* to = words_.data();
    const auto put = [&](const auto& value) {
      std::memcpy(to, &value, sizeof value);
      to += sizeof value / sizeof *to;
    };
    const auto around = [&](i64 size) {
      return static_cast<i32>(numbers.below(2 * size) - size / 2);
    };
    const auto put_source = [&] {
      *to++ = numbers.below(kStored);
      for (i64 i = 0; i < moves; ++i)
        put(PictureMove{.kind = static_cast<PictureMove::Kind>(numbers.below(6)),
                        .top = around(kTall) % 4,
                        .left = around(kWide) % 4,
                        .size = around(kWide),
                        .height = kTall,
                        .width = kWide});
    };
    for (i64 i = 0; i < count; ++i) {
      put_source();
      if (!mixes) continue;
      put_source();
      const i32 top = around(kTall), left = around(kWide);
      put(SampleMix{.share = static_cast<double>(numbers.below(1000)) / 1000,
                    .kind = static_cast<SampleMix::Kind>(numbers.below(2)),
                    .own = static_cast<i32>(numbers.below(SampleMix::kWhole + 1)),
                    .top = top,
                    .bottom = top + around(kTall),
                    .left = left,
                    .right = left + around(kWide)});
    }
  }
  const SampleRows& view() const { return rows_; }
  i64* source(i64 row, i64 source) {
    return words_.data() + (rows_.source(row, source) - rows_.words);
  }

 private:
  Array<i64> words_;
  SampleRows rows_;
};

template <class T>
Pictures<T> pictures(T* data, i64 count, i64 channels) {
  return {data, count, kTall, kWide, channels};
}

template <class T>
void expect_the_cpus_bytes(const RandomRows& rows, i64 count, i64 channels, Numbers& numbers) {
  const i64 size = kTall * kWide * channels;
  const Array<T> x(kStored * size, numbers, 0, 255);
  const Pictures<const T> stored = pictures<const T>(x.data(), kStored, channels);
  Array<T> wanted(count * size);
  gather_pictures<T>(Cpu{}, pictures(wanted.data(), count, channels), stored, rows.view());
  in_every_order([&] {
    Array<T> y(count * size);
    gather_pictures<T>(Cuda{}, pictures(y.data(), count, channels), stored, rows.view());
    wait_for_device();
    ASSERT_EQ(
        std::memcmp(y.data(), wanted.data(), static_cast<std::size_t>(count * size) * sizeof(T)),
        0);
  });
}

TEST(CudaGatherPictures, GivesTheCpusBytes) {
  for (const i64 count : {0, 1, 33})
    for (const i64 moves : {0, 1, 4})
      for (const bool mixes : {false, true})
        for (const i64 channels : {1, 3}) {
          SCOPED_TRACE(fmt::format("{} rows, {} moves, {} channels, {}", count, moves, channels,
                                   mixes ? "mixed" : "not mixed"));
          Numbers numbers(static_cast<u64>(count + moves));
          const RandomRows rows(count, moves, mixes, numbers);
          expect_the_cpus_bytes<u8>(rows, count, channels, numbers);
          expect_the_cpus_bytes<float>(rows, count, channels, numbers);
        }
}

TEST(CudaGatherMixedTargets, GivesTheCpusBytes) {
  for (const i64 count : {0, 1, 33, 300}) {
    Numbers numbers;
    const RandomRows rows(count, 1, true, numbers);
    Array<i64> labels(kStored);
    for (i64 i = 0; i < kStored; ++i) labels[i] = numbers.below(kLabels);
    Array<float> wanted(count * kLabels);
    gather_mixed_targets(Cpu{}, view(wanted, count, kLabels), {labels.data(), kStored},
                         rows.view());
    for (i64 i = 0; i < count; ++i) {
      float sum = 0;
      for (i64 c = 0; c < kLabels; ++c) sum += wanted[i * kLabels + c];
      ASSERT_NEAR(sum, 1, 1e-6);
    }
    in_every_order([&] {
      Array<float> y(count * kLabels);
      gather_mixed_targets(Cuda{}, view(y, count, kLabels), {labels.data(), kStored}, rows.view());
      wait_for_device();
      ASSERT_EQ(std::memcmp(y.data(), wanted.data(),
                            static_cast<std::size_t>(count * kLabels) * sizeof(float)),
                0);
    });
  }
}

TEST(CudaGatherPictures, ASampleThatThereIsNotIsBlackAndItsTargetNaN) {
  Numbers numbers;
  RandomRows rows(3, 0, false, numbers), mixed_rows(3, 0, true, numbers);
  *rows.source(0, 0) = kStored;
  *rows.source(1, 0) = -1;
  *mixed_rows.source(0, 0) = -1;
  *mixed_rows.source(1, 1) = kStored;
  const i64 size = kTall * kWide;
  Array<u8> x(kStored * size);
  for (i64 i = 0; i < x.size(); ++i) x[i] = 200;
  Array<i64> labels(kStored);
  for (i64 i = 0; i < kStored; ++i) labels[i] = 1;
  in_every_order([&] {
    Array<u8> y(3 * size);
    gather_pictures<u8>(Cuda{}, pictures(y.data(), 3, 1), pictures<const u8>(x.data(), kStored, 1),
                        rows.view());
    Array<float> targets(3 * kLabels);
    gather_mixed_targets(Cuda{}, view(targets, 3, kLabels), {labels.data(), kStored},
                         mixed_rows.view());
    wait_for_device();
    for (i64 i = 0; i < 3 * size; ++i) ASSERT_EQ(y[i], i < 2 * size ? 0 : 200);
    for (i64 i = 0; i < 3 * kLabels; ++i) ASSERT_EQ(std::isnan(targets[i]), i < 2 * kLabels);
  });
}

}  // namespace
}  // namespace weft::kernels::test

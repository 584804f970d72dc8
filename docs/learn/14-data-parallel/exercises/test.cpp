// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "exercise.h"
#include "ranks.h"

double mean_gradient(const std::vector<Share>& shares);
int samples_of(int rank, int ranks, int n);
void ring_all_reduce(std::vector<std::vector<double>>& values);

namespace {

void test_1() {
  learn::expect("mean_gradient() of the means -6 of 2 samples and -1 of 3",
                mean_gradient({{-6, 2}, {-1, 3}}), -3);
  learn::expect("mean_gradient() of equal shares", mean_gradient({{1, 4}, {2, 4}, {6, 4}}), 3);
  learn::expect("mean_gradient() with a rank that has no samples", mean_gradient({{7, 2}, {0, 0}}),
                7);
}

void test_2() {
  for (const auto& [ranks, n] : {std::pair{2, 5}, {3, 8}, {4, 3}, {4, 64}, {1, 7}}) {
    int sum = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const int samples = samples_of(rank, ranks, n);
      sum += samples;
      learn::expect(samples == n / ranks || samples == (n + ranks - 1) / ranks,
                    fmt::format("samples_of({}, {}, {}) is {}; {} or {} is required", rank, ranks,
                                n, samples, n / ranks, (n + ranks - 1) / ranks));
    }
    learn::expect(fmt::format("the sum of samples_of(rank, {}, {}) over the ranks", ranks, n), sum,
                  n);
  }
}

void test_3() {
  for (const std::size_t n : {1u, 2u, 3u, 5u}) {
    std::vector<std::vector<double>> values(n, std::vector<double>(n));
    std::vector<double> sums(n);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t p = 0; p < n; ++p)
        sums[p] += values[r][p] = static_cast<double>(10 * r + p * p);
    ring_all_reduce(values);
    for (std::size_t r = 0; r < n; ++r)
      learn::expect(fmt::format("rank {} of {} after ring_all_reduce()", r, n), values[r], sums);
  }
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }

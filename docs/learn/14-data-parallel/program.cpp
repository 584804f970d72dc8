// SPDX-License-Identifier: Apache-2.0
// Data-parallel training: two ranks, here threads, make the steps of one process.
#include <weft/device/parallel.h>
#include <weft/weft.h>

#include <array>
#include <barrier>
#include <cstdio>
#include <thread>

using namespace weft;

namespace {

// What the ranks share. A real job has a network in its place.
struct Group {
  i64 size;
  std::barrier<> barrier{size};
  std::array<Tensor, 2> given = {};

  // Replaces the values of each rank by the sums over all ranks.
  void all_reduce(std::size_t rank, const Tensor& values) {
    given[rank] = values.clone();
    barrier.arrive_and_wait();  // all have given
    values.copy_from(size == 1 ? given[0] : add(given[0], given[1]));
    barrier.arrive_and_wait();  // all have read
  }
};

// Makes four steps as one rank, with its share of the rows. Prints the first weight after each.
void train_rank(std::size_t rank, Group& group, nn::Sequential model, double divisor) {
  const Tensor x = Tensor::full({5, 1}, 1, DType::f64),
               t = Tensor::copy_of(std::vector<double>{5, 7, 1, -1, 3}, {5, 1});
  const data::Part part{static_cast<i64>(rank), group.size};
  const i64 first = part.first_of(5), end = part.end_of(5);
  model.to(DType::f64);
  optim::SGD optimizer{model.named_parameters(), {.lr = 0.5}};
  for (int step = 0; step < 4; ++step) {
    optimizer.zero_grad();
    const Variable error = model(x.slice(first, end)) - t.slice(first, end);
    const double rows = divisor > 0 ? divisor : static_cast<double>(end - first) * group.size;
    (sum(square(error)) * 0.5 / rows).backward();
    group.all_reduce(rank, optimizer.parameters().gradients());
    optimizer.step();
    if (rank == 0) std::printf(" %.6f", model.named_parameters()[0].variable.value().values<double>()[0]);
  }
}

void train_group(const char* title, i64 size, const nn::Sequential& model, double divisor) {
  Group group{size};
  std::printf("%s:", title);
  {
    std::vector<std::jthread> ranks;
    for (std::size_t rank = 0; rank < static_cast<std::size_t>(size); ++rank)
      ranks.emplace_back([&, rank] { train_rank(rank, group, model, divisor); });
  }
  std::printf("\n");
}

}  // namespace

int main() {
  set_threads(1);
  manual_seed(1);
  nn::Sequential one{nn::Linear{1, 1, {.bias = false}}}, network{nn::Linear{1, 4}, nn::Tanh{}, nn::Linear{4, 1}};
  one.named_parameters()[0].variable.value().fill(0);
  for (const nn::Sequential& model : {one, network}) {
    train_group("one process             ", 1, model, 5);
    train_group("two ranks, divided by 5 ", 2, model, 5);
    train_group("two ranks, mean of means", 2, model, 0);
  }
}

// SPDX-License-Identifier: Apache-2.0
// Two ranks, here threads, make the steps of one process.
#include <weft/weft.h>

#include <barrier>
#include <cstdio>
#include <thread>

using namespace weft;

// What the ranks share. all_reduce() replaces the values of each rank by the sums over all.
struct Group {
  i64 size;
  std::vector<Tensor> given = std::vector<Tensor>(2, Tensor::zeros({}, DType::f64));
  std::barrier<> barrier{size};
  void all_reduce(i64 rank, const Tensor& values) {
    given[static_cast<std::size_t>(rank)] = values.clone();
    barrier.arrive_and_wait();  // all have given
    values.copy_from(add(given[0], given[1]));
    barrier.arrive_and_wait();  // all have read
  }
};

// Makes four steps with the rank's share of five samples. Rank 0 prints its first weight.
void train_rank(i64 rank, Group& group, nn::Sequential model, bool mean_of_means) {
  const Tensor x = Tensor::full({5, 1}, 1, DType::f64);
  const Tensor t = Tensor::copy_of(std::vector<double>{5, 7, 1, -1, 3}, {5, 1});
  const i64 first = 5 * rank / group.size, end = 5 * (rank + 1) / group.size;
  const double divisor = static_cast<double>(mean_of_means ? (end - first) * group.size : 5);
  optim::SGD optimizer{model.named_parameters(), {.lr = 0.5}};
  for (int step = 0; step < 4; ++step) {
    optimizer.zero_grad();
    const Variable error = model(x.slice(first, end)) - t.slice(first, end);
    (sum(square(error)) * 0.5 / divisor).backward();
    group.all_reduce(rank, optimizer.parameters().gradients());
    optimizer.step();
    if (rank == 0) std::printf("%9.6f ", optimizer.parameters().values().values<double>()[0]);
  }
}

void train_ranks(const char* title, i64 size, const nn::Sequential& model, bool mean_of_means) {
  std::printf("%-29s", title);
  Group group{size};
  std::vector<std::jthread> ranks;
  for (i64 rank = 0; rank < size; ++rank)
    ranks.emplace_back([&, rank] { train_rank(rank, group, model, mean_of_means); });
  ranks.clear(), std::puts("");  // waits for the threads
}

int main() {
  nn::Sequential one{nn::Linear{1, 1, {.bias = false}}};
  nn::Sequential network{nn::Linear{1, 4}, nn::Tanh{}, nn::Linear{4, 1}};
  for (nn::Sequential* model : {&one, &network}) {
    model->to(DType::f64);
    model->named_parameters()[0].variable.value().fill(0);
    train_ranks("one process", 1, *model, false);
    train_ranks("two ranks", 2, *model, false);
    train_ranks("two ranks, mean of the means", 2, *model, true);
  }
}

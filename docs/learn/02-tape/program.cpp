// SPDX-License-Identifier: Apache-2.0
// A tape for scalars in thirty lines, and weft's tape, for the loss (a·b + a)².
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

struct Entry {  // one operation: its result, its inputs, and the derivatives by them
  const char* op;
  double value;
  int left, right;  // indices of the inputs on the tape, or -1
  double by_left, by_right;
  double grad = 0;
};

struct ScalarTape {
  std::vector<Entry> entries;

  int put(const Entry& entry) { return entries.push_back(entry), int(entries.size()) - 1; }
  int leaf(double value) { return put({"leaf", value, -1, -1, 0, 0}); }
  int add(int l, int r) { return put({"add", entries[l].value + entries[r].value, l, r, 1, 1}); }
  int mul(int l, int r) {
    const double a = entries[l].value, b = entries[r].value;
    return put({"mul", a * b, l, r, b, a});
  }
  void backward() {
    entries.back().grad = 1;
    for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
      if (e->left >= 0) entries[e->left].grad += e->grad * e->by_left;
      if (e->right >= 0) entries[e->right].grad += e->grad * e->by_right;
      std::printf("  %-4s  value %2g  gradient %2g\n", e->op, e->value, e->grad);
    }
  }
};

struct Printer : TapeObserver {
  void on_forward(const char*, const std::string&, const Tensor&) override {}
  void on_backward(const char* op, const std::string&, const Tensor& grad) override {
    std::printf("  %-4s            gradient %2g\n", op, grad.item<double>());
  }
};

int main() {
  std::puts("by hand, backwards");
  ScalarTape tape;
  const int a = tape.leaf(2), b = tape.leaf(3), v = tape.add(tape.mul(a, b), a);
  tape.mul(v, v);
  tape.backward();
  std::puts("weft's tape, backwards");
  Printer printer;
  set_tape_observer(&printer);
  const Variable A = Variable::leaf(Tensor::full({}, 2)), B = Variable::leaf(Tensor::full({}, 3));
  const Variable V = A * B + A, loss = V * V;
  std::printf("  %d operations on the tape\n", int(Tape::current().recorded_ops()));
  loss.backward();
  std::printf("  a gradient %g, b gradient %g\n", A.grad().item<double>(), B.grad().item<double>());
}

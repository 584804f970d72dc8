// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/pool.h"

#include "weft/autograd/ops.h"
#include "weft/nn/layer.h"

namespace weft::nn {
namespace {
std::string label_of(const char* name, const Pool2dOptions& o) {
  return fmt::format("{}({}×{})", name, o.kernel.h, o.kernel.w);
}
}  // namespace

Variable MaxPool2d::forward(const Variable& x) { return max_pool2d(x, options_); }
std::string MaxPool2d::label() const { return label_of("MaxPool2d", options_); }

bool MaxPool2d::tiles_by_2() const {
  const auto is = [](const HeightWidth& size, i64 n) { return size.h == n && size.w == n; };
  return is(options_.kernel, 2) && is(options_.padding, 0) &&
         (is(options_.stride, 0) || is(options_.stride, 2));
}

Variable AvgPool2d::forward(const Variable& x) { return avg_pool2d(x, options_); }
std::string AvgPool2d::label() const { return label_of("AvgPool2d", options_); }

Variable GlobalAvgPool::forward(const Variable& x) { return global_avg_pool(x); }

namespace {

struct PoolLayer {
  i64 kernel = 2, stride = 0, padding = 0;
};
void describe(Fields& f, PoolLayer& o) {
  f("kernel", o.kernel, "height and width of a window", at_least(1));
  f("stride", o.stride, "step of the window; 0: the kernel", non_negative);
  f("padding", o.padding, "elements added on each side", non_negative);
}

template <class Pool>
bool add_pool(const char* name) {
  return Registry<Layer>::add<PoolLayer>(
      name, [name](const PoolLayer& o, const LayerInput& input) -> AnyModule {
        (void)input.channels(name);
        return Pool{o.kernel, {.stride = o.stride, .padding = o.padding}};
      });
}

AnyModule make_global_avg_pool(const NoOptions&, const LayerInput& input) {
  (void)input.channels("global_avg_pool");
  return GlobalAvgPool{};
}

const bool registered = add_pool<MaxPool2d>("max_pool") && add_pool<AvgPool2d>("avg_pool") &&
                        Registry<Layer>::add<NoOptions>("global_avg_pool", make_global_avg_pool);

}  // namespace

}  // namespace weft::nn

// SPDX-License-Identifier: Apache-2.0
// A plugin that shows that it was opened, by a file `opened` in the current folder, and misbehaves
// as $WEFT_TEST_PLUGIN says.
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "weft/train/metrics/metric.h"

namespace {

class Zero : public weft::train::Metric {
 public:
  void update(const weft::Tensor&, const weft::Tensor&) override {}
  double value() const override { return 0; }
  void reset() override {}
};

class Throws : public Zero {
 public:
  void update(const weft::Tensor&, const weft::Tensor&) override {
    throw std::runtime_error("no ruler");
  }
};

struct Shadows {
  int type = 1;
};
void describe(weft::Fields& f, Shadows& o) { f("type", o.type, "of the zero"); }

bool begin() {
  std::ofstream("opened") << "opened";
  const char* given = std::getenv("WEFT_TEST_PLUGIN");
  const std::string_view how = given != nullptr ? given : "";
  if (how == "throw") throw std::runtime_error("no licence");
  if (how == "throw_number") throw 7;  // NOLINT: as a careless author would
  if (how == "exit") std::exit(0);
  if (how == "abort") std::abort();
  if (how == "quick_exit") std::quick_exit(0);
  using Metrics = weft::Registry<weft::train::Metric>;
  if (how == "take") return Metrics::add<Zero>("mae");
  if (how == "take_spelling") return Metrics::add_spelling("mae", "zero");
  if (how == "take_other") return Metrics::add<Zero>("caution");
  if (how == "shadow") Metrics::add<Zero, Shadows>("shadow");
  if (how == "throw_later") Metrics::add<Throws>("throws");
  return Metrics::add<Zero>("zero");
}

const bool begun = begin();

}  // namespace

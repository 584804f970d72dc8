// SPDX-License-Identifier: Apache-2.0
// Names all that a checkpoint must hold of an Average. weft calls this function to save and to
// load: s("name", member) does both.
#include "average.h"

void Average::state(weft::State& s) {
  s("sum", sum);  // TODO: is this all that add() and mean() depend on?
}

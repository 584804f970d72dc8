// SPDX-License-Identifier: Apache-2.0
// Returns the factor of a step: it rises linearly from 0 at step 0 to 1 at step `warmup`, then falls
// linearly to 0 at step `total`, and stays there. warmup is at least 1 and less than total.

double linear_factor(int step, int warmup, int total) {
  // TODO: three cases. Divide doubles, because 1 / 4 is 0.
  return 1;
}

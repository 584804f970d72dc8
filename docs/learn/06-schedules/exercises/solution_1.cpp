// SPDX-License-Identifier: Apache-2.0

double linear_factor(int step, int warmup, int total) {
  if (step < warmup) return static_cast<double>(step) / warmup;
  if (step >= total) return 0;
  return 1 - static_cast<double>(step - warmup) / (total - warmup);
}

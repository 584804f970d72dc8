// SPDX-License-Identifier: Apache-2.0
// A rank has the samples from n·rank/ranks to n·(rank + 1)/ranks.
int samples_of(int rank, int ranks, int n) { return n * (rank + 1) / ranks - n * rank / ranks; }

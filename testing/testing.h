// SPDX-License-Identifier: Apache-2.0
// Includes all that the author of an op needs to test it, inside this tree and outside
// (weft::testing).
#pragma once
#include "weft/testing/compare.h"
#include "weft/testing/gradcheck.h"
#include "weft/testing/inputs.h"
#include "weft/testing/machine.h"
#include "weft/testing/op_row.h"

// SPDX-License-Identifier: Apache-2.0
// What the tests of the exercises share. A test calls expect() for each value that the student's
// function returned. The first wrong value ends the exercise with one sentence.
//
//   void test_1() { learn::expect("dot({1, 2}, {3, 4})", dot({1, 2}, {3, 4}), 11); }
//   int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
#pragma once
#include <string>
#include <vector>

namespace learn {

// Throws std::runtime_error with "WHAT is ACTUAL; REQUIRED is required" if the values differ by
// more than `tolerance`, or if `actual` is not a number.
void expect(const std::string& what, double actual, double required, double tolerance = 1e-6);
// As above for each element, after the number of elements.
void expect(const std::string& what, const std::vector<double>& actual,
            const std::vector<double>& required, double tolerance = 1e-6);
// Throws std::runtime_error with `sentence` unless the condition holds.
void expect(bool condition, const std::string& sentence);

// Runs the exercise that argv[1] counts from 1, or all of them. Prints a line for each: that it
// passes, or what is wrong. Returns 0 if all pass, 1 if one does not, and 2 for another argument.
int run(int argc, char** argv, const std::vector<void (*)()>& tests);

}  // namespace learn

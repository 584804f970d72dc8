# SPDX-License-Identifier: Apache-2.0
# weft_add_op_test(<name> <source>…): a test binary of op rows (weft/testing/op_row.h) and other
# GoogleTest cases, registered with ctest under its name. Call enable_testing() before.
function(weft_add_op_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE weft::testing GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  # A binary whose rows were lost would pass for ever.
  set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "Running 0 tests")
endfunction()

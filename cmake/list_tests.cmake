# SPDX-License-Identifier: Apache-2.0
# This script runs after a test binary is linked (cmake/tests.cmake), and writes its ctest entries
# to ${entries}. A binary without tests is an error, because it would always pass.
execute_process(COMMAND ${binary} --gtest_list_tests OUTPUT_VARIABLE all RESULT_VARIABLE result)
if(NOT result EQUAL 0 OR NOT all MATCHES "\n  [^ \n]")
  message(FATAL_ERROR "${binary}: no tests found (exit code ${result})")
endif()
execute_process(COMMAND ${binary} --gtest_list_tests --gtest_filter=*Slow* OUTPUT_VARIABLE slow)
execute_process(COMMAND ${binary} --gtest_list_tests --gtest_filter=-*Slow*:*.cuda OUTPUT_VARIABLE quick)

# AddressSanitizer would end the process in tests of out-of-memory errors. Waiting threads spin for
# a short time and then sleep. If they only spun, tests that share the cores would slow each other
# down. If they slept at once, the small models of tests would be ten times slower.
# With six frames of a stack and 32 MB of freed memory that it watches, AddressSanitizer takes a
# fifth less time (test_train: 143 in place of 172 s of processor time).
set(asan_options "allocator_may_return_null=1:malloc_context_size=6:quarantine_size_mb=32")
set(environment "ASAN_OPTIONS=${asan_options};GOMP_SPINCOUNT=2000")
# Whole runs of small models take one thread, because ctest runs as many tests as there are cores.
# That the bits do not depend on threads is tested op by op, and by tests that set their number.
if(name MATCHES "^(train|ranks|dist|app)$")
  string(APPEND environment ";OMP_NUM_THREADS=1")
endif()
set(text "")
macro(add_entry entry label seconds filter)
  set(labels ${label} ${extra_label})
  get_filename_component(build ${binary} DIRECTORY)
  string(APPEND text
    "add_test([=[${entry}]=] [=[${binary}]=] [=[--gtest_filter=${filter}]=] --gtest_brief=1\n"
    "  [=[--gtest_output=xml:${build}/test-results/${entry}.xml]=])\n"
    "set_tests_properties([=[${entry}]=] PROPERTIES LABELS [=[${labels}]=] TIMEOUT ${seconds}\n"
    "  ENVIRONMENT [=[${environment}]=])\n")
endmacro()
if(quick MATCHES "\n  [^ \n]")
  # The tests `cuda` of op rows are in the entry op_rows_cuda.
  add_entry(${name} quick 600 "-*Slow*:*.cuda")
endif()
if(slow MATCHES "\n  [^ \n]")
  add_entry(${name}_slow slow 900 "*Slow*")
endif()
file(WRITE ${entries} "${text}")

# SPDX-License-Identifier: Apache-2.0
# weft_add_op_test(<name> <source>…) adds a test of your own op to ctest. Call enable_testing()
# before.
#
# With C++ sources alone, the test has op rows (weft/testing/op_row.h) and other GoogleTest cases,
# and links libweft.
#
# With a CUDA source (.cu) among them, the test has tests of kernels (weft/testing/kernel_test.h).
# The emulator runs them, without a GPU and without the CUDA toolkit. Three tests are added: <name>,
# <name>_asan (accesses outside arrays and misaligned accesses, by AddressSanitizer and
# UndefinedBehaviorSanitizer) and <name>_tsan (races, by ThreadSanitizer).
function(weft_add_op_test name)
  set(kernels ${ARGN})
  list(FILTER kernels INCLUDE REGEX "\\.cu$")
  if(kernels)
    _weft_add_kernel_test(${name} plain ${ARGN})
    _weft_add_kernel_test(${name}_asan asan ${ARGN})
    _weft_add_kernel_test(${name}_tsan tsan ${ARGN})
  else()
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE weft::testing GTest::gtest_main)
    _weft_register_test(${name})
  endif()
endfunction()

function(_weft_register_test name)
  add_test(NAME ${name} COMMAND ${name})
  # A binary that lost its rows would always pass.
  set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "Running 0 tests" ENVIRONMENT
    "ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=0;TSAN_OPTIONS=halt_on_error=1:report_signal_unsafe=0")
endfunction()

function(_weft_add_kernel_test name variant)
  _weft_add_emulator(${variant})
  add_executable(${name} ${ARGN})
  foreach(source ${ARGN})
    if(source MATCHES "\\.cu$")
      set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas")
    endif()
  endforeach()
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${name} PRIVATE weft_emulator_${variant} GTest::gtest_main)
  _weft_register_test(${name})
endfunction()

# The emulator is built from its sources, because a sanitizer must instrument the whole program.
set(_weft_emulator_sources ${CMAKE_CURRENT_LIST_DIR}/emulator)  # in an installed weft
if(NOT EXISTS ${_weft_emulator_sources})
  cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH _weft_emulator_sources)  # in weft's own tree
endif()
set(_weft_emulator_files core/*.cpp device/*.cpp device/emulated/*.cpp device/gpu/*.cpp device/simt/*.cpp testing/emulated/*.cpp)

function(_weft_add_emulator variant)
  set(target weft_emulator_${variant})
  if(TARGET ${target})
    return()
  endif()
  list(TRANSFORM _weft_emulator_files PREPEND ${_weft_emulator_sources}/)
  file(GLOB sources ${_weft_emulator_files})
  # The emulator does not use these files, which need libraries of their own.
  list(FILTER sources EXCLUDE REGEX "/core/(sha256|atomic_file|json|json_field|plugin|plugin_stamp)\\.cpp$")
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${sources})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 32)
  get_target_property(includes weft::weft INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(${target} SYSTEM PUBLIC ${includes})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_definitions(${target} PUBLIC WEFT_HAS_CUDA)
  target_link_libraries(${target} PUBLIC fmt::fmt GTest::gtest)
  if(variant STREQUAL "plain")
    target_compile_options(${target} PUBLIC -O2 -Wno-unknown-pragmas)
    return()
  endif()
  set(sanitizers $<IF:$<STREQUAL:${variant},tsan>,thread,address$<COMMA>undefined>)
  target_compile_options(${target} PUBLIC -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1
                                          -Wno-maybe-uninitialized -Wno-unknown-pragmas)
  target_link_options(${target} PUBLIC -fsanitize=${sanitizers})
  # A sanitizer must not follow the emulator's switches between the stacks of threads. The emulator
  # tells it what it needs.
  file(GLOB unseen ${_weft_emulator_sources}/device/simt/*.cpp)
  set_source_files_properties(${unseen} PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-O2")
endfunction()

# SPDX-License-Identifier: Apache-2.0
# Each folder has one binary, test_<folder>, from tests/<folder>/*_test.cpp. It has two entries in
# ctest: <folder> (label quick) has the tests without `Slow` in their names, and <folder>_slow
# (label slow) the others.
find_package(GTest QUIET)
if(NOT GTest_FOUND)
  weft_missing("GoogleTest (which only WEFT_TESTS=ON needs)" libgtest-dev)
endif()
enable_testing()

# Every test may use gradient checks and op rows.
file(GLOB testing_sources CONFIGURE_DEPENDS testing/*.cpp)
add_library(weft_testing STATIC ${testing_sources})
target_link_libraries(weft_testing PUBLIC weft GTest::gtest)
add_library(weft::testing ALIAS weft_testing)
include(cmake/weft_add_op_test.cmake)

# tests/cuda has the tests of the CUDA kernels, on the emulated device (label emulated) or on a real
# one (label device). tests/simt has those of the emulator itself.
set(test_folders ${WEFT_FOLDERS} app ranks)
# test_cuda and test_simt link only the folders up to kernels/, so that their sanitizer builds are
# small. tests/gpu has the tests above the kernels, from tensors to whole runs, and links all of
# libweft.
if(NOT WEFT_CUDA STREQUAL "OFF")
  list(APPEND test_folders gpu cuda)
  file(GLOB kernel_testing_sources CONFIGURE_DEPENDS testing/*/*.cpp)
  weft_choose_device(kernel_testing_sources)
  add_library(weft_kernel_testing STATIC ${kernel_testing_sources})
  target_include_directories(weft_kernel_testing PUBLIC ${CMAKE_BINARY_DIR}/include)
  target_link_libraries(weft_kernel_testing PUBLIC fmt::fmt GTest::gtest)
endif()
if(WEFT_CUDA STREQUAL "EMULATED")
  list(APPEND test_folders simt)
endif()

# Without optimisation tests take half of the time to compile, and most of their run time is in
# libweft. The tests of kernels are run many times (./run torture-kernels), so they use -O1.
set(test_options $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O0>)
set(kernel_test_options $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O1>)
set(test_headers "")
foreach(folder ${test_folders})
  file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/*_test.cpp tests/${folder}/*_test.cu)
  if(NOT sources)
    continue()
  endif()
  weft_choose_device(sources)
  set(test test_${folder})
  add_executable(${test} ${sources})
  target_compile_definitions(${test} PRIVATE WEFT_SOURCE_ROOT="${CMAKE_SOURCE_DIR}"
                                             WEFT_VERSION="${PROJECT_VERSION}")
  if(folder MATCHES "^(simt|cuda)$")  # not joined, because their files use the same names
    target_compile_options(${test} PRIVATE ${kernel_test_options})
  else()
    target_compile_options(${test} PRIVATE ${test_options})
    weft_join(${test} 8 added Case kYaml)
  endif()
  # A target that shares precompiled headers waits for their owner and its libraries. test_cuda,
  # test_simt and the rows of ops, whose builds should be small, have headers of their own.
  if(folder MATCHES "^(autograd|cuda)$")
    set(test_headers "")
  endif()
  if(test_headers)
    weft_precompile_like(${test} ${test_headers})
  else()
    set(test_headers ${test})
    weft_precompile(${test} gtest/gtest.h)
  endif()
  if(folder STREQUAL "simt" OR folder STREQUAL "cuda")
    target_link_libraries(${test} PRIVATE weft_kernel_testing weft_kernels weft_device weft_core
                                          weft_dependencies GTest::gtest_main)
  else()
    target_link_libraries(${test} PRIVATE weft_testing weft weft_dependencies GTest::gtest_main)
  endif()
  if(folder MATCHES "^(app|gpu)$" AND TARGET weft_app)
    add_dependencies(${test} weft_app)
    target_compile_definitions(${test} PRIVATE WEFT_COMMAND="$<TARGET_FILE:weft_app>")
  endif()
  if(folder MATCHES "^(dist|ranks|train|app)$" AND TARGET weft_gloo)  # start ranks
    add_dependencies(${test} weft_gloo)
    target_compile_definitions(${test} PRIVATE WEFT_HAS_GLOO)
  endif()
  if(folder STREQUAL "dist" AND TARGET weft_nccl)
    add_dependencies(${test} weft_nccl)
    target_compile_definitions(${test} PRIVATE WEFT_HAS_NCCL)
  endif()
  if(folder STREQUAL "app")  # loads plugins: that of examples/, and one that misbehaves
    weft_add_plugin(test_plugin tests/app/plugin/test_plugin.cpp)
    add_dependencies(${test} mine test_plugin)
    target_compile_definitions(${test} PRIVATE WEFT_EXAMPLE_PLUGIN="$<TARGET_FILE:mine>"
                                               WEFT_TEST_PLUGIN="$<TARGET_FILE:test_plugin>")
  endif()
  set(extra_label "")
  if(folder MATCHES "^(dist|ranks)$")
    set(extra_label dist)
  endif()
  if(folder MATCHES "^(simt|cuda|gpu)$")
    string(REPLACE "EMULATED" "emulated" extra_label ${WEFT_CUDA})
    string(REPLACE "ON" "device" extra_label ${extra_label})
    # The sources use #pragma unroll.
    target_compile_options(${test} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-unknown-pragmas>)
    set_target_properties(${test} PROPERTIES LINKER_LANGUAGE CXX)
  endif()
  # The tests of a binary are known only after it is linked, so the ctest entries are written then.
  set(entries ${CMAKE_BINARY_DIR}/${test}_entries.cmake)
  add_custom_command(TARGET ${test} POST_BUILD VERBATIM
                     COMMAND ${CMAKE_COMMAND} -D binary=$<TARGET_FILE:${test}> -D name=${folder}
                             -D extra_label=${extra_label} -D entries=${entries} -P ${CMAKE_SOURCE_DIR}/cmake/list_tests.cmake)
  if(NOT EXISTS ${entries})
    file(WRITE ${entries} "add_test(${folder} ${test}_is_not_built)\n")
  endif()
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${entries})
endforeach()

if(WEFT_CUDA STREQUAL "EMULATED")
  include(cmake/op_tests.cmake)
endif()

# The part of each op row that runs on the GPU.
if(NOT WEFT_CUDA STREQUAL "OFF")
  add_test(NAME op_rows_cuda COMMAND test_autograd --gtest_filter=*.cuda --gtest_brief=1)
  string(REPLACE "EMULATED" "emulated" label ${WEFT_CUDA})
  string(REPLACE "ON" "device" label ${label})
  set_tests_properties(op_rows_cuda PROPERTIES LABELS ${label} TIMEOUT 600
                       FAIL_REGULAR_EXPRESSION "] 0 tests from"
                       ENVIRONMENT GOMP_SPINCOUNT=2000)
endif()

# The checks of the sources, and tests of these checks.
find_program(WEFT_PYTHON3 python3)
if(WEFT_PYTHON3)
  foreach(check layering classes words snippets tour learn)
    add_test(NAME ${check} COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tools/check_${check}.py)
  endforeach()
  add_test(NAME checks COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/checks_test.py)
  add_test(NAME run_script COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/run_test.py)
  add_test(NAME get_data COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/get_data_test.py)
  add_test(NAME kernel_tools COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/kernel_tools_test.py)
  add_test(NAME kernel_table COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/kernel_table_test.py)
  add_test(NAME learn_tools COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/learn_test.py)
  add_test(NAME compare_builds COMMAND ${WEFT_PYTHON3}
                                       ${CMAKE_SOURCE_DIR}/tests/tools/compare_builds_test.py)
  add_test(NAME scaling_model COMMAND ${WEFT_PYTHON3}
                                      ${CMAKE_SOURCE_DIR}/tests/tools/scaling_model_test.py)
  add_test(NAME bench_scripts COMMAND ${WEFT_PYTHON3}
                                      ${CMAKE_SOURCE_DIR}/tests/tools/bench_test.py)
  # On the emulated GPU gpu-check is run with real tests, too.
  if(WEFT_CUDA STREQUAL "EMULATED")
    set(emulated ${CMAKE_BINARY_DIR})
  endif()
  add_test(NAME gpu_check COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/gpu_check_test.py
                                  ${emulated})
  add_test(NAME gpu_check_faults COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/gpu_check_faults_test.py
                                         ${emulated})
  set_tests_properties(gpu_check gpu_check_faults PROPERTIES LABELS quick TIMEOUT 300)
  set_tests_properties(layering classes words snippets tour learn checks run_script get_data kernel_tools kernel_table learn_tools
                       compare_builds scaling_model bench_scripts
                       PROPERTIES LABELS quick TIMEOUT 60)
endif()

# Each op's list of sources for `./run op` is complete. The objects of test_cuda are read.
if(WEFT_PYTHON3 AND WEFT_CUDA STREQUAL "EMULATED")
  add_test(NAME op_sources COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/op_sources_test.py
                                   ${CMAKE_BINARY_DIR})
  set_tests_properties(op_sources PROPERTIES LABELS quick TIMEOUT 120)
endif()

# This test installs weft, builds the examples against the prefix as a user would, and runs them.
find_program(WEFT_BASH bash)
if(WEFT_BASH AND NOT WEFT_SANITIZE)
  add_test(NAME install COMMAND ${WEFT_BASH} ${CMAKE_SOURCE_DIR}/tests/tools/install_test.sh
                                ${CMAKE_BINARY_DIR})
  set_tests_properties(install PROPERTIES LABELS slow TIMEOUT 600)
endif()

# Runs are killed and signalled, disks fail, folders are damaged and forged, a few of each.
# `./run torture` makes all of them.
if(WEFT_PYTHON3 AND TARGET weft_app AND NOT WEFT_SANITIZE)
  add_library(weft_faults MODULE tests/torture/faults.cpp)
  target_link_libraries(weft_faults PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
  add_test(NAME torture COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tools/torture_checkpoints.py
                                $<TARGET_FILE:weft_app> $<TARGET_FILE:weft_faults> --short)
  set_tests_properties(torture PROPERTIES LABELS slow TIMEOUT 600)
endif()

# Ranks of jobs are killed, stopped and signalled, and do not fit together. `./run torture-dist` has
# five times as many events.
if(WEFT_PYTHON3 AND TARGET weft_app AND TARGET weft_gloo AND NOT WEFT_SANITIZE)
  add_test(NAME torture_dist COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tools/torture_ranks.py
                                     $<TARGET_FILE:weft_app> $<TARGET_FILE:weft_faults> --short)
  add_test(NAME rank_mistakes COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/rank_mistakes_test.py
                                      $<TARGET_FILE:weft_app> $<TARGET_FILE:mine>)
  set_tests_properties(torture_dist PROPERTIES LABELS dist TIMEOUT 600 PROCESSORS 2)
  set_tests_properties(rank_mistakes PROPERTIES LABELS dist TIMEOUT 300)
endif()

# The Python package reads what the command writes. The test is skipped without numpy.
if(WEFT_PYTHON3 AND TARGET weft_app)
  add_test(NAME python COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/python_test.py
                               $<TARGET_FILE:weft_app>)
  set_tests_properties(python PROPERTIES LABELS quick TIMEOUT 60 SKIP_RETURN_CODE 77)
endif()

# Pages that the command writes, in a browser. The test is skipped without Chromium.
if(WEFT_PYTHON3 AND TARGET weft_app AND NOT WEFT_SANITIZE)
  add_test(NAME report_page COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/report_test.py
                                    $<TARGET_FILE:weft_app>)
  set_tests_properties(report_page PROPERTIES LABELS slow TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()

# What the loggers write is read with the real packages, which the Python of $WEFT_PACKAGES_PYTHON
# may have. Without them the tests are skipped.
if(WEFT_PYTHON3 AND TARGET weft_app AND NOT WEFT_SANITIZE)
  foreach(logger tensorboard wandb)
    add_test(NAME ${logger} COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/${logger}_test.py
                                    $<TARGET_FILE:weft_app>)
    set_tests_properties(${logger} PROPERTIES LABELS slow TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endif()

# Runs that the package starts. Tests with packages from PyPI are skipped without them: type hints
# by mypy, trials by Optuna, a notebook, and the code on the pages about these.
if(WEFT_PYTHON3 AND TARGET weft_app AND NOT WEFT_SANITIZE)
  foreach(test run_events tune notebook python_pages)
    add_test(NAME ${test} COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/${test}_test.py
                                  $<TARGET_FILE:weft_app>)
  endforeach()
  add_test(NAME types COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/types_test.py)
  set_tests_properties(run_events tune notebook python_pages types PROPERTIES LABELS slow TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()

# Producers of the Python package, in processes of their own, feed runs of the command.
if(WEFT_PYTHON3 AND TARGET weft_app)
  add_test(NAME streams COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/stream_test.py
                                $<TARGET_FILE:weft_app>)
  set_tests_properties(streams PROPERTIES LABELS slow TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()

# The page about several processes: its code, its keys, and those of the command.
if(WEFT_PYTHON3 AND TARGET weft_app)
  add_test(NAME distributed_page COMMAND ${WEFT_PYTHON3}
           ${CMAKE_SOURCE_DIR}/tests/tools/distributed_page_test.py $<TARGET_FILE:weft_app>)
  set_tests_properties(distributed_page PROPERTIES LABELS quick TIMEOUT 60)
endif()

# The page of a trace in a browser. The test is skipped without Chromium.
if(WEFT_PYTHON3 AND TARGET weft_app)
  add_test(NAME trace_page COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/trace_page_test.py
                                   $<TARGET_FILE:weft_app>)
  set_tests_properties(trace_page PROPERTIES LABELS slow TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()

# What starts ranks: the parts of weft.ray, weft.ray under Ray with a stand-in for the command, and
# each kind of launcher with the command itself. A launcher that is not installed is skipped.
if(WEFT_PYTHON3 AND TARGET weft_app AND NOT WEFT_SANITIZE)
  foreach(test ray_worker ray)
    add_test(NAME ${test} COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/tools/${test}_test.py)
  endforeach()
  foreach(launcher mpirun torchrun srun ray)
    add_test(NAME launcher_${launcher} COMMAND ${WEFT_PYTHON3}
             ${CMAKE_SOURCE_DIR}/tests/tools/launchers_test.py $<TARGET_FILE:weft_app> ${launcher})
    set_tests_properties(launcher_${launcher} PROPERTIES LABELS dist TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
  set_tests_properties(ray_worker PROPERTIES LABELS quick TIMEOUT 60 SKIP_RETURN_CODE 77)
  set_tests_properties(ray PROPERTIES LABELS slow TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()

# Weight files and ops are compared with live PyTorch. The tests are skipped if PyTorch cannot be
# imported.
if(WEFT_PYTHON3)
  add_executable(parity_tool tests/parity/parity_tool.cpp tests/parity/parity_ops.cpp)
  target_link_libraries(parity_tool PRIVATE weft weft_dependencies)
  foreach(test parity parity_ops)
    add_test(NAME ${test} COMMAND ${WEFT_PYTHON3} ${CMAKE_SOURCE_DIR}/tests/parity/${test}_test.py
                                  $<TARGET_FILE:parity_tool>)
    set_tests_properties(${test} PROPERTIES LABELS slow TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endif()

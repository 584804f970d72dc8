# SPDX-License-Identifier: Apache-2.0
# gpu_plans asks cuDNN for plans for GPUs that are not there (tools/gpu_plans/), and test_gpu_plans
# tests the code that asks. Neither needs a GPU, and they compile no kernel.
add_library(weft_gpu_plans OBJECT
            tools/gpu_plans/questions.cpp kernels/library/conv2d_graph_cuda.cpp
            kernels/library/conv2d_plans.cpp core/error.cpp core/log.cpp core/printable.cpp
            core/sentence.cpp)
target_include_directories(weft_gpu_plans PUBLIC ${CMAKE_BINARY_DIR}/include)
target_compile_features(weft_gpu_plans PUBLIC cxx_std_20)
target_link_libraries(weft_gpu_plans PUBLIC weft_dependencies fmt::fmt)

add_executable(gpu_plans tools/gpu_plans/gpu_plans.cpp tools/gpu_plans/fusions.cpp tools/gpu_plans/gpus.cpp)
target_link_libraries(gpu_plans PRIVATE weft_gpu_plans)

if(WEFT_TESTS)
  add_executable(test_gpu_plans tests/gpu_plans/conv2d_graph_test.cpp)
  target_compile_definitions(test_gpu_plans PRIVATE WEFT_SOURCE_ROOT="${CMAKE_SOURCE_DIR}")
  target_link_libraries(test_gpu_plans PRIVATE weft_gpu_plans GTest::gtest GTest::gtest_main)
  add_test(NAME gpu_plans COMMAND test_gpu_plans --gtest_brief=1)
  add_test(NAME gpu_plans_short COMMAND gpu_plans ${CMAKE_SOURCE_DIR}/tools/gpu_plans --short)
  set_tests_properties(gpu_plans gpu_plans_short PROPERTIES LABELS gpu_plans TIMEOUT 300)
endif()

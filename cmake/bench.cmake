# SPDX-License-Identifier: Apache-2.0
# weft's side of the benchmark bench/run.py, which counts allocations too. `./run bench` builds it.
# bench/compare.py compares two builds of it.
add_executable(weft_bench EXCLUDE_FROM_ALL bench/weft_bench.cpp testing/heap_counter.cpp)
target_link_libraries(weft_bench PRIVATE weft weft_dependencies)
# weft's side of bench/checkpoints.py. `./run bench checkpoints` builds it.
add_executable(checkpoint_bench EXCLUDE_FROM_ALL bench/checkpoint_bench.cpp)
target_link_libraries(checkpoint_bench PRIVATE weft weft_dependencies)
# weft's side of bench/loaders.py. `./run bench loaders` builds it.
add_executable(loader_bench EXCLUDE_FROM_ALL bench/loader_bench.cpp)
target_link_libraries(loader_bench PRIVATE weft weft_dependencies)
# What loggers cost a step.
add_executable(logger_bench EXCLUDE_FROM_ALL bench/logger_bench.cpp)
target_link_libraries(logger_bench PRIVATE weft weft_dependencies)
# Compares weft's own convolutions, Winograd's and those of narrow groups, with direct ones.
# `./run bench convolutions` builds it.
add_executable(convolution_bench EXCLUDE_FROM_ALL bench/convolution_bench.cpp)
target_link_libraries(convolution_bench PRIVATE weft weft_dependencies)
# Measures ops on few elements, their calls of the heap, and empty parallel loops.
# `./run bench step` builds it.
add_executable(step_bench EXCLUDE_FROM_ALL bench/step_bench.cpp testing/heap_counter.cpp)
target_link_libraries(step_bench PRIVATE weft weft_dependencies)
# Compares kernels with the bandwidth of the memory. Of `./run gpu-check`, the stage `build` builds
# it and `figures` runs it; it runs on the CPU too.
if(WEFT_CUDA STREQUAL "ON")
  add_executable(kernel_bench EXCLUDE_FROM_ALL bench/kernel_bench.cpp bench/best_matmul_cuda.cpp
                 bench/best_conv2d_cuda.cpp)
else()
  add_executable(kernel_bench EXCLUDE_FROM_ALL bench/kernel_bench.cpp bench/best_matmul_none.cpp
                 bench/best_conv2d_none.cpp)
endif()
target_link_libraries(kernel_bench PRIVATE weft weft_dependencies)

# SPDX-License-Identifier: Apache-2.0
# weft's side of the benchmark (bench/run.py); built when asked for: ./run bench.
# It counts allocations. Two builds of it: bench/compare.py.
add_executable(weft_bench EXCLUDE_FROM_ALL bench/weft_bench.cpp testing/heap_counter.cpp)
target_link_libraries(weft_bench PRIVATE weft weft_dependencies)
# bench/checkpoints.py: ./run bench checkpoints
add_executable(checkpoint_bench EXCLUDE_FROM_ALL bench/checkpoint_bench.cpp)
target_link_libraries(checkpoint_bench PRIVATE weft weft_dependencies)
# How close kernels come to the memory's speed: ./run gpu-check bench, and on the CPU too.
if(WEFT_CUDA STREQUAL "ON")
  add_executable(kernel_bench EXCLUDE_FROM_ALL bench/kernel_bench.cpp bench/best_matmul_cuda.cpp)
else()
  add_executable(kernel_bench EXCLUDE_FROM_ALL bench/kernel_bench.cpp bench/best_matmul_none.cpp)
endif()
target_link_libraries(kernel_bench PRIVATE weft weft_dependencies)

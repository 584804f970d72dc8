# SPDX-License-Identifier: Apache-2.0
# weft's side of the benchmark (bench/run.py); built when asked for: ./run bench.
add_executable(weft_bench EXCLUDE_FROM_ALL bench/weft_bench.cpp)
target_link_libraries(weft_bench PRIVATE weft weft_dependencies)

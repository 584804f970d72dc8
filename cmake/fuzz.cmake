# SPDX-License-Identifier: Apache-2.0
# weft_fuzz: the fuzz targets of all parsers (tests/fuzz) in one program, by clang with libFuzzer,
# AddressSanitizer and UndefinedBehaviorSanitizer; ./run fuzz builds it with the preset `fuzz`. It
# has its own build of the parsers and of what they need: no layers, no optimizers, no trainer.
option(WEFT_FUZZ "Build the fuzz targets, which takes clang" OFF)
if(NOT WEFT_FUZZ)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "weft: WEFT_FUZZ takes libFuzzer, which comes with clang; the compiler is "
                      "${CMAKE_CXX_COMPILER_ID}; on Debian: apt-get install clang-14 libclang-rt-14-dev")
endif()

# Without core/at_once.cpp: tests/fuzz/main.cpp has its own.
set(fuzz_core core/*.cpp core/config/*.cpp)
set(fuzz_device device/*.cpp)
set(fuzz_kernels kernels/copy_cpu.cpp)
set(fuzz_tensor tensor/dtype.cpp tensor/shape.cpp tensor/state.cpp tensor/storage.cpp tensor/tensor.cpp
    tensor/tree.cpp)
set(fuzz_nn nn/safetensors*.cpp)
set(fuzz_data data/check.cpp data/cifar.cpp data/csv_file.cpp data/dataset.cpp data/file.cpp data/idx.cpp
    data/image_file.cpp data/jpeg_file.cpp data/normalize.cpp data/pixels.cpp data/resize.cpp data/sources.cpp data/subset.cpp
    data/table.cpp data/tensor_dataset.cpp data/text.cpp data/vocabulary.cpp data/stream/journal.cpp
    data/stream/protocol.cpp data/stream/record.cpp)
set(fuzz_train train/checkpoint/manifest*.cpp
    train/checkpoint/model_metadata*.cpp train/checkpoint/checkpoint*.cpp train/checkpoint/own_files.cpp
    train/checkpoint/snapshot*.cpp train/run/checkpoint_place*.cpp
    train/run/log_file.cpp train/run/metrics_log.cpp train/run/run_folder.cpp train/loggers/csv.cpp
    train/loggers/event_*.cpp train/loggers/jsonl.cpp train/loggers/summary_event.cpp
    train/loggers/tfrecord.cpp)
set(fuzz_view view/history.cpp view/scale.cpp view/study.cpp)
set(fuzz_tests tests/fuzz/*.cpp)

set(fuzz_sanitizers -fsanitize=address,undefined,float-cast-overflow -fno-sanitize=vptr,function
    -fno-sanitize-recover=all)
add_executable(weft_fuzz EXCLUDE_FROM_ALL)
foreach(folder core device kernels tensor nn data train view tests)
  file(GLOB sources CONFIGURE_DEPENDS ${fuzz_${folder}})
  list(FILTER sources EXCLUDE REGEX core/at_once\.cpp$)
  add_library(weft_fuzz_${folder} OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(weft_fuzz_${folder} PRIVATE ${CMAKE_BINARY_DIR}/include)
  target_compile_definitions(weft_fuzz_${folder} PRIVATE WEFT_VERSION="${PROJECT_VERSION}")
  target_compile_options(weft_fuzz_${folder} PRIVATE -w)
  if(NOT folder STREQUAL "kernels")  # which only copies tensors, for each vector width
    # -O1: two to four times as many executions as without optimisation, and lines in the reports.
    target_compile_options(weft_fuzz_${folder} PRIVATE ${fuzz_sanitizers} -fsanitize=fuzzer-no-link
        -fsanitize-coverage-ignorelist=${CMAKE_SOURCE_DIR}/tests/fuzz/uncounted.txt
        -fno-omit-frame-pointer -O1 -g1)
  endif()
  target_link_libraries(weft_fuzz_${folder} PRIVATE weft_dependencies)
  weft_join(weft_fuzz_${folder} 16)
  target_sources(weft_fuzz PRIVATE $<TARGET_OBJECTS:weft_fuzz_${folder}>)
endforeach()
set_target_properties(weft_fuzz PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(weft_fuzz PRIVATE weft_dependencies)
target_link_options(weft_fuzz PRIVATE ${fuzz_sanitizers} -fsanitize=fuzzer)

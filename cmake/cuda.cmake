# SPDX-License-Identifier: Apache-2.0
# WEFT_CUDA is OFF, EMULATED or ON. EMULATED compiles the CUDA sources as C++ and runs them on the
# CPU, for tests on machines without a GPU and without CUDA. With ON, nvcc compiles them.
set(WEFT_CUDA OFF CACHE STRING "The GPU side: OFF, EMULATED or ON")
set_property(CACHE WEFT_CUDA PROPERTY STRINGS OFF EMULATED ON)
if(NOT WEFT_CUDA MATCHES "^(OFF|EMULATED|ON)$")
  message(FATAL_ERROR "weft: WEFT_CUDA is '${WEFT_CUDA}'; OFF, EMULATED or ON is required")
endif()

# Cuda is an alternative of weft::Device (device/device.h), so programs that link libweft need the
# same definition.
if(NOT WEFT_CUDA STREQUAL "OFF")
  add_compile_definitions(WEFT_HAS_CUDA)
endif()

if(WEFT_CUDA STREQUAL "ON")
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual CACHE STRING "GPU architectures")
  if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  endif()
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  # CMake 3.25 does not know that nvcc accepts C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  # This option lets device code call constexpr functions such as those of std::array and
  # std::bit_cast.
  string(APPEND CMAKE_CUDA_FLAGS " --expt-relaxed-constexpr")
  if(WEFT_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${WEFT_CCACHE})
  endif()
  find_package(CUDAToolkit REQUIRED)
  find_path(WEFT_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(WEFT_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
  if(NOT WEFT_CUDNN_INCLUDE OR NOT WEFT_CUDNN_LIBRARY)
    message(FATAL_ERROR "weft: cuDNN was not found, which WEFT_CUDA=ON needs; name its folder with "
                        "-DCMAKE_PREFIX_PATH=DIR")
  endif()
  target_include_directories(weft_dependencies SYSTEM INTERFACE ${WEFT_CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(weft_dependencies INTERFACE CUDA::cudart_static CUDA::cublasLt ${WEFT_CUDNN_LIBRARY})
  # With this definition, C++ files that nvcc does not compile use CUDA's own types.
  add_compile_definitions(WEFT_REAL_DEVICE)
endif()

# *_cuda.cpp files call the libraries (cuBLASLt, cuDNN). *_emulated.cpp files replace them on the
# emulated device. *_gpu.cpp files are host code for either.
#
# This macro leaves the sources of the chosen device in the list named `variable`, and sets how .cu
# files are compiled. In the preset `dev` they have -O1, which compiles in half of the time and runs
# a tenth slower.
macro(weft_choose_device variable)
  if(WEFT_CUDA STREQUAL "OFF")
    list(FILTER ${variable} EXCLUDE REGEX
         "/(device|testing)/(simt|emulated|cuda|gpu)/|\\.cu$|_(cuda|emulated|gpu)\\.cpp$")
  elseif(WEFT_CUDA STREQUAL "EMULATED")
    list(FILTER ${variable} EXCLUDE REGEX "/(device|testing)/cuda/|_cuda\\.cpp$")
    foreach(source ${${variable}})
      if(source MATCHES "\\.cu$")
        set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS
          "-xc++;-Wno-unknown-pragmas;$<$<AND:$<NOT:$<BOOL:${WEFT_JOIN}>>,$<CONFIG:Release>>:-O1>")
      endif()
    endforeach()
  else()
    list(FILTER ${variable} EXCLUDE REGEX "/(device|testing)/(simt|emulated)/|_emulated\\.cpp$")
  endif()
endmacro()

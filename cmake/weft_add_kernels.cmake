# SPDX-License-Identifier: Apache-2.0
# weft_add_kernels(<target> <source.cu>…) adds CUDA sources to a target that links weft::weft. nvcc
# compiles them if weft is built for NVIDIA GPUs. If weft has the emulated GPU they are compiled as
# C++, and in a weft for the CPU alone they are left out.
#
# This is a macro because a function cannot enable a language.
macro(weft_add_kernels target)
  if(WEFT_CUDA STREQUAL "ON")
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES ${WEFT_CUDA_ARCHITECTURES})
    endif()
    enable_language(CUDA)
    if(NOT DEFINED CMAKE_CUDA_STANDARD)  # weft's own build has these options for all targets
      target_compile_options(${target} PRIVATE
                             "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr>")
    endif()
  elseif(WEFT_CUDA STREQUAL "EMULATED")
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS
                                                   "-xc++;-Wno-unknown-pragmas")
  endif()
  if(NOT WEFT_CUDA STREQUAL "OFF")
    target_sources(${target} PRIVATE ${ARGN})
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  endif()
endmacro()

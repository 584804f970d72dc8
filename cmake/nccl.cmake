# SPDX-License-Identifier: Apache-2.0
# libweft_nccl: collectives between processes on GPUs, by NCCL. Like libweft_gloo, it is a library
# of its own, which a process opens if it is one of several ranks. PyPI's package nvidia-nccl-cu13
# has NCCL without the link libnccl.so.
set(WEFT_NCCL AUTO CACHE STRING "Several processes on GPUs, by NCCL: AUTO, ON or OFF")
if(WEFT_NCCL AND WEFT_CUDA STREQUAL "ON")
  find_path(WEFT_NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(WEFT_NCCL_LIBRARY NAMES nccl libnccl.so.2 HINTS ${CUDAToolkit_LIBRARY_DIR}
               ${CUDAToolkit_LIBRARY_ROOT}/lib)
  if(WEFT_NCCL_INCLUDE AND WEFT_NCCL_LIBRARY)
    add_library(weft_nccl MODULE dist/nccl/nccl_backend.cpp)
    target_include_directories(weft_nccl SYSTEM PRIVATE ${WEFT_NCCL_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
    target_link_libraries(weft_nccl PRIVATE weft ${WEFT_NCCL_LIBRARY})
    install(TARGETS weft_nccl LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  elseif(NOT WEFT_NCCL STREQUAL "AUTO")
    message(FATAL_ERROR "weft: NCCL was not found, which WEFT_NCCL=ON needs; name its folder with "
                        "-DCMAKE_PREFIX_PATH=DIR")
  endif()
endif()

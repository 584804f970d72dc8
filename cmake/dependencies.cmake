# SPDX-License-Identifier: Apache-2.0
# Everything comes from the distribution; nothing is downloaded here. A missing package is named by
# its Debian package, so that the message says what to install.

# The usage requirements of all private dependencies; what the installed headers need is only fmt.
add_library(weft_dependencies INTERFACE)

function(weft_missing package debian_package)
  message(FATAL_ERROR "weft: ${package} was not found; on Debian: apt-get install ${debian_package}; "
                      "elsewhere name its folder with -DCMAKE_PREFIX_PATH=DIR (./run --deps DIR)")
endfunction()

# weft_require(<package> <Debian package> <target> [<other target>…]): find it or stop; link the
# first target that exists.
macro(weft_require package debian_package)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    weft_missing(${package} ${debian_package})
  endif()
  weft_link_first(${ARGN})
endmacro()

function(weft_link_first)
  foreach(target ${ARGN})
    if(TARGET ${target})
      target_link_libraries(weft_dependencies INTERFACE ${target})
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "weft: none of the targets ${ARGN} is defined by the package that was found")
endfunction()

weft_require(fmt libfmt-dev fmt::fmt)
weft_require(Eigen3 libeigen3-dev Eigen3::Eigen)
weft_require(yaml-cpp libyaml-cpp-dev yaml-cpp::yaml-cpp yaml-cpp)
weft_require(nlohmann_json nlohmann-json3-dev nlohmann_json::nlohmann_json)
weft_require(ZLIB zlib1g-dev ZLIB::ZLIB)
weft_require(PNG libpng-dev PNG::PNG)
weft_require(OpenSSL libssl-dev OpenSSL::Crypto)
weft_require(Threads libc6-dev Threads::Threads)
find_package(CLI11 QUIET)
if(NOT CLI11_FOUND)
  weft_missing(CLI11 libcli11-dev)
endif()

# WEFT_ONEDNN, WEFT_OPENMP: AUTO takes it where it is found, ON insists, OFF does without.
set(WEFT_OPENMP AUTO CACHE STRING "Threads by OpenMP: AUTO, ON or OFF")
if(WEFT_OPENMP)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(weft_dependencies INTERFACE OpenMP::OpenMP_CXX)
  elseif(NOT WEFT_OPENMP STREQUAL "AUTO")
    weft_missing(OpenMP g++)
  endif()
endif()
if(NOT OpenMP_CXX_FOUND)
  add_compile_options(-Wno-unknown-pragmas)
endif()

# Not through oneDNN's own package file: Debian's asks for OpenCL, which nothing here uses.
set(WEFT_ONEDNN AUTO CACHE STRING "GEMM and convolution by oneDNN: AUTO, ON or OFF")
if(WEFT_ONEDNN)
  find_path(WEFT_ONEDNN_INCLUDE dnnl.hpp)
  find_library(WEFT_ONEDNN_LIBRARY dnnl)
  if(WEFT_ONEDNN_INCLUDE AND WEFT_ONEDNN_LIBRARY)
    add_library(weft_onednn INTERFACE)
    target_include_directories(weft_onednn SYSTEM INTERFACE ${WEFT_ONEDNN_INCLUDE})
    target_link_libraries(weft_onednn INTERFACE ${WEFT_ONEDNN_LIBRARY})
    target_compile_definitions(weft_onednn INTERFACE WEFT_HAS_ONEDNN)
  elseif(NOT WEFT_ONEDNN STREQUAL "AUTO")
    weft_missing(oneDNN libdnnl-dev)
  endif()
endif()
foreach(optional OpenMP::OpenMP_CXX weft_onednn)
  if(NOT TARGET ${optional})
    message(STATUS "weft: building without ${optional}")
  endif()
endforeach()

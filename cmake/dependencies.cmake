# SPDX-License-Identifier: Apache-2.0
# All packages come from the distribution, and nothing is downloaded. The message for a missing
# package names its Debian package, so that it can be installed.

# This target has the usage requirements of all private dependencies. Installed headers need only
# fmt.
add_library(weft_dependencies INTERFACE)

function(weft_missing package debian_package)
  message(FATAL_ERROR "weft: ${package} was not found; on Debian: apt-get install ${debian_package}; "
                      "elsewhere name its folder with -DCMAKE_PREFIX_PATH=DIR (./run --deps DIR)")
endfunction()

# weft_require(<package> <Debian package> <target> [<other target>…]) finds the package or stops. It
# links the first target that exists.
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
weft_require(JPEG libjpeg-dev JPEG::JPEG)
weft_require(OpenSSL libssl-dev OpenSSL::Crypto)
weft_require(Threads libc6-dev Threads::Threads)
find_package(CLI11 QUIET)
if(NOT CLI11_FOUND)
  weft_missing(CLI11 libcli11-dev)
endif()

target_link_libraries(weft_dependencies INTERFACE ${CMAKE_DL_LIBS})  # plugins

# WEFT_ONEDNN and WEFT_OPENMP: AUTO uses the package if it is found, ON requires it, and OFF does
# not use it.
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

# oneDNN's own package file is not used, because Debian's requires OpenCL.
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

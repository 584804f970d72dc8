# SPDX-License-Identifier: Apache-2.0
# libweft_gloo: collectives between processes on CPUs, by Gloo. It is a library of its own beside
# libweft, which a process opens if it is one of several ranks, so no other process loads Gloo.
set(WEFT_GLOO AUTO CACHE STRING "Several processes on CPUs, by Gloo: AUTO, ON or OFF")
if(WEFT_GLOO)
  find_package(Gloo QUIET)
  if(TARGET gloo)
    add_library(weft_gloo MODULE dist/gloo/gloo_backend.cpp)
    target_link_libraries(weft_gloo PRIVATE weft gloo)
    install(TARGETS weft_gloo LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  elseif(NOT WEFT_GLOO STREQUAL "AUTO")
    weft_missing(Gloo libgloo-dev)
  endif()
endif()

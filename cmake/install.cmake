# SPDX-License-Identifier: Apache-2.0
# `cmake --install build/cpu --prefix DIR` installs headers in include/weft/<folder>, libweft, the
# command, and a package for find_package(weft). All paths are relative to the prefix, so it can be
# moved.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

install(TARGETS weft EXPORT weft LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET weft_app)
  install(TARGETS weft_app RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(folder ${WEFT_FOLDERS})
  if(EXISTS ${CMAKE_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weft
            FILES_MATCHING PATTERN "*.h" PATTERN "*.cuh" PATTERN "core/json.h" EXCLUDE
            PATTERN "core/json_field.h" EXCLUDE)
  endif()
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/weft.h)
  install(FILES weft.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weft)
endif()

# The bridges that loggers start (train/loggers/wandb.cpp).
install(DIRECTORY python/weft DESTINATION ${CMAKE_INSTALL_DATADIR}/weft/python
        FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)

# The component `testing` is installed if the tests are built.
if(TARGET weft_testing)
  set_target_properties(weft_testing PROPERTIES EXPORT_NAME testing)
  install(TARGETS weft_testing EXPORT weftTesting ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY testing DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weft
          FILES_MATCHING PATTERN "*.h")
  install(EXPORT weftTesting NAMESPACE weft:: FILE weftTesting.cmake DESTINATION ${package_dir})
  install(FILES cmake/weft_add_op_test.cmake DESTINATION ${package_dir})
  # The emulator of CUDA kernels is installed as sources, because each sanitizer needs its own
  # build.
  install(DIRECTORY core device testing DESTINATION ${package_dir}/emulator
          FILES_MATCHING PATTERN "*.cpp" PATTERN "device/cuda" EXCLUDE PATTERN "testing/cuda" EXCLUDE)
endif()

install(FILES cmake/weft_add_plugin.cmake cmake/weft_add_kernels.cmake DESTINATION ${package_dir})
install(EXPORT weft NAMESPACE weft:: FILE weftTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/weftConfig.cmake.in ${CMAKE_BINARY_DIR}/weftConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/weftConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/weftConfig.cmake ${CMAKE_BINARY_DIR}/weftConfigVersion.cmake
        DESTINATION ${package_dir})

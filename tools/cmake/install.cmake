# What `cmake --install` puts in place: both libraries, the headers, a CMake package and two pkg-config files. Nothing
# installed holds an absolute path: the prefix can be moved.
include(CMakePackageConfigHelpers)

set(lazyrt_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lazyrt)

install(DIRECTORY include/lazyrt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# Two exports: the static library needs what the shared one has linked in, so a program that links the shared one must
# not be asked for it.
install(TARGETS lazyrt EXPORT lazyrt-shared LIBRARY)
install(TARGETS lazyrt_static EXPORT lazyrt-static ARCHIVE)
target_link_libraries(lazyrt_static
  INTERFACE "$<INSTALL_INTERFACE:lazyrt::jansson;Threads::Threads;${CMAKE_DL_LIBS};m>")
foreach(kind shared static)
  install(EXPORT lazyrt-${kind} NAMESPACE lazyrt:: DESTINATION ${lazyrt_package_dir})
endforeach()
configure_package_config_file(tools/cmake/lazyrt-config.cmake.in lazyrt-config.cmake
  INSTALL_DESTINATION ${lazyrt_package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the ABI.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(lazyrt_compatibility SameMinorVersion)
else()
  set(lazyrt_compatibility SameMajorVersion)
endif()
write_basic_package_version_file(lazyrt-config-version.cmake COMPATIBILITY ${lazyrt_compatibility})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lazyrt-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/lazyrt-config-version.cmake
  DESTINATION ${lazyrt_package_dir})

file(RELATIVE_PATH lazyrt_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name lazyrt lazyrt-static)
  configure_file(tools/cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

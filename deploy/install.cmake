# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where. Headers go below include/netmsg, never into a folder that compilers look into by
# themselves: a Mach <error.h> would stand before the C library's. Component `runtime`: the daemon, its tool, the shared
# library; `development`: what is needed to build programs.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/netmsg)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/netmsg)

install(TARGETS netmsgd netmsgctl RUNTIME COMPONENT runtime)
install(TARGETS netmsg LIBRARY COMPONENT runtime NAMELINK_COMPONENT development)
install(FILES $<TARGET_FILE_DIR:netmsg>/libnetmsg.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY proto/include/ client/include/ DESTINATION ${headers} COMPONENT development
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp" PATTERN "*.defs")

# Both find the rest of the installation from where they are themselves, so that it can be moved as a whole.
cmake_path(SET folder ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${folder} OUTPUT_VARIABLE up)
configure_file(deploy/netmsg.pc.in netmsg.pc @ONLY)
get_target_property(soversion netmsg SOVERSION)
configure_package_config_file(deploy/netmsgConfig.cmake.in netmsgConfig.cmake INSTALL_DESTINATION ${package}
  PATH_VARS headers CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(netmsgConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/netmsg.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/netmsgConfig.cmake ${PROJECT_BINARY_DIR}/netmsgConfigVersion.cmake
  DESTINATION ${package} COMPONENT development)

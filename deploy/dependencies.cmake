# SPDX-License-Identifier: Apache-2.0
# Everything that comes from outside, as imported targets, from the distribution's own packages (deploy/packages.txt).
# What each may be used for is the table of the architecture: Asio in session, app, control and the gRPC transport;
# gRPC in the gRPC transport, control and netmsgctl.

find_package(Threads REQUIRED)
find_package(spdlog CONFIG REQUIRED)        # spdlog::spdlog
find_package(CLI11 CONFIG REQUIRED)         # CLI11::CLI11
find_package(tomlplusplus CONFIG REQUIRED)  # tomlplusplus::tomlplusplus
find_package(OpenSSL REQUIRED)              # OpenSSL::Crypto
find_package(Protobuf REQUIRED)             # protobuf::libprotobuf, protobuf::protoc
find_package(gRPC CONFIG REQUIRED)          # gRPC::grpc++, gRPC::grpc_cpp_plugin

# For the static library, whichever compiler and linker there is besides: these can dissolve groups and make names local.
find_program(NETMSG_LD ld.bfd REQUIRED)
find_program(NETMSG_OBJCOPY objcopy REQUIRED)

# Asio without Boost has headers only and no CMake file.
find_path(NETMSG_ASIO_INCLUDE asio.hpp REQUIRED)
add_library(netmsg_asio INTERFACE)
target_include_directories(netmsg_asio SYSTEM INTERFACE ${NETMSG_ASIO_INCLUDE})
# Its guess whether there is aligned_alloc depends on what was included before it, and so differs between our files:
# memory would be allocated in one way and freed in the other. So it is told.
target_compile_definitions(netmsg_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_HAS_STD_ALIGNED_ALLOC=1)
target_link_libraries(netmsg_asio INTERFACE Threads::Threads)
# Asio's fences stand beside locks that ThreadSanitizer does see; GCC warns about every fence under it.
if(NETMSG_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(netmsg_asio INTERFACE -Wno-tsan)
endif()

if(BUILD_TESTING)
  find_package(GTest CONFIG REQUIRED)  # GTest::gtest, GTest::gtest_main, GTest::gmock
  find_package(benchmark CONFIG REQUIRED)  # benchmark::benchmark
  find_package(ZLIB REQUIRED)              # ZLIB::ZLIB
  find_package(Python3 COMPONENTS Interpreter REQUIRED)
endif()

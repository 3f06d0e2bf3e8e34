# SPDX-License-Identifier: MIT
#
# Libraries of others, all from the system. Nothing is vendored and nothing is downloaded.

find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core libevent_openssl)
pkg_check_modules(SPDLOG REQUIRED IMPORTED_TARGET spdlog)
find_package(CLI11 REQUIRED)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(nlohmann_json REQUIRED)

# Debian's http-parser ships no pkg-config file.
find_path(HTTP_PARSER_INCLUDE http_parser.h REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
add_library(http_parser UNKNOWN IMPORTED)
set_target_properties(http_parser PROPERTIES
  IMPORTED_LOCATION ${HTTP_PARSER_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${HTTP_PARSER_INCLUDE})

if(ROOST_SYSTEMD)
  pkg_check_modules(SYSTEMD IMPORTED_TARGET libsystemd)
  if(NOT SYSTEMD_FOUND)
    message(STATUS "libsystemd not found: building without readiness notification")
  endif()
endif()

if(ROOST_TESTS)
  find_package(GTest REQUIRED)
endif()

# SPDX-License-Identifier: MIT
#
# Libraries of others, all from the system. Nothing is vendored and nothing is downloaded.

find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core libevent_extra libevent_openssl)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

# spdlog, fmt and toml++ as headers, each in one source: their shared libraries would bring in
# libstdc++.so as well, and together they are a quarter of the resident memory of an idle daemon.
find_path(SPDLOG_INCLUDE spdlog/spdlog.h REQUIRED)
find_path(FMT_INCLUDE fmt/format.h REQUIRED)
add_library(spdlog_headers INTERFACE)
target_include_directories(spdlog_headers SYSTEM INTERFACE ${SPDLOG_INCLUDE} ${FMT_INCLUDE})
target_compile_definitions(spdlog_headers INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)

find_path(TOMLPP_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlpp_headers INTERFACE)
target_include_directories(tomlpp_headers SYSTEM INTERFACE ${TOMLPP_INCLUDE})
target_compile_definitions(tomlpp_headers INTERFACE TOML_HEADER_ONLY=1)

# Debian's http-parser ships no pkg-config file.
find_path(HTTP_PARSER_INCLUDE http_parser.h REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
add_library(http_parser UNKNOWN IMPORTED)
set_target_properties(http_parser PROPERTIES
  IMPORTED_LOCATION ${HTTP_PARSER_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${HTTP_PARSER_INCLUDE})

if(ROOST_ROCKSDB)
  find_path(ROCKSDB_INCLUDE rocksdb/db.h REQUIRED)
  find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
  add_library(rocksdb UNKNOWN IMPORTED)
  set_target_properties(rocksdb PROPERTIES
    IMPORTED_LOCATION ${ROCKSDB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ROCKSDB_INCLUDE})
endif()

if(ROOST_TESTS)
  find_package(GTest REQUIRED)
endif()

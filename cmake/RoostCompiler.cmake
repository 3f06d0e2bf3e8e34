# SPDX-License-Identifier: MIT
#
# Warnings, sanitizers, hardening, compiler cache and linker: what every target is compiled with.

add_library(roost_flags INTERFACE)
target_compile_options(roost_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough -Wnon-virtual-dtor
  -Wswitch-enum -Wno-sign-conversion -Werror -fstack-protector-strong)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(roost_flags INTERFACE _FORTIFY_SOURCE=2)
  # Every function in its own section, so that the linker drops what nobody calls.
  target_compile_options(roost_flags INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(roost_flags INTERFACE -Wl,--gc-sections)
endif()
target_link_options(roost_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(ROOST_SANITIZE)
  add_compile_options(-fsanitize=${ROOST_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ROOST_SANITIZE})
  # What the thread sanitizer adds hides from g++ 12 that a variant's member is only read when set.
  if(ROOST_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(roost_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

# The compiler cache knows precompiled headers by what is in them, once told that it may.
find_program(ROOST_CCACHE ccache)
if(ROOST_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${ROOST_CCACHE})
endif()

# roost_precompile(TARGET FIRST HEADERS...): headers that most sources include are read once for all
# targets that name the same FIRST, which is one of them and is compiled with the same flags.
set(ROOST_STANDARD_HEADERS
  <algorithm> <array> <chrono> <cstdint> <cstring> <functional> <map> <memory> <optional> <set>
  <span> <string> <string_view> <utility> <variant> <vector>)
function(roost_precompile target first)
  # What the compiler cache needs to know them by their content.
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${ROOST_STANDARD_HEADERS} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()

# mold, else lld, else what the compiler brings. Link-time optimisation stays with the compiler's own.
if(NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  find_program(ROOST_MOLD mold)
  find_program(ROOST_LLD ld.lld)
  if(ROOST_MOLD)
    add_link_options(-fuse-ld=mold)
  elseif(ROOST_LLD)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goal: no check passes because it cannot fail, and none fails what is fine.

Method: a small clean tree passes everything. Each row lays a few files over it (None deletes one)
and lists exactly what one rule must then report, as path:line; an empty list is a near miss that
must pass. Words that the rules look for are written in pieces, so that this file passes them too.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True

import policy
import tidy
from tree import Tree

LICENCE = "// SPDX-License-Identifier: MIT\n"
HEADER = LICENCE + "#pragma once\n"
GITHUB = "https://github" ".com"
HASH_LICENCE = "# SPDX-License-Identifier: MIT\n"

LINK_LINES = HASH_LICENCE + """\
add_library(roost_flags INTERFACE)
add_library(roost_base base/bytes.cc)
target_link_libraries(roost_base PUBLIC roost_flags PRIVATE sodium)
add_library(roost_wire wire/stun.cc)
target_link_libraries(roost_wire PUBLIC roost_base)
add_library(roost_core core/turn/server.cc)
target_link_libraries(roost_core PUBLIC roost_wire roost_base)
add_library(roost_node node/node.cc)
target_link_libraries(roost_node PUBLIC roost_core)
add_library(roost_io io/loop.cc)
target_link_libraries(roost_io PUBLIC roost_node PRIVATE event)
add_library(roost_sim sim/world.cc)
target_link_libraries(roost_sim PUBLIC roost_node)
add_library(roost_app app/log.cc)
target_link_libraries(roost_app PUBLIC roost_io)
add_executable(roost app/main.cc)
target_link_libraries(roost PRIVATE roost_app)
add_executable(roost-sim sim/main.cc)
target_link_libraries(roost-sim PRIVATE roost_sim)
"""

CLEAN = {
    "CMakeLists.txt": HASH_LICENCE + "add_subdirectory(src)\n",
    "README.md": "# Roost\n",
    "src/CMakeLists.txt": LINK_LINES,
    "src/base/bytes.h": HEADER + "#include <span>\n",
    "src/base/bytes.cc": LICENCE + '#include "base/bytes.h"\n',
    "src/wire/stun.h": HEADER + '#include "base/bytes.h"\n',
    "src/wire/stun.cc": LICENCE + '#include "wire/stun.h"\n',
    "src/core/action.h": HEADER + '#include "base/bytes.h"\n',
    "src/core/outbox.h": HEADER + '#include "core/action.h"\n',
    "src/core/stun/responder.h": HEADER,
    "src/core/turn/server.h": HEADER + '#include "core/outbox.h"\n',
    "src/core/turn/server.cc": LICENCE + '#include "core/turn/server.h"\n#include "wire/stun.h"\n',
    "src/node/node.h": HEADER + '#include "core/turn/server.h"\n',
    "src/node/node.cc": LICENCE + '#include "node/node.h"\n',
    "src/io/loop.cc": LICENCE + '#include <event2/event.h>\n\n#include "node/node.h"\n',
    "src/sim/world.cc": LICENCE + '#include <iostream>\n\n#include "core/turn/server.h"\n',
    "src/app/main.cc": LICENCE + '#include "node/node.h"\n',
    "tests/CMakeLists.txt": HASH_LICENCE + "add_executable(unit_tests base/bytes_test.cc\n"
                            "  wire/stun_test.cc core/turn/server_test.cc node/node_test.cc)\n",
    "tests/base/bytes_test.cc": LICENCE,
    "tests/wire/stun_test.cc": LICENCE,
    "tests/core/turn/server_test.cc": LICENCE,
    "tests/node/node_test.cc": LICENCE,
    "tests/fuzz/CMakeLists.txt": HASH_LICENCE + "foreach(codec stun)\nendforeach()\n"
                                 "add_executable(stun_fuzz stun_fuzz.cc)\n",
    "tests/fuzz/stun_fuzz.cc": LICENCE,
    "tests/fuzz/corpus/stun/Binding-Request": "\0\1\t \n\n",
}


def in_file(path, *lines):
    """Row parts for one file whose every line must be reported."""
    return {path: "".join(line + "\n" for line in lines)}, [
        f"{path}:{number}" for number in range(1, len(lines) + 1)]


def fine(path, *lines):
    return {path: "".join(line + "\n" for line in lines)}, []


ROWS = {
    "every_source_lives_in_a_layer": [
        ({"src/net/socket.cc": ""}, ["src/net/socket.cc:1"]),
        ({"src/main.cc": ""}, ["src/main.cc:1"]),
    ],
    "layers_include_along_the_arrows": [
        in_file("src/base/a.cc", '#include "wire/stun.h"', '#include "core/action.h"',
                '#include "node/node.h"', '#include "io/loop.h"', '#include "app/log.h"'),
        in_file("src/wire/a.h", '#include "core/action.h"', '#  include "sim/world.h"'),
        in_file("src/core/action.h", '#include "core/turn/server.h"', '#include "node/node.h"'),
        in_file("src/core/turn/a.cc", '#include "core/stun/responder.h"', '#include "node/node.h"',
                '#include "core/limits.h"', '#include <core/stun/responder.h>'),
        fine("src/core/turn/a.cc", '#include "core/turn/server.h"', '#include "core/action.h"',
             '#include "core/outbox.h"', '#include "base/bytes.h"', '#include "wire/stun.h"'),
        in_file("src/node/a.cc", '#include "io/loop.h"', '#include "sim/world.h"'),
        in_file("src/io/a.cc", '#include "wire/stun.h"', '#include "core/turn/server.h"',
                '#include "sim/world.h"', '#include "app/log.h"'),
        fine("src/io/a.cc", '#include "core/action.h"', '#include "core/outbox.h"',
             '#include "base/bytes.h"', '#include "io/loop.h"'),
        in_file("src/sim/a.cc", '#include "io/loop.h"', '#include "app/log.h"'),
        in_file("src/app/a.cc", '#include "wire/stun.h"', '#include "core/stun/responder.h"',
                '#include "sim/world.h"'),
        fine("src/base/a.cc", '// #include "wire/stun.h"', '/*', '#include "wire/stun.h"', '*/',
             'const char* kText = R"(', '#include "wire/stun.h"', ')";'),
    ],
    "our_headers_are_included_by_their_path_below_src": [
        in_file("src/wire/a.cc", '#include "stun.h"', '#include "../base/bytes.h"',
                '#include <base/bytes.h>', '#include "wire/gone.h"', '#include HEADER'),
        fine("src/wire/a.cc", '#include "wire/stun.h"  // "stun.h"', '#include <span>'),
    ],
    "libraries_stay_in_the_files_that_own_them": [
        in_file("src/wire/a.cc", "#include <sodium.h>", "#include <openssl/evp.h>",
                "#include <event2/event.h>", "#include <sqlite3.h>", "#include <rocksdb/db.h>",
                "#include <systemd/sd-daemon.h>", '#include "sodium/crypto_box.h"'),
        in_file("src/base/bytes.cc", "#include <sodium.h>", "#include <openssl/sha.h>"),
        fine("src/base/crypto_hash.cc", "#include <sodium.h>", "#include <openssl/sha.h>"),
        in_file("src/base/crypto_hash.cc", "#include <openssl/ssl.h>"),
        in_file("src/io/tls.cc", "#include <sodium.h>", "#include <spdlog/spdlog.h>",
                "#include <CLI/CLI.hpp>", "#include <toml++/toml.h>", "#include <http_parser.h>",
                "#include <miniupnpc/miniupnpc.h>"),
        fine("src/io/tls.cc", "#include <openssl/ssl.h>", "#include <openssl/evp.h>",
             "#include <sys/socket.h>", "#include <nlohmann/json.hpp>", "#include <unistd.h>"),
        fine("src/io/http_parser.cc", "#include <http_parser.h>"),
        fine("src/app/log.cc", "#include <spdlog/spdlog.h>"),
        fine("src/app/command_line.cc", "#include <CLI/CLI.hpp>"),
        fine("src/app/toml_file.cc", "#include <toml++/toml.h>"),
        in_file("src/app/log.h", "#include <nlohmann/json.hpp>", "#include <spdlog/fmt/fmt.h>"),
    ],
    "below_io_only_standard_headers_are_included": [
        in_file("src/node/a.cc", "#include <thread>", "#include <mutex>", "#include <fstream>",
                "#include <filesystem>", "#include <sys/socket.h>", "#include <netinet/in.h>",
                "#include <arpa/inet.h>", "#include <unistd.h>", "#include <iostream>",
                "#include <zlib.h>", "#include <boost/asio.hpp>", "#include <stdint.h>"),
        fine("src/core/turn/a.cc", "#include <span>", "#include <cstdio>", "#include <vector>"),
        in_file("src/sim/a.cc", "#include <thread>", "#include <sys/time.h>", "#include <ctime>"),
        fine("src/sim/a.cc", "#include <fstream>", "#include <iostream>"),
        fine("src/io/a.cc", "#include <thread>", "#include <sys/socket.h>"),
    ],
    "libraries_link_along_the_arrows": [
        ({"src/CMakeLists.txt": "target_link_libraries(roost_base roost_wire)\n"
                                "target_link_libraries(roost_wire\n  roost_base roost_core)\n"
                                "target_link_libraries(roost_core PUBLIC roost_node)\n"
                                "target_link_libraries(roost_node PUBLIC roost_io)\n"},
         [f"src/CMakeLists.txt:{line}" for line in (1, 2, 4, 5)]),
        ({"src/CMakeLists.txt": "target_link_libraries(roost_io PRIVATE roost_wire)\n"
                                "target_link_libraries(roost_sim PRIVATE roost_io)\n"
                                "target_link_libraries(roost_app PRIVATE roost_sim)\n"
                                "target_link_libraries(roost_wire PRIVATE roost_extra)\n"
                                "target_link_libraries(roost_wire PRIVATE $<1:roost_app>)\n"},
         [f"src/CMakeLists.txt:{line}" for line in range(1, 6)]),
        ({"CMakeLists.txt": "target_link_libraries(roost_base PUBLIC roost_app)\n"},
         ["CMakeLists.txt:1"]),
        ({"src/CMakeLists.txt": "roost_layer(base SOURCES base/a.cc)\n"
                                "roost_layer(wire NO_EXCEPTIONS\n  LINKS roost_base roost_node)\n"
                                "roost_layer(io\n  LINKS roost_node THIRD_PARTY event)\n"},
         ["src/CMakeLists.txt:2"]),
        ({"src/CMakeLists.txt": "# target_link_libraries(roost_base roost_wire)\n"
                                "#[[ target_link_libraries(roost_base roost_wire) ]]\n"},
         []),
    ],
    "every_layer_shows_its_link_line": [
        ({"src/CMakeLists.txt": LINK_LINES.replace("target_link_libraries(roost_wire", "x(")},
         ["src/CMakeLists.txt:1"]),
        ({"src/CMakeLists.txt": LINK_LINES.replace("add_library(roost_base", "x(")},
         ["src/CMakeLists.txt:1"]),
        ({"src/CMakeLists.txt": LINK_LINES.replace("target_link_libraries(roost_wire", "x(")
                                + "roost_layer(wire SOURCES wire/stun.cc LINKS roost_base)\n"},
         []),
    ],
    "the_daemon_never_contains_the_simulator": [
        ({"src/CMakeLists.txt": "target_link_libraries(roost PRIVATE\n  roost_app roost_sim)\n"
                                "add_executable(roost app/main.cc sim/world.cc)\n"
                                "target_sources(roost PRIVATE $<TARGET_OBJECTS:roost_sim>)\n"},
         ["src/CMakeLists.txt:1", "src/CMakeLists.txt:3", "src/CMakeLists.txt:4"]),
    ],
    "below_io_time_and_randomness_are_arguments": [
        in_file("src/core/turn/a.cc", "auto a = std::chrono::steady_clock::now();",
                "auto b = MonoClock::now();", "using Ticks = std::chrono::system_clock;",
                "auto c = time(nullptr);", "auto d = std::time(0);", "auto e = ::time(&when);",
                "int f = std::rand();", "std::random_device g;", "getrandom(h, 8, 0);",
                'auto i = getenv("HOME");', "std::jthread j;", "std::lock_guard k; std::mutex l;",
                "thread_local int m;", "clock_gettime(0, &n);", "randombytes_buf(o, 8);",
                "auto p = Alias::now();"),
        fine("src/base/time.h", "static time_point now() noexcept;  // MonoClock::now()",
             "MonoTime time() const;", "return entry.time(0);", 'Note{"time(nullptr)"};',
             "random.fill(operand(2));", "void run_time(int);"),
        fine("src/io/clock.cc", "return std::chrono::steady_clock::now();"),
    ],
    "the_simulator_knows_only_virtual_time_and_seeded_randomness": [
        in_file("src/sim/world.cc", "auto a = std::chrono::steady_clock::now();",
                "auto b = std::chrono::system_clock::now();", "std::random_device c;",
                "std::thread d;", "auto e = MonoClock::now();", "auto f = time(nullptr);"),
        fine("src/sim/world.cc", "MonoTime World::now() const {", "std::cout << 1;"),
    ],
    "below_io_nothing_touches_files_sockets_or_output": [
        in_file("src/core/turn/a.cc", 'printf("x");', 'std::fprintf(stderr, "x");',
                'std::puts("x");', "std::cout << 1;", "std::cerr << 1;", 'fopen("x", "r");',
                "std::ifstream in;", 'std::system("x");', "int s = socket(2, 1, 0);",
                "fputs(text, stdout);"),
        fine("src/core/turn/a.cc", 'std::snprintf(buffer, 8, "%d", 1);', "// printf(x)",
             'Note{"printf(x)"};', "entry.socket(0);"),
        fine("src/base/check.cc", 'std::fprintf(stderr, "x");'),
        in_file("src/base/check.cc", 'fopen("x", "r");'),
    ],
    "below_io_nothing_throws_or_catches": [
        in_file("src/wire/a.cc", "throw 1;", "try {", "} catch (...) {"),
        fine("src/wire/a.cc", "// A throw.", "bool try_again = true;", 'text("throw 1;");',
             "const uint64_t kBig = 1'000'000;  // throw", "char quote = '\"';  // throw"),
        fine("src/io/a.cc", "try {", "} catch (...) {"),
    ],
    "below_io_nothing_mutable_is_static": [
        in_file("src/core/turn/a.cc", "int count = 0;", "static bool is_ready;",
                "std::map<int, std::function<void(int)>> table;", 'const char* name = "x";',
                "inline Random* random{nullptr};", "char buffer[16];", "extern int elsewhere;",
                "auto make = [](int x) { return x; };", "constinit uint64_t seed = 1'000;",
                "namespace { int hidden; }", "namespace roost::turn { int named; }",
                "int next() { static int last = 0; return ++last; }",
                "class C { public: static int shared_; };", "struct { int x; } odd;",
                "void run() { for (int i = 0; i < 3; ++i) { static Table t{1}; } }",
                "void visit() { each([&](int x) { static int seen; seen += x; }); }"),
        fine("src/core/turn/a.cc", "constexpr int kMax = 3;", "inline constexpr size_t kSize{3};",
             "const std::string kName = make(1);", "const char* const kNames[] = {\"a\", \"b\"};",
             "static constexpr struct { int x; } kOdd{1};", "int f(int x = 3);",
             "static MonoTime now() noexcept;", "enum class E { kA, kB };",
             "struct S { int x = 0; std::array<int, 3> y{}; static constexpr int kZ = 1; };",
             "class C { static C parse(Bytes b); static const int kTable[3]; int x_ = 1; };",
             "using Table = std::map<int, int>;", "template <typename T = int> struct X { T x; };",
             "X::X(int x) : x_{x}, y_(1) { int z = 3; z++; }", "extern template class X<int>;",
             "bool operator==(const X& a, const X& b) = default;",
             "template <typename... T> Overload(T...) -> Overload<T...>;",
             "void run() { for (int i = 0; i < 3; ++i) { int x = i; } const int y = 2; }",
             "static_assert(sizeof(int) == 4);", "class Server;", "struct Row { int given; };",
             "constexpr Row kRows[] = {{1}, {2}};", "#define LONG \\", "  int value;",
             "switch (e) { case E::kA: { int x; } }", "// int comment;"),
        fine("src/io/a.cc", "static int count;"),
    ],
    "ownership_is_a_value_or_a_unique_ptr": [
        in_file("src/io/a.cc", "std::shared_ptr<int> a;", "auto b = std::make_shared<int>(1);",
                "auto c = new int(1);", "delete d;", "delete[] e;", "std::weak_ptr<int> f;",
                "auto g = new (std::nothrow) int;"),
        fine("src/io/a.cc", "#include <new>", "X(const X&) = delete;", "::new (place) X(1);",
             "// A new thing; delete it.", "int renew = 1;", "void operator delete(void* at);"),
    ],
    "headers_do_not_spill_namespaces": [
        in_file("src/io/a.h", "using namespace std;", "namespace a { using namespace b; }"),
        fine("src/io/a.h", "inline int f() { using namespace std::literals; return 1; }"),
        fine("src/io/a.cc", "using namespace std;"),
    ],
    "switches_over_enums_have_no_default": [
        in_file("src/wire/a.cc", "    default:", "default : break;", "default:  // An enum."),
        fine("src/wire/a.cc", "    default:  // Not an enum: any byte may come.", "X() = default;",
             "// default: none", 'text("default:");'),
        fine("src/io/a.cc", "default:"),
    ],
    "no_file_outgrows_its_bound": [
        ({"src/io/a.cc": "\n" * 701, "src/io/b.cc": "\n" * 700}, ["src/io/a.cc:701"]),
        ({"tests/base/a.h": "\n" * 351, "src/io/b.h": "\n" * 350}, ["tests/base/a.h:351"]),
    ],
    "every_header_with_functions_has_a_test": [
        ({"tests/base/bytes_test.cc": None}, ["src/base/bytes.h:1"]),
        ({"tests/core/turn/server_test.cc": None}, ["src/core/turn/server.h:1"]),
        ({"src/base/result.h": "template <typename T, typename E>\nclass [[nodiscard]] R {\n"},
         ["src/base/result.h:1"]),
        ({"src/base/result.h": "template <typename T>\n  requires Big<T>\nstruct R : T {\n"},
         ["src/base/result.h:1"]),
        ({"src/base/time.h": "struct Clock {};\ntemplate <>\nstruct hash<Clock> {};\n"}, []),
        ({"src/base/time.h": "template <typename T>\nT f(T x) { struct Local {}; }\n"}, []),
        ({"src/io/loop.h": ""}, []),
    ],
    "every_codec_is_fuzzed_from_a_corpus": [
        ({"tests/fuzz/stun_fuzz.cc": None}, ["src/wire/stun.cc:1"]),
        ({"tests/fuzz/corpus/stun/Binding-Request": None}, ["src/wire/stun.cc:1"]),
        ({"src/wire/krpc.cc": ""}, ["src/wire/krpc.cc:1"]),
        ({"src/wire/types.h": ""}, []),
    ],
    "every_test_and_fuzz_target_is_built": [
        ({"tests/base/time_test.cc": ""}, ["tests/base/time_test.cc:1"]),
        ({"tests/fuzz/krpc_fuzz.cc": ""}, ["tests/fuzz/krpc_fuzz.cc:1"]),
        ({"tests/sim/mail_sim_test.cc": "", "CMakeLists.txt": "# tests/sim/mail_sim_test.cc\n"},
         ["tests/sim/mail_sim_test.cc:1"]),
        # The same name in another folder is not that test.
        ({"tests/node/bytes_test.cc": ""}, ["tests/node/bytes_test.cc:1"]),
        ({"tests/io/loop_test.cc": "", "CMakeLists.txt": "f(tests/io/loop_test.cc)\n"}, []),
        ({"tests/io/loop_test.cc": "", "tests/io/CMakeLists.txt": "f(x\n  loop_test)\n"}, []),
        ({"tests/io/loop_test.cc": "",
          "tests/io/CMakeLists.txt": "f(${CMAKE_CURRENT_SOURCE_DIR}/loop_test.cc)\n"}, []),
        ({"tests/io/loop_test.cc": "",
          "tests/io/CMakeLists.txt": "file(GLOB tests CONFIGURE_DEPENDS *_test.cc)\n"}, []),
        ({"tests/fuzz/krpc_fuzz.cc": "",
          "tests/fuzz/CMakeLists.txt": "foreach(x stun krpc)\nf(${x}_fuzz ${x}_fuzz.cc)\n"}, []),
        ({"tests/fuzz/krpc_fuzz.cc": "", "tests/fuzz/CMakeLists.txt": "f(krpc stun_fuzz.cc)\n"},
         ["tests/fuzz/krpc_fuzz.cc:1"]),
        ({"tests/io/loop_test.cc": "", "tests/io/CMakeLists.txt": "file(GLOB x *_fuzz.cc)\n"},
         ["tests/io/loop_test.cc:1"]),
    ],
    "unit_tests_do_not_sleep_open_ports_or_read_clocks": [
        in_file("tests/base/a_test.cc", "std::this_thread::sleep_for(1s);", "usleep(1);",
                "nanosleep(&a, &b);", "sleep(1);", "#include <sys/socket.h>",
                "#include <netinet/in.h>", "int s = socket(2, 1, 0);",
                "std::chrono::steady_clock::now();"),
        in_file("tests/sim/a.py", "time.sleep(1)", "import socket"),
        ({"tests/sim/run": "#!/bin/sh\nsleep 1\n"}, ["tests/sim/run:2"]),
        fine("tests/base/a_test.cc", "// No sleep(1).", "world.run_for(1s);", 'f("usleep(1)");'),
        fine("tests/io/a_test.cc", "usleep(1);", "#include <sys/socket.h>"),
        fine("tests/e2e/a.py", "time.sleep(1)", "import socket"),
    ],
    "no_test_is_switched_off": [
        in_file("tests/base/a_test.cc", "TEST(A, DIS" "ABLED_Works) {", "GTEST_SK" "IP();"),
        in_file("tests/tidy/a_test.py", "@unittest.sk" "ip('x')", "self.sk" "ipTest('x')"),
        ({"tests/CMakeLists.txt": "set_tests_properties(x PROPERTIES DIS" "ABLED TRUE)\n"},
         ["tests/CMakeLists.txt:1"]),
        fine("tests/io/a_test.cc", "GTEST_SK" "IP();"),
        fine("tests/base/a_test.cc", "reader.sk" "ip_rest();"),
    ],
    "every_source_opens_with_its_licence": [
        ({"src/base/bytes.cc": "\n" + LICENCE}, ["src/base/bytes.cc:1"]),
        ({"src/base/bytes.h": "#pragma once\n"}, ["src/base/bytes.h:1"]),
        ({"tests/e2e/run.py": "#!/usr/bin/env python3\n"}, ["tests/e2e/run.py:2"]),
        ({"tests/CMakeLists.txt": "f()\n", "cmake/a.cmake": "f()\n"},
         ["cmake/a.cmake:1", "tests/CMakeLists.txt:1"]),
        ({"dev": "#!/usr/bin/env bash\nset -u\n"}, ["dev:2"]),
        ({"init/roost.openrc": "#!/sbin/openrc-run\n"}, ["init/roost.openrc:2"]),
        ({"dev": "#!/usr/bin/env bash\n" + HASH_LICENCE}, []),
    ],
    "every_header_says_pragma_once": [
        ({"src/base/bytes.h": LICENCE + "// #pragma once\n"}, ["src/base/bytes.h:1"]),
    ],
    "nothing_is_left_unfinished": [
        in_file("src/base/a.cc", "// TO" "DO: more", "// FIX" "ME", "// X" "XX", "// HA" "CK"),
        fine("src/base/a.cc", "// mktemp XX" "XX" "XX", "f(kTO" "DOs);"),
        fine("docs/hacking.md", "No TO" "DO reaches main."),
    ],
    "lines_fit_on_the_page": [
        ({"src/base/a.cc": "/" * 100 + "\n" + "/" * 101 + "\n" + "é" * 100 + "\n"},
         ["src/base/a.cc:2"]),
    ],
    "lines_have_no_invisible_characters": [
        in_file("src/base/a.cc", "\tint x;", "int x; ", "int x;\r"),
        in_file("docs/a.md", "two blanks  "),
        fine("openwrt/files/roost", "#!/bin/sh", "\treturn"),
        in_file("openwrt/files/roost.sh", "trailing "),
    ],
    "every_file_ends_with_one_newline": [
        ({"src/base/a.cc": "int x;", "README.md": "# Roost"},
         ["README.md:1", "src/base/a.cc:1"]),
        ({"src/base/a.cc": "int x;\n\n"}, ["src/base/a.cc:2"]),
        ({"var/.gitkeep": ""}, []),
    ],
    "names_are_in_snake_case": [
        ({"src/base/TokenBucket.h": "", "tests/e2e/a-b.py": "", "src/Base/x.h": ""},
         ["src/Base/x.h:1", "src/base/TokenBucket.h:1", "tests/e2e/a-b.py:1"]),
        ({"src/base/bytes.cpp": "", "tests/base/x.hpp": ""},
         ["src/base/bytes.cpp:1", "tests/base/x.hpp:1"]),
        ({"docs/threat-model.md": "", "tests/vectors/RFC-5769.bin": ""}, []),
    ],
    "no_name_is_a_drawer_for_anything": [
        ({f"src/base/{name}.h": "" for name in policy.DRAWERS},
         [f"src/base/{name}.h:1" for name in policy.DRAWERS]),
        ({"src/utils/x.h": "", "tests/wire/stun_util_test.cc": "", "src/io/port_manager.cc": ""},
         ["src/io/port_manager.cc:1", "src/utils/x.h:1", "tests/wire/stun_util_test.cc:1"]),
        ({"src/base/utility_meter.h": ""}, []),
    ],
    "no_path_of_a_developer_is_left": [
        in_file("docs/a.md", "cd /wo" "rk/x", "/ro" "ot/.ssh", "/ho" "me/bob/roost"),
        fine("init/roost.service", "ProtectHome=yes", "ReadOnlyPaths=/ho" "me",
             "X=/ho" "me/$USER/x", "see /ho" "me/<name>/x", "/network/"),
    ],
    "nothing_depends_on_a_registry": [
        in_file("docker/Dockerfile", *(f"RUN x https://{host}/y" for host in policy.REGISTRIES)),
        in_file("a.cmake", f"FetchContent_Declare(x GIT_REPOSITORY {GITHUB}/a/b)",
                f"file(DOWNLOAD {GITHUB}/a/b)"),
        ({"dev": f"#!/bin/sh\ncurl -L {GITHUB}/a/b\ngit clone {GITHUB}/a/b\n"},
         ["dev:2", "dev:3"]),
        fine("src/base/a.h", f"// As in {GITHUB}/google/leveldb."),
        fine("docs/a.md", f"git clone {GITHUB}/a/b"),
    ],
    "the_tree_does_not_tell_who_wrote_it": [
        in_file("docs/a.md", *(f"By {words}." for words in policy.TELLS_THE_AUTHOR),
                "By AI" "-Generated."),
        fine("docs/a.md", "The helper, and its session."),
    ],
    "code_explains_itself_without_issue_numbers": [
        in_file("src/base/a.cc", "// See iss" "ue #12.", "// Iss" "ue 12", "// iss" "ues/12"),
        in_file("tests/e2e/a.py", "# iss" "ue 3"),
        fine("src/base/a.cc", "// It may issue replies.", "// RFC 5389", "tissue 3"),
        fine("docs/a.md", "Their iss" "ue #12."),
    ],
}


def lay_out(root, files):
    for path, text in {**CLEAN, **files}.items():
        if text is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())


def reported(rule, files):
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), files)
        return sorted({f"{found.path}:{found.line}" for found in rule(Tree(Path(folder)))})


def run(files):
    """The whole script: exit status and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), files)
        done = subprocess.run([sys.executable, tidy.__file__, folder], cwd="/", check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.splitlines()


class Rules(unittest.TestCase):
    """One method per row of ROWS is added below."""


def add_row(name, number, rule, files, expected):
    def check(self):
        self.assertEqual(reported(rule, files), sorted(expected))

    setattr(Rules, f"test_{name}_{number}", check)


for each_rule in tidy.RULES:
    for each_number, (each_files, each_expected) in enumerate(ROWS.get(each_rule.__name__, ())):
        add_row(each_rule.__name__, each_number, each_rule, each_files, each_expected)


class Exemptions(unittest.TestCase):
    def test_an_exempt_header_needs_no_test(self):
        files = {"tests/base/bytes_test.cc": None}
        with mock.patch.dict(policy.TESTED_ELSEWHERE, {"src/base/bytes.h": "A reason."}):
            self.assertEqual(reported(self.rule("every_header_with_functions_has_a_test"), files),
                             [])
            self.assertEqual(reported(self.rule("every_exemption_is_still_needed"), files), [])

    def test_an_exempt_codec_needs_no_fuzz_target(self):
        files = {"src/wire/krpc.cc": ""}
        with mock.patch.dict(policy.FUZZED_ELSEWHERE, {"src/wire/krpc.cc": "A reason."}):
            self.assertEqual(reported(self.rule("every_codec_is_fuzzed_from_a_corpus"), files), [])
            self.assertEqual(reported(self.rule("every_exemption_is_still_needed"), files), [])

    def test_an_exemption_must_be_needed_and_have_a_reason(self):
        tables = ((policy.TESTED_ELSEWHERE, "src/base/gone.h", "Gone."),
                  (policy.TESTED_ELSEWHERE, "src/base/bytes.h", "It has a test."),
                  (policy.TESTED_ELSEWHERE, "src/core/action.h", ""),
                  (policy.FUZZED_ELSEWHERE, "src/wire/stun.cc", "It has a fuzz target."))
        for table, path, reason in tables:
            with self.subTest(path), mock.patch.dict(table, {path: reason}):
                self.assertEqual(reported(self.rule("every_exemption_is_still_needed"), {}),
                                 ["tests/tidy/policy.py:1"])

    def rule(self, name):
        return next(rule for rule in tidy.RULES if rule.__name__ == name)


class Script(unittest.TestCase):
    def test_a_clean_tree_passes_every_rule(self):
        status, lines = run({})
        self.assertEqual((status, lines[-1]), (0, f"tidy: {len(tidy.RULES)} passed, 0 failed"))

    def test_all_violations_are_reported_at_once_and_rules_are_counted(self):
        status, lines = run({"src/base/bytes.cc": LICENCE + "throw 1; \nthrow 2;\n"})
        self.assertEqual((status, lines[-1]), (1, f"tidy: {len(tidy.RULES) - 2} passed, 2 failed"))
        self.assertEqual([line.split(": ")[0] for line in lines if line.startswith("src/")],
                         ["src/base/bytes.cc:2", "src/base/bytes.cc:3", "src/base/bytes.cc:2"])

    def test_the_ten_longest_are_listed(self):
        _, lines = run({f"src/io/a{size}.cc": LICENCE + "//\n" * size for size in range(20, 32)})
        start = lines.index("longest sources, of 700 lines at most:")
        self.assertEqual(lines[start + 1].split(), ["32", "src/io/a31.cc"])
        self.assertEqual(lines[start + 10].split(), ["23", "src/io/a22.cc"])
        self.assertTrue(lines[start + 11].startswith("longest headers"))

    def test_an_empty_tree_is_not_a_clean_one(self):
        status, _ = run({path: None for path in CLEAN})
        self.assertEqual(status, 2)

    def test_in_a_checkout_ignored_files_do_not_count_and_new_ones_do(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            lay_out(root, {".gitignore": "/out/\n", "out/x.cc": "", "src/base/new.cc": ""})
            subprocess.run(["git", "init", "-q", folder], check=True)
            paths = Tree(root).paths
        self.assertIn("src/base/new.cc", paths)
        self.assertNotIn("out/x.cc", paths)

    def test_every_rule_has_a_row_that_it_reports(self):
        for rule in tidy.RULES:
            if rule.__name__ != "every_exemption_is_still_needed":  # Exemptions, above.
                self.assertTrue(any(expected for _, expected in ROWS.get(rule.__name__, ())),
                                rule.__name__)
        self.assertEqual(set(ROWS) - {rule.__name__ for rule in tidy.RULES}, set())


def main():
    output = io.StringIO()
    with contextlib.redirect_stderr(output):
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
        result = unittest.TextTestRunner(stream=output).run(suite)
    broken = {case.id().split(" ")[0] for case, _ in result.failures + result.errors}
    if broken:
        print(output.getvalue())
    print(f"tidy_test: {result.testsRun - len(broken)} passed, {len(broken)} failed")
    return 1 if broken or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

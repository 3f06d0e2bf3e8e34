# SPDX-License-Identifier: MIT
"""What the rules allow: the tables to edit when the design changes, and nothing else."""

import re

# --- The arrows of docs/architecture.md -----------------------------------------------------------

# layer -> what it may include besides itself: a whole layer, or one named header.
INCLUDES = {
    "base": (),
    "wire": ("base",),
    "core": ("base", "wire"),
    "node": ("base", "wire", "core"),
    "io": ("base", "core/action.h", "core/outbox.h", "node"),
    "sim": ("base", "wire", "core", "node"),
    "app": ("base", "core/action.h", "node", "io"),
}

# The headers directly in core/ that the services share. Services never include each other.
CORE_SHARED = ("core/action.h", "core/outbox.h", "core/store_terms.h")

# layer -> the layers that its library may name on its link line.
LINKS = {
    "base": (),
    "wire": ("base",),
    "core": ("base", "wire"),
    "node": ("base", "wire", "core"),
    "io": ("base", "node"),
    "sim": ("base", "wire", "core", "node"),
    "app": ("base", "node", "io"),
}
DAEMON = "roost"
DAEMON_LINKS = ("base", "node", "io", "app")

BELOW_IO = ("base", "wire", "core", "node")

# Headers that the build generates: included with quotes, found in no folder.
GENERATED_HEADERS = ()

# --- Libraries of others --------------------------------------------------------------------------

# library, its headers, the files that may include them. The first row that matches counts.
LIBRARIES = (
    ("libsodium", r"sodium(\.h|/.*)", r"src/base/crypto_\w+\.(h|cc)"),
    ("OpenSSL's SSL", r"openssl/(ssl|ssl2|ssl3|tls1|dtls1|srtp)\.h", r"src/(io|app)/.*"),
    ("OpenSSL", r"openssl/.*", r"src/(base/crypto_\w+\.(h|cc)|(io|app)/.*)"),
    ("libevent", r"event2/.*|event\.h|ev(http|dns|util)\.h", r"src/(io|app)/.*"),
    ("RocksDB", r"rocksdb/.*", r"src/(io|app)/.*"),
    ("SQLite", r"sqlite3(ext)?\.h", r"src/(io|app)/.*"),
    ("systemd", r"systemd/.*", r"src/(io|app)/.*"),
    # One file each, so that what they throw stops there and they can be replaced.
    ("http-parser", r"http_parser\.h", r"src/io/http_parser\.cc"),
    ("spdlog", r"spdlog/.*|fmt/.*", r"src/app/log\.cc"),
    ("CLI11", r"CLI/.*", r"src/app/command_line\.cc"),
    ("toml++", r"toml\+\+/.*|toml\.hpp", r"src/app/toml_file\.cc"),
    # Slow to compile, so never in a header.
    ("nlohmann", r"nlohmann/.*", r"src/(io|app)/.*\.cc"),
)

# What io and app may include from the operating system. Any other <folder/header> belongs to a
# library that LIBRARIES should name.
OPERATING_SYSTEM_FOLDERS = ("arpa", "asm", "linux", "net", "netinet", "sys")

THREAD_HEADERS = (
    "barrier", "condition_variable", "future", "latch", "mutex", "semaphore", "shared_mutex",
    "stop_token", "thread",
)
# Below io only headers of the C++ standard library are known, and of those not these.
HEADERS_FORBIDDEN_BELOW_IO = THREAD_HEADERS + (
    "csetjmp", "csignal", "ctime", "exception", "filesystem", "fstream", "iostream", "stdexcept",
    "syncstream",
)
HEADERS_FORBIDDEN_IN_SIM = THREAD_HEADERS + ("ctime",)

# The one file below io that writes to standard error, on its way to abort().
MAY_PRINT = ("src/base/check.cc",)

# spdlog takes its sinks, RocksDB its log as shared pointers only.
SHARES_AS_ITS_LIBRARY_ASKS = ("src/app/log.cc", "src/io/rocksdb_store.cc")

# --- Tests ----------------------------------------------------------------------------------------

# header -> why no test mirrors it. A row whose header is gone is a violation too.
TESTED_ELSEWHERE: dict[str, str] = {}

# source in wire -> why it has no fuzz target of its own.
FUZZED_ELSEWHERE: dict[str, str] = {}

# The only tests that may sleep, open a port, read a clock, or find that they cannot run here.
# Of app only what meets the kernel itself: the sockets that it opens, and the service manager's.
TESTS_OF_THE_REAL_WORLD = (
    "tests/io/", "tests/e2e/", "tests/bench/",
    "tests/app/open_sockets_test.cc", "tests/app/supervisor_test.cc",
)

# --- Text -----------------------------------------------------------------------------------------

LINES_MAX = {".cc": 700, ".h": 350}
LONGEST_COUNT = 10
COLUMNS_MAX = 100

# Bytes that tests read, in whatever form they were captured.
DATA_FOLDERS = ("tests/fuzz/corpus/", "tests/vectors/")

# make requires tabs; OpenWrt's own scripts are written with them throughout.
MAY_HAVE_TABS = re.compile(r"(.*/)?Makefile|openwrt/.*")

# Names that say nothing, so that anything ends up in them.
DRAWERS = ("util", "utils", "common", "helper", "helpers", "manager", "misc")

# In pieces, here and below, so that this file passes its own rules.
UNFINISHED = ("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK")
REGISTRIES = (
    "deb.debian" ".org", "registry.npmjs" ".org", "pypi" ".org", "files.pythonhosted" ".org",
)
TELLS_THE_AUTHOR = ("AI" "-generated", "AI" " generated", "language" " model", "helper" " session",
                    "co-authored" "-by")

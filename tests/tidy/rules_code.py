# SPDX-License-Identifier: MIT
"""What the code of a layer may do: hidden inputs, ownership, shape of a switch, size."""

import re
from typing import Iterator

import cpp
import policy
from tree import Tree, Violation

_CLOCK_OR_THREAD = (
    r"\b(?:steady_clock|high_resolution_clock|clock_gettime|gettimeofday|timespec_get)\b"
    r"|Clock\s*::\s*now\s*\(|_clock\s*::\s*now\s*\("
    r"|(?:\bstd\s*::\s*|(?<![\w:\s])\s*::\s*|(?<![\w.>:]))time\s*\(\s*(?:nullptr|NULL|0|&)"
    r"|\bstd\s*::\s*clock\s*\("
    r"|\bstd\s*::\s*(?:j?thread|this_thread|\w*mutex|condition_variable\w*|async|future|promise)\b"
    r"|\bthread_local\b|\bpthread_\w+")
_KERNEL_RANDOM = (
    r"\brandom_device\b|(?<![\w.>])s?rand\s*\(|\bget(?:random|entropy)\s*\(|\barc4random\w*"
    r"|\brandombytes_\w+|\bRAND_\w*bytes\b")
_HIDDEN_INPUT_IN_SIM = re.compile(f"{_CLOCK_OR_THREAD}|{_KERNEL_RANDOM}")
_HIDDEN_INPUT_BELOW_IO = re.compile(
    rf"{_CLOCK_OR_THREAD}|{_KERNEL_RANDOM}|::\s*now\s*\(|\bsystem_clock\b"
    r"|\b(?:secure_)?getenv\b|\b(?:set|put)env\b")
_FILE = re.compile(
    r"\b(?:fopen|fdopen|freopen|fread|fwrite|tmpfile|popen)\s*\(|\bFILE\b|\b[io]?fstream\b"
    r"|\bstd\s*::\s*(?:filesystem\b|system\s*\()")
_SOCKET = re.compile(r"(?<![\w.>])(?:socket|recvfrom|sendto|setsockopt|getaddrinfo)\s*\(")
_PRINT = re.compile(
    r"\b(?:v?f?printf|f?puts|f?putc|putchar|perror)\s*\(|\bstd\s*::\s*(?:cout|cerr|clog)\b"
    r"|\bstd(?:out|err)\b")
_EXCEPTION = re.compile(r"\bthrow\b|\btry\s*[{:]|\bcatch\s*\(")
_OWNERSHIP = re.compile(
    r"\b(?:std\s*::\s*)?(?:shared_ptr|make_shared|allocate_shared|weak_ptr"
    r"|enable_shared_from_this)\b"
    r"|(?<!operator)(?<!operator )\bnew\b(?!\s*\((?!\s*std\s*::\s*nothrow))"
    r"|(?<!operator)(?<!operator )(?<!=)(?<!= )\bdelete\b")
_DEFAULT = re.compile(r"\bdefault\s*:(?!:)")


def below_io_time_and_randomness_are_arguments(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        for line, found in file.code_matches(_HIDDEN_INPUT_BELOW_IO):
            yield Violation(file.path, line, f"`{found[0].strip()}` is an input nobody passed in")


def the_simulator_knows_only_virtual_time_and_seeded_randomness(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp("sim"):
        for line, found in file.code_matches(_HIDDEN_INPUT_IN_SIM):
            yield Violation(file.path, line, f"`{found[0].strip()}`: same seed, other trace")


def below_io_nothing_touches_files_sockets_or_output(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        for pattern in (_FILE, _SOCKET) + (() if file.path in policy.MAY_PRINT else (_PRINT,)):
            for line, found in file.code_matches(pattern):
                yield Violation(file.path, line, f"`{found[0].strip()}` is I/O; push an action")


def below_io_nothing_throws_or_catches(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        for line, found in file.code_matches(_EXCEPTION):
            yield Violation(file.path, line, f"`{found[0].strip()}`: return a Result, or CHECK")


def below_io_nothing_mutable_is_static(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        for statement in cpp.statements(file.code):
            if cpp.is_mutable_static(statement):
                yield Violation(file.path, statement.line, f"global state: `{statement.text}`")


def ownership_is_a_value_or_a_unique_ptr(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp():
        if file.path in policy.SHARES_AS_ITS_LIBRARY_ASKS:
            continue
        for line, found in file.code_matches(_OWNERSHIP):
            yield Violation(file.path, line, f"`{found[0].strip()}`: own a value or a unique_ptr")


def headers_do_not_spill_namespaces(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp():
        if file.suffix != ".h":
            continue
        for statement in cpp.statements(file.code):
            if statement.at_namespace_scope and statement.text.startswith("using namespace"):
                yield Violation(file.path, statement.line, f"`{statement.text}` in a header")


def switches_over_enums_have_no_default(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        for line, _ in file.code_matches(_DEFAULT):
            if "// Not an enum" not in file.lines[line - 1]:
                yield Violation(
                    file.path, line,
                    "`default:` hides a missing case; for other types say `// Not an enum` and why")


def no_file_outgrows_its_bound(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources("src/", "tests/"):
        lines_max = policy.LINES_MAX.get(file.suffix)
        count = line_count(file.text)
        if lines_max is not None and count > lines_max:
            yield Violation(
                file.path, lines_max + 1, f"{count} lines, {lines_max} allowed; split it by noun")


def line_count(text: str) -> int:
    return len(text.splitlines())


RULES = (
    below_io_time_and_randomness_are_arguments,
    the_simulator_knows_only_virtual_time_and_seeded_randomness,
    below_io_nothing_touches_files_sockets_or_output,
    below_io_nothing_throws_or_catches,
    below_io_nothing_mutable_is_static,
    ownership_is_a_value_or_a_unique_ptr,
    headers_do_not_spill_namespaces,
    switches_over_enums_have_no_default,
    no_file_outgrows_its_bound,
)

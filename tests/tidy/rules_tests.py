# SPDX-License-Identifier: MIT
"""That tests mirror the sources, are built, are switched on, and stay out of the real world."""

import fnmatch
import posixpath
import re
from typing import Iterator

import policy
from tree import SourceFile, Tree, Violation

_TEMPLATE_CLASS = re.compile(
    r"\btemplate\s*<\s*[^\s>][^;{]*?>\s*(?:requires\b[^;{]*?\s)?(?:class|struct)\b[^;{()]*\{")
_SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
_SHELL_SLEEP = re.compile(r"(?m)(?:^|[;&|]|\bdo\b|\bthen\b)[ \t]*sleep\s")
_SOCKET = re.compile(r"(?<![\w.>])socket\s*\(|(?m:^[ \t]*(?:import|from)\s+socket(?:server)?\b)")
_SOCKET_HEADER = re.compile(r"(?:sys/socket|sys/un|netdb)\.h|(?:netinet|arpa|event2)/.*")
_CLOCK = re.compile(r"[Cc]lock\s*::\s*now\s*\(|\b(?:clock_gettime|gettimeofday)\s*\(")
# In pieces, so that a search of the tree for such words finds only what is really switched off.
_SWITCHED_OFF = re.compile(
    r"\bDIS" r"ABLED_\w*|\bDIS" r"ABLED\s+(?:TRUE|ON|1|YES)\b|\bGTEST_" r"SK" r"IP\w*"
    r"|\bsk" r"ip(?:If|Unless|Test)?\s*\(|\bSk" r"ipTest\b")


def every_header_with_functions_has_a_test(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO):
        if file.suffix != ".h" or file.path in policy.TESTED_ELSEWHERE:
            continue
        stem = file.below_src.removesuffix(".h")
        test = f"tests/{stem}_test.cc"
        has_functions = f"src/{stem}.cc" in tree.paths or _TEMPLATE_CLASS.search(file.code)
        if has_functions and test not in tree.paths:
            yield Violation(file.path, 1, f"no {test}")


def every_codec_is_fuzzed_from_a_corpus(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp("wire"):
        if file.suffix != ".cc" or file.path in policy.FUZZED_ELSEWHERE:
            continue
        stem = file.name.removesuffix(".cc")
        if f"tests/fuzz/{stem}_fuzz.cc" not in tree.paths:
            yield Violation(file.path, 1, f"no tests/fuzz/{stem}_fuzz.cc")
        corpus = f"tests/fuzz/corpus/{stem}/"
        if not any(path.startswith(corpus) for path in tree.paths):
            yield Violation(file.path, 1, f"no file in {corpus}")


def every_exemption_is_still_needed(tree: Tree) -> Iterator[Violation]:
    tables = (
        (policy.TESTED_ELSEWHERE, lambda stem: f"tests/{stem}_test.cc"),
        (policy.FUZZED_ELSEWHERE, lambda stem: f"tests/fuzz/{posixpath.basename(stem)}_fuzz.cc"),
    )
    for table, test_of in tables:
        for path, reason in table.items():
            test = test_of(posixpath.splitext(path)[0].removeprefix("src/"))
            if path not in tree.paths:
                yield Violation("tests/tidy/policy.py", 1, f"exempt, but gone: {path}")
            elif test in tree.paths:
                yield Violation("tests/tidy/policy.py", 1, f"exempt, but there is {test}")
            elif not reason:
                yield Violation("tests/tidy/policy.py", 1, f"exempt without a reason: {path}")


def every_test_and_fuzz_target_is_built(tree: Tree) -> Iterator[Violation]:
    lists = list(tree.cmake())
    for file in tree.sources("tests/"):
        if not re.search(r"_(test|fuzz)\.cc$", file.name):
            continue
        if not any(_names(cmake, file) for cmake in lists):
            yield Violation(file.path, 1, "no CMakeLists.txt names it, so nothing runs it")


def unit_tests_do_not_sleep_open_ports_or_read_clocks(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources("tests/"):
        if file.path.startswith(policy.TESTS_OF_THE_REAL_WORLD):
            continue
        patterns = [_SLEEP, _SOCKET, _CLOCK] + [_SHELL_SLEEP] * (file.suffix == ".sh")
        for pattern in patterns:
            for line, found in file.code_matches(pattern):
                yield Violation(file.path, line, f"`{found[0].strip()}` in a unit test")
        if file.is_cpp:
            for line, argument in file.includes:
                if _SOCKET_HEADER.fullmatch(argument[1:-1]):
                    yield Violation(file.path, line, f"{argument} in a unit test")


def no_test_is_switched_off(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources("tests/"):
        # Those may find that the machine has no network namespaces, and must then say so.
        if file.path.startswith(policy.TESTS_OF_THE_REAL_WORLD):
            continue
        for line, found in file.code_matches(_SWITCHED_OFF):
            yield Violation(file.path, line, f"`{found[0]}`: a test runs, or is deleted")


def _names(cmake: SourceFile, test: SourceFile) -> bool:
    """Whether a list names the test by its path from there or from the top, or by a glob."""
    folder = posixpath.dirname(cmake.path)
    from_list = posixpath.relpath(test.path, folder or ".")
    stem = re.escape(from_list.removesuffix(".cc"))
    top = re.escape(test.path.removesuffix(".cc"))
    names = [stem, top]
    if re.search(r"\}_(test|fuzz)\.cc", cmake.code):  # A list of names that a loop completes.
        names += [re.sub(r"_(test|fuzz)$", "", name) for name in names]
    if re.search(rf'(?:^|[\s("\';]|\}}/)(?:{"|".join(names)})(?:\.cc)?(?=[\s)"\';]|$)', cmake.code):
        return True
    for glob in re.findall(r"(?i)file\s*\(\s*GLOB(?:_RECURSE)?\s+\w+\s+([^)]*)\)", cmake.code):
        for pattern in glob.replace('"', " ").split():
            if fnmatch.fnmatch(from_list, re.sub(r"\$\{[^}]*\}/", "", pattern)):
                return True
    return False


RULES = (
    every_header_with_functions_has_a_test,
    every_codec_is_fuzzed_from_a_corpus,
    every_exemption_is_still_needed,
    every_test_and_fuzz_target_is_built,
    unit_tests_do_not_sleep_open_ports_or_read_clocks,
    no_test_is_switched_off,
)

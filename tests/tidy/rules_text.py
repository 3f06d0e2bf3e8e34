# SPDX-License-Identifier: MIT
"""What every file looks like and is called, and what it must not mention."""

import posixpath
import re
from typing import Iterator

import policy
from tree import SourceFile, Tree, Violation

_UNFINISHED = re.compile(rf"\b(?:{'|'.join(policy.UNFINISHED)})\b")
_DEVELOPER_PATH = re.compile(r"/(?:work|root)/|/(?:home)/(?![$<{*])[\w.-]+/")
_REGISTRY = re.compile("|".join(re.escape(host) for host in policy.REGISTRIES))
_DOWNLOAD = re.compile(
    r"(?i)(?:\b(?:curl|wget|git\s+clone|urlopen|urlretrieve|pip3?\s+install|go\s+install"
    r"|npm\s+i(?:nstall)?)\b|GIT_REPOSITORY|\bURL\b|file\s*\(\s*DOWNLOAD).*github\.com")
_TELLS_THE_AUTHOR = re.compile(
    rf"(?i)\b(?:{'|'.join(re.escape(words) for words in policy.TELLS_THE_AUTHOR)})\b")
_ISSUE_NUMBER = re.compile(r"(?i)\bissues?[\s/]+#?\d+")
_SNAKE_CASE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9]+)*|CMakeLists\.txt|README\.md")
_DRAWER = re.compile(rf"(?:.*[_-])?(?:{'|'.join(policy.DRAWERS)})")
_OTHER_CPP_SUFFIXES = (".c", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".inc", ".inl", ".ipp")


def every_source_opens_with_its_licence(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources():
        comment = "//" if file.is_cpp else "#"
        line = 1 if file.lines[0].startswith("#!") else 0
        if file.lines[line:line + 1] != [f"{comment} SPDX-License-Identifier: MIT"]:
            yield Violation(
                file.path, line + 1, f"not `{comment} SPDX-License-Identifier: " "MIT`")


def every_header_says_pragma_once(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources():
        if file.suffix == ".h" and not re.search(r"(?m)^#pragma once$", file.code):
            yield Violation(file.path, 1, "no #pragma once")


def nothing_is_left_unfinished(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources():
        yield from _lines_with(_UNFINISHED, file, "do it now, or say why not in a sentence")


def lines_fit_on_the_page(tree: Tree) -> Iterator[Violation]:
    for file in tree.sources():
        if not file.is_cpp:
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line) > policy.COLUMNS_MAX:
                yield Violation(
                    file.path, number, f"{len(line)} columns, {policy.COLUMNS_MAX} allowed")


def lines_have_no_invisible_characters(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        if not (file.is_source or file.suffix in (".md", ".toml", ".yml", ".yaml", ".service")):
            continue
        may_have_tabs = policy.MAY_HAVE_TABS.fullmatch(file.path)
        for number, line in enumerate(file.lines, 1):
            if "\t" in line and not may_have_tabs:
                yield Violation(file.path, number, "a tab")
            if line != line.rstrip():
                yield Violation(file.path, number, "blanks at the end of the line")


def every_file_ends_with_one_newline(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        if not file.text:
            continue  # Such as .gitkeep.
        if not file.text.endswith("\n"):
            yield Violation(file.path, len(file.lines), "no newline at the end of the file")
        elif file.is_source and file.text.endswith("\n\n"):
            yield Violation(file.path, len(file.lines) - 1, "an empty line at the end of the file")


def names_are_in_snake_case(tree: Tree) -> Iterator[Violation]:
    for file in _named_by_us(tree):
        for part in file.path.split("/"):
            if not _SNAKE_CASE.fullmatch(part):
                yield Violation(file.path, 1, f"{part} is not snake_case")
        if posixpath.splitext(file.name)[1] in _OTHER_CPP_SUFFIXES:
            yield Violation(file.path, 1, "no rule reads this suffix; C++ is .h and .cc here")


def no_name_is_a_drawer_for_anything(tree: Tree) -> Iterator[Violation]:
    for file in _named_by_us(tree):
        *folders, name = file.path.split("/")
        for part in folders + [re.sub(r"(?:_test|_fuzz)?\..*", "", name)]:
            if _DRAWER.fullmatch(part):
                yield Violation(file.path, 1, f"{part}: name it by the noun inside")


def no_path_of_a_developer_is_left(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        yield from _lines_with(_DEVELOPER_PATH, file, "exists on one machine only")


def nothing_depends_on_a_registry(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        yield from _lines_with(_REGISTRY, file, "name no registry; the system's settings do")
        if file.suffix != ".md":
            yield from _lines_with(_DOWNLOAD, file, "nothing is downloaded by our scripts")


def the_tree_does_not_tell_who_wrote_it(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        yield from _lines_with(_TELLS_THE_AUTHOR, file, "the tree says what; history says who")


def code_explains_itself_without_issue_numbers(tree: Tree) -> Iterator[Violation]:
    for file in tree.text_files():
        if file.path.startswith(("src/", "tests/")):
            yield from _lines_with(_ISSUE_NUMBER, file, "say the reason itself")


def _lines_with(pattern: "re.Pattern[str]", file: SourceFile, message: str) -> Iterator[Violation]:
    for number, line in enumerate(file.lines, 1):
        found = pattern.search(line)
        if found:
            yield Violation(file.path, number, f"`{found[0].strip()}`: {message}")


def _named_by_us(tree: Tree) -> Iterator[SourceFile]:
    for file in tree.files:
        if file.path.startswith(("src/", "tests/")) and not file.path.startswith(
                policy.DATA_FOLDERS):
            yield file


RULES = (
    every_source_opens_with_its_licence,
    every_header_says_pragma_once,
    nothing_is_left_unfinished,
    lines_fit_on_the_page,
    lines_have_no_invisible_characters,
    every_file_ends_with_one_newline,
    names_are_in_snake_case,
    no_name_is_a_drawer_for_anything,
    no_path_of_a_developer_is_left,
    nothing_depends_on_a_registry,
    the_tree_does_not_tell_who_wrote_it,
    code_explains_itself_without_issue_numbers,
)

# SPDX-License-Identifier: MIT
"""Who may include what: the arrows between the layers, and libraries of others."""

import re
from typing import Iterator

import policy
from tree import SourceFile, Tree, Violation


def every_source_lives_in_a_layer(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp():
        if file.layer not in policy.INCLUDES:
            yield Violation(file.path, 1, f"not in a layer; those are {', '.join(policy.INCLUDES)}")


def layers_include_along_the_arrows(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.INCLUDES):
        for line, header in _ours(tree, file):
            if not _may_include(file, header):
                yield Violation(file.path, line, f"{_place(file)} may not include {header}")


def our_headers_are_included_by_their_path_below_src(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp():
        for line, argument in file.includes:
            header = argument[1:-1]
            if argument.startswith('"'):
                if f"src/{header}" not in tree.paths and header not in policy.GENERATED_HEADERS:
                    yield Violation(file.path, line, f"{argument} is no file below src/")
            elif not argument.startswith("<"):
                yield Violation(file.path, line, f"a computed include hides an arrow: {argument}")
            elif f"src/{header}" in tree.paths:
                yield Violation(file.path, line, f'{argument} is ours: write "{header}"')


def libraries_stay_in_the_files_that_own_them(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp():
        for line, header in _of_others(file):
            library = _library(header)
            if library is not None:
                name, _, homes = library
                if not re.fullmatch(homes, file.path):
                    yield Violation(file.path, line, f"{name} is included by {homes} only")
            elif file.layer in ("io", "app") and _is_unknown(header):
                yield Violation(
                    file.path, line, f"<{header}> is of a library that policy.py does not name")


def below_io_only_standard_headers_are_included(tree: Tree) -> Iterator[Violation]:
    for file in tree.cpp(*policy.BELOW_IO, "sim"):
        forbidden = (policy.HEADERS_FORBIDDEN_IN_SIM if file.layer == "sim"
                     else policy.HEADERS_FORBIDDEN_BELOW_IO)
        for line, header in _of_others(file):
            if _library(header) is not None:
                continue
            if header in forbidden or not re.fullmatch(r"[a-z0-9_]+", header):
                yield Violation(file.path, line, f"{file.layer} may not include <{header}>")


def _ours(tree: Tree, file: SourceFile) -> Iterator[tuple[int, str]]:
    """Also those in angle brackets, and those that do not exist: their folder is an arrow too."""
    for line, argument in file.includes:
        header = argument[1:-1]
        if argument.startswith('"') or f"src/{header}" in tree.paths:
            if header.split("/")[0] in policy.INCLUDES:
                yield line, header


def _of_others(file: SourceFile) -> Iterator[tuple[int, str]]:
    for line, argument in file.includes:
        if argument[0] in '<"':
            header = argument[1:].rstrip('>"')
            if argument.startswith("<") or _library(header) is not None:
                yield line, header


def _may_include(file: SourceFile, header: str) -> bool:
    layer = header.split("/")[0]
    if layer == "core" and file.layer == "core":
        folder = file.below_src.rpartition("/")[0]
        service = "/".join(folder.split("/")[:2])
        if folder == "core":
            return header.count("/") == 1
        return header.startswith(service + "/") or header in policy.CORE_SHARED
    return layer == file.layer or any(
        target in (layer, header) for target in policy.INCLUDES[file.layer])


def _place(file: SourceFile) -> str:
    parts = file.below_src.split("/")
    return "/".join(parts[:2]) if parts[0] == "core" and len(parts) > 2 else parts[0]


def _library(header: str) -> "tuple[str, str, str] | None":
    for row in policy.LIBRARIES:
        if re.fullmatch(row[1], header):
            return row
    return None


def _is_unknown(header: str) -> bool:
    return "/" in header and header.split("/")[0] not in policy.OPERATING_SYSTEM_FOLDERS


RULES = (
    every_source_lives_in_a_layer,
    layers_include_along_the_arrows,
    our_headers_are_included_by_their_path_below_src,
    libraries_stay_in_the_files_that_own_them,
    below_io_only_standard_headers_are_included,
)

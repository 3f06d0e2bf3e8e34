# SPDX-License-Identifier: MIT
"""That the link lines draw the arrows too."""

import re
from typing import Iterator, NamedTuple

import policy
from tree import Tree, Violation, line_of

_COMMAND = re.compile(
    r"(?i)\b(target_link_libraries|target_sources|add_library|add_executable|roost_layer)\s*"
    r"\(\s*([\w:-]+)((?:[^()]|\([^()]*\))*)\)")
_OUR_LIBRARY = re.compile(r"\broost_(\w+)")
# roost_layer(<layer> SOURCES ... LINKS ...) of src/CMakeLists.txt does both.
_BUILDS = ("add_library", "roost_layer")
_LINKS = ("target_link_libraries", "roost_layer")
_LAYER_TARGETS = {f"roost_{layer}": layer for layer in policy.LINKS}


class _Command(NamedTuple):
    path: str
    line: int
    name: str
    target: str
    arguments: str


def libraries_link_along_the_arrows(tree: Tree) -> Iterator[Violation]:
    commands = list(_commands(tree))
    # Carriers of compiler flags link nothing, so any layer may name them.
    flags = {command.target for command in commands
             if command.name == "add_library" and command.arguments.split()[:1] == ["INTERFACE"]}
    for command in commands:
        layer = _LAYER_TARGETS.get(command.target)
        if command.name not in _LINKS or layer is None:
            continue
        for found in _OUR_LIBRARY.finditer(command.arguments):
            if found[1] not in policy.LINKS[layer] and found[0] not in flags:
                yield Violation(
                    command.path, command.line, f"{command.target} may not link {found[0]}")


def every_layer_shows_its_link_line(tree: Tree) -> Iterator[Violation]:
    """Or the rule above would see nothing and be content."""
    commands = list(_commands(tree))
    built = {command.target for command in commands if command.name in _BUILDS}
    linked = {command.target for command in commands if command.name in _LINKS}
    with_sources = {file.layer for file in tree.cpp() if file.suffix == ".cc"}
    for target, layer in _LAYER_TARGETS.items():
        if layer not in with_sources:
            continue
        if target not in built:
            yield Violation("src/CMakeLists.txt", 1, f"nothing builds {target} by that name")
        if target not in linked and policy.LINKS[layer]:
            yield Violation("src/CMakeLists.txt", 1, f"no link line for {target}")


def the_daemon_never_contains_the_simulator(tree: Tree) -> Iterator[Violation]:
    for command in _commands(tree):
        if command.target != policy.DAEMON:
            continue
        for found in _OUR_LIBRARY.finditer(command.arguments):
            if found[1] in policy.LINKS and found[1] not in policy.DAEMON_LINKS:
                yield Violation(
                    command.path, command.line, f"{policy.DAEMON} may not link {found[0]}")
        if re.search(r"(?:^|[\s/])sim/", command.arguments):
            yield Violation(command.path, command.line, f"a source of sim in {policy.DAEMON}")


def _commands(tree: Tree) -> Iterator[_Command]:
    for file in tree.cmake():
        for found in _COMMAND.finditer(file.code):
            name, target, arguments = found[1].lower(), found[2], found[3]
            if name == "roost_layer":
                target = f"roost_{target}"
            yield _Command(file.path, line_of(file.code, found.start()), name, target, arguments)


RULES = (
    libraries_link_along_the_arrows,
    every_layer_shows_its_link_line,
    the_daemon_never_contains_the_simulator,
)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what no compiler checks: the arrows between layers, the pairs of files, the page's rules.

    tests/tidy/tidy.py [root]

Prints every violation as `file:line: message`, then the longest files, then one line with how many
checks passed and failed. Exits with 1 when one failed, 2 when there was nothing to check.
What is allowed stands in policy.py; each check is one function in rules_*.py, named by a sentence.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # A check leaves the tree as it was.

import policy
import rules_code
import rules_includes
import rules_links
import rules_tests
import rules_text
from tree import Tree

RULES = (
    rules_includes.RULES + rules_links.RULES + rules_code.RULES + rules_tests.RULES
    + rules_text.RULES
)


def main(arguments: list[str]) -> int:
    here = Path(__file__).resolve()
    root = Path(arguments[0]).resolve() if arguments else here.parents[2]
    tree = Tree(root)
    if not any(tree.cpp()):
        print(f"tidy: no sources below {root}/src", file=sys.stderr)
        return 2

    failed = 0
    for rule in RULES:
        violations = sorted(set(rule(tree)))
        failed += bool(violations)
        for path, line, message in violations:
            print(f"{path}:{line}: {message} [{rule.__name__}]")
    for suffix, noun in ((".cc", "sources"), (".h", "headers")):
        print_longest(tree, suffix, noun)
    print(f"tidy: {len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


def print_longest(tree: Tree, suffix: str, noun: str) -> None:
    counts = sorted(((rules_code.line_count(file.text), file.path)
                     for file in tree.cpp() if file.suffix == suffix), reverse=True)
    print(f"longest {noun}, of {policy.LINES_MAX[suffix]} lines at most:")
    for count, path in counts[:policy.LONGEST_COUNT]:
        print(f"  {count:5} {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: MIT
"""What the reader of a benchmark sees: progress while it runs, tables when it has."""

import sys


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def heading(text: str) -> None:
    progress("")
    print(f"\n{text}")


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, cells)) for cells in zip(head, *rows)]
    for row in (head, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        print("  " + "   ".join(cells).rstrip())


def verdict(ratio: dict) -> str:
    if ratio["bar"] is None:
        return ""
    return f"{ratio['bar']:.2f} {'met' if ratio['meets_bar'] else 'MISSED'}"

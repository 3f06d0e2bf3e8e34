# SPDX-License-Identifier: MIT
"""The files of the repository, and each file as the rules look at it."""

import io
import os
import re
import subprocess
import tokenize
from functools import cached_property
from pathlib import Path
from typing import Iterator, NamedTuple, Optional

import cpp
import policy


class Violation(NamedTuple):
    path: str
    line: int
    message: str


class SourceFile:
    def __init__(self, root: Path, path: str) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]
        self.bytes = (root / path).read_bytes()

    @cached_property
    def text(self) -> Optional[str]:
        """Empty for what is not text."""
        if self.path.startswith(policy.DATA_FOLDERS) or b"\0" in self.bytes:
            return None
        try:
            return self.bytes.decode("utf-8")
        except UnicodeDecodeError:
            return None

    @cached_property
    def suffix(self) -> str:
        """The language as a suffix, by name or first line: .h .cc .py .cmake .sh, or the name's."""
        suffix = os.path.splitext(self.name)[1]
        if self.name == "CMakeLists.txt":
            return ".cmake"
        if self.bytes.startswith(b"#!") and suffix not in (".py", ".js", ".mjs"):
            first_line = self.bytes.split(b"\n", 1)[0]
            if b"python" in first_line:
                return ".py"
            if re.search(rb"\b(sh|bash|ash|dash|openrc-run|rc\.common)\b", first_line):
                return ".sh"
        return suffix

    @property
    def is_cpp(self) -> bool:
        return self.suffix in (".h", ".cc")

    @property
    def is_source(self) -> bool:
        return self.suffix in (".h", ".cc", ".py", ".cmake", ".sh")

    @property
    def layer(self) -> Optional[str]:
        """The first folder below src; empty elsewhere."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    @property
    def below_src(self) -> str:
        """The name by which others include it."""
        return self.path.removeprefix("src/")

    @cached_property
    def lines(self) -> list[str]:
        return (self.text or "").split("\n")

    @cached_property
    def code(self) -> str:
        """Without comments and without what is between quotes; lines stay where they are."""
        if self.text is None:
            return ""
        if self.is_cpp:
            return cpp.without_comments_and_literals(self.text)
        if self.suffix == ".py":
            return _python_code(self.text)
        if self.suffix in (".cmake", ".sh"):
            # cmake quotes paths and shell quotes everything, so both keep what is between quotes.
            text = re.sub(r"(?s)#\[(=*)\[.*?\]\1\]", lambda found: "\n" * found[0].count("\n"),
                          self.text) if self.suffix == ".cmake" else self.text
            return re.sub(r"(?m)(^|\s)#[^\n]*", r"\1", text)
        return self.text

    def code_matches(self, pattern: "re.Pattern[str]") -> Iterator[tuple[int, "re.Match[str]"]]:
        """Each match in the code without preprocessor lines, with its line."""
        code = cpp.without_directives(self.code) if self.is_cpp else self.code
        for found in pattern.finditer(code):
            blanks = len(found[0]) - len(found[0].lstrip())
            yield line_of(code, found.start() + blanks), found

    @cached_property
    def includes(self) -> list[tuple[int, str]]:
        """Line and argument with its brackets or quotes: <vector>, "base/bytes.h"."""
        found = []
        kept = cpp.without_comments(self.text or "").split("\n")
        for number, line in enumerate(self.code.split("\n"), 1):
            if re.match(r"\s*#\s*include\b", line):  # Here the code says that it is no literal.
                found.append((number, kept[number - 1].split("include", 1)[1].strip()))
        return found


_PYTHON_TEXT = (
    tokenize.STRING, tokenize.COMMENT,
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),  # Python 3.12 and later.
)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _python_code(text: str) -> str:
    lines = text.split("\n")
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError):
        return text
    for token in tokens:
        if token.type not in _PYTHON_TEXT:
            continue
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            line = lines[number - 1]
            left = start if number == first else 0
            right = end if number == last else len(line)
            lines[number - 1] = line[:left] + " " * (right - left) + line[right:]
    return "\n".join(lines)


class Tree:
    """Reads each file once. `root` is a git checkout, or any folder (the tests make small ones)."""

    def __init__(self, root: Path) -> None:
        self.files = [SourceFile(root, path) for path in sorted(_list_files(root))]
        self.paths = {file.path for file in self.files}

    def text_files(self) -> Iterator[SourceFile]:
        return (file for file in self.files if file.text is not None)

    def sources(self, *folders: str) -> Iterator[SourceFile]:
        """Sources in any language below these folders; all without an argument."""
        return (file for file in self.text_files()
                if file.is_source and (not folders or file.path.startswith(folders)))

    def cpp(self, *layers: str) -> Iterator[SourceFile]:
        """The headers and sources of these layers; of src without an argument."""
        for file in self.sources("src/"):
            if file.is_cpp and (not layers or file.layer in layers):
                yield file

    def cmake(self) -> Iterator[SourceFile]:
        return (file for file in self.text_files() if file.suffix == ".cmake")


def _list_files(root: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, check=False)
    if listed.returncode == 0:
        paths = {os.fsdecode(path) for path in listed.stdout.split(b"\0") if path}
    else:
        paths = _walk(root)
    # The index may still name what was deleted, and a link is another file's second name.
    return [path for path in paths if (root / path).is_file() and not (root / path).is_symlink()]


def _walk(root: Path) -> set[str]:
    paths = set()
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders
                      if name not in (".git", ".cache", "__pycache__", "build", "node_modules")]
        for name in names:
            paths.add((Path(folder) / name).relative_to(root).as_posix())
    return paths

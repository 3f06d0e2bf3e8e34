# SPDX-License-Identifier: MIT
"""C++ as far as tidy reads it: text without comments and strings, and statements with a scope.

This is no parser. It sees what code in this tree's style looks like; a determined author can hide
from it, and review is for those.
"""

import re
from typing import Iterator, NamedTuple

_COMMENT_OR_LITERAL = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?<!\w)(?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)"
      | "(?:\\.|[^"\\\n])*"
      | (?<!\w)(?:u8|[uUL])?'(?:\\.|[^'\\\n])*'   # Not the separator in 1'000.
    """,
    re.DOTALL | re.VERBOSE,
)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def without_comments(text: str) -> str:
    """Comments become blanks; lines and columns stay where they are."""
    return _COMMENT_OR_LITERAL.sub(
        lambda found: _blank(found[0]) if found["comment"] else found[0], text)


def without_comments_and_literals(text: str) -> str:
    """Comments and what is between quotes become blanks; the quotes stay."""
    return _COMMENT_OR_LITERAL.sub(
        lambda found: _blank(found[0]) if found["comment"]
        else found[0][0] + _blank(found[0][1:-1]) + found[0][-1], text)


def without_directives(code: str) -> str:
    """Preprocessor lines, with their continuations, become blanks."""
    return re.sub(r"(?m)^[ \t]*#(?:\\\n|[^\n])*", lambda found: _blank(found[0]), code)


class Statement(NamedTuple):
    text: str  # One line, blocks written as {}.
    line: int
    at_namespace_scope: bool


_NAMESPACE_OPENS = re.compile(r'(?:(?:inline\s+)?namespace\b[\w:\s]*|extern\s*"\s*")$')


class _Block:
    def __init__(self, is_namespace: bool) -> None:
        self.is_namespace = is_namespace
        self.parentheses = 0
        self.forget()

    def forget(self) -> None:
        self.text = ""
        self.line = 0

    def add(self, character: str, line: int) -> None:
        if self.text or not character.isspace():
            self.text += character
            self.line = self.line or line


def statements(code: str) -> Iterator[Statement]:
    """What ends in a semicolon, outside of parentheses. `code` has no comments or literals."""
    blocks = [_Block(is_namespace=True)]
    line = 1
    for character in without_directives(code):
        block = blocks[-1]
        if character == "{":
            blocks.append(_Block(bool(_NAMESPACE_OPENS.match(block.text.strip()))))
        elif character == "}":
            if len(blocks) == 1:
                continue  # Unbalanced: two branches of an #if each close the same block.
            closed = blocks.pop()
            block = blocks[-1]
            if closed.is_namespace or (block.parentheses == 0 and ends_with_block(block.text)):
                block.forget()
            else:
                block.add("{", line)
                block.add("}", line)
        elif character == ";" and block.parentheses == 0:
            yield Statement(" ".join(block.text.split()), block.line, block.is_namespace)
            block.forget()
        else:
            block.parentheses += {"(": 1, ")": -1}.get(character, 0)
            block.add(character, line)
        line += character == "\n"


_DECORATION = re.compile(
    r"\[\[.*?\]\]|\balignas\s*\([^()]*\)|\b__attribute__\s*\(\([^()]*\)\)"
    r"|^\s*(?:public|private|protected)\s*:|^\s*(?:case\b[^:]+|default)\s*:(?!:)")
_OTHER_STATEMENT = re.compile(
    r"(?:using|typedef|namespace|(?:extern\s+)?template|friend|static_assert|concept|return|if|for"
    r"|while|do|else|switch|goto|break|continue|throw|delete|asm|export)\b")
_TYPE_DEFINITION = re.compile(r"(?:class|struct|enum|union)\b")


def _plain(statement: str) -> str:
    """Without labels, attributes, template heads and template arguments."""
    text = statement
    while (shorter := _DECORATION.sub(" ", text)) != text:
        text = shorter
    head, equals, rest = text.partition("=")
    while (shorter := re.sub(r"<[^<>]*>", "", head)) != head:
        head = shorter
    return (head + equals + rest).strip()


def _is_function(plain: str) -> bool:
    head = plain.partition("=")[0]
    return "(" in head or bool(re.search(r"\boperator\b", plain))


def ends_with_block(text: str) -> bool:
    """Whether a block after `text` ends the statement: a body does, an initializer does not."""
    if re.match(r"\s*template\b", text):
        text = re.sub(r"^\s*template\s*(<(?:[^<>]|<[^<>]*>)*>)?", "", text)
    plain = _plain(text)
    if _TYPE_DEFINITION.match(plain) and "(" not in plain:
        return False
    return not plain or _is_function(plain) or plain in ("else", "do", "try")


def is_mutable_static(statement: Statement) -> bool:
    """Whether it defines or declares a variable that lives as long as the process."""
    plain = _plain(statement.text)
    if not statement.at_namespace_scope and not re.match(
            r"(?:inline\s+)?(?:static|thread_local)\b", plain):
        return False
    if _OTHER_STATEMENT.match(plain):
        return False
    if _TYPE_DEFINITION.match(plain):
        return bool(re.search(r"\{\}\s*\w+", plain))  # struct { ... } name;
    if re.search(r"\bconstexpr\b", plain) or _is_function(plain):
        return False
    declared = re.match(r"[^={]*", plain)[0].strip()
    if not re.fullmatch(r"[\w:\s*&]+[\s*&]\w+\s*(?:\[[^\]]*\]\s*)*", declared):
        return False
    if re.search(r"\bconst\s+\w+\s*(?:\[[^\]]*\]\s*)*$", declared) and "*" in declared:
        return not re.search(r"\*\s*const\s+\w+", declared)
    return "*" in declared or not re.search(r"\bconst\b", declared)

# SPDX-License-Identifier: MIT
"""The daemon's configuration file, written from a dictionary of sections."""

import json
from typing import Any, Mapping

Sections = Mapping[str, Mapping[str, Any]]


def config_text(sections: Sections) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in options.items())
        for name, options in sections.items())


def merged(base: Sections, changes: Sections) -> dict[str, dict[str, Any]]:
    return {name: {**base.get(name, {}), **changes.get(name, {})}
            for name in {**base, **changes}}


def _value(value: Any) -> str:
    """Strings, numbers, booleans and lists of them look the same in TOML as in JSON."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {json.dumps(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value)

# SPDX-License-Identifier: MIT
"""The daemon's configuration file, written from a dictionary of sections."""

import json
from typing import Any, Mapping

Sections = Mapping[str, Mapping[str, Any]]


def config_text(sections: Sections) -> str:
    """Strings, numbers, booleans and lists of them look the same in TOML as in JSON."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
        for name, options in sections.items())


def merged(base: Sections, changes: Sections) -> dict[str, dict[str, Any]]:
    return {name: {**base.get(name, {}), **changes.get(name, {})}
            for name in {**base, **changes}}

# SPDX-License-Identifier: MIT
"""The wall clock that one daemon sees, to be set while it runs, as NTP or an owner would. libfaketime
stands before the C library; CLOCK_MONOTONIC, which nobody can set, goes on as it is, unless a test is
to see at once what takes its time."""

import math
import pathlib
import re
import time

import programs

_LIBRARY = "libfaketime.so.1"


class MachineClock:
    """`environment` is the daemon's. Every look at the clock reads the file."""

    def __init__(self, folder: pathlib.Path, *, takes_monotonic_along: bool = False) -> None:
        self._file = folder / "clock"
        self._ahead = 0
        self.set(time.time())
        self.environment = {
            "LD_PRELOAD": _library(), "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "0" if takes_monotonic_along else "1"}

    def now(self) -> float:
        return time.time() + self._ahead

    def set(self, unix_time: float) -> None:
        self._ahead = math.ceil(unix_time - time.time())
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._ahead:+d}s\n")
        new.replace(self._file)

    def jump(self, seconds: float) -> None:
        self.set(self.now() + seconds)


def _library() -> str:
    listed = programs.output(["dpkg", "-L", "libfaketime"])
    found = re.search(rf"(?m)^/.*/{re.escape(_LIBRARY)}$", listed)
    assert found, f"{_LIBRARY} is not installed; `./dev e2e` installs what the tests need"
    return found[0]

# SPDX-License-Identifier: MIT
"""What goes through an interface, written down and decoded by tshark."""

import contextlib
import pathlib
import subprocess
import time
from typing import Callable, Iterator, Sequence

import programs
from namespaces import Namespace

PORT = 3478
# tshark takes any message type without its heuristics' help on a port that it is told.
DECODE = ["-d", f"udp.port=={PORT},stun", "-d", f"tcp.port=={PORT},stun"]


class Capture:
    """`decode` is what tshark is told about ports."""

    def __init__(self, file: pathlib.Path, decode: Sequence[str]) -> None:
        self.file = file
        self.decode = decode

    def fields(self, display_filter: str, *fields: str) -> list[list[str]]:
        """One list of values per frame that the filter lets through."""
        arguments = [argument for field in fields for argument in ("-e", field)]
        text = programs.output(["tshark", "-n", "-r", self.file, *self.decode, "-Y",
                                display_filter, "-T", "fields", *arguments], stderr=subprocess.DEVNULL, timeout=30,
                               exit_code=None)
        return [line.split("\t") for line in text.splitlines()]

    def count(self, display_filter: str) -> int:
        return len(self.fields(display_filter, "frame.number"))

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """What was sent last is the first that a file in writing lacks."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextlib.contextmanager
def capturing(place: Namespace, folder: pathlib.Path, packets: str, *, interface: str = "eth0",
              decode: Sequence[str] = DECODE) -> Iterator[Capture]:
    """While the block runs; its last act must be to wait_for() all."""
    capture = Capture(folder / "wire.pcapng", decode)
    log = folder / "tshark.log"
    with log.open("w") as stderr, programs.running(
            place.command(programs.find("tshark"), "-q", "-n", "-i", interface, "-f", packets, "-w",
                          str(capture.file)), stderr=stderr):
        # tshark begins slowly on a machine that is busy with other things.
        capture.wait_for(lambda: "Capture started" in log.read_text(), seconds=30)
        yield capture

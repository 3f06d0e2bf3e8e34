# SPDX-License-Identifier: MIT
"""Becomes the given command as a child of a service manager would: with sockets from descriptor 3 on.

Usage: hand_over_sockets.py DESCRIPTOR[,DESCRIPTOR…] COMMAND [ARGUMENTS]

LISTEN_PID and WATCHDOG_PID must be the process's own, so only the process itself can set them.
"""

import fcntl
import os
import sys

FIRST = 3  # SD_LISTEN_FDS_START.
OUT_OF_THE_WAY = 100


def main() -> None:
    given = [int(number) for number in sys.argv[1].split(",") if number]
    moved = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) for number in given]
    for target, source in enumerate(moved, FIRST):
        os.dup2(source, target, inheritable=True)
    for number in set(given) - set(range(FIRST, FIRST + len(given))):
        os.set_inheritable(number, False)
    if given:
        os.environ["LISTEN_FDS"] = str(len(given))
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["WATCHDOG_PID"] = str(os.getpid())
    os.execv(sys.argv[2], sys.argv[2:])


main()

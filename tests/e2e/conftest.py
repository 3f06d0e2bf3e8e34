# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: daemons and namespaces, and that nothing of them is left."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
from typing import Any, Callable, Iterator

import pytest

import namespaces
from namespaces import Namespace
from roost_process import Roost, binary
from small_internet import SmallInternet


def pytest_sessionstart(session: pytest.Session) -> None:
    if os.geteuid() != 0:
        pytest.exit("these tests make network namespaces, so they run as root", returncode=1)
    if "PYTEST_XDIST_WORKER" in os.environ:
        namespaces.enter_own()
    else:
        namespaces.delete_all()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.geteuid() == 0:
        namespaces.delete_all()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    def count(*outcomes: str) -> int:
        return sum(len(terminalreporter.stats.get(outcome, ())) for outcome in outcomes)

    terminalreporter.line(
        f"e2e: {count('passed')} passed, {count('failed', 'error', 'skipped')} failed")


@pytest.fixture(scope="module")
def heavy() -> Iterator[None]:
    """Of the modules that keep all cores busy for long (browsers, swarms of processes), one runs at a
    time; else what others wait for comes too late."""
    with open(pathlib.Path(tempfile.gettempdir()) / "roost-e2e-heavy.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """Unlike tmp_path, others may walk into it: the daemon gives up root."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="roost-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def roost(folder: pathlib.Path) -> Iterator[Callable[..., Roost]]:
    """Makes daemons that are not started yet. Those that still run at the end must stop cleanly."""
    with contextlib.ExitStack() as stack:
        def make(*arguments: Any, **options: Any) -> Roost:
            number = len(list(folder.iterdir()))
            made = Roost(folder / f"roost-{number}", *arguments, **options)
            stack.callback(made.end)
            return made

        yield make


@pytest.fixture
def namespace() -> Iterator[Callable[[str], Namespace]]:
    """Makes hosts that reach nobody but themselves, until cables are plugged in."""
    with contextlib.ExitStack() as stack:
        def make(name: str = "alone") -> Namespace:
            made = Namespace(name)
            stack.callback(made.delete)
            return made

        yield make


@pytest.fixture(scope="session")
def internet() -> Iterator[SmallInternet]:
    yield SmallInternet()  # Deleted with all others at the end.


@pytest.fixture(scope="session")
def program_for_all() -> Iterator[pathlib.Path]:
    """A copy of the daemon's program that every user can execute, wherever the tree lies."""
    with tempfile.TemporaryDirectory(prefix="roost-e2e-") as name:
        copy = pathlib.Path(name) / "roost"
        shutil.copy(binary(), copy)
        copy.parent.chmod(0o755)
        copy.chmod(0o755)
        yield copy

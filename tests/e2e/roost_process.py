# SPDX-License-Identifier: MIT
"""A running daemon: its configuration, its life, what it says about itself."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

import programs
from admin_listener import AdminListener
from config_text import Sections, config_text, merged
from free_port import free_port
from namespaces import Namespace

READY_WITHIN_SECONDS = 10
# SIGTERM is to end it within a second; a sanitized build on a loaded machine gets a little more.
STOPPED_WITHIN_SECONDS = 3

_BROKEN = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|CHECK failed")


def binary() -> pathlib.Path:
    default = pathlib.Path(__file__).parents[2] / "build/dev/roost"
    path = pathlib.Path(os.environ.get("ROOST_BINARY") or default).resolve()
    assert os.access(path, os.X_OK), f"{path} is no program; build it, or set ROOST_BINARY"
    return path


class Roost:
    """One daemon, on loopback or in a namespace.

    `folder` holds the configuration, the state directory and what the daemon writes to standard
    error. `sections` changes the configuration: free ports on loopback, and nothing else.
    """

    def __init__(self, folder: pathlib.Path, sections: Sections = {}, *,
                 namespace: Optional[Namespace] = None, program: Optional[pathlib.Path] = None,
                 prefix: Sequence[str] = (), environment: Mapping[str, str] = {},
                 **popen_options: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.namespace = namespace
        self.program = program or binary()
        self.prefix = list(prefix)
        self.environment = {**_environment(), **environment}
        self.popen_options = popen_options
        # A UNIX socket is reached from outside the namespace.
        admin = f"127.0.0.1:{free_port()}" if namespace is None else f"unix:{folder}/admin.sock"
        self.sections = merged({
            "node": {
                "state_dir": str(folder / "state"),
                "listen": ["127.0.0.1", "::1"] if namespace is None else ["0.0.0.0", "::"],
                "port": free_port() if namespace is None else 3478,
            },
            "metrics": {"listen": admin},
            "dht": {"bootstrap": []},  # Nobody outside of the test is asked anything.
            "log": {"format": "human"},
        }, sections)
        self.config_path = folder / "roost.toml"
        self.write_config({})
        self.admin = AdminListener(self.sections["metrics"]["listen"])
        self.port: int = self.sections["node"]["port"]
        self.process: Optional[subprocess.Popen] = None
        self.stderr_path = folder / "stderr"
        self.stderr_path.write_text("")

    # --- Life -------------------------------------------------------------------------------------

    def write_config(self, changes: Sections) -> None:
        """For the next start or reload."""
        self.sections = merged(self.sections, changes)
        self.config_path.write_text(config_text(self.sections))

    def launch(self) -> "subprocess.Popen":
        """Starts it and does not wait."""
        assert self.process is None, "it runs already"
        command = [*self.prefix, str(self.program), "serve", "--config", str(self.config_path)]
        if self.namespace:
            command = self.namespace.command(*command)
        programs.find(command[0])
        with self.stderr_path.open("a") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                env=self.environment, cwd=self.folder, **self.popen_options)
        return self.process

    def start(self, *, until: str = "/readyz") -> "Roost":
        """Starts it and waits until that page of the admin listener says 200."""
        self.launch()
        self.wait(lambda: self._answers(until), within=READY_WITHIN_SECONDS,
                  what=f"{until} of {self.admin.address} says 200")
        return self

    @contextlib.contextmanager
    def running(self) -> "Iterator[Roost]":
        """Starts it for the block. However that ends, the node does, and others have its port."""
        try:
            yield self.start()
        finally:
            self.end()

    def start_in_vain(self) -> tuple[int, str]:
        """Starts it and expects that it refuses to. Returns the exit code and what it says."""
        before = len(self.log())
        self.launch()
        exit_code = self.wait_for_exit(within=READY_WITHIN_SECONDS)
        return exit_code, self.log()[before:]

    def wait(self, condition: Callable[[], Any], *, within: float, what: str) -> None:
        """Waits for something about a daemon that goes on running."""
        deadline = time.monotonic() + within
        while not condition():
            assert self.is_running(), f"it ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < deadline, f"not within {within} s: {what}\n{self.log()}"
            time.sleep(0.01)

    def wait_for_log(self, pattern: str, *, within: float = 3, after: int = 0) -> "re.Match[str]":
        """`after` is a length of the log at which to begin to look."""
        self.wait(lambda: re.search(pattern, self.log()[after:]), within=within,
                  what=f"the log says {pattern}")
        return re.search(pattern, self.log()[after:])

    def reload(self, changes: Sections) -> str:
        """Changes the file, sends SIGHUP, and returns what the log says about it."""
        self.write_config(changes)
        before = len(self.log())
        self.signal(signal.SIGHUP)
        self.wait_for_log("reloaded;|old one stays in force", after=before)
        # It answers on the admin listener only after it is through with the signal.
        self.admin.get("/healthz")
        return self.log()[before:]

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, *, within: float = STOPPED_WITHIN_SECONDS) -> float:
        """Ends it as a service manager would and expects a clean end. Returns the seconds it took."""
        started = time.monotonic()
        self.signal(signal.SIGTERM)
        exit_code = self.wait_for_exit(within=within)
        assert exit_code == 0, f"stopped with {exit_code}:\n{self.log()}"
        return time.monotonic() - started

    def end(self) -> None:
        """Expects a clean end of it if it still runs."""
        if self.is_running():
            self.stop()
        self.expect_unbroken()

    def wait_for_exit(self, *, within: float = STOPPED_WITHIN_SECONDS) -> int:
        process = self.process
        try:
            exit_code = process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {within} s later:\n{self.log()}") from None
        self.process = None
        self.expect_unbroken()
        return exit_code

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def expect_unbroken(self) -> None:
        assert not _BROKEN.search(self.log()), self.log()

    # --- What it says -----------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def state_dir(self) -> pathlib.Path:
        return pathlib.Path(self.sections["node"]["state_dir"])

    def log(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        return self.admin.metric(name, **labels)

    def _answers(self, path: str) -> bool:
        try:
            return self.admin.get(path).status == 200
        except OSError:
            return False


def _environment() -> dict[str, str]:
    """Ours, without what a service manager may have told us."""
    return {name: value for name, value in os.environ.items()
            if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
                            "LISTEN_PID", "STATE_DIRECTORY", "JOURNAL_STREAM")}


def run_command(*arguments: Any, prefix: Sequence[str] = (),
                **options: Any) -> "subprocess.CompletedProcess[str]":
    """One of the daemon's commands that end by themselves."""
    options.setdefault("env", _environment())
    return programs.run([*prefix, str(binary()), *arguments], **options)

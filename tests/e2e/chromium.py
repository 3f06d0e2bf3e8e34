# SPDX-License-Identifier: MIT
"""A Chromium without a window, driven by its DevTools protocol over a pipe.

Nothing listens on a port, and nothing is needed but the browser: messages are JSON that ends with a
zero byte (--remote-debugging-pipe).
"""

import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import time
from typing import Any, Callable, Optional

import programs
from certificate import Authority
from namespaces import Namespace

STARTED_WITHIN_SECONDS = 30  # On a machine that is busy with other things.
ANSWERED_WITHIN_SECONDS = 30
CLOSED_WITHIN_SECONDS = 5

FLAGS = [
    "--headless", "--disable-gpu",
    "--no-sandbox",  # It runs as root, and sees no page but ours.
    "--no-first-run", "--disable-sync", "--disable-component-update", "--disable-breakpad",
    "--disable-background-networking", "--disable-features=DialMediaRouteProvider",
    # None of our pages is looked at; all are to run.
    "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
]


class Browser:
    """`folder` becomes its home: profile, the authority that it trusts, and what it prints."""

    def __init__(self, folder: pathlib.Path, namespace: Namespace, authority: Authority) -> None:
        folder.mkdir()
        _trust(folder, authority)
        self._log_path = folder / "chromium.log"
        self._serial = 0
        self._unread = bytearray()
        self._answers: dict[int, dict[str, Any]] = {}
        from_us, self._to_browser = os.pipe()
        self._from_browser, to_us = os.pipe()
        # It reads from descriptor 3, writes to 4, and ends when we do.
        command = namespace.command(
            "bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash", programs.find("chromium"),
            *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder}/profile")
        with self._log_path.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=_environment(folder), pass_fds=(from_us, to_us), start_new_session=True)
        os.close(from_us)
        os.close(to_us)
        try:
            self.wait(self.ask("Browser.getVersion"), within=STARTED_WITHIN_SECONDS)
        except BaseException:
            self.close()
            raise

    def open(self, url: str) -> "Page":
        target = self.wait(self.ask("Target.createTarget", url="about:blank"))["targetId"]
        attached = self.wait(self.ask("Target.attachToTarget", targetId=target, flatten=True))
        session = attached["sessionId"]
        self.wait(self.ask("Page.navigate", session, url=url))
        page = Page(self, target, session)
        page.evaluate("new Promise((resolve) => document.readyState === 'complete' ? resolve() :"
                      " addEventListener('load', () => resolve()))")
        return page

    def close(self) -> None:
        """Whatever state it is in."""
        with contextlib.suppress(AssertionError, OSError):
            self.wait(self.ask("Browser.close"), within=CLOSED_WITHIN_SECONDS)
        try:
            self._process.wait(CLOSED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # Its helpers, too.
        self._process.wait()
        os.close(self._to_browser)
        os.close(self._from_browser)

    # --- DevTools ---------------------------------------------------------------------------------

    def ask(self, method: str, session: Optional[str] = None, **parameters: Any) -> int:
        """Returns the number of the question, to wait for the answer."""
        self._serial += 1
        question = {"id": self._serial, "method": method, "params": parameters}
        if session:
            question["sessionId"] = session
        os.write(self._to_browser, json.dumps(question).encode() + b"\0")
        return self._serial

    def wait(self, serial: int, *, within: float = ANSWERED_WITHIN_SECONDS) -> dict[str, Any]:
        deadline = time.monotonic() + within
        while serial not in self._answers:
            left = deadline - time.monotonic()
            assert left > 0, f"no answer within {within} s\n{self.log()}"
            if not select.select([self._from_browser], [], [], left)[0]:
                continue
            read = os.read(self._from_browser, 1 << 16)
            assert read, f"the browser has ended\n{self.log()}"
            self._unread += read
            *messages, self._unread = self._unread.split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:  # All else are events, which nobody asked for.
                    self._answers[message["id"]] = message
        answer = self._answers.pop(serial)
        assert "result" in answer, answer
        return answer["result"]

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def evaluate(self, expression: str) -> Any:
        """The value of the expression, or of its promise."""
        return self.start(expression)()

    def call(self, function: str, *arguments: Any) -> Any:
        return self.start_call(function, *arguments)()

    def start_call(self, function: str, *arguments: Any) -> Callable[[], Any]:
        return self.start(f"{function}({', '.join(map(json.dumps, arguments))})")

    def start(self, expression: str) -> Callable[[], Any]:
        """Evaluates it while we go on; what is returned waits for its value."""
        serial = self._browser.ask("Runtime.evaluate", self._session, expression=expression,
                                   awaitPromise=True, returnByValue=True)

        def finish() -> Any:
            answer = self._browser.wait(serial)
            assert "exceptionDetails" not in answer, answer["exceptionDetails"]
            return answer["result"].get("value")

        return finish

    def close(self) -> None:
        self._browser.wait(self._browser.ask("Target.closeTarget", targetId=self._target))


def _environment(home: pathlib.Path) -> dict[str, str]:
    """Ours, without the folders and buses of whoever started the test."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("XDG_", "DBUS_"))}
    return {**kept, "HOME": str(home), "TMPDIR": str(home)}


def _trust(home: pathlib.Path, authority: Authority) -> None:
    """Where Chromium looks for authorities that its user has added, for WebRTC too."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    programs.run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"])
    programs.run(["certutil", "-d", f"sql:{database}", "-A", "-n", "tests", "-t", "C,,",
                  "-i", authority.certificate])

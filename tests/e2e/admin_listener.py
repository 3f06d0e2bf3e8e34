# SPDX-License-Identifier: MIT
"""The daemon's admin listener, asked as Prometheus or a health check would."""

import http.client
import json
import re
import socket
from typing import NamedTuple


class Page(NamedTuple):
    status: int
    text: str
    headers: "http.client.HTTPMessage"


class AdminListener:
    """`address` is what metrics.listen says: 127.0.0.1:9478 or unix:/path."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Page:
        connection = _Connection(self.address)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return Page(reply.status, reply.read().decode(), reply.headers)
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Every sample by its name with its labels, as they stand there."""
        page = self.get("/metrics")
        assert page.status == 200, page
        samples = {}
        for line in page.text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        found = []
        for sample, value in self.metrics().items():
            bare, _, rest = sample.partition("{")
            has = dict(re.findall(r'(\w+)="([^"]*)"', rest))
            if bare == name and labels.items() <= has.items():
                found.append(value)
        assert found, f"no sample of {name} {labels}"
        return sum(found)

    def status(self) -> dict:
        page = self.get("/status.json")
        assert page.status == 200, page
        return json.loads(page.text)


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: str) -> None:
        self._unix_path = address.removeprefix("unix:") if address.startswith("unix:") else None
        super().__init__("localhost" if self._unix_path else address, timeout=5)

    def connect(self) -> None:
        if self._unix_path is None:
            super().connect()
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(5)
            self.sock.connect(self._unix_path)

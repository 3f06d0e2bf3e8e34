# SPDX-License-Identifier: MIT
"""Network namespaces: hosts of a small internet that nobody else can see.

Nothing here touches the machine's own addresses, routes or rules: each interface is created inside a
namespace. Names carry the process id, so that runs do not meet, and a run removes what an earlier
one left behind.
"""

import ctypes
import itertools
import os
import re
import signal
import socket
import subprocess
import time
from typing import Callable, Sequence, TypeVar

import programs

PREFIX = "roost-e2e-"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_serials = itertools.count(1)
T = TypeVar("T")


class Namespace:
    """One host. `ip` names the program, not the protocol."""

    def __init__(self, name: str) -> None:
        self.name = f"{PREFIX}{os.getpid()}-{next(_serials)}-{name}"
        programs.run(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> None:
        programs.run(["ip", "-n", self.name, *arguments])

    def command(self, *command: str) -> list[str]:
        """What runs the command in here; its process id is that of `ip`, which becomes it."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, command: Sequence[str], **options) -> "subprocess.CompletedProcess[str]":
        programs.find(command[0])
        return programs.run(self.command(*map(str, command)), **options)

    def output(self, command: Sequence[str], **options) -> str:
        return self.run(command, **options).stdout

    def sysctl(self, *settings: str) -> None:
        self.run(["sysctl", "-qew", *settings])

    def rules(self, text: str) -> None:
        self.run(["nft", text])

    def inside(self, action: Callable[[], T]) -> T:
        """Does something in here, such as opening a socket: that stays here when we leave."""
        with open("/proc/thread-self/ns/net") as outside, \
                open(f"/run/netns/{self.name}") as namespace:
            _enter(namespace.fileno())
            try:
                return action()
            finally:
                _enter(outside.fileno())

    def udp_socket(self, address: str, port: int = 0) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        udp = self.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
        udp.bind((address, port))
        udp.settimeout(2)
        return udp

    def delete(self) -> None:
        _delete(self.name)


def plug(bridge_owner: Namespace, bridge: str, host: Namespace, interface: str,
         *addresses: str) -> None:
    """A cable from the host's interface to the bridge."""
    port = f"p{abs(hash((host.name, interface))) % 10**10}"
    programs.run(["ip", "link", "add", port, "netns", bridge_owner.name, "type", "veth",
                  "peer", "name", interface, "netns", host.name])
    bridge_owner.ip("link", "set", port, "master", bridge, "up")
    host.ip("link", "set", interface, "up")
    for address in addresses:
        # Without "nodad" an IPv6 address is not usable for a second or two.
        host.ip("addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))


def add_bridge(owner: Namespace, name: str, *addresses: str) -> None:
    # Where the kernel hands bridged packets to the NAT rules too, they would be translated twice.
    owner.sysctl("net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0",
                 "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    owner.ip("link", "add", name, "type", "bridge")
    owner.ip("link", "set", name, "up")
    for address in addresses:
        owner.ip("addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))


def enter_own() -> None:
    """For one of several runs side by side: a loopback on which no other takes its ports."""
    if _libc.unshare(_CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")
    programs.run(["ip", "link", "set", "lo", "up"])


def delete_all() -> None:
    """Those of this run, and those of runs that have died."""
    listed = programs.output(["ip", "netns", "list"])
    for name in re.findall(rf"(?m)^({PREFIX}\d+-\S+)", listed):
        owner = int(name.removeprefix(PREFIX).split("-")[0])
        if owner == os.getpid() or not os.path.exists(f"/proc/{owner}"):
            _delete(name)


def _delete(name: str) -> None:
    deadline = time.monotonic() + 3
    number = signal.SIGTERM
    while pids := programs.output(["ip", "netns", "pids", name]).split():
        for pid in pids:
            try:
                os.kill(int(pid), number)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
    programs.run(["ip", "netns", "del", name])


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")

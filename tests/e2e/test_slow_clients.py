# SPDX-License-Identifier: MIT
"""Goal: clients that hold connections without using them are bounded in number and in time, and
others are served meanwhile. Method: all of the known ways to be slow, at the same time."""

import contextlib
import socket
import time

import pytest

import stun_wire
from namespaces import plug, add_bridge

# The longest of the deadlines that they run into are 30 seconds (a body, output that is not taken, a
# conversation that does not begin); a loaded machine adds to it.
ENDED_WITHIN_SECONDS = 40
HTTP_REQUEST = b"GET /v1/node HTTP/1.1\r\nHost: a\r\n\r\n"


def _connect(port, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), 3, (source, 0))


def _is_closed(connection, within):
    """Whether the other side ends it in that time, in whatever way."""
    connection.settimeout(within)
    try:
        while connection.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


class SlowClient:
    """`first` is sent at once, then `drip` over and over, as fast as `every` says."""

    def __init__(self, port, name, first=b"", drip=b"", every=1.0):
        self.name, self.drip, self.every = name, drip, every
        self.connection = _connect(port)
        self.connection.setblocking(False)
        self.next_at = time.monotonic() + every
        self._send(first)

    def is_ended(self):
        """Goes on being slow; true once the other side has had enough."""
        try:
            if self.connection.recv(65536) == b"":
                return True
        except BlockingIOError:
            pass
        except OSError:
            return True
        if self.drip and time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + self.every
            return not self._send(self.drip)
        return False

    def _send(self, data):
        try:
            self.connection.send(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


def _never_reading(port):
    """One that asks and takes no answers. It learns of its end only when it reads, so it does not
    tell."""
    connection = _connect(port)
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            connection.send(HTTP_REQUEST * 50)
    return connection


def test_every_kind_of_slow_client_is_ended_and_others_are_served_meanwhile(roost):
    node = roost().start()
    slow = [
        SlowClient(node.port, "says nothing"),
        SlowClient(node.port, "a byte of a request line a second", b"G", b"x"),
        SlowClient(node.port, "a byte of a header a second", b"GET / HTTP/1.1\r\nA: ", b"x"),
        SlowClient(node.port, "a header a second", b"GET / HTTP/1.1\r\n", b"A: b\r\n"),
        SlowClient(node.port, "headers without an end", b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 99,
                   every=0.01),
        SlowClient(node.port, "half of a body", b"POST / HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 9\r\n\r\nabc", b""),
        SlowClient(node.port, "a byte of a body a second", b"POST / HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 4000\r\n\r\n", b"x"),
        SlowClient(node.port, "half of a STUN header", stun_wire.binding_request()[:9]),
        SlowClient(node.port, "a byte of STUN a second", b"\x00", b"\x00"),
        SlowClient(node.port, "half of a TLS greeting", b"\x16\x03\x01\x01\x00\x01"),
        SlowClient(node.port, "a byte of a TLS greeting a second", b"\x16\x03\x01\x01\x00", b"\x01"),
    ]
    started = time.monotonic()
    with _never_reading(node.port), _connect(node.port, "127.0.1.1") as well_behaved, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        well_behaved.settimeout(2)
        udp.settimeout(2)
        udp.bind(("127.0.1.1", 0))  # What the others use up is the share of their own prefix.
        next_at = started
        while slow:
            slow = [client for client in slow if not client.is_ended()]
            if time.monotonic() >= next_at:
                next_at += 0.5
                stun_wire.ask_stream(well_behaved)
                stun_wire.ask(udp, ("127.0.0.1", node.port))
            assert time.monotonic() - started < ENDED_WITHIN_SECONDS, \
                [client.name for client in slow]
            time.sleep(0.005)
        node.wait(lambda: node.metric("roost_connections") == 1,
                  within=started + ENDED_WITHIN_SECONDS - time.monotonic(),
                  what="only the well-behaved one is left")


def test_one_prefix_gets_so_many_connections_and_another_its_own(roost):
    node = roost({"admission": {"connections_per_prefix": 4}}).start()
    with contextlib.ExitStack() as stack:
        mine = [stack.enter_context(_connect(node.port)) for _ in range(4)]
        for connection in mine:
            stun_wire.ask_stream(connection)
        for source in ("127.0.0.1", "127.0.0.200"):  # The same /24.
            assert _is_closed(_connect(node.port, source), within=2)
        with _connect(node.port, "127.0.1.1") as neighbour:
            stun_wire.ask_stream(neighbour)
        assert node.metric("roost_connections_refused_total", reason="connections_per_prefix") == 2
        mine[0].close()
        node.wait(lambda: node.metric("roost_connections") == 3, within=2, what="one has gone")
        with _connect(node.port) as next_one:
            stun_wire.ask_stream(next_one)


def test_all_together_get_no_more_than_the_donation(roost):
    node = roost({"donate": {"connections": 3}}).start()
    with contextlib.ExitStack() as stack:
        for third in (1, 2, 3):
            connection = stack.enter_context(_connect(node.port, f"127.0.{third}.1"))
            stun_wire.ask_stream(connection)
        assert _is_closed(_connect(node.port, "127.0.4.1"), within=2)
        assert node.metric("roost_connections_refused_total", reason="connections") >= 1
        assert node.metric("roost_connections") == node.metric("roost_connections_max") == 3


def test_clients_whose_line_is_cut_are_forgotten(roost, namespace):
    """Nothing tells the daemon: no FIN, no reset, no answer."""
    switch, node_host, client = map(namespace, ("switch", "node", "client"))
    add_bridge(switch, "cable")
    plug(switch, "cable", node_host, "eth0", "11.0.1.10/24")
    plug(switch, "cable", client, "eth0", "11.0.1.20/24")
    node = roost(namespace=node_host).start()
    connections = []
    for _ in range(6):
        tcp = client.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        tcp.settimeout(3)
        tcp.connect(("11.0.1.10", 3478))
        connections.append(tcp)
    connections[0].sendall(HTTP_REQUEST[:20])
    connections[1].sendall(b"GET")
    connections[2].sendall(stun_wire.binding_request()[:10])
    connections[3].sendall(b"\x16\x03\x01")
    node.wait(lambda: node.metric("roost_connections") == 6, within=3, what="all are connected")
    client.ip("link", "set", "eth0", "down")
    node.wait(lambda: node.metric("roost_connections") == 0, within=ENDED_WITHIN_SECONDS,
              what="all are forgotten")

# SPDX-License-Identifier: MIT
"""A node of the Mainline DHT made of libtorrent, as a process of its own. Run as a program it is that
process: it takes orders from standard input and answers on standard output, a JSON list a line."""

import contextlib
import json
import subprocess
import sys
import time
from typing import Any, Callable, Iterator, NamedTuple, Optional, Sequence

# The keys of BEP 44's test vectors; the private one is expanded, as libtorrent takes it.
PUBLIC_KEY = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"
PRIVATE_KEY = ("e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
               "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d")

# However slow a machine is that runs dozens of them: an answer to every order comes by then.
ANSWERS_WITHIN_SECONDS = 30


class Place(NamedTuple):
    """Where one listens, and the only node of the DHT that it knows."""
    address: str
    bootstrap: str


class LibtorrentNode:
    def __init__(self, place: Place, *, prefix: Sequence[str] = ()) -> None:
        self.place = place
        self._process = subprocess.Popen(
            [*prefix, sys.executable, __file__, *place], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def ask(self, order: str, *arguments: Any) -> Any:
        return self.begin(order, *arguments)()

    def begin(self, order: str, *arguments: Any) -> Callable[[], Any]:
        """Gives an order; what is returned waits for the answer."""
        self._process.stdin.write(json.dumps([order, *arguments]) + "\n")
        self._process.stdin.flush()

        def answer() -> Any:
            line = self._process.stdout.readline()
            assert line, f"libtorrent at {self.place.address} is gone"
            return json.loads(line)

        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def nodes(places: Sequence[Place], *, prefix: Sequence[str] = ()) -> Iterator[list[LibtorrentNode]]:
    """One in each place, while the block runs. `prefix` stands before the command of each."""
    with contextlib.ExitStack() as stack:
        made = []
        for place in places:
            made.append(LibtorrentNode(place, prefix=prefix))
            stack.callback(made[-1].close)
        yield made


def know(swarm: Sequence[LibtorrentNode], least: int = 1) -> bool:
    """Whether each has so many in its table. Who came before there was anybody to be told of asks
    again when it has something to look for, as it would for its user."""
    answers = [one.begin("table") for one in swarm]
    sizes = [answer() for answer in answers]
    lost = [one.begin("peers", 20 * "00") for one, size in zip(swarm, sizes) if size == 0]
    for answer in lost:
        answer()
    return min(sizes) >= least


# --- The process ----------------------------------------------------------------------------------


class _Session:
    def __init__(self, place: Place) -> None:
        import libtorrent
        self._lt = libtorrent
        category = libtorrent.alert.category_t
        self._session = libtorrent.session({
            "listen_interfaces": place.address,
            "dht_bootstrap_nodes": place.bootstrap,
            "enable_dht": True, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
            "alert_mask": category.dht_notification | category.dht_operation_notification,
            # All that keeps a DHT of loopback addresses from being one.
            "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False,
            "dht_prefer_verified_node_ids": False, "dht_enforce_node_id": False,
            "dht_ignore_dark_internet": False,
            # Where there are few, each asks each more often, and all at once.
            "dht_block_ratelimit": 1000, "dht_upload_rate_limit": 1_000_000,
        })

    def table(self) -> int:
        """How many nodes the routing table holds."""
        self._session.post_dht_stats()
        stats = self._alert(self._lt.dht_stats_alert)
        return sum(bucket["num_nodes"] for bucket in stats.routing_table) if stats else 0

    def announce(self, infohash: str) -> None:
        """As a user does who begins a torrent. Its port is that of the place."""
        torrent = self._lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{infohash}")
        torrent.save_path = "/nonexistent"  # Nobody has anything to be saved.
        torrent.flags &= ~(self._lt.torrent_flags.paused | self._lt.torrent_flags.auto_managed)
        self._session.add_torrent(torrent).force_dht_announce()

    def peers(self, infohash: str) -> "list[str]":
        """Those that the first answer names which names any; of a lookup without, nobody is told."""
        self._session.dht_get_peers(self._hash(infohash))
        reply = self._alert(self._lt.dht_get_peers_reply_alert, within=2)
        return [f"{address}:{port}" for address, port in reply.peers()] if reply else []

    def put(self, value: str) -> "list":
        """Returns its target in hexadecimal and how many nodes have taken it."""
        target = self._session.dht_put_immutable_item(value)
        done = self._alert(self._lt.dht_put_alert)
        return [str(target), done.num_success if done else 0]

    def get(self, target: str) -> Optional[str]:
        self._session.dht_get_immutable_item(self._hash(target))
        found = self._alert(self._lt.dht_immutable_item_alert)
        return _text(found) if found else None

    def put_mutable(self, value: str, salt: str) -> int:
        self._session.dht_put_mutable_item(bytes.fromhex(PRIVATE_KEY), bytes.fromhex(PUBLIC_KEY),
                                           value.encode(), salt.encode())
        done = self._alert(self._lt.dht_put_alert)
        return done.num_success if done else 0

    def get_mutable(self, salt: str) -> Optional[str]:
        self._session.dht_get_mutable_item(bytes.fromhex(PUBLIC_KEY), salt.encode())
        found = self._alert(self._lt.dht_mutable_item_alert,
                            lambda alert: alert.item["authoritative"])
        return _text(found) if found else None

    def _hash(self, text: str) -> Any:
        return self._lt.sha1_hash(bytes.fromhex(text))

    def _alert(self, kind: Any, is_wanted: Callable[[Any], Any] = lambda alert: True, *,
               within: float = ANSWERS_WITHIN_SECONDS) -> Any:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self._session.wait_for_alert(200)
            for alert in self._session.pop_alerts():
                if isinstance(alert, kind) and is_wanted(alert):
                    return alert
        return None


def _text(found: Any) -> str:
    """The bindings give values as they would be printed, strings in quotes."""
    return found.item["value"].decode().strip("'")


def _main() -> None:
    session = _Session(Place(*sys.argv[1:]))
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        print(json.dumps(getattr(session, order)(*arguments)), flush=True)


if __name__ == "__main__":
    _main()

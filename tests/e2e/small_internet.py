# SPDX-License-Identifier: MIT
"""Two networks with a router between them, and a home behind each kind of NAT.

    node 11.0.1.10, .11 ── [ near ] ── core ── [ far ] ── open 11.0.2.10
                                                       ├── gateway 11.0.2.101 ── full_cone          192.168.1.2
                                                       ├── gateway 11.0.2.102 ── address_restricted 192.168.2.2
                                                       ├── gateway 11.0.2.103 ── port_restricted    192.168.3.2
                                                       └── gateway 11.0.2.104 ── symmetric          192.168.4.2

Addresses are of ranges that a program takes for public ones; nothing leaves the namespaces.
"""

from namespaces import Namespace, add_bridge, plug

NODE_V4 = ("11.0.1.10", "11.0.1.11")
NODE_V6 = ("2a00:11:1::10", "2a00:11:1::11")

# Nothing comes in unasked, but for what the rules of each kind let through.
_FILTER = """
  chain forwarded {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" oifname "wan" accept
    ct status dnat accept
  }
  chain to_gateway {
    type filter hook input priority 0; policy accept;
    iifname "wan" ct state new meta l4proto { tcp, udp } drop
  }
"""

# Linux keeps the inner port and reuses the mapping for all destinations: mapping is
# endpoint-independent. A map remembers who owns which outer port.
_MAPPING = """
  map mapped {
    type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 4096; timeout 60s;
  }
  chain outward { type nat hook postrouting priority 100; oifname "wan" masquerade; }
"""
_LEARN_MAPPING = """
    oifname "wan" meta l4proto udp ct direction original update @mapped \
      { ct reply proto-dst : ct original ip saddr . ct original proto-src }
"""

_NAT_RULES = {
    # Endpoint-independent mapping and filtering: whoever knows the outer port gets in.
    "full_cone": _FILTER + _MAPPING + """
  chain inward {
    type nat hook prerouting priority -100;
    iifname "wan" meta l4proto udp dnat ip addr . port to udp dport map @mapped
  }
  chain learn { type filter hook postrouting priority 110; """ + _LEARN_MAPPING + """ }
""",
    # Whoever was sent something gets in, from any port.
    "address_restricted": _FILTER + _MAPPING + """
  set known {
    type ipv4_addr . inet_service; flags dynamic,timeout; size 4096; timeout 60s;
  }
  chain inward {
    type nat hook prerouting priority -100;
    iifname "wan" ip saddr . udp dport @known dnat ip addr . port to udp dport map @mapped
  }
  chain learn { type filter hook postrouting priority 110; """ + _LEARN_MAPPING + """
    oifname "wan" meta l4proto udp ct direction original update @known \
      { ip daddr . ct reply proto-dst }
  }
""",
    # What Linux does by itself.
    "port_restricted": _FILTER + """
  chain outward { type nat hook postrouting priority 100; oifname "wan" masquerade; }
""",
    # Another outer port for each destination.
    "symmetric": _FILTER + """
  chain outward {
    type nat hook postrouting priority 100;
    oifname "wan" meta l4proto { tcp, udp } masquerade fully-random
    oifname "wan" masquerade
  }
""",
}
NAT_KINDS = tuple(_NAT_RULES)


class SmallInternet:
    def __init__(self) -> None:
        self.core = Namespace("core")
        add_bridge(self.core, "near", "11.0.1.1/24", "2a00:11:1::1/64")
        add_bridge(self.core, "far", "11.0.2.1/24", "2a00:11:2::1/64")
        self.node = Namespace("node")
        plug(self.core, "near", self.node, "eth0", *(f"{address}/24" for address in NODE_V4),
             *(f"{address}/64" for address in NODE_V6))
        self.node.ip("route", "add", "default", "via", "11.0.1.1")
        self.node.ip("-6", "route", "add", "default", "via", "2a00:11:1::1")
        self.open = Namespace("open")
        plug(self.core, "far", self.open, "eth0", "11.0.2.10/24", "2a00:11:2::10/64")
        self.open.ip("route", "add", "default", "via", "11.0.2.1")
        self.open.ip("-6", "route", "add", "default", "via", "2a00:11:2::1")
        self.behind = {kind: self._home(kind, number)
                       for number, kind in enumerate(NAT_KINDS, 1)}

    def outer_address(self, kind: str) -> str:
        """The address that the world sees the home behind this kind of NAT from."""
        return f"11.0.2.{101 + NAT_KINDS.index(kind)}"

    def inner_address(self, kind: str) -> str:
        return f"192.168.{1 + NAT_KINDS.index(kind)}.2"

    def _home(self, kind: str, number: int) -> Namespace:
        gateway = Namespace(f"gateway-{kind}")
        plug(self.core, "far", gateway, "wan", f"{self.outer_address(kind)}/24")
        gateway.ip("route", "add", "default", "via", "11.0.2.1")
        add_bridge(gateway, "lan", f"192.168.{number}.1/24")
        gateway.rules(f"table ip nat_kind {{ {_NAT_RULES[kind]} }}")
        home = Namespace(kind)
        plug(gateway, "lan", home, "eth0", f"{self.inner_address(kind)}/24")
        home.ip("route", "add", "default", "via", f"192.168.{number}.1")
        return home

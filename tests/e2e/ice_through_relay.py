# SPDX-License-Identifier: MIT
"""Two ICE agents of aioice that may reach each other through a TURN server only.

Usage: ice_through_relay.py SERVER PORT TRANSPORT
Prints one line when data has come through both ways.
"""

import asyncio
import sys

import aioice
from aioice.ice import TransportPolicy


async def main(server: str, port: str, transport: str) -> None:
    agents = [
        aioice.Connection(ice_controlling=is_first, turn_server=(server, int(port)),
                          turn_username="alice", turn_password="secret", turn_transport=transport,
                          transport_policy=TransportPolicy.RELAY, use_ipv6=False)
        for is_first in (True, False)]
    first, second = agents
    try:
        for agent in agents:
            await agent.gather_candidates()
            kinds = {candidate.type for candidate in agent.local_candidates}
            assert kinds == {"relay"}, kinds
        for agent, other in ((first, second), (second, first)):
            for candidate in other.local_candidates:
                await agent.add_remote_candidate(candidate)
            await agent.add_remote_candidate(None)
            agent.remote_username = other.local_username
            agent.remote_password = other.local_password
        await asyncio.gather(first.connect(), second.connect())
        for agent, other in ((first, second), (second, first)):
            for size in (1, 100, 1200):
                await agent.send(b"x" * size)
                assert await other.recv() == b"x" * size
    finally:
        await asyncio.gather(*(agent.close() for agent in agents))
    print("came through both ways")


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 15))

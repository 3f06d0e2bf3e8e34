# SPDX-License-Identifier: MIT
"""Two WebRTC peers of aiortc with a data channel that may go through a TURN server only.

Usage: webrtc_through_relay.py URL
Prints how many bytes came to the second one and back, as they were sent.
"""

import asyncio
import functools
import os
import sys

import aiortc.rtcicetransport
from aioice.ice import TransportPolicy
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

PIECES, PIECE = 10, 10_000

# aiortc knows no iceTransportPolicy; what it builds upon does.
aiortc.rtcicetransport.Connection = functools.partial(
    aiortc.rtcicetransport.Connection, transport_policy=TransportPolicy.RELAY, use_ipv6=False)


async def main(url: str) -> None:
    configuration = RTCConfiguration([RTCIceServer(url, username="alice", credential="secret")])
    first, second = (RTCPeerConnection(configuration) for _ in range(2))
    pieces = [os.urandom(PIECE) for _ in range(PIECES)]
    returned = []
    all_is_back = asyncio.get_running_loop().create_future()

    @second.on("datachannel")
    def on_channel(channel) -> None:
        @channel.on("message")
        def on_message(piece: bytes) -> None:
            channel.send(piece)

    channel = first.createDataChannel("data")

    @channel.on("open")
    def on_open() -> None:
        for piece in pieces:
            channel.send(piece)

    @channel.on("message")
    def on_message(piece: bytes) -> None:
        returned.append(piece)
        if len(returned) == PIECES:
            all_is_back.set_result(returned == pieces)

    try:
        await first.setLocalDescription(await first.createOffer())
        await second.setRemoteDescription(first.localDescription)
        await second.setLocalDescription(await second.createAnswer())
        await first.setRemoteDescription(second.localDescription)
        for peer in (first, second):
            kinds = [line for line in peer.localDescription.sdp.splitlines()
                     if line.startswith("a=candidate")]
            assert kinds and all(" typ relay " in line for line in kinds), kinds
        assert await all_is_back
        print(sum(map(len, returned)), "bytes there and back")
    finally:
        await asyncio.gather(first.close(), second.close())


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 25))

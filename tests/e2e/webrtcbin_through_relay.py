# SPDX-License-Identifier: MIT
"""Two WebRTC peers of GStreamer (webrtcbin, over libnice) that may go through a TURN server only.

Usage: webrtcbin_through_relay.py URL
URL is like turn://user:password@address:port?transport=tcp. One calls the other with a tone, and
both send each other bytes over a data channel. Prints how much arrived.

libnice's own TLS is not that of "turns:", so this is for UDP and TCP.
"""

import hashlib
import os
import sys
import traceback
from typing import Any, Callable

import gi

for library in ("Gst", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import GLib, Gst, GstWebRTC

PIECES, PIECE = 20, 10_000
RTP_PACKETS = 50  # A second of 20 ms each.
PATIENCE_SECONDS = 25

TONE = """audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc
  ! rtppcmupay min-ptime=20000000 max-ptime=20000000
  ! application/x-rtp,media=audio,encoding-name=PCMU,payload=0 ! caller."""


class Peer:
    def __init__(self, pipeline: Gst.Pipeline, name: str, url: str, report: Callable) -> None:
        self.name = name
        self.element = pipeline.get_by_name(name)
        self.element.props.ice_transport_policy = GstWebRTC.WebRTCICETransportPolicy.RELAY
        self.element.props.bundle_policy = GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE
        self.element.props.turn_server = url
        self.report = report
        self.candidates: list[str] = []
        self.channel = None
        self.to_send = [os.urandom(PIECE) for _ in range(PIECES)]
        self.received = b""
        self.rtp_packets = 0

    def trickle_to(self, other: "Peer") -> None:
        def on_candidate(_: Any, line: int, candidate: str) -> None:
            self.candidates.append(candidate)
            other.element.emit("add-ice-candidate", line, candidate)

        self.element.connect("on-ice-candidate", on_candidate)

    def describe(self, kind: str,
                 then: Callable[[GstWebRTC.WebRTCSessionDescription], None]) -> None:
        """Makes an offer or an answer, and keeps it as its own."""
        def on_made(promise: Gst.Promise) -> None:
            reply = promise.get_reply()  # Owns what is in it.
            made = reply.get_value(kind)
            self.element.emit("set-local-description", made, None)
            then(made)

        self.element.emit(f"create-{kind}", None, Gst.Promise.new_with_change_func(on_made))

    def hear(self, made: GstWebRTC.WebRTCSessionDescription, then: Callable[[], None]) -> None:
        self.element.emit("set-remote-description", made,
                          Gst.Promise.new_with_change_func(lambda _: then()))

    def take(self, channel: GstWebRTC.WebRTCDataChannel) -> None:
        self.channel = channel
        channel.connect("on-message-data", self._on_data)
        if channel.props.ready_state == GstWebRTC.WebRTCDataChannelState.OPEN:
            self._send_all()
        else:
            channel.connect("on-open", lambda _: self._send_all())

    def count(self, pad: Gst.Pad) -> None:
        """The RTP packets that come out of here."""
        sink = Gst.ElementFactory.make("fakesink")
        sink.props.signal_handoffs = True
        sink.connect("handoff", self._on_packet)
        self.element.get_parent().add(sink)
        pad.link(sink.get_static_pad("sink"))
        sink.sync_state_with_parent()

    def _send_all(self) -> None:
        for piece in self.to_send:
            self.channel.emit("send-data", GLib.Bytes.new(piece))

    def _on_data(self, _: Any, data: GLib.Bytes) -> None:
        self.received += data.get_data()
        GLib.idle_add(self.report)

    def _on_packet(self, *_: Any) -> None:
        self.rtp_packets += 1
        GLib.idle_add(self.report)


def fail(*exception: Any) -> None:
    """What is thrown in a signal's handler would end nothing but the handler."""
    traceback.print_exception(*exception)
    sys.stderr.flush()
    os._exit(1)


def main(url: str) -> None:
    sys.excepthook = fail
    Gst.init(None)
    pipeline = Gst.parse_launch(f"webrtcbin name=caller webrtcbin name=callee {TONE}")
    loop = GLib.MainLoop()
    peers: list[Peer] = []

    def report() -> bool:
        caller, callee = peers
        if (len(caller.received) == len(callee.received) == PIECES * PIECE
                and callee.rtp_packets >= RTP_PACKETS):
            loop.quit()
        return GLib.SOURCE_REMOVE

    peers += [Peer(pipeline, name, url, report) for name in ("caller", "callee")]
    caller, callee = peers
    caller.trickle_to(callee)
    callee.trickle_to(caller)
    callee.element.connect("pad-added", lambda _, pad: callee.count(pad))
    callee.element.connect("on-data-channel", lambda _, channel: callee.take(channel))

    def answer() -> None:
        callee.describe("answer", lambda made: caller.hear(made, lambda: None))

    pipeline.set_state(Gst.State.PLAYING)
    caller.take(caller.element.emit("create-data-channel", "data", None))
    caller.describe("offer", lambda made: callee.hear(made, answer))
    GLib.timeout_add_seconds(PATIENCE_SECONDS, loop.quit)
    loop.run()
    pipeline.set_state(Gst.State.NULL)

    kinds = [candidate for peer in peers for candidate in peer.candidates]
    assert kinds and all(" typ relay " in candidate for candidate in kinds), kinds
    for peer, other in ((caller, callee), (callee, caller)):
        sent = b"".join(peer.to_send)
        assert hashlib.sha256(sent).digest() == hashlib.sha256(other.received).digest(), (
            f"{len(other.received)} bytes came to the {other.name}")
    assert callee.rtp_packets >= RTP_PACKETS, callee.rtp_packets
    print(f"{len(callee.received)} bytes there, {len(caller.received)} back,"
          f" and {callee.rtp_packets} packets of sound")


main(*sys.argv[1:])

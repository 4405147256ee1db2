"""How the network misbehaves when it is told to; every fault is off by default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhoneFaults:
    """One call's misbehaviour; times count from the first stream's `start`. A second stream of the call behaves."""

    reset_ms: int | None = None
    """Resets the TCP connection (RST, no close frame) after so many ms."""
    half_open_ms: int | None = None
    """After so many ms sends nothing more and answers nothing: no media, no pong, no close."""
    odd_sizes: bool = False
    """Media payloads of 1 to 400 bytes instead of 160."""
    late_ms: int = 0
    """Holds media back for up to so many ms and then delivers what has gathered, all at once."""
    burst: bool = False
    """Ten frames at once every 200 ms."""
    gap_ms: int = 0
    """Once a second loses so many ms of the caller's audio; the timestamps go on."""
    duplicate_start: bool = False
    """Sends `start` twice."""
    media_before_start: bool = False
    """Sends five media messages before `start`."""
    no_start: bool = False
    """Sends `connected` and nothing else."""
    garbage: bool = False
    """Sends a text that is not JSON after `start`, then goes on."""
    binary: bool = False
    """Sends a binary message after `start`, then goes on."""
    huge: bool = False
    """Sends a text message of 1 MiB after `start`, then goes on."""
    wrong_token: bool = False
    """Presents other parameter values in `start` than the TwiML gave."""
    wrong_call_sid: bool = False
    """Names another call in `start`."""
    unsigned_upgrade: bool = False
    """Opens the WebSocket without a signature."""
    bad_signature: bool = False
    """Signs the webhooks with a token that nobody has."""
    stop_without_close: bool = False
    """At hang-up sends `stop` and leaves the socket open."""
    no_stop: bool = False
    """At hang-up closes the socket without `stop`."""
    no_mark_echo: bool = False
    """Never echoes a mark."""
    slow_reader: bool = False
    """Sends, but reads nothing from the socket."""
    repeat_webhook: bool = False
    """Posts the voice webhook twice, as a retry with the same idempotency token."""
    hold_s: float = 20.0
    """How long a fault that waits for the bridge to act (half-open, no start, no close) holds on."""
    seed: int = 1
    """Of sizes, delays and line noise: the same seed gives the same call."""

    @property
    def wants_small_window(self) -> bool:
        """Whether the socket's receive buffer is made small, so that the bridge's writes stall soon."""
        return self.slow_reader

"""A conference: who is in it, whether it has begun, how it ends, and what its status callback is told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from ivr_bridge.simulator.phone import recorder, sounds
from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE
from ivr_bridge.simulator.phone.recordings import Notice, RecordingShelf, TakenRecording
from ivr_bridge.simulator.phone.room import Leaving, Room, Seat
from ivr_bridge.simulator.phone.webhooks import Webhooks

_LEFT = {
    "hung_up": "participant_hung_up",
    "other_left": "participant_hung_up",
    "enough": "participant_hung_up",
    "ended": "moderator_ended_conference",
    "removed": "participant_updated_via_api",
    "moved": "participant_updated_via_api",
}
"""Why a seat is empty -> ReasonParticipantLeft."""


@dataclass(eq=False, slots=True)
class Member:
    """One participant; the seat says whether they are muted, held or coaching."""

    seat: Seat
    label: str = ""
    starts: bool = True
    ends_on_exit: bool = False
    beep: str = "true"
    joined: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def call_sid(self) -> str:
        """Of the participant's call."""
        return self.seat.sid

    def params(self) -> dict[str, str]:
        """What a callback is told of them."""
        seat = self.seat
        label = {"ParticipantLabel": self.label} if self.label else {}
        flags = {
            "Muted": seat.is_muted,
            "Hold": seat.is_held,
            "Coaching": bool(seat.coaches),
            "EndConferenceOnExit": self.ends_on_exit,
            "StartConferenceOnEnter": self.starts,
        }
        return {"CallSid": seat.sid, **label, **{name: str(value).lower() for name, value in flags.items()}}


class Conference:
    """One conference, in real time always.

    Args:
        name: the FriendlyName.
        account_sid: whose.
        webhooks: of the network: they outlive the first participant.
        told: its status callback, and which of start, end, join ... it wants: as the first participant says.
        shelf: for its recording.
        recorded: whom its recording is told to; None: it is not recorded.

    Source: https://www.twilio.com/docs/voice/twiml/conference
    """

    def __init__(
        self,
        name: str,
        account_sid: str,
        webhooks: Webhooks,
        *,
        told: Notice,
        shelf: RecordingShelf,
        recorded: Notice | None,
    ) -> None:
        self.sid = "CF" + secrets.token_hex(16)
        self.name = name
        self.account_sid = account_sid
        self.status = "init"
        self.reason_ended = ""
        self.ended_by = ""
        self.created = self.updated = datetime.now(UTC)
        self.room = Room(in_real_time=True)
        self.room.is_open = False
        self.members: dict[str, Member] = {}
        self._webhooks = webhooks
        self._told = told
        self._shelf = shelf
        self._recorded = recorded
        self._recording: TakenRecording | None = None
        self._sequence = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status == "completed"

    @property
    def has_begun(self) -> bool:
        """Whether two ever heard each other in it."""
        return self.room.is_open

    def find(self, sid_or_label: str) -> Member | None:
        """A participant who is there now."""
        by_label = (member for member in self.members.values() if member.label and member.label == sid_or_label)
        return self.members.get(sid_or_label) or next(by_label, None)

    async def join(self, member: Member) -> None:
        """Come in; the conference begins with the second, once anybody is there who may begin it."""
        self.members[member.call_sid] = member
        self.room.sit(member.seat)
        await self._tell("join", "participant-join", member.params())
        if not self.room.is_open and len(self.members) > 1 and any(each.starts for each in self.members.values()):
            self.room.is_open = True
            self.status = "in-progress"
            if self._recorded is not None:
                self.room.keeps_mix = True
                self._recording = await recorder.record_conference(
                    self._shelf,
                    self._webhooks,
                    MixReel(self.room),
                    account_sid=self.account_sid,
                    conference_sid=self.sid,
                    notice=self._recorded,
                )
            await self._tell("start", "conference-start", {})
        if member.beep in ("true", "onEnter") and self.room.is_open:
            self.announce(sounds.beep())

    async def left(self, member: Member, why: Leaving) -> None:
        """A participant is gone, or goes now; that may be the end."""
        if self.members.pop(member.call_sid, None) is None:
            return
        self.room.leave(member.call_sid, why)
        reason = "conference_ended_via_api" if self.reason_ended == "conference-ended-via-api" else _LEFT[why]
        status = "completed" if why == "hung_up" else "in-progress"
        more = {"ReasonParticipantLeft": reason, "ParticipantCallStatus": status}
        await self._tell("leave", "participant-leave", {**member.params(), **more})
        if self.is_over:
            return
        kicked = "kicked" if why == "removed" else "left"
        if member.ends_on_exit:
            await self.end(f"participant-with-end-conference-on-exit-{kicked}", member)
        elif not self.members:
            await self.end(f"last-participant-{kicked}", member)
        elif member.beep in ("true", "onExit"):
            self.announce(sounds.beep())

    async def end(self, reason: str, by: Member | None = None) -> None:
        """It is over for everybody; harmless twice."""
        if self.is_over:
            return
        self.status, self.reason_ended, self.ended_by = "completed", reason, by.call_sid if by else ""
        self.room.close()
        if self._recording:
            await recorder.stop(self._shelf, self._webhooks, self._recording)
        label = {"ParticipantLabelEndingConference": by.label} if by and by.label else {}
        ending = {"CallSidEndingConference": by.call_sid} if by else {}
        more = {**ending, **label, "ReasonConferenceEnded": reason, "Reason": reason.replace("-", " ")}
        await self._tell("end", "conference-end", more)

    async def mute(self, member: Member, *, is_muted: bool) -> None:
        """They are heard no more, or again."""
        member.seat.is_muted = is_muted
        await self._tell("mute", "participant-mute" if is_muted else "participant-unmute", member.params())

    async def hold(self, member: Member, *, is_held: bool, music: bytes | None = None) -> None:
        """They hear music and are not heard, or are back."""
        member.seat.is_held = is_held
        if music is not None:
            member.seat.music, member.seat.music_at = music, 0
        await self._tell("hold", "participant-hold" if is_held else "participant-unhold", member.params())

    async def modify(self, member: Member, *, coaches: str | None = None, ends_on_exit: bool | None = None) -> None:
        """Whom they coach (empty: nobody), whether the conference ends with them."""
        if coaches is not None:
            member.seat.coaches = coaches
        if ends_on_exit is not None:
            member.ends_on_exit = ends_on_exit
        await self._tell("modify", "participant-modify", member.params())

    def announce(self, mulaw: bytes, member: Member | None = None) -> None:
        """Something is heard above everything, by one or by all."""
        for each in [member] if member else list(self.members.values()):
            each.seat.announcement += mulaw

    async def _tell(self, event: str, name: str, more: dict[str, str]) -> None:
        """The status callback, if it wants this."""
        self.updated = datetime.now(UTC)
        if not self._told.url or event not in self._told.events:
            return
        self._sequence += 1
        params = {
            "ConferenceSid": self.sid,
            "FriendlyName": self.name,
            "AccountSid": self.account_sid,
            "SequenceNumber": str(self._sequence),
            "Timestamp": format_datetime(self.updated),
            "StatusCallbackEvent": name,
            **more,
        }
        await self._webhooks.tell(self._told.url, params, method=self._told.method)


@dataclass(frozen=True, slots=True)
class MixReel:
    """What is said in a room."""

    room: Room

    def position(self) -> int:
        """How much was said, in samples."""
        return len(self.room.mix)

    def sides(self, first: int, until: int) -> tuple[bytes, bytes]:
        """The sum of all, and silence."""
        return bytes(self.room.mix[first:until]), MULAW_SILENCE * (until - first)

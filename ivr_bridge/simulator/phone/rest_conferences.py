"""REST of conferences and their participants.

Source: https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import web

from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.conference import Conference, Member
from ivr_bridge.simulator.phone.conference_verb import sound_at
from ivr_bridge.simulator.phone.outbound_call import OutboundCall
from ivr_bridge.simulator.phone.rest_answers import RestError, conference_object, not_found, page, participant_object
from ivr_bridge.simulator.phone.rest_calls import DIAL_FIELDS, order_of
from ivr_bridge.simulator.phone.rest_form import Form, fields_of
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb

if TYPE_CHECKING:
    from ivr_bridge.simulator.phone.network_rest import NetworkRest

_CREATE = DIAL_FIELDS | fields_of(
    "Label Muted Beep StartConferenceOnEnter EndConferenceOnExit WaitUrl WaitMethod EarlyMedia "
    "MaxParticipants ConferenceRecord ConferenceStatusCallback ConferenceStatusCallbackMethod "
    "ConferenceStatusCallbackEvent Coaching CallSidToCoach AmdStatusCallback AmdStatusCallbackMethod"
)
_UPDATE = fields_of(
    "Muted Hold HoldUrl HoldMethod AnnounceUrl AnnounceMethod EndConferenceOnExit Coaching CallSidToCoach"
)
_AS_ATTRIBUTES = {
    "Label": "participantLabel",
    "Muted": "muted",
    "Beep": "beep",
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "EndConferenceOnExit": "endConferenceOnExit",
    "WaitUrl": "waitUrl",
    "WaitMethod": "waitMethod",
    "ConferenceRecord": "record",
    "CallSidToCoach": "coach",
    "ConferenceStatusCallback": "statusCallback",
    "ConferenceStatusCallbackMethod": "statusCallbackMethod",
}
"""A field of a participant -> the attribute of `<Conference>` that means the same."""


class RestConferences:
    """The handlers."""

    def __init__(self, rest: NetworkRest) -> None:
        self._rest = rest
        self._network = rest.network

    def add_to(self, app: web.Application, base: str) -> None:
        """The routes."""
        one = f"{base}/Conferences/{{conference}}"
        app.router.add_get(f"{base}/Conferences.json", self._list)
        app.router.add_get(f"{one}.json", self._show)
        app.router.add_post(f"{one}.json", self._update)
        app.router.add_get(f"{one}/Participants.json", self._participants)
        app.router.add_post(f"{one}/Participants.json", self._add)
        app.router.add_get(f"{one}/Participants/{{who}}.json", self._participant)
        app.router.add_post(f"{one}/Participants/{{who}}.json", self._change)
        app.router.add_delete(f"{one}/Participants/{{who}}.json", self._remove)

    def _found(self, request: web.Request, *, is_live: bool = False) -> Conference:
        """The conference of a path."""
        conference = self._network.conferences.get(request.match_info["conference"])
        if conference is None or (is_live and conference.is_over):
            raise not_found(request.path)
        return conference

    def _member(self, request: web.Request) -> tuple[Conference, Member]:
        """The participant of a path, by CallSid or label, who is there now."""
        conference = self._found(request)
        member = conference.find(request.match_info["who"])
        if member is None:
            raise not_found(request.path)
        return conference, member

    async def _list(self, request: web.Request) -> web.Response:
        """All conferences, the newest first."""
        get = request.query.get
        found = [
            conference_object(each)
            for each in reversed(list(self._network.conferences.values()))
            if get("FriendlyName", each.name) == each.name and get("Status", each.status) == each.status
        ]
        return page(request, "conferences", found)

    async def _show(self, request: web.Request) -> web.Response:
        """One."""
        return web.json_response(conference_object(self._found(request)))

    async def _update(self, request: web.Request) -> web.Response:
        """End it, or let all of it hear something."""
        conference = self._found(request)
        form = await Form.read(request, ("Status", "AnnounceUrl", "AnnounceMethod"))
        if conference.is_over:
            raise RestError(400, 20001, "The conference has ended")
        if "Status" in form:
            form.one_of("Status", "completed")
            await conference.end("conference-ended-via-api")
        for member in list(conference.members.values()) if form.url("AnnounceUrl") else []:
            await self._announce(conference, member, form)
        return web.json_response(conference_object(conference))

    async def _participants(self, request: web.Request) -> web.Response:
        """Who is there."""
        conference = self._found(request)
        wanted = {name: request.query[name].lower() == "true" for name in ("Muted", "Hold") if name in request.query}
        shown = [
            participant_object(conference, member)
            for member in conference.members.values()
            if wanted.get("Muted", member.seat.is_muted) == member.seat.is_muted
            and wanted.get("Hold", member.seat.is_held) == member.seat.is_held
        ]
        return page(request, "participants", shown)

    async def _add(self, request: web.Request) -> web.Response:
        """Dial out; who answers takes part. The conference may be named instead of its sid: then it may be new."""
        form = await Form.read(request, _CREATE)
        given = self._network.conferences.get(request.match_info["conference"])
        name = given.name if given else request.match_info["conference"]
        if (given and given.is_over) or (given is None and name.startswith("CF")):
            raise not_found(request.path)
        attributes = {other: form.text(field) for field, other in _AS_ATTRIBUTES.items() if field in form}
        if events := form.words("ConferenceStatusCallbackEvent"):
            attributes["statusCallbackEvent"] = " ".join(sorted(events))
        verb = Verb("Dial", {}, "", (Verb("Conference", attributes, name),))

        async def document(call: OutboundCall) -> TwimlDocument | None:
            return TwimlDocument(call.line.known_base, "", (verb,))

        call = self._rest.dial(order_of(form, self._rest), document)
        shown = {
            "account_sid": call.account.account_sid,
            "call_sid": call.sid,
            "label": form.text("Label") or None,
            "call_sid_to_coach": form.text("CallSidToCoach") or None,
            "coaching": bool(form.text("CallSidToCoach")),
            "conference_sid": given.sid if given else None,
            "date_created": None,
            "date_updated": None,
            "end_conference_on_exit": form.flag("EndConferenceOnExit"),
            "muted": form.flag("Muted"),
            "hold": False,
            "start_conference_on_enter": form.flag("StartConferenceOnEnter", default=True),
            "status": "queued",
            "queue_time": None,
            "uri": f"{request.path.removesuffix('.json')}/{call.sid}.json",
        }
        return web.json_response(shown, status=201)

    async def _participant(self, request: web.Request) -> web.Response:
        """One who is there."""
        return web.json_response(participant_object(*self._member(request)))

    async def _change(self, request: web.Request) -> web.Response:
        """Mute, hold, announce, coach."""
        conference, member = self._member(request)
        form = await Form.read(request, _UPDATE)
        if "Muted" in form:
            await conference.mute(member, is_muted=form.flag("Muted"))
        if "Hold" in form:
            music = None
            if "HoldUrl" in form:
                music = await sound_at(self._side(member), form.url("HoldUrl"), form.method("HoldMethod"))
            await conference.hold(member, is_held=form.flag("Hold"), music=music)
        if form.url("AnnounceUrl"):
            await self._announce(conference, member, form)
        coaches = form.text("CallSidToCoach") if form.flag("Coaching", default="CallSidToCoach" in form) else ""
        if "Coaching" in form or "CallSidToCoach" in form:
            if coaches and coaches not in conference.members:
                raise RestError(400, 13240, f"{coaches} is not in this conference")
            await conference.modify(member, coaches=coaches)
        if "EndConferenceOnExit" in form:
            await conference.modify(member, ends_on_exit=form.flag("EndConferenceOnExit"))
        return web.json_response(participant_object(conference, member))

    async def _remove(self, request: web.Request) -> web.Response:
        """Take somebody out; their call goes on behind its `<Dial>`."""
        conference, member = self._member(request)
        conference.room.leave(member.call_sid, "removed")
        return web.Response(status=204)

    async def _announce(self, conference: Conference, member: Member, form: Form) -> None:
        """One of them hears what is at the URL."""
        sound = await sound_at(self._side(member), form.url("AnnounceUrl"), form.method("AnnounceMethod"))
        conference.announce(sound, member)

    def _side(self, member: Member) -> CallSide:
        """The call of a participant."""
        return cast("CallSide", self._network.calls[member.call_sid])

"""REST of recordings: begin, pause and stop one on a call; list, show, fetch and delete all.

Source: https://www.twilio.com/docs/voice/api/recording
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import web

from ivr_bridge.simulator.phone import recorder
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.recordings import TakenRecording
from ivr_bridge.simulator.phone.rest_answers import RestError, not_found, page, recording_object
from ivr_bridge.simulator.phone.rest_calls import notice_in
from ivr_bridge.simulator.phone.rest_form import Form, fields_of

if TYPE_CHECKING:
    from ivr_bridge.simulator.phone.network_rest import NetworkRest

_CREATE = fields_of(
    "RecordingStatusCallback RecordingStatusCallbackMethod RecordingStatusCallbackEvent Trim "
    "RecordingChannels RecordingTrack"
)
CURRENT = "Twilio.CURRENT"
"""Stands for the sid of the one recording that runs."""


class RestRecordings:
    """The handlers."""

    def __init__(self, rest: NetworkRest) -> None:
        self._rest = rest
        self._shelf = rest.network.recordings

    def add_to(self, app: web.Application, base: str) -> None:
        """The routes."""
        of_call, of_room = f"{base}/Calls/{{call}}/Recordings", f"{base}/Conferences/{{conference}}/Recordings"
        app.router.add_post(f"{of_call}.json", self._begin)
        for path in (of_call, of_room, f"{base}/Recordings"):
            app.router.add_get(f"{path}.json", self._list)
            app.router.add_get(f"{path}/{{sid}}.json", self._show)
            app.router.add_delete(f"{path}/{{sid}}.json", self._delete)
        for path in (of_call, of_room):
            app.router.add_post(f"{path}/{{sid}}.json", self._change)
        app.router.add_get(f"{base}/Recordings/{{sid:RE[0-9a-f]+}}{{suffix:(\\.wav)?}}", self._media)

    def _found(self, request: web.Request) -> TakenRecording:
        """The recording of a path."""
        sid = request.match_info["sid"]
        fitting = [each for each in self._shelf.all() if _is_of(each, request)]
        if sid == CURRENT:
            fitting = [each for each in fitting if each.is_running]
        else:
            fitting = [each for each in fitting if each.sid == sid]
        if not fitting:
            raise not_found(request.path)
        return fitting[0]

    def _answer(self, request: web.Request, taken: TakenRecording, status: int = 200) -> web.Response:
        """A recording as an answer."""
        of_call = "call" in request.match_info
        return web.json_response(recording_object(self._shelf, taken, of_call=of_call), status=status)

    async def _begin(self, request: web.Request) -> web.Response:
        """Record a call from now on."""
        call = self._rest.calls.found(request, "call")
        form = await Form.read(request, _CREATE)
        if call.account.status != "in-progress":
            raise RestError(400, 21220, "Requested resource is not eligible for recording")
        taken = await recorder.record_call(
            cast("CallSide", call),
            "StartCallRecordingAPI",
            channels=2 if form.one_of("RecordingChannels", "mono", "dual") == "dual" else 1,
            track=form.one_of("RecordingTrack", "both", "inbound", "outbound"),
            notice=notice_in(form, "RecordingStatusCallback", "completed"),
        )
        return self._answer(request, taken, 201)

    async def _list(self, request: web.Request) -> web.Response:
        """All, the newest first."""
        get = request.query.get
        of_call = "call" in request.match_info
        found = [
            recording_object(self._shelf, each, of_call=of_call)
            for each in reversed(self._shelf.all())
            if _is_of(each, request)
            and get("CallSid", each.call_sid) == each.call_sid
            and get("ConferenceSid", each.conference_sid) == each.conference_sid
        ]
        return page(request, "recordings", found)

    async def _show(self, request: web.Request) -> web.Response:
        """One."""
        return self._answer(request, self._found(request))

    async def _change(self, request: web.Request) -> web.Response:
        """Pause, go on, stop."""
        taken = self._found(request)
        form = await Form.read(request, ("Status", "PauseBehavior"))
        status = form.one_of("Status", "", "paused", "in-progress", "stopped")
        if not taken.is_running:
            raise RestError(400, 21220, "The recording is not in progress")
        if status == "paused":
            taken.pause(skips=form.one_of("PauseBehavior", "silence", "skip") == "skip")
        elif status == "in-progress":
            taken.resume()
        elif status == "stopped":
            await recorder.stop(self._shelf, self._rest.network.webhooks(), taken)
        else:
            raise RestError(400, 20001, "Status is missing")
        return self._answer(request, taken)

    async def _delete(self, request: web.Request) -> web.Response:
        """It is gone."""
        self._shelf.delete(self._found(request).sid)
        return web.Response(status=204)

    async def _media(self, request: web.Request) -> web.Response:
        """The sound."""
        taken = self._found(request)
        if taken.is_running:
            raise not_found(request.path)
        return web.Response(body=taken.wav(), content_type="audio/x-wav")


def _is_of(taken: TakenRecording, request: web.Request) -> bool:
    """Whether a recording lies below the path's call or conference."""
    call, conference = request.match_info.get("call"), request.match_info.get("conference")
    return call in (None, taken.call_sid) and conference in (None, taken.conference_sid)

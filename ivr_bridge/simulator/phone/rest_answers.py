"""How the network's REST answers: objects as Twilio shows them, pages, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.conference import Conference, Member
from ivr_bridge.simulator.phone.recordings import RecordingShelf, TakenRecording

API = "/2010-04-01"
API_VERSION = "2010-04-01"
PAGE_SIZE, LARGEST_PAGE = 50, 1000


class RestError(Exception):
    """A request that is refused: the HTTP status, Twilio's code, and why."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self) -> web.Response:
        """The answer, in Twilio's shape.

        Source: https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions
        """
        body = {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return web.json_response(body, status=self.status)


def not_found(path: str) -> RestError:
    """There is no such thing."""
    return RestError(404, 20404, f"The requested resource {path} was not found")


def date(at: datetime | None) -> str | None:
    """RFC 2822, as all dates of this API."""
    return None if at is None else format_datetime(at)


def page(request: web.Request, name: str, entries: Sequence[Mapping[str, Any]]) -> web.Response:
    """One page of a list, as `Page` and `PageSize` ask for."""
    try:
        size, number = int(request.query.get("PageSize", PAGE_SIZE)), int(request.query.get("Page", 0))
    except ValueError as error:
        raise RestError(400, 20001, "Page and PageSize must be whole numbers") from error
    size = min(max(1, size), LARGEST_PAGE)
    shown = entries[number * size : (number + 1) * size]

    def at(page_number: int) -> str:
        kept = {key: value for key, value in request.query.items() if key not in ("Page", "PageSize", "PageToken")}
        token = {"PageToken": f"PA{page_number}"} if page_number else {}
        return f"{request.path}?{urlencode({**kept, 'PageSize': size, 'Page': page_number, **token})}"

    body = {
        "end": max(0, number * size + len(shown) - 1),
        "first_page_uri": at(0),
        "next_page_uri": at(number + 1) if (number + 1) * size < len(entries) else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": at(number - 1) if number else None,
        "start": number * size,
        "uri": request.path_qs,
        name: list(shown),
    }
    return web.json_response(body)


def call_object(call: CallAccount, number_sid: str | None) -> dict[str, Any]:
    """A call.

    Source: https://www.twilio.com/docs/voice/api/call-resource
    """
    uri = f"{API}/Accounts/{call.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "date_created": date(call.created),
        "date_updated": date(call.ended or call.started or call.created),
        "parent_call_sid": call.parent_sid or None,
        "account_sid": call.account_sid,
        "to": call.called,
        "to_formatted": call.called,
        "from": call.caller,
        "from_formatted": call.caller,
        "phone_number_sid": number_sid,
        "status": call.status,
        "start_time": date(call.started),
        "end_time": date(call.ended),
        "duration": str(call.duration_s) if call.is_over else None,
        "price": None,
        "price_unit": "USD",
        "direction": call.direction,
        "answered_by": call.answered_by or None,
        "annotation": None,
        "api_version": API_VERSION,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json", "streams": f"{uri}/Streams.json"},
    }


def conference_object(conference: Conference) -> dict[str, Any]:
    """A conference.

    Source: https://www.twilio.com/docs/voice/api/conference-resource
    """
    uri = f"{API}/Accounts/{conference.account_sid}/Conferences/{conference.sid}"
    return {
        "account_sid": conference.account_sid,
        "date_created": date(conference.created),
        "date_updated": date(conference.updated),
        "api_version": API_VERSION,
        "friendly_name": conference.name,
        "region": "us1",
        "sid": conference.sid,
        "status": conference.status,
        "uri": f"{uri}.json",
        "subresource_uris": {"participants": f"{uri}/Participants.json", "recordings": f"{uri}/Recordings.json"},
        "reason_conference_ended": conference.reason_ended or None,
        "call_sid_ending_conference": conference.ended_by or None,
    }


def participant_object(conference: Conference, member: Member) -> dict[str, Any]:
    """A participant who is there.

    Source: https://www.twilio.com/docs/voice/api/conference-participant-resource
    """
    seat = member.seat
    base = f"{API}/Accounts/{conference.account_sid}/Conferences/{conference.sid}"
    return {
        "account_sid": conference.account_sid,
        "call_sid": member.call_sid,
        "label": member.label or None,
        "call_sid_to_coach": seat.coaches or None,
        "coaching": bool(seat.coaches),
        "conference_sid": conference.sid,
        "date_created": date(member.joined),
        "date_updated": date(conference.updated),
        "end_conference_on_exit": member.ends_on_exit,
        "muted": seat.is_muted,
        "hold": seat.is_held,
        "start_conference_on_enter": member.starts,
        "status": "connected",
        "queue_time": None,
        "uri": f"{base}/Participants/{member.call_sid}.json",
    }


def recording_object(shelf: RecordingShelf, taken: TakenRecording, *, of_call: bool) -> dict[str, Any]:
    """A recording: in the list of its call it names its track, elsewhere its media.

    Source: https://www.twilio.com/docs/voice/api/recording
    """
    base = f"{API}/Accounts/{taken.account_sid}"
    uri = f"{base}/Recordings/{taken.sid}"
    own = f"{base}/Calls/{taken.call_sid}/Recordings/{taken.sid}.json" if of_call else f"{uri}.json"
    more: dict[str, Any] = (
        {"track": taken.track} if of_call else {"media_url": shelf.url(taken), "subresource_uris": {}}
    )
    return {
        "account_sid": taken.account_sid,
        "api_version": API_VERSION,
        "call_sid": taken.call_sid or None,
        "conference_sid": taken.conference_sid or None,
        "date_created": date(taken.started),
        "date_updated": date(taken.started),
        "start_time": date(taken.started),
        "duration": None if taken.is_running else str(taken.duration_s),
        "sid": taken.sid,
        "price": None,
        "price_unit": "USD",
        "status": taken.status,
        "channels": taken.channels,
        "source": taken.source,
        "error_code": None,
        "uri": own,
        "encryption_details": None,
        **more,
    }

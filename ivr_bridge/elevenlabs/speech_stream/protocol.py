"""What may be said on a text-to-speech WebSocket, and when; text in, events or text out.                pure

A text (a context, in the vendor's word) is begun once, with a single space that carries its settings. Then pieces of
it follow, each ends with a space; `flush` at the end of a sentence makes the vendor speak what it holds back. When it
is ended the vendor speaks the rest. On the socket for one text its end is the socket's: `{"text": ""}`, and an empty
text anywhere else would end it too. On the socket for several (`multi`) a text is cut short by closing its context,
and at most `MAX_CONTEXTS` are open at once, or the vendor closes everything.

    (unknown) + begin -> OPEN
    OPEN + say, flush, keep_alive -> OPEN
    OPEN + end -> ENDING
    OPEN, ENDING + final -> (unknown)

Every other pair is a bug of ours and raises `LocalProtocolError`.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ivr_bridge.elevenlabs.conversation.events import Alignment
from ivr_bridge.elevenlabs.conversation.server_messages import is_base64
from ivr_bridge.elevenlabs.speech_stream.events import (
    SpeechAudio,
    SpeechEnded,
    SpeechEvent,
    SpeechFaulted,
    SpeechUnknown,
)
from ivr_bridge.errors import LocalProtocolError

MAX_CONTEXTS = 5
"""Open at once on one socket; the vendor closes with 1008 at the sixth."""

SCHEDULE_CHARS = (50, 500)
"""Each number of `chunk_length_schedule` lies between these."""

_FINAL = ("isFinal", "is_final")
_DURATIONS = ("charDurationsMs", "charsDurationsMs")
_KIND_CHARS = 60


class SpeechProtocol:
    """The codec of one socket: no I/O, no clock.

    Args:
        multi: several texts, each with a `context_id`, on `multi-stream-input`; else one, whose id is empty.
    """

    __slots__ = ("_multi", "_texts", "unknown_messages")

    def __init__(self, *, multi: bool = False) -> None:
        self._multi = multi
        self._texts: dict[str, bool] = {}
        """Of each text that is not final: whether it takes more."""
        self.unknown_messages = 0

    @property
    def contexts(self) -> tuple[str, ...]:
        """Texts of which audio may still come, the oldest first."""
        return tuple(self._texts)

    def begin(
        self,
        context_id: str = "",
        *,
        voice_settings: Mapping[str, object] | None = None,
        chunk_length_schedule: Sequence[int] = (),
    ) -> str:
        """The first message of a text; settings can be given here and nowhere else.

        Args:
            context_id: of the caller's choice on a `multi` socket, else empty.
            voice_settings: only what differs from the voice's own.
            chunk_length_schedule: after how many characters the vendor speaks for the first time, the second ...

        Raises:
            LocalProtocolError: begun already, too many at once, or an id that does not fit the socket.
            ValueError: a number of the schedule that the vendor refuses.
        """
        if bool(context_id) is not self._multi:
            raise LocalProtocolError("a context_id is needed on a multi socket, and only there")
        if context_id in self._texts or (not self._multi and self._texts):
            raise LocalProtocolError("this text is begun already")
        if len(self._texts) >= MAX_CONTEXTS:
            raise LocalProtocolError(f"{MAX_CONTEXTS} texts are open; end one of them first")
        least, most = SCHEDULE_CHARS
        if any(not least <= chars <= most for chars in chunk_length_schedule):
            raise ValueError(f"each number of chunk_length_schedule lies between {least} and {most}")
        self._texts[context_id] = True
        message: dict[str, object] = {"text": " "}
        if voice_settings:
            message["voice_settings"] = dict(voice_settings)
        if chunk_length_schedule:
            message["generation_config"] = {"chunk_length_schedule": list(chunk_length_schedule)}
        return self._message(message, context_id)

    def say(self, text: str, context_id: str = "", *, flush: bool = False) -> str:
        """The next piece of a text.

        Args:
            text: not empty; a space is put behind it where there is none, so that words stay apart.
            context_id: of `begin`.
            flush: speak at once what is there, without waiting for the schedule; right at the end of a sentence.

        Raises:
            LocalProtocolError: not OPEN.
            ValueError: nothing but space.
        """
        self._check_open(context_id)
        if not text.strip():
            raise ValueError("nothing to say: an empty text would end the stream")
        message: dict[str, object] = {"text": text if text[-1].isspace() else f"{text} "}
        if flush:
            message["flush"] = True
        return self._message(message, context_id)

    def keep_alive(self, context_id: str = "") -> str:
        """A sign that more is coming: the vendor closes after 20 s without one."""
        self._check_open(context_id)
        return self._message({"text": "" if self._multi else " "}, context_id)

    def end(self, context_id: str = "") -> str:
        """No more text: the vendor speaks the rest and says so. On a `multi` socket the rest may be dropped."""
        self._check_open(context_id)
        self._texts[context_id] = False
        return self._message({"close_context": True} if self._multi else {"text": ""}, context_id)

    def close_socket(self) -> str:
        """End every text of a `multi` socket; the vendor closes when all is spoken.

        Raises:
            LocalProtocolError: on the socket for one text, `end` does it.
        """
        if not self._multi:
            raise LocalProtocolError("only a multi socket is closed by a message")
        self._texts = dict.fromkeys(self._texts, False)
        return '{"close_socket":true}'

    def receive_text(self, text: str) -> list[SpeechEvent]:
        """Read one message: its audio, its end, or both, in this order.

        Returns:
            Never empty; what is not understood is a `SpeechUnknown`.
        """
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [self._unknown("not_json")]
        if not isinstance(message, dict):
            return [self._unknown("not_an_object")]
        if isinstance(message.get("error"), str):
            code = message.get("code")
            said = message.get("message")
            return [
                SpeechFaulted(code if type(code) is int else 0, message["error"], said if isinstance(said, str) else "")
            ]
        return self._spoken(message) or [self._unknown(",".join(sorted(map(str, message)))[:_KIND_CHARS])]

    def _spoken(self, message: dict[str, Any]) -> list[SpeechEvent]:
        given = message.get("contextId") or message.get("context_id")
        context_id = given if isinstance(given, str) and self._multi else ""
        events: list[SpeechEvent] = []
        audio = message.get("audio")
        if isinstance(audio, str) and audio:
            if not is_base64(audio):
                return [self._unknown("audio malformed")]
            events.append(SpeechAudio(context_id, audio, _alignment(message.get("alignment"))))
        if any(message.get(key) is True for key in _FINAL):
            self._texts.pop(context_id, None)
            events.append(SpeechEnded(context_id))
        return events

    def _message(self, message: dict[str, object], context_id: str) -> str:
        return orjson.dumps({**message, "context_id": context_id} if context_id else message).decode()

    def _check_open(self, context_id: str) -> None:
        if not self._texts.get(context_id):
            raise LocalProtocolError("this text is not begun, or has ended")

    def _unknown(self, kind: str) -> SpeechUnknown:
        self.unknown_messages += 1
        return SpeechUnknown(kind)


def _alignment(found: object) -> Alignment | None:
    """When each character is spoken; None when it is not told, or the three lists do not fit."""
    if not isinstance(found, dict):
        return None
    durations = next((found[key] for key in _DURATIONS if key in found), None)
    columns = [
        each for each in (found.get("chars"), found.get("charStartTimesMs"), durations) if isinstance(each, list)
    ]
    if len(columns) != 3 or len({len(column) for column in columns}) != 1:
        return None
    try:
        return Alignment(tuple(map(str, columns[0])), tuple(map(int, columns[1])), tuple(map(int, columns[2])))
    except (TypeError, ValueError):
        return None

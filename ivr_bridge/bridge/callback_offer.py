"""What a caller is offered who finds every line taken: to be called back. Twilio's own voice, no stream, no slot."""

from ivr_bridge.bridge.callbacks import Callbacks
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.calling_back import CONFIRM_KEY, OTHER_KEY, is_number, keyed_number
from ivr_bridge.telemetry import events
from ivr_bridge.twilio.call_desk import Answer, GatherKeys, HangUp, IncomingCall, SayAndHangUp, Spoken

CALLBACK_PATH = "/twilio/callback"
OFFERS_KEPT = 1000
NUMBER_TRIES = 3
KEY_WAIT_S = 8


class CallbackOffer:
    """One for the process: remembers what each caller was asked.

    Args:
        callbacks: takes the promises.
    """

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._asked: dict[str, _Asked] = {}

    def offer(self, live: LiveCall) -> Answer | None:
        """For a call that was refused; None when the words for it are not written."""
        caller = live.asked.caller
        asked = _Asked(live, caller if is_number(caller) else None)
        try:
            answer = asked.read_back("callback_busy") if asked.number else asked.ask_number("callback_busy")
        except ConfigError:
            return None
        self._asked[live.call_sid] = asked
        if len(self._asked) > OFFERS_KEPT:
            del self._asked[next(iter(self._asked))]
        live.log.emit(events.CALLBACK_OFFERED)
        return answer

    async def keyed(self, call: IncomingCall, digits: str) -> Answer:
        """The caller has pressed keys. One whom nobody remembers, after a restart, is not promised anything."""
        asked = self._asked.get(call.call_sid)
        if asked is None:
            return HangUp()
        if asked.number is None:
            asked.tries += 1
            asked.number = keyed_number(digits, "")
            if asked.number is not None:
                return asked.read_back()
            return asked.ask_number() if asked.tries < NUMBER_TRIES else asked.end("busy")
        if digits == OTHER_KEY:
            asked.number = None
            return asked.ask_number()
        if digits != CONFIRM_KEY:
            return asked.end("busy")
        live = asked.live
        flow = live.journey.state.flow
        kept = await self._callbacks.promise(live.asked, asked.number, flow, live.language)
        return asked.end("callback_confirmed" if kept else "sorry")


class _Asked:
    """What one caller was asked, and the number that it is about."""

    def __init__(self, live: LiveCall, number: str | None) -> None:
        self.live = live
        self.number = number
        self.tries = 0

    def read_back(self, *before: str) -> Answer:
        """The number, digit by digit, and the keys."""
        digits = ", ".join(digit for digit in self.number or "" if digit.isdecimal())
        return self._gather(
            1, *(self._text(name) for name in (*before, "callback_offer")), f"{digits}.", self._text("callback_confirm")
        )

    def ask_number(self, *before: str) -> Answer:
        """Another number, up to the hash key."""
        return self._gather(None, *(self._text(name) for name in (*before, "callback_number")))

    def end(self, prompt: str) -> Answer:
        """The last words."""
        return SayAndHangUp(Spoken(self._text(prompt), self.live.language))

    def _gather(self, n_digits: int | None, *words: str) -> Answer:
        language = self.live.language
        otherwise = Spoken(self._text("goodbye"), language)
        return GatherKeys(CALLBACK_PATH, Spoken(" ".join(words), language), otherwise, n_digits, KEY_WAIT_S)

    def _text(self, prompt: str) -> str:
        return self.live.ivr.prompts.text(prompt, self.live.language)

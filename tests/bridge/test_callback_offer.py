"""A full house: the caller is offered to be called back, in Twilio's voice."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ivr_bridge.bridge.callback_offer import CallbackOffer
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.tables import callbacks as callback_rows
from ivr_bridge.twilio.call_desk import Answer, GatherKeys, HangUp, SayAndHangUp
from tests.support.front_desk import House, in_house, incoming, sid
from tests.support.outbound_scene import FakeRecords
from tests.support.outbound_scene import Office as Fakes

CALLER = "+15550100001"


class Full:
    """A house with one line, which is taken, and somebody who calls."""

    def __init__(self, house: House) -> None:
        self.records = FakeRecords()
        self.house = house
        self.offer = CallbackOffer(Fakes([], self.records).callbacks)
        house.desk.take_callbacks(Fakes([], self.records).callbacks, self.offer.offer)

    async def calls(self, caller: str = CALLER) -> Answer:
        await self.house.answers(sid(1))
        return await self.house.desk.answer_voice(replace(incoming(sid(2)), caller=caller))

    async def presses(self, digits: str, call_sid: str = sid(2)) -> str:
        answer = await self.offer.keyed(incoming(call_sid), digits)
        if isinstance(answer, HangUp):
            return ""
        assert isinstance(answer, SayAndHangUp | GatherKeys)
        return answer.spoken.text

    def promised(self) -> list[tuple[str, str, str, str]]:
        wanted = ("number", "flow", "language", "state")
        return [tuple(row[name] for name in wanted) for row in self.records.all(callback_rows)]


def full(story: Any) -> House:
    async def with_one_line(house: House) -> None:
        await story(Full(house))

    return in_house(with_one_line, max_calls=1)


def test_the_own_number_is_read_out_and_kept_by_one_key() -> None:
    async def story(here: Full) -> None:
        answer = await here.calls()
        assert isinstance(answer, GatherKeys)
        assert (answer.path, answer.n_digits) == ("/twilio/callback", 1)
        assert answer.spoken.text == (
            "text of callback_busy text of callback_offer 1, 5, 5, 5, 0, 1, 0, 0, 0, 0, 1. text of callback_confirm"
        )
        assert answer.otherwise.text == "text of goodbye"
        assert await here.presses("1") == "text of callback_confirmed"
        assert here.promised() == [(CALLER, "main", "en", "waiting")]
        assert await here.presses("1") == "text of callback_confirmed", "Twilio repeats it"
        assert len(here.promised()) == 1
        assert len(here.house.desk.calls) == 1, "no line is held for it"

    house = full(story)
    assert len(house.events("callback.offered")) == 1
    assert [line["reason"] for line in house.events("call.refused")] == ["busy"]


def test_another_number_is_keyed_in_and_read_back() -> None:
    async def story(here: Full) -> None:
        await here.calls()
        assert await here.presses("2") == "text of callback_number"
        assert "1, 5, 5, 5, 0, 1, 7, 7" in await here.presses("15550177")
        assert await here.presses("1") == "text of callback_confirmed"
        assert here.promised() == [("+15550177", "main", "en", "waiting")]

    full(story)


def test_a_withheld_number_is_asked_for() -> None:
    async def story(here: Full) -> None:
        answer = await here.calls("anonymous")
        assert isinstance(answer, GatherKeys)
        assert (answer.n_digits, answer.spoken.text) == (None, "text of callback_busy text of callback_number")
        assert await here.presses("12") == "text of callback_number"
        assert await here.presses("12") == "text of callback_number"
        assert await here.presses("12") == "text of busy"
        assert here.promised() == []

    full(story)


def test_whoever_presses_something_else_is_promised_nothing() -> None:
    async def story(here: Full) -> None:
        await here.calls()
        assert await here.presses("7") == "text of busy"
        assert await here.presses("1", sid(9)) == "", "nobody knows what they were asked"
        assert here.promised() == []

    full(story)


def test_what_cannot_be_kept_is_not_confirmed() -> None:
    async def story(here: Full) -> None:
        await here.calls()
        here.records.disk_full = True
        assert await here.presses("1") == "text of sorry"

    full(story)


def test_without_the_words_there_is_no_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Full) -> None:
        prompts = here.house.desk._needs.ivr().prompts

        def text(name: str, _language: str) -> str:
            if name == "callback_offer":
                raise ConfigError("not there")
            return f"text of {name}"

        monkeypatch.setattr(prompts, "text", text)
        answer = await here.calls()
        assert isinstance(answer, SayAndHangUp)
        assert answer.spoken.text == "text of busy"

    full(story)


def test_a_house_that_goes_down_offers_nothing() -> None:
    async def story(here: Full) -> None:
        here.house.desk.draining = True
        answer = await here.house.desk.answer_voice(incoming(sid(2)))
        assert isinstance(answer, SayAndHangUp)
        await asyncio.sleep(0)

    full(story)

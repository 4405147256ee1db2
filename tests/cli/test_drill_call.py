from types import SimpleNamespace

import pytest

from ivr_bridge.cli import drill_call
from tests.cli.fake_server import ENDED, KEY, serving
from tests.simulator.phone.scripted_bridge import TOKEN, mulaw_tone, tone


@pytest.fixture(autouse=True)
def _voiceless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_call, "speak", lambda _text: tone(100))


def house_at(server, key=KEY):
    return SimpleNamespace(url=server.base, sandbox_url="http://127.0.0.1:1", auth_token=TOKEN, api_key=key)


async def goodbye(stream):
    """An agent who greets for 300 ms and hangs up."""
    await stream.until("start")
    await stream.say(mulaw_tone(300))
    await stream.mark("done")
    await stream.until("mark")
    await stream.ws.close()


async def test_what_phone_and_server_tell_lies_on_the_recordings_clock():
    shown = []
    told = [("rung.climbed", {"rung": "menu", "cause": "lost"}), ("call.ended", ENDED)]
    async with serving(told, agent=goodbye) as server:
        call = await drill_call.place_drill_call(
            house_at(server), lambda *what: shown.append(what), called="+15550100777"
        )
    assert server.params("/twilio/voice")["To"] == "+15550100777"
    assert server.bad_signatures == []
    assert [note.name for note in call.notes if note.name in ("rung.climbed", "call.ended")] == [
        "rung.climbed",
        "call.ended",
    ]
    (started,) = [note for note in call.notes if note.name == "stream_started"]
    assert started.at_ms == pytest.approx(0, abs=60)
    assert call.report.heard_at_ms[0][0] < 5000
    assert ("ladder", "menu: lost") in [(who, what) for _, who, what in shown]
    account = call.account("drop", needs_rung=True)
    assert (account.drill, account.ended) == ("drop", "completed (agent_hung_up)")


async def test_without_the_servers_account_the_phones_counts(capsys):
    async with serving([], agent=goodbye) as server:
        call = await drill_call.place_drill_call(house_at(server, "wrong"), lambda *_: None)
    assert call.account("drop", needs_rung=True).ended == "completed (agent_hung_up)"
    assert "the server's account of the call is missing" in capsys.readouterr().err

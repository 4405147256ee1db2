# ruff: noqa: RUF001 - Chinese is written with signs of its own
import pytest

from ivr_bridge.simulator.service.phrasebook import LINES
from tests.simulator.service.caller import QUIET, Caller, ask, dialled, noise, said, served

NOTICE = {
    "type": "contextual_update",
    "context_id": "menu",
    "text": "A menu is open. Options: hours = opening hours; events = private parties. If the caller asks for one of "
    "them, call the tool choose_option with its name.",
}


async def tool_call(caller: Caller, result: str = "ok", *, is_error: bool = False) -> tuple[str, dict]:
    call = (await caller.until("client_tool_call"))["client_tool_call"]
    await caller.send(type="client_tool_result", tool_call_id=call["tool_call_id"], result=result, is_error=is_error)
    return call["tool_name"], call["parameters"]


async def test_speech_chooses_from_an_open_menu():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(**NOTICE)
        await caller.say(said("private parties please"))
        assert await tool_call(caller) == ("choose_option", {"option": "events"})
        await caller.until("agent_response_complete")
        assert caller.replies() == ["One moment, please."]
        assert await ask(caller, "is there parking") == ["is there parking"]
        await caller.send(**NOTICE | {"text": "The menu is closed."})
        assert await ask(caller, "private parties please", "opening hours") == ["...", "opening hours"]
        assert caller.kinds().count("client_tool_call") == 1


async def test_another_context_is_no_menu():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(**NOTICE | {"context_id": "transcript"})
        await caller.send(type="contextual_update", text="Options: a = b")
        await caller.send(type="user_message", text="private parties")
        await caller.until("agent_response_complete")
        assert caller.replies()[0].startswith("Sorry")


async def test_spoken_words_show_the_menu():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.say(said("show me the menu"))
        assert await tool_call(caller, is_error=True) == ("show_menu", {})
        await caller.until("agent_response")
        assert caller.replies()[0].startswith("I am sorry")


@pytest.mark.parametrize(("agent_id", "language"), [("agent_sandbox_desk", "en"), ("agent_sandbox_polyglot", "es")])
async def test_a_language_is_asked_for(agent_id: str, language: str):
    async with served() as server, dialled(server, agent_id) as caller:
        await caller.begin(**QUIET)
        await caller.say(said("can we speak spanish"))
        assert await tool_call(caller) == ("switch_language", {"language": "es"})
        await caller.until("agent_response_complete")
        await caller.send(type="user_message", text="is there parking")
        await caller.until("agent_response_complete")
        assert caller.replies()[-1] == LINES[language].answers["parking"]
        changed = [
            message["agent_tool_response"]["tool_name"]
            for message in caller.seen
            if message["type"] == "agent_tool_response" and message["agent_tool_response"]["tool_type"] == "system"
        ]
        assert changed == (["language_detection"] if language == "es" else [])


@pytest.mark.parametrize("language", ["es", "zh"])
async def test_an_override_brings_greeting_and_answers(language: str):
    async with served() as server, dialled(server) as caller:
        await caller.begin(conversation_config_override={"agent": {"language": language}})
        await caller.until("agent_response_complete")
        await caller.send(type="user_message", text="¿Hay aparcamiento?" if language == "es" else "可以停车吗？")
        await caller.until("agent_response_complete")
        assert caller.replies() == [LINES[language].greeting, LINES[language].answers["parking"]]
        assert len(caller.audio()) > 16000


@pytest.mark.parametrize(
    ("agent_id", "spoken"), [("agent_sandbox_polyglot", "es zh en"), ("agent_sandbox_desk", "en en en")]
)
async def test_the_agent_goes_on_in_the_callers_language_where_it_detects(agent_id: str, spoken: str):
    async with served() as server, dialled(server, agent_id) as caller:
        await caller.begin(**QUIET)
        for text in ("¿Dónde están ustedes?", "请问地址在哪里", "what is your address"):
            await caller.send(type="user_message", text=text)
            await caller.until("agent_response_complete")
        assert caller.replies() == [LINES[language].answers["address"] for language in spoken.split()]


async def test_spoken_turns_get_the_given_transcripts():
    async with served(hears=["¿Cuál es el horario?", "Adiós"]) as server:
        async with dialled(server, "agent_sandbox_polyglot") as caller:
            await caller.begin(**QUIET)
            await caller.say(noise())
            assert await ask(caller, "is there parking") == ["¿Cuál es el horario?"]
            assert caller.replies() == [LINES["es"].answers["hours"]]
        async with dialled(server) as caller:
            await caller.begin(**QUIET)
            await caller.say(said("is there parking"))
            assert await caller.rest() == 1000
        async with dialled(server) as caller:
            await caller.begin(**QUIET)
            assert await ask(caller, "is there parking") == ["..."]


async def test_a_second_conversation_begins_with_the_words_it_is_given():
    words = "Sorry, we were cut off. How can I help you?"
    async with served() as server, dialled(server) as caller:
        await caller.begin(conversation_config_override={"agent": {"first_message": words}})
        await caller.send(type="contextual_update", context_id="transcript", text="So far: Caller: hello. You: hello.")
        await caller.until("agent_response_complete")
        assert caller.replies() == [words]

"""Calls that are about the account: its numbers and calls, its speech and voices, what it may use and has used."""

from typing import Any

from elevenlabs import ColumnFilter, VoiceSettings
from elevenlabs.conversational_ai.phone_numbers.types import PhoneNumbersCreateRequestBody_Twilio

from tests.support.rest_call import DATA, Call

DAY_MS, NEXT_DAY_MS = 1_790_000_000_000, 1_790_086_400_000
SETTINGS = {"stability": 0.4, "speed": 1.1}


def _phone() -> list[Call]:
    number = PhoneNumbersCreateRequestBody_Twilio(phone_number="+1555", label="Desk", sid="AC1", token="t")
    return [
        Call(
            "phone_numbers.list",
            lambda c: c.phone_numbers.list(provider="twilio", agent_id="a"),
            lambda s: s.conversational_ai.phone_numbers.list(provider="twilio", agent_id="a"),
        ),
        Call(
            "phone_numbers.get",
            lambda c: c.phone_numbers.get("n"),
            lambda s: s.conversational_ai.phone_numbers.get("n"),
        ),
        Call(
            "phone_numbers.create_twilio",
            lambda c: c.phone_numbers.create_twilio("+1555", label="Desk", sid="AC1", token="t"),
            lambda s: s.conversational_ai.phone_numbers.create(request=number),
        ),
        Call(
            "phone_numbers.update",
            lambda c: c.phone_numbers.update("n", agent_id=None, label="Night"),
            lambda s: s.conversational_ai.phone_numbers.update("n", agent_id=None, label="Night"),
        ),
        Call(
            "phone_numbers.delete",
            lambda c: c.phone_numbers.delete("n"),
            lambda s: s.conversational_ai.phone_numbers.delete("n"),
        ),
        Call(
            "twilio.outbound_call",
            lambda c: c.twilio.outbound_call(
                agent_id="a",
                agent_phone_number_id="n",
                to_number="+1555",
                conversation_initiation_client_data=DATA,
                ringing_timeout_secs=20,
            ),
            lambda s: s.conversational_ai.twilio.outbound_call(
                agent_id="a",
                agent_phone_number_id="n",
                to_number="+1555",
                conversation_initiation_client_data=DATA,  # type: ignore[arg-type]
                telephony_call_config={"ringing_timeout_secs": 20},  # type: ignore[arg-type]
            ),
        ),
        Call(
            "twilio.register_call",
            lambda c: c.twilio.register_call(
                agent_id="a", caller="+1555", called="+1556", dynamic_variables={"name": "Ana"}, first_message="Hi"
            ),
            lambda s: s.conversational_ai.twilio.register_call(
                agent_id="a",
                from_number="+1555",
                to_number="+1556",
                direction="inbound",
                conversation_initiation_client_data=DATA,  # type: ignore[arg-type]
            ),
        ),
    ]


def _speech() -> list[Call]:
    ours: dict[str, Any] = {
        "voice_id": "v",
        "text": "Hola",
        "model_id": "eleven_flash_v2_5",
        "output_format": "ulaw_8000",
        "language_code": "es",
        "voice_settings": SETTINGS,
        "seed": 7,
        "previous_request_ids": ["r"],
        "enable_logging": False,
    }
    theirs: dict[str, Any] = {**ours, "voice_settings": VoiceSettings(**SETTINGS)}
    return [
        Call(
            "text_to_speech.convert",
            lambda c: c.text_to_speech.convert(**ours),
            lambda s: s.text_to_speech.convert(**theirs),
        ),
        Call(
            "text_to_speech.stream",
            lambda c: c.text_to_speech.stream(**ours),
            lambda s: s.text_to_speech.stream(**theirs),
        ),
        Call(
            "text_to_speech.convert_with_timestamps",
            lambda c: c.text_to_speech.convert_with_timestamps(**ours),
            lambda s: s.text_to_speech.convert_with_timestamps(**theirs),
        ),
        Call(
            "text_to_speech.stream_with_timestamps",
            lambda c: c.text_to_speech.stream_with_timestamps(**ours),
            lambda s: s.text_to_speech.stream_with_timestamps(**theirs),
        ),
    ]


def _account() -> list[Call]:
    return [
        Call(
            "voices.search",
            lambda c: c.voices.search(gender="female", language=["en", "es"], voice_ids=["v"], high_quality=True),
            lambda s: s.voices.search(
                page_size=100, gender="female", language=["en", "es"], voice_ids=["v"], high_quality=True
            ),
        ),
        Call("voices.list", lambda c: c.voices.list(show_legacy=True), lambda s: s.voices.get_all(show_legacy=True)),
        Call("voices.get", lambda c: c.voices.get("v"), lambda s: s.voices.get("v")),
        Call("voices.settings", lambda c: c.voices.settings("v"), lambda s: s.voices.settings.get("v")),
        Call(
            "voices.default_settings", lambda c: c.voices.default_settings(), lambda s: s.voices.settings.get_default()
        ),
        Call(
            "voices.edit_settings",
            lambda c: c.voices.edit_settings("v", SETTINGS),
            lambda s: s.voices.settings.update("v", request=VoiceSettings(**SETTINGS)),
        ),
        Call("models.list", lambda c: c.models.list(), lambda s: s.models.list()),
        Call("user.get", lambda c: c.user.get(), lambda s: s.user.get()),
        Call("user.subscription", lambda c: c.user.subscription(), lambda s: s.user.subscription.get()),
        Call(
            "usage.character_stats",
            lambda c: c.usage.character_stats(
                start_ms=DAY_MS, end_ms=NEXT_DAY_MS, breakdown_type="voice", aggregation_interval="day"
            ),
            lambda s: s.usage.get(
                start_unix=DAY_MS, end_unix=NEXT_DAY_MS, breakdown_type="voice", aggregation_interval="day"
            ),
        ),
        Call(
            "usage.by_product",
            lambda c: c.usage.by_product(
                start_ms=DAY_MS,
                end_ms=NEXT_DAY_MS,
                group_by=["product_type"],
                filters=[{"column": "model", "operation": "eq", "values": ["eleven_flash_v2_5"]}],
            ),
            lambda s: s.workspace.usage.get_usage_by_product_over_time(
                start_time=DAY_MS,
                end_time=NEXT_DAY_MS,
                interval_seconds=86_400,
                group_by=["product_type"],
                filters=[ColumnFilter(column="model", operation="eq", values=["eleven_flash_v2_5"])],
            ),
        ),
    ]


ACCOUNT_CALLS = [*_phone(), *_speech(), *_account()]

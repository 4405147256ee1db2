import pytest

from ivr_bridge.telemetry.privacy import mask, masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("+15551234567", "+...67"),
        ("+1555123", "+...23"),
        ("+155512", "[7 chars]"),
        ("15551234567", "[11 chars]"),
        ("+1555x234567", "[12 chars]"),
        ("sip:ann@example.com", "[19 chars]"),
        ("I live at 12 Main St", "[20 chars]"),
        ("你好", "[2 chars]"),
        (7, "[1 chars]"),
        ({"name": "Ann"}, "[15 chars]"),
    ],
)
def test_mask(value: object, shown: str):
    assert mask(value) == shown


def test_only_what_is_personal_is_masked():
    fields = {"call_sid": "CA1", "ms": 3.5, "pii.text": "hello", "piety": "kept", "caller": "+15551234567"}
    assert masked(fields) == {
        "call_sid": "CA1", "ms": 3.5, "pii.text": "[5 chars]", "piety": "kept", "caller": "+15551234567",
    }  # fmt: skip
    assert fields["pii.text"] == "hello"

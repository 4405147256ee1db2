import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from elevenlabs import ElevenLabs
from elevenlabs.errors import BadRequestError

from ivr_bridge.elevenlabs.webhooks import signature as signature_module
from ivr_bridge.elevenlabs.webhooks.signature import BodyVerifier, read_claim
from tests.elevenlabs.signed_webhook import SECRET, signed, transcription

BODY = transcription()
NOW = 1_770_000_000.0


def genuine(header: str, body: bytes = BODY, *secrets: str) -> bool:
    claim = read_claim(header)
    if claim is None:
        return False
    verifier = BodyVerifier(claim, secrets or (SECRET,))
    verifier.update(body)
    return verifier.genuine()


def taken_by_us(header: str, body: bytes) -> bool:
    claim = read_claim(header)
    return claim is not None and not claim.too_old(time.time()) and genuine(header, body)


def taken_by_the_vendors_client(header: str, body: bytes) -> bool:
    try:
        event: Any = ElevenLabs(api_key="none").webhooks.construct_event(body.decode(), header, SECRET)
    except BadRequestError:
        return False
    assert event == json.loads(body)
    return True


HALF_AN_HOUR_S = 1800


CHANGES: dict[str, tuple[Callable[[], str], bool]] = {
    "as it is": (lambda: signed(BODY), True),
    "another body": (lambda: signed(transcription(status="failed")), False),
    "another secret": (lambda: signed(BODY, "wsec_other"), False),
    "28 minutes old": (lambda: signed(BODY, at=time.time() - HALF_AN_HOUR_S + 120), True),
    "too old": (lambda: signed(BODY, at=time.time() - HALF_AN_HOUR_S - 1), False),
    "another scheme": (lambda: signed(BODY).replace("v0=", "v1="), False),
    "no moment": (lambda: signed(BODY).partition(",")[2], False),
    "no digest": (lambda: signed(BODY).partition(",")[0], False),
    "one sign more": (lambda: signed(BODY) + "0", False),
    "capital letters": (lambda: signed(BODY).upper(), False),
    "the other order": (lambda: ",".join(reversed(signed(BODY).split(","))), True),
    "another scheme besides": (lambda: signed(BODY) + ",v1=abc", True),
    "nothing": (lambda: "", False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_vendors_own_client_thinks_the_same(name: str):
    make, taken = CHANGES[name]
    header = make()
    assert taken_by_the_vendors_client(header, BODY) is taken
    assert taken_by_us(header, BODY) is taken


def test_it_thinks_the_same_of_every_changed_sign():
    header = signed(BODY)
    for at in range(0, len(BODY), 7):
        body = BODY[:at] + (b" " if BODY[at : at + 1] != b" " else b"_") + BODY[at + 1 :]
        assert not genuine(header, body)
    for at in range(len(header)):
        changed = header[:at] + ("1" if header[at] != "1" else "2") + header[at + 1 :]
        assert not genuine(changed), changed


def test_the_text_may_be_of_any_language():
    body = transcription(transcript=[{"message": "你好, señor"}])
    body = json.dumps(json.loads(body), ensure_ascii=False).encode()
    assert taken_by_the_vendors_client(signed(body), body)
    assert taken_by_us(signed(body), body)


def test_pieces_count_as_one_body():
    claim = read_claim(signed(BODY))
    assert claim is not None
    verifier = BodyVerifier(claim, (SECRET,))
    for at in range(0, len(BODY), 3):
        verifier.update(BODY[at : at + 3])
    assert verifier.genuine()


@pytest.mark.parametrize("comma", [", ", " , ", ",\t", ",,"])
def test_spaces_around_the_comma_are_no_forgery(comma: str):
    assert genuine(signed(BODY).replace(",", comma))


def test_while_a_secret_is_rotated_either_will_do():
    new = "wsec_new"
    assert genuine(signed(BODY, SECRET), BODY, new, SECRET)
    assert genuine(signed(BODY, new), BODY, new, SECRET)
    assert not genuine(signed(BODY, "wsec_third"), BODY, new, SECRET)
    both = f"{signed(BODY, new, at=NOW)},{signed(BODY, SECRET, at=NOW).partition(',')[2]}"
    assert genuine(both, BODY, SECRET), "the vendor may sign with both"
    assert genuine(both, BODY, new)


def test_without_a_secret_nothing_is_genuine():
    claim = read_claim(signed(BODY, ""))
    assert claim is not None
    for secrets in ((), ("",)):
        verifier = BodyVerifier(claim, secrets)
        verifier.update(BODY)
        assert not verifier.genuine()


def test_the_clock_is_bounded_both_ways():
    claim = read_claim(signed(BODY, at=NOW))
    assert claim is not None
    assert [claim.too_old(NOW + s) for s in (-9999, 0, 1800, 1801)] == [False, False, False, True]
    assert [claim.too_far_ahead(NOW - s) for s in (-9999, 0, 300, 301)] == [False, False, False, True]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "garbage",
        "t=,v0=" + "0" * 64,
        "t=-5,v0=" + "0" * 64,
        "t=1e9,v0=" + "0" * 64,
        "t=١٢٣,v0=" + "0" * 64,
        "t=1,t=2,v0=" + "0" * 64,
        "t=" + "9" * 13 + ",v0=" + "0" * 64,
        "t=1,v0=" + "g" * 64,
        "t=1,v0=é" + "0" * 63,
        "t=1,v0=" + "0" * 64 + ",v0=" * 600,
    ],
)
def test_what_is_no_signature_is_none(header: str | None):
    assert read_claim(header) is None


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    compared = []

    def note(ours: str, theirs: str) -> bool:
        compared.append((ours, theirs))
        return True

    monkeypatch.setattr(signature_module.hmac, "compare_digest", note)
    header = "t=1,v0=" + "0" * 64
    assert genuine(header), "nothing else decides"
    assert [theirs for _, theirs in compared] == ["0" * 64]

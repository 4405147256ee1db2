import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from ivr_bridge.twilio.signature import signed_by_twilio

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
KNOWN = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def sign(url: str, joined: str = "", token: str = TOKEN) -> str:
    mac = hmac.new(token.encode(), (url + joined).encode("utf-8", "surrogateescape"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def test_known_vector():
    assert signed_by_twilio(signature=KNOWN, url=URL, form=FORM, tokens=[TOKEN])
    assert signed_by_twilio(signature=KNOWN, url=URL, form=list(FORM.items())[::-1], tokens=[TOKEN])


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("signature", None),
        ("signature", ""),
        ("signature", "é" * 28),
        ("signature", KNOWN[:-2] + "9="),
        ("url", "https://mycompany.com/myapp.php?foo=1&bar=3"),
        ("url", "http://mycompany.com/myapp.php?foo=1&bar=2"),
        ("url", "https://mycompany.com/Myapp.php?foo=1&bar=2"),
        ("form", None),
        ("form", {**FORM, "Digits": "1235"}),
        ("form", {**FORM, "Extra": "1"}),
        ("tokens", []),
        ("tokens", ["54321"]),
    ],
)
def test_anything_else_is_not_twilio(change, value):
    request = {"signature": KNOWN, "url": URL, "form": FORM, "tokens": [TOKEN]} | {change: value}
    assert signed_by_twilio(**request) is False


def test_any_of_several_tokens_while_one_is_rotated():
    assert signed_by_twilio(signature=KNOWN, url=URL, form=FORM, tokens=["new", TOKEN])
    assert signed_by_twilio(signature=KNOWN, url=URL, form=FORM, tokens=[TOKEN, "new"])


def test_an_empty_token_signs_nothing():
    signature = base64.b64encode(hmac.new(b"", b"wss://h/ws", hashlib.sha1).digest()).decode()
    assert signed_by_twilio(signature=signature, url="wss://h/ws", form=None, tokens=["", "x"]) is False


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("wss://h/ws", "wss://h/ws"),
        ("wss://h:443/ws", "wss://h/ws"),
        ("wss://h/ws", "wss://h:443/ws"),
        ("https://h:443/a?b=1", "https://h/a?b=1"),
        ("http://h:80/a", "http://h/a"),
        ("https://h/a", "https://h:8443/a"),
        ("ws://127.0.0.1:8080/a", "ws://127.0.0.1:8080/a"),
        ("https://h/a/", "https://h/a"),
        ("https://h/a", "https://h/a/"),
        ("https://h/a/?b=1", "https://h/a?b=1"),
        ("https://h", "https://h/"),
        ("https://h/a?", "https://h/a?"),
        ("https://h/a", "https://h/a?"),
        ("https://u:p@h:8443/a", "https://u:p@h:8443/a"),
        ("https://u:p@h/a", "https://u:p@h:443/a"),
        ("https://u:p@h:443/a", "https://u:p@h/a"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://[::1]:443/a", "https://[::1]/a"),
        ("https://h/a?x=a%20b%2Fc", "https://h/a?x=a%20b%2Fc"),
        ("https://h/a", "https://h/a#rc=2"),
    ],
)
def test_spellings_of_one_url(signed, seen):
    assert signed_by_twilio(signature=sign(signed), url=seen, form=None, tokens=[TOKEN])


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://h/a?x=a b/c", "https://h/a?x=a%20b%2Fc"),
        ("https://h/ws", "wss://h/ws"),
        ("wss://h/ws/1", "wss://h/ws/2"),
        ("https://evil/a", "https://h/a"),
        ("https://h:80/a", "https://h/a"),
    ],
)
def test_another_url_is_not_the_same(signed, seen):
    assert signed_by_twilio(signature=sign(signed), url=seen, form=None, tokens=[TOKEN]) is False


def test_blanks_and_repeats_as_twilio_joins_them():
    pairs = [("b", "2"), ("a", ""), ("b", "1"), ("b", "2"), ("ü", "ñ 中")]
    assert signed_by_twilio(signature=sign("https://h/", "ab1b2üñ 中"), url="https://h/", form=pairs, tokens=[TOKEN])
    assert signed_by_twilio(
        signature=sign("https://h/", "ab1b2"), url="https://h/", form={"b": ["2", "1", "2"], "a": ""}, tokens=[TOKEN]
    )


def test_bytes_that_are_no_text_are_signed_as_they_came():
    mac = hmac.new(TOKEN.encode(), b"https://h/a\xff\xfe", hashlib.sha1)
    signature = base64.b64encode(mac.digest()).decode()
    value = b"\xff\xfe".decode("utf-8", "surrogateescape")
    assert signed_by_twilio(signature=signature, url="https://h/", form=[("a", value)], tokens=[TOKEN])


class TestJsonBody:
    body = b'{"level":"ERROR"}'
    url = "https://h/a?bodySHA256=" + hashlib.sha256(body).hexdigest()

    def test_bound_by_its_hash(self):
        assert signed_by_twilio(signature=sign(self.url), url=self.url, form=None, tokens=[TOKEN], body=self.body)
        assert RequestValidator(TOKEN).validate(self.url, self.body.decode(), sign(self.url))

    def test_another_body(self):
        assert not signed_by_twilio(signature=sign(self.url), url=self.url, form=None, tokens=[TOKEN], body=b"{}")

    def test_a_body_that_nothing_binds(self):
        assert not signed_by_twilio(
            signature=sign("https://h/a"), url="https://h/a", form=None, tokens=[TOKEN], body=b"x"
        )

    def test_no_body_needs_no_hash(self):
        assert signed_by_twilio(signature=sign("https://h/a"), url="https://h/a", form=None, tokens=[TOKEN], body=b"")


words = st.text(st.characters(codec="utf-8"), max_size=20)
anything = st.text(st.characters(), max_size=40)


@given(
    host=st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,5})?", fullmatch=True),
    port=st.sampled_from(["", ":443", ":8443"]),
    path=st.from_regex(r"(/[a-zA-Z0-9._~%-]{0,6}){0,3}", fullmatch=True),
    query=st.from_regex(r"(\?[a-z]{1,3}=[a-zA-Z0-9%+-]{0,6})?", fullmatch=True),
    pairs=st.lists(st.tuples(words, words), max_size=6),
)
def test_whatever_the_official_library_accepts_is_accepted(host, port, path, query, pairs):
    url = f"https://{host}{port}{path}{query}"
    oracle = RequestValidator(TOKEN)
    signature = oracle.compute_signature(url, MultiDict(pairs))
    assert oracle.validate(url, MultiDict(pairs), signature) or port == ":8443" or url.endswith("?")
    assert signed_by_twilio(signature=signature, url=url, form=pairs, tokens=["other", TOKEN])
    assert not signed_by_twilio(signature=signature, url=url, form=[*pairs, ("zz", "zz")], tokens=[TOKEN])


@given(
    signature=st.none() | anything,
    url=anything | st.builds("https://{}".format, anything),
    form=st.none()
    | st.lists(st.tuples(anything, anything), max_size=4)
    | st.dictionaries(anything, st.lists(anything)),
    tokens=st.lists(anything, max_size=3),
    body=st.none() | st.binary(max_size=40),
)
def test_total_on_any_input(signature, url, form, tokens, body):
    assert signed_by_twilio(signature=signature, url=url, form=form, tokens=tokens, body=body) is False

import pytest

from ivr_bridge.tools.json_pointer import pointed

# Source: RFC 6901, section 5
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("/foo", '["bar","baz"]'),
        ("/foo/0", "bar"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ('/k"l', "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, text: str) -> None:
    assert pointed(DOCUMENT, pointer) == text


def test_the_whole_answer() -> None:
    assert pointed({"a": True}, "") == '{"a":true}'
    assert pointed("text", "") == "text"


@pytest.mark.parametrize(
    "pointer", ["/nothing", "/foo/2", "/foo/-", "/foo/01", "/foo/-1", "/foo/0/x", "/foo/" + "9" * 5000, "foo", "/m~n"]
)
def test_where_nothing_is(pointer: str) -> None:
    assert pointed(DOCUMENT, pointer) is None


def test_null_is_nothing_and_false_is_something() -> None:
    assert pointed({"a": None}, "/a") is None
    assert pointed({"a": False}, "/a") == "false"
    assert pointed({"a": ""}, "/a") == ""

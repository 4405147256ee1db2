import re

import pytest

from ivr_bridge import errors
from ivr_bridge.errors import AgentLost, BridgeError, ConfigError, MissingExtraError, VendorError, VendorRejected

CLASSES = [
    thing
    for thing in vars(errors).values()
    if isinstance(thing, type) and issubclass(thing, BridgeError) and thing.__module__ == errors.__name__
]


def drawn_tree() -> dict[str, str | None]:
    """Class -> parent, as the docstring draws it."""
    parents: dict[str, str | None] = {"BridgeError": None}
    path = ["BridgeError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│ ]*)[├└]── (\w+) {2,}\S", line):
            depth = len(found[1]) // 4 + 1
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1]
    return parents


def test_the_tree_in_the_docstring_is_true():
    is_so = {c.__name__: (c.__base__.__name__ if c is not BridgeError else None) for c in CLASSES}
    assert drawn_tree() == is_so
    assert len(is_so) > 15


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_says_what_it_is(kind: type[BridgeError]):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.fault in ("ours", "theirs", "operator")
    assert isinstance(kind.retryable, bool)
    assert "code" in vars(kind), "a code of its own"
    assert not (kind.retryable and kind.fault == "operator"), "trying again mends no configuration"


def test_codes_are_unique():
    codes = [kind.code for kind in CLASSES]
    assert sorted(set(codes)) == sorted(codes)


def test_what_may_be_tried_again():
    assert {kind.code for kind in CLASSES if kind.retryable} == {
        "agent_unreachable", "agent_lost", "vendor_unreachable", "vendor_busy", "vendor_failed", "store_error",
    }  # fmt: skip


def test_problems_of_the_configuration_are_kept_apart_and_shown_together():
    error = ConfigError("a:1: x", "b:2: y")
    assert error.problems == ("a:1: x", "b:2: y")
    assert str(error) == "a:1: x\nb:2: y"


def test_a_missing_extra_names_the_command():
    error = MissingExtraError("sandbox", "the offline agent")
    assert str(error) == "the offline agent needs the extra [sandbox]: pip install 'ivr-bridge[sandbox]'"
    assert error.extra == "sandbox"


def test_particulars_are_kept():
    lost = AgentLost(1011, "")
    assert (lost.close_code, lost.reason, str(lost)) == (1011, "", "conversation closed with 1011: no reason given")
    rejected = VendorRejected("no such voice", status=400, vendor_code="voice_not_found", request_id="r1")
    assert (rejected.status, rejected.vendor_code, rejected.request_id) == (400, "voice_not_found", "r1")
    assert VendorError("x").status == 0

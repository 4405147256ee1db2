"""The table of endings: told apart, and every prompt it names is written in every language."""

from pathlib import Path
from typing import get_args

import pytest

from ivr_bridge.bridge.termination import FAR_ENDS, LEAVINGS, By, Result, Termination
from ivr_bridge.speech.prompt_file import LANGUAGES, read_prompt_files

CONFIG = Path(__file__).parent.parent.parent / "config" / "prompts"
PROMPTS = read_prompt_files(CONFIG)

AFTER_THE_FLOWS_WORDS = {*LEAVINGS, Termination.FLOW_ENDED}
"""Whatever is to be said then is the flow's own: `connecting_person`, `leave_message`, a goodbye."""


def test_codes_are_unique_and_named_as_the_ending_is() -> None:
    codes = [termination.code for termination in Termination]
    assert len(set(codes)) == len(codes) == len(Termination.__members__)
    assert [code.upper() for code in codes] == [termination.name for termination in Termination]


@pytest.mark.parametrize("termination", Termination, ids=lambda termination: termination.code)
def test_row(termination: Termination) -> None:
    assert termination.result in get_args(Result)
    assert termination.by in get_args(By)
    for language in LANGUAGES:
        assert termination.prompt is None or termination.prompt in PROMPTS[language].prompts.by_name()


def test_nobody_is_refused_without_a_word_and_nobody_else_is_let_go_silently_by_us() -> None:
    for termination in Termination:
        if termination in AFTER_THE_FLOWS_WORDS:
            assert termination.prompt is None, termination
        elif termination.result == "refused" or termination.by in ("bridge", "operator"):
            assert termination.prompt is not None, termination


def test_leaving_a_stream_is_no_failure() -> None:
    assert {termination.result for termination in AFTER_THE_FLOWS_WORDS} == {"completed"}
    assert not LEAVINGS & FAR_ENDS


def test_what_twilio_ends_needs_twilios_next_word() -> None:
    assert all(termination.by == "network" and termination.prompt is None for termination in FAR_ENDS)

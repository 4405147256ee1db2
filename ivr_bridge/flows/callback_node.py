"""The node that promises to call back, as it is written in `config/flows/*.yaml`.                               pure"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from ivr_bridge.config_file import ConfigModel
from ivr_bridge.flows.names import Name, Tries, WaitS

DIGIT_PROMPTS = tuple(f"digit_{digit}" for digit in range(10))
"""Prompts that read a number out."""


class CallbackNode(ConfigModel):
    """Promise to call back: the caller's own number, or one that is keyed in, is read back and confirmed by key 1."""

    kind: Literal["callback"]
    prompt: Name = "callback_offer"
    """Said before the number, which follows digit by digit as the prompts `digit_0` to `digit_9`."""
    confirm: Name = "callback_confirm"
    """Said behind the number: 1 confirms it, 2 leads to another one."""
    ask_number: Name = "callback_number"
    confirmed: Name = "callback_confirmed"
    """Said once the promise stands on the disk, never before."""
    no_input: Name = "no_input"
    no_match: Name = "no_match"
    prefix: Annotated[str, StringConstraints(pattern=r"^(\+[1-9][0-9]{0,3})?$")] = ""
    """Before a number that is keyed in without `00`: `+1`. Empty: it is keyed in with its country code."""
    flow: Name | None = None
    """Where the call begins when the caller is called back; None: this flow."""
    tries: Tries = 3
    wait_s: WaitS = 8.0
    next: Name
    otherwise: Name
    """Nothing was confirmed, or it could not be kept."""

"""The node that puts a caller through to a person.                                                             pure"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ivr_bridge.config_file import ConfigModel
from ivr_bridge.flows.names import Name, Template
from ivr_bridge.language import Language

A_PERSON = "a number such as '+15550100', a SIP address, or ${NAME} of the environment"
A_CALLER_ID = "a number such as '+15550100', '{caller}', '{called}', or ${NAME} of the environment"

PersonAddress = Annotated[
    str,
    StringConstraints(pattern=r"^(\+[1-9][0-9]{3,14}|sips?:\S+|\$\{[A-Z_][A-Z0-9_]*\})$"),
    Field(description=A_PERSON),
]
"""E.164, a SIP address, or `${ENV}`; an unset one is passed over."""
CallerId = Annotated[
    str,
    StringConstraints(pattern=r"^(\+[1-9][0-9]{3,14}|\{(caller|called)\}|\$\{[A-Z_][A-Z0-9_]*\})$"),
    Field(description=A_CALLER_ID),
]
"""The number that the person sees."""
SipHeader = Annotated[
    str,
    StringConstraints(pattern=r"^[Xx]-[A-Za-z0-9-]{1,60}$"),
    Field(description="a SIP header's name: `X-` and letters, digits or `-`"),
]

MAX_NUMBERS = 10


class TransferNode(ConfigModel):
    """Put the caller through to a person; when nobody can be had, the call goes on at `failed`.

    Afterwards `{transfer_outcome}` is `answered`, `busy`, `no_answer`, `failed`, `canceled`, `declined`, `broken` or
    `no_number`.
    """

    kind: Literal["transfer"]
    number: PersonAddress | None = Field(None, description=A_PERSON)
    """The only one that is called."""
    numbers: Annotated[list[PersonAddress], Field(max_length=MAX_NUMBERS)] = []
    """Instead of `number`: called in turn until somebody answers."""
    mode: Literal["cold", "warm"] = "cold"
    """`warm`: the person hears `whisper` and takes the call by a key; the caller hears music meanwhile."""
    caller_id: CallerId | None = Field(None, description=A_CALLER_ID)
    """None: the caller's own number; of a warm transfer, the number that was called."""
    headers: dict[SipHeader, Template] = {}
    """Sent along to SIP addresses: `X-Name: template`."""
    prompt: Name | None = "connecting_person"
    ring_s: Annotated[int, Field(ge=5, le=600)] = 25
    """For each number."""
    limit_s: Annotated[int, Field(ge=60, le=86400)] | None = None
    """How long the two may talk."""
    whisper: Template = ""
    """What the person hears first, a template. Nothing: who calls where, and what was said last."""
    person_language: Language | None = None
    """What the person is spoken to in; None: the call's language."""
    next: Name | None = None
    """When caller and person have talked and the caller is still there; None: the call ends."""
    failed: Name
    """Busy, no answer, or no number."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.number is None) == (not self.numbers):
            raise ValueError("needs either `number` or `numbers`")
        addresses = self.addresses
        if self.headers and not any(address.startswith(("sip:", "sips:", "${")) for address in addresses):
            raise ValueError("headers: only a SIP address takes headers, and there is none")
        if self.mode == "cold" and self.whisper:
            raise ValueError("whisper: only with `mode: warm`")
        if self.mode == "cold" and self.person_language:
            raise ValueError("person_language: only with `mode: warm`")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everyone who is called, in turn, as it is written."""
        return (self.number,) if self.number is not None else tuple(self.numbers)

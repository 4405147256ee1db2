"""What a flow is: the model of `config/flows/*.yaml`.                                                      pure

A flow is a set of named nodes. A call stands at one node at a time; each node says what happens and which node is next.
Text marked as a template may hold `{variable}`: the call's own (`caller`, `called`, `call_sid`, `language`), and those
that a `digits`, `set` or `http` node has filled. An unknown variable is an empty string.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ivr_bridge.config_file import ConfigModel
from ivr_bridge.flows.callback_node import CallbackNode as CallbackNode  # noqa: PLC0414 - taken from here
from ivr_bridge.flows.names import Key, Name, NumberPattern, Template, Tries, WaitS
from ivr_bridge.flows.transfer_node import TransferNode as TransferNode  # noqa: PLC0414 - taken from here
from ivr_bridge.language import Language as Language  # noqa: PLC0414 - a part of the model, taken from here

PERSON_KEY = "0"
"""Reaches a person from a menu and while the agent talks; while digits are collected it is a digit."""


class AgentChoice(ConfigModel):
    """Which agent talks, and how it is begun; what is not said comes from `config/bridge.yaml` and the environment."""

    agent_id: str | None = None
    overrides: dict[str, Any] = {}
    """`conversation_config_override`; the agent must allow each field."""
    dynamic_variables: dict[Annotated[str, StringConstraints(min_length=1)], Template] = {}
    """The agent's `{{name}}` -> template."""
    language: Language | None = None
    """Sent as an override; None: the call's language where the agent allows it."""


class PromptNode(ConfigModel):
    """Say a prompt; a key stops it, and counts for the menu behind it if there is one."""

    kind: Literal["prompt"]
    prompt: Name
    next: Name


class MenuOption(ConfigModel):
    """One way out of a menu: by its key, or by the agent calling `choose_option` with its name."""

    key: Key
    says: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """What it stands for, in words for the agent."""
    next: Name


class MenuNode(ConfigModel):
    """Say a prompt and wait for a key; with an agent, for words, too."""

    kind: Literal["menu"]
    prompt: Name
    options: Annotated[dict[Name, MenuOption], Field(min_length=1)]
    agent: bool = True
    """Whether the agent hears the caller meanwhile and answers what is said; without one, digits only."""
    tries: Tries = 3
    """How often the prompt is said in all."""
    wait_s: WaitS = 5.0
    """After the prompt, for a key."""
    no_input: Name = "no_input"
    no_match: Name = "no_match"
    otherwise: Name
    """Where a caller goes who has used up all tries."""

    @model_validator(mode="after")
    def _one_option_a_key(self) -> Self:
        keys = [option.key for option in self.options.values()]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"options: key {', '.join(twice)} leads to more than one option")
        return self


class AgentNode(AgentChoice):
    """Talk with the agent. A choice of its own (id, overrides) begins a new conversation."""

    kind: Literal["agent"]
    told: Template = ""
    """Said to the agent in the caller's place when the node is entered: `I would like to book a table.` It answers.
    A fact instead where it speaks anyway: where the call begins with it, or where it has chosen the option itself."""
    next: Name | None = None
    """When the agent has ended the conversation well; None: the call ends with its last words."""


class DigitsNode(ConfigModel):
    """Collect digits into a variable."""

    kind: Literal["digits"]
    prompt: Name
    variable: Name
    min_digits: Annotated[int, Field(ge=1, le=64)] = 1
    max_digits: Annotated[int, Field(ge=1, le=64)] = 20
    terminator: Literal["#", "*", ""] = "#"
    wait_s: WaitS = 4.0
    """Between two digits: then the number is taken as complete."""
    first_wait_s: WaitS = 8.0
    """After the prompt, for the first one."""
    tries: Tries = 3
    no_input: Name = "no_input"
    """Said before the prompt is repeated, also when too few digits came."""
    sensitive: bool = False
    """A PIN or a card: never told to the agent, and the agent does not hear the caller meanwhile."""
    tell_agent: Template = ""
    """Told to the agent as one message, with the variable in it: `My number is {account}.`"""
    next: Name
    otherwise: Name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits: is more than max_digits")
        if self.sensitive and self.tell_agent:
            raise ValueError("tell_agent: sensitive digits are not told to the agent; remove one of the two")
        return self


class HoursNode(ConfigModel):
    """Branch on the opening hours of `config/hours.yaml`."""

    kind: Literal["hours"]
    hours: Name
    open: Name
    closed: Name
    holiday: Name | None = None
    """On a day of `holidays`, while closed; None: as `closed`."""


class LanguageNode(ConfigModel):
    """Choose the call's language: by key, by what is said, or by `language` at once. No choice keeps it as it is."""

    kind: Literal["language"]
    language: Language | None = None
    """Set it, without asking."""
    prompt: Name | None = None
    """Says every language in itself; one prompt, taken in each language of `options` in turn."""
    options: dict[Key, Language] = {}
    tries: Tries = 2
    wait_s: WaitS = 4.0
    next: Name

    @model_validator(mode="after")
    def _asks_or_sets(self) -> Self:
        if (self.language is None) == (self.prompt is None or not self.options):
            raise ValueError("needs either `language`, or `prompt` and `options` (key: language)")
        return self


class SetNode(ConfigModel):
    """Fill a variable."""

    kind: Literal["set"]
    variable: Name
    value: Template
    next: Name


class ConditionNode(ConfigModel):
    """Branch on a variable."""

    kind: Literal["condition"]
    variable: Name
    equals: str | None = None
    one_of: list[str] | None = None
    matches: str | None = None
    """A regular expression that the whole value fits."""
    then: Name
    otherwise: Name

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if [self.equals, self.one_of, self.matches].count(None) != 2:
            raise ValueError("needs exactly one of equals, one_of, matches")
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"matches: is no regular expression: {error}") from error
        return self


class HttpNode(ConfigModel):
    """Ask a service of the operator's; a wait of more than 1.5 s is filled."""

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Template
    """`http(s)://...`, a template; values are percent-encoded."""
    headers: dict[str, Template] = {}
    """Secrets by `${ENV}` only."""
    body: Any = None
    """JSON; each string in it is a template."""
    save: dict[Name, str] = {}
    """Variable -> JSON pointer (RFC 6901) into the answer: `/order/state`."""
    allow_private: bool = False
    """Whether a private or loopback address may be asked."""
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 5.0
    next: Name
    failed: Name


class VoicemailNode(ConfigModel):
    """Take a message; the call ends with it."""

    kind: Literal["voicemail"]
    prompt: Name = "leave_message"
    max_s: Annotated[int, Field(ge=5, le=3600)] = 120
    record: Literal["stream", "twilio"] = "stream"
    """Who records: this server, into `var/voicemails/`, or Twilio, which keeps the audio with it."""
    silence_s: Annotated[int, Field(ge=2, le=30)] = 4
    """So much silence ends a message; the key # does it at once."""


class HangUpNode(ConfigModel):
    """End the call."""

    kind: Literal["hang_up"]
    prompt: Name | None = None


class FlowNode(ConfigModel):
    """Go on at the start of another flow; variables and language stay."""

    kind: Literal["flow"]
    flow: Name


Node = Annotated[
    PromptNode
    | MenuNode
    | AgentNode
    | DigitsNode
    | HoursNode
    | LanguageNode
    | SetNode
    | ConditionNode
    | HttpNode
    | TransferNode
    | CallbackNode
    | VoicemailNode
    | HangUpNode
    | FlowNode,
    Field(discriminator="kind"),
]


class RetryRung(ConfigModel):
    """Once more, as a new conversation that is told the transcript so far. Skipped for faults of configuration."""

    kind: Literal["retry"]


class SecondAgentRung(ConfigModel):
    """Another agent, or the same one at another base URL."""

    kind: Literal["agent"]
    agent_id: str | None = None
    base_url: str | None = None

    @model_validator(mode="after")
    def _another(self) -> Self:
        if self.agent_id is None and self.base_url is None:
            raise ValueError("needs agent_id or base_url: else it is the agent that has just failed")
        return self


class RegisterCallRung(ConfigModel):
    """The vendor's own route from Twilio to the agent: the stream leaves us."""

    kind: Literal["register_call"]


class NodeRung(ConfigModel):
    """A node of this flow: a digits-only menu, a transfer, a voicemail."""

    kind: Literal["menu", "person", "voicemail"]
    node: Name


class ApologyRung(ConfigModel):
    """Say sorry and hang up; always the last rung, written or not."""

    kind: Literal["apology"]


Rung = Annotated[RetryRung | SecondAgentRung | RegisterCallRung | NodeRung | ApologyRung, Field(discriminator="kind")]


class OutboundRule(ConfigModel):
    """How calls into this flow are made."""

    machine: Name = "hang_up"
    """The prompt that an answering machine gets after its tone, before the call ends; `hang_up`: nothing."""
    hours: Name | None = None
    """The calendar of hours.yaml by which people are called back; None: that of the flow's first hours node."""


class CallRecording(ConfigModel):
    """Calls of a flow are recorded from the end of the announcement on, until they end, wherever they lead."""

    announce: Name
    """The prompt that says so; a caller who did not hear it to its end is not recorded."""
    keep_days: Annotated[int, Field(ge=1, le=3650)]
    """Then the recording is deleted."""


class Flow(ConfigModel):
    """One file of `config/flows/`; its name is the file's."""

    numbers: list[NumberPattern] = []
    """Called numbers that begin here."""
    language: Language | None = None
    """Of a call that begins here; None: as in bridge.yaml."""
    disclosure: Name | Literal[False] = "disclosure"
    """The prompt that says that the caller speaks with a machine: the first words of every call. `false`: none."""
    greeting: str | None = None
    """As in bridge.yaml, for agent nodes: cached, agent, or a prompt. None: as there."""
    agent: AgentChoice = AgentChoice()
    """Of all menus and agent nodes that choose none of their own."""
    follow_language: bool = True
    """Whether the call's language follows what the caller says."""
    switch: Literal["agent", "reconnect"] = "agent"
    """How a conversation changes its language: the agent does it itself, or a new one is begun."""
    person: Name | None = None
    """The node that key 0 leads to, from a menu without such a key and while the agent talks."""
    ladder: list[Rung] = [RetryRung(kind="retry"), ApologyRung(kind="apology")]
    """What is tried when the agent fails, in order."""
    outbound: OutboundRule | None = None
    """For calls that we make into this flow; set, it has Twilio listen for answering machines."""
    recording: CallRecording | None = None
    """None: calls are not recorded."""
    start: Name
    nodes: Annotated[dict[Name, Node], Field(min_length=1)]

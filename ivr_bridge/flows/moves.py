"""What goes into the engine of a flow and what comes out: inputs, actions, the state between them.           pure"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ivr_bridge.flows.model import AgentNode, Language

# What is told to the engine


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: `at_s` of the monotonic clock, `wall` with a time zone."""

    at_s: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class CallBegun:
    """The first stream has started."""


@dataclass(frozen=True, slots=True)
class StreamResumed:
    """Another stream of the same call has started, after a transfer that failed."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """0-9, * or #."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PromptsPlayed:
    """All that the last `Play` asked for was heard to its end."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """To be given when `FlowState.due_at` is past; harmless at any other time."""


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """The agent understood words of the caller; `language` is what they are in, None when undecidable."""

    text: str = field(repr=False)
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class OptionChosen:
    """The agent called `choose_option`."""

    option: str


@dataclass(frozen=True, slots=True)
class MenuAsked:
    """The agent called `show_menu`: the last menu is opened again, if there was one."""


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """The agent ended the conversation well, and its last words were played."""


@dataclass(frozen=True, slots=True)
class AgentGone:
    """No agent is there any more, and the ladder did not bring one back: menus are digits only from now on."""


@dataclass(frozen=True, slots=True)
class SentTo:
    """The ladder, or whoever else may: go on at this node."""

    node: str


@dataclass(frozen=True, slots=True)
class LanguageChanged:
    """The agent called `switch_language`, or the call's language followed what was said."""

    language: Language


@dataclass(frozen=True, slots=True)
class HttpAnswered:
    """What an `AskHttp` gave: values by variable; None when it failed."""

    values: Mapping[str, str] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DialEnded:
    """A `Transfer` is over: `spoken` when caller and person have talked.

    `outcome` is what templates see as `{transfer_outcome}`.
    """

    spoken: bool
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The agent called `transfer_call`, and its last words were played: go on at this transfer node of the flow."""

    node: str
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallbackKept:
    """A `PromiseCallback` was done: `kept` when it stands on the disk."""

    kept: bool


@dataclass(frozen=True, slots=True)
class MachineAnswered:
    """An outbound call reached an answering machine, and its tone is over. `prompt`: what it gets; None: nothing."""

    prompt: str | None


FlowInput = (
    CallBegun
    | StreamResumed
    | KeyPressed
    | PromptsPlayed
    | TimePassed
    | CallerSaid
    | OptionChosen
    | MenuAsked
    | AgentEnded
    | AgentGone
    | SentTo
    | LanguageChanged
    | HttpAnswered
    | DialEnded
    | TransferAsked
    | CallbackKept
    | MachineAnswered
)

# What the engine wants done, in this order


@dataclass(frozen=True, slots=True)
class Play:
    """Say these prompts (name, language), one behind the other, instead of whatever is playing.

    `then_report`: give `PromptsPlayed` when the last one was heard.
    """

    prompts: tuple[tuple[str, Language], ...]
    then_report: bool = True


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Stop what is playing, at once."""


@dataclass(frozen=True, slots=True)
class OpenMenu:
    """The agent hears the caller; its audio is held until words of the caller were understood.

    It is told the options, name -> words, for its tool `choose_option`.
    """

    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LetAgentAnswer:
    """Words were understood while a menu is open: the prompt is stopped already, the agent's audio goes out again."""


@dataclass(frozen=True, slots=True)
class CloseMenu:
    """The options are withdrawn; audio that is still held is dropped, and held from now on."""


@dataclass(frozen=True, slots=True)
class TalkWithAgent:
    """The agent has the floor. `greet`: the call begins with it, so it is greeted by its first words.

    `told` is said to it in the caller's place (template filled in), so that it answers; a fact where it greets.
    """

    node: AgentNode
    greet: bool
    told: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TellAgent:
    """One message to the agent, in the caller's place."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MuteCaller:
    """Whether the agent hears nothing of the caller."""

    muted: bool


@dataclass(frozen=True, slots=True)
class SetLanguage:
    """The call goes on in this language."""

    language: Language


@dataclass(frozen=True, slots=True)
class AskHttp:
    """Send a request, templates filled in, and give `HttpAnswered`. The node's other fields hold."""

    flow: str
    node: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Leave the stream when what is playing was heard; Twilio dials `number`, then give `DialEnded`.

    The rest as in the node `node`, templates filled in. `caller_id` is E.164, or empty.
    """

    number: str = field(repr=False)
    ring_s: int = 25
    mode: Literal["cold", "warm"] = "cold"
    caller_id: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit_s: int | None = None
    whisper: str = field(default="", repr=False)
    person_language: Language = "en"
    node: str = ""


@dataclass(frozen=True, slots=True)
class TakeVoicemail:
    """Take a message when what is playing was heard, in the stream or by Twilio. The call ends with it."""

    prompt: str
    max_s: int
    record: Literal["stream", "twilio"] = "stream"
    silence_s: int = 4


@dataclass(frozen=True, slots=True)
class PromiseCallback:
    """Keep that this number is to be called back into `flow`, then give `CallbackKept`."""

    number: str = field(repr=False)
    flow: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call when what is playing was heard."""

    why: Literal["flow_ended", "no_way_out", "machine"] = "flow_ended"


Action = (
    Play
    | StopPlaying
    | OpenMenu
    | LetAgentAnswer
    | CloseMenu
    | TalkWithAgent
    | TellAgent
    | MuteCaller
    | SetLanguage
    | AskHttp
    | Transfer
    | TakeVoicemail
    | PromiseCallback
    | HangUp
)


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a call stands in its flow. Made by `engine.begin`, changed by `engine.step` only."""

    flow: str
    node: str
    language: Language
    variables: Mapping[str, str] = field(repr=False)
    agent_there: bool = True
    """Whether an agent may be counted on."""
    began: bool = False
    waiting: Literal["", "prompt", "key", "digits", "agent", "http", "callback", "away", "over"] = ""
    """What the next input is expected to be: a prompt's end, a key, a digit, the agent's doing, an answer, a promise
    kept, Twilio."""
    due_at: float | None = None
    """When `TimePassed` is due, monotonic seconds."""
    tries: int = 0
    """How often this node's prompt has been said."""
    digits: str = field(default="", repr=False)
    conversing: bool = False
    """Whether the agent has the floor while this menu is open."""
    last_menu: tuple[str, str] | None = None
    """Flow and node of the last menu: `show_menu` opens it again."""
    steps_without_wait: int = 0
    """A guard: nodes passed since anything was waited for."""
    disclosure: str = ""
    """The prompt that is still to go before the first words; empty once it is said, or when there is none."""
    spoken: bool = False
    """Whether anything was said to the caller yet: if not, an agent node greets."""
    nodes_in_silence: int = 0
    """A guard: nodes entered since caller or agent last gave a sign of life."""

"""How a transfer node is entered, and what follows when somebody, or nobody, was reached.                      pure"""

import re
from dataclasses import replace

from ivr_bridge.flows.model import TransferNode
from ivr_bridge.flows.moves import DialEnded, Transfer
from ivr_bridge.flows.template import fill, fill_header
from ivr_bridge.flows.walk import Walk, values

OUTCOME, REASON = "transfer_outcome", "transfer_reason"
"""Variables: what came of the last transfer, and why the agent wanted it."""
_E164 = re.compile(r"\+[1-9][0-9]{3,14}")


def enter(walk: Walk, node: TransferNode) -> None:
    """Call the first number that there is, behind the prompt; or go on at `failed` at once."""
    transfer = _next(walk, node)
    if transfer is None:
        walk.keep({OUTCOME: "no_number"})
        walk.go(node.failed)
        return
    if node.prompt is None:
        walk.disclose()
    else:
        walk.say(node.prompt, then_report=False)
    walk.do(transfer)
    walk.wait("away")


def ended(walk: Walk, node: TransferNode, happened: DialEnded) -> None:
    """Nobody was reached: the next number, and after the last one `failed`. They have talked: `next`, or the end."""
    walk.keep({OUTCOME: happened.outcome})
    if not happened.spoken:
        transfer = _next(walk, node)
        if transfer is None:
            walk.go(node.failed)
            return
        walk.do(transfer)
        walk.wait("away")
    elif node.next is not None:
        walk.go(node.next)
    else:
        walk.hang_up()


def _next(walk: Walk, node: TransferNode) -> Transfer | None:
    """The next number of the list; `FlowState.tries` counts those that were looked at."""
    known, environ = values(walk.state), walk.book.environ
    for place, address in enumerate(node.addresses):
        number = fill_header(address, {}, environ).strip()
        if place < walk.state.tries or not number:
            continue
        walk.state = replace(walk.state, tries=place + 1)
        caller_id = fill_header(node.caller_id or "", known, environ).strip()
        return Transfer(
            number,
            node.ring_s,
            mode=node.mode,
            caller_id=caller_id if _E164.fullmatch(caller_id) else "",
            headers={name: fill_header(value, known, environ) for name, value in node.headers.items()},
            limit_s=node.limit_s,
            whisper=fill(node.whisper, known),
            person_language=node.person_language or walk.state.language,
            node=walk.state.node,
        )
    return None

"""The picture of a flow as SVG text: a box a node, a line an edge, readable on light and dark pages.           pure"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from ivr_bridge.flows.model import Flow, NodeRung, Rung
from ivr_bridge.flows.node_summary import columns_of, detail_of, first_words, rung_words, words_of, wrapped
from ivr_bridge.flows.picture_layers import LABEL_HEIGHT, Link
from ivr_bridge.flows.picture_layout import Layout, Rectangle, Route, lay_out
from ivr_bridge.flows.reach import edges

BOX_WIDTH = 232.0
HEAD_HEIGHT = 50.0
LINE_HEIGHT = 17.0
FOOT_HEIGHT = 7.0
TEXT_COLUMNS = 28
"""Of a line in a box, as wide as the widest common fonts need it."""
WORDS_LINES = 2
LABEL_COLUMNS = 24
LABEL_COLUMN_WIDTH = 7.0
QUIET = frozenset({"otherwise", "failed"})
"""Labels of lines for what went wrong: dashed."""
CALLS, KEY, LADDER = "(calls)", "(key 0)", "(ladder)"
"""Boxes that are no nodes; no node can have such a name."""

_PHONE = (
    "M4.5 2.5l2 3-1.3 1.6a8 8 0 0 0 3.7 3.7L10.5 9.5l3 2c0 1.3-1 2.5-2.3 2.5"
    "C6.5 13.7 2.3 9.5 2 4.8 2 3.5 3.2 2.5 4.5 2.5z"
)
_RING = "M8 2a6 6 0 1 0 .01 0"
ICONS = {
    "prompt": ("#2563eb", "M2.5 3.5h11v7H7.5l-3 3v-3h-2z"),
    "menu": ("#7c3aed", "".join(f"M{x} {y}h.01" for y in (4, 8, 12) for x in (4, 8, 12))),
    "agent": ("#0d7d74", "M3.5 10V8a4.5 4.5 0 0 1 9 0v2M3 9.5h2v4H3zM11 9.5h2v4h-2z"),
    "digits": ("#7c3aed", "M6.5 3l-1 10M11 3l-1 10M3.5 6h10M2.5 10h10"),
    "hours": ("#52606d", f"{_RING}M8 4.5V8l2.5 1.8"),
    "language": ("#7c3aed", f"{_RING}M2 8h12M8 2c-3.5 3.5-3.5 8.5 0 12M8 2c3.5 3.5 3.5 8.5 0 12"),
    "set": ("#52606d", "M3.5 6h9M3.5 10h9"),
    "condition": ("#52606d", "M8 14V9L3.5 4.5M8 9l4.5-4.5M3 7.5V4h3.5M9.5 4H13v3.5"),
    "http": ("#a34c00", "M3 5.5h9M9.5 3L12 5.5 9.5 8M13 10.5H4M6.5 8L4 10.5 6.5 13"),
    "transfer": ("#15803d", _PHONE),
    "voicemail": ("#15803d", "M4.5 5.5a2.5 2.5 0 1 0 .01 0M11.5 5.5a2.5 2.5 0 1 0 .01 0M4.5 10.5h7"),
    "hang_up": ("#b42318", "M4 4l8 8M12 4l-8 8"),
    "flow": ("#52606d", "M2.5 8H11M7.5 4.5L11 8l-3.5 3.5M14 3v10"),
    CALLS: ("#334155", _PHONE),
    KEY: ("#15803d", "M8 3c-2 0-3 2-3 5s1 5 3 5 3-2 3-5-1-5-3-5z"),
    LADDER: ("#b42318", "M5 2v12M11 2v12M5 5h6M5 8h6M5 11h6"),
}
"""Kind -> colour of its disc, and the white drawing on it in a field of 16 x 16."""

STYLE = """
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, "Noto Sans", sans-serif; }
  .page { fill: #ffffff; }
  .box { fill: #f8fafc; stroke: #cbd5e1; }
  .name { fill: #0f172a; font-size: 14px; font-weight: 600; }
  .kind { fill: #52606d; font-size: 11px; }
  .words { fill: #1e293b; font-size: 12px; }
  .detail { fill: #52606d; font-size: 12px; }
  .line { fill: none; stroke: #64748b; stroke-width: 1.4; }
  .quiet { stroke-dasharray: 4 4; }
  .tip { fill: #64748b; }
  .label { fill: #334155; font-size: 11.5px; text-anchor: middle; }
  .icon { fill: none; stroke: #ffffff; stroke-width: 1.4; stroke-linecap: round; stroke-linejoin: round; }
  .dots { stroke-width: 2.6; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; }
    .box { fill: #161b22; stroke: #3d444d; }
    .name { fill: #f0f6fc; }
    .kind, .detail { fill: #9da7b3; }
    .words { fill: #d1d7e0; }
    .line { stroke: #8b949e; }
    .tip { fill: #8b949e; }
    .label { fill: #c9d1d9; }
  }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    """What stands in a box: its icon's kind, its two head lines, lines below as (class, text), the whole for a tip."""

    icon: str
    kind: str
    name: str
    lines: tuple[tuple[str, str], ...]
    tip: str

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return BOX_WIDTH, HEAD_HEIGHT + LINE_HEIGHT * len(self.lines) + (FOOT_HEIGHT if self.lines else 0)


@dataclass(frozen=True, slots=True)
class _Line:
    """From box to box, with all labels that lead the same way."""

    source: str
    target: str
    label: str
    quiet: bool


def picture(name: str, flow: Flow, texts: Mapping[str, str]) -> str:
    """Draw a flow.

    Args:
        name: its own.
        flow: only its own nodes are drawn; a way to one that is not there is left out.
        texts: prompt -> text in the language in which the flow shall be shown.

    Returns:
        A whole SVG document; the same for the same arguments. Where the calls come in, key 0 and the ladder are boxes
        of their own. Several edges between the same nodes are one line.
    """
    boxes = _boxes(flow, texts)
    lines = _lines(flow)
    shown = [first_words(line.label, LABEL_COLUMNS) for line in lines]
    links = [
        Link(line.source, line.target, columns_of(label) * LABEL_COLUMN_WIDTH + 8 if label else 0.0)
        for line, label in zip(lines, shown, strict=True)
    ]
    layout = lay_out({key: box.size for key, box in boxes.items()}, links)
    parts = [
        *_head(name, flow, layout),
        *(_line(line, route) for line, route in zip(lines, layout.routes, strict=True)),
        *(_label(line, label, route) for line, label, route in zip(lines, shown, layout.routes, strict=True) if label),
        *(_drawn(key, box, layout.boxes[key]) for key, box in boxes.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _boxes(flow: Flow, texts: Mapping[str, str]) -> dict[str, _Box]:
    numbers = ", ".join(flow.numbers) or "from other flows"
    said = " ".join(texts.get(flow.disclosure, flow.disclosure).split()) if flow.disclosure else ""
    boxes = {CALLS: _Box(CALLS, "calls", first_words(numbers, TEXT_COLUMNS - 4), _said(said), f"{numbers}: {said}")}
    for name, node in flow.nodes.items():
        words, detail = words_of(node, texts), detail_of(node)
        rows = 1 if words else WORDS_LINES
        lines = [*_said(words), *(("detail", line) for line in wrapped(detail, TEXT_COLUMNS, rows))]
        tip = f"{name} ({_kind(node.kind)}): {words} {detail}".rstrip(": ")
        boxes[name] = _Box(node.kind, _kind(node.kind), name, tuple(lines), tip)
    if flow.person is not None:
        boxes[KEY] = _Box(KEY, "key 0", "to a person", (), "Key 0, from a menu and while the agent talks")
    rungs = tuple(
        ("words", first_words(f"{number}. {_rung(rung)}", TEXT_COLUMNS)) for number, rung in enumerate(flow.ladder, 1)
    )
    boxes[LADDER] = _Box(
        LADDER, "ladder", "when the agent fails", rungs, "What is tried when the agent fails, in order"
    )
    return boxes


def _rung(rung: Rung) -> str:
    return f"{rung_words(rung)}: {rung.node}" if isinstance(rung, NodeRung) else rung_words(rung)


def _kind(kind: str) -> str:
    return kind.replace("_", " ")


def _said(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(("words", line) for line in wrapped(f"“{text}”", TEXT_COLUMNS, WORDS_LINES)) if text else ()


def _lines(flow: Flow) -> list[_Line]:
    labels: dict[tuple[str, str], list[str]] = {(CALLS, flow.start): [""]}
    for name, node in flow.nodes.items():
        for edge in edges(flow, node):
            if not edge.to_flow:
                labels.setdefault((name, edge.target), []).append(edge.label)
    if flow.person is not None:
        labels[KEY, flow.person] = [""]
    for number, rung in enumerate(flow.ladder, 1):
        if isinstance(rung, NodeRung):
            labels.setdefault((LADDER, rung.node), []).append(f"{number}.")
    return [
        _Line(source, target, ", ".join(dict.fromkeys(_kind(label) for label in each if label)), QUIET.issuperset(each))
        for (source, target), each in labels.items()
        if target in flow.nodes
    ]


def _head(name: str, flow: Flow, layout: Layout) -> list[str]:
    width, height = f"{layout.width:g}", f"{layout.height:g}"
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="flow-title flow-description">',
        f'<title id="flow-title">Flow {_text(name)}</title>',
        f'<desc id="flow-description">{len(flow.nodes)} nodes; a call begins at {_text(flow.start)}.</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="flow-tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0.5L8 4L0 7.5z"/></marker></defs>',
        f'<rect class="page" width="{width}" height="{height}" rx="12"/>',
    ]


def _line(line: _Line, route: Route) -> str:
    look = "line quiet" if line.quiet else "line"
    return f'<path class="{look}" d="{route.path}" marker-end="url(#flow-tip)"/>'


def _label(line: _Line, shown: str, route: Route) -> str:
    """On a patch of the page's colour, so that its own line does not run through it."""
    at = route.label
    x, y = f"{round(at.middle, 1):g}", f"{round(at.y + LABEL_HEIGHT - 6, 1):g}"
    return (
        f"<g><title>{_text(line.label)}</title>"
        f'<rect class="page" x="{at.x:g}" y="{at.y:g}" width="{at.width:g}" height="{at.height:g}"/>'
        f'<text class="label" x="{x}" y="{y}">{_text(shown)}</text>'
        "</g>"
    )


def _drawn(key: str, box: _Box, at: Rectangle) -> str:
    colour, icon = ICONS[box.icon]
    dots = " dots" if box.icon == "menu" else ""
    left, top = at.x, at.y
    rows = "".join(
        f'<text class="{look}" x="{left + 14:g}" y="{top + HEAD_HEIGHT + 9 + LINE_HEIGHT * row:g}">{_text(line)}</text>'
        for row, (look, line) in enumerate(box.lines)
    )
    return (
        f'<g data-box="{_text(key)}"><title>{_text(box.tip)}</title>'
        f'<rect class="box" x="{left:g}" y="{top:g}" width="{at.width:g}" height="{at.height:g}" rx="10"/>'
        f'<circle cx="{left + 28:g}" cy="{top + 25:g}" r="14" fill="{colour}"/>'
        f'<path class="icon{dots}" transform="translate({left + 20:g} {top + 17:g})" d="{icon}"/>'
        f'<text class="kind" x="{left + 52:g}" y="{top + 20:g}">{_text(box.kind)}</text>'
        f'<text class="name" x="{left + 52:g}" y="{top + 37:g}">{_text(first_words(box.name, TEXT_COLUMNS - 6))}</text>'
        f"{rows}</g>"
    )


def _text(text: str) -> str:
    return escape("".join(character if character.isprintable() else " " for character in text))

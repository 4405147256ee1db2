"""A flow as a tree of text: each node once, with what is said there and where it leads.                       pure"""

from collections.abc import Mapping

from rich.text import Text
from rich.tree import Tree

from ivr_bridge.flows.model import Flow, FlowNode, NodeRung
from ivr_bridge.flows.node_summary import detail_of, first_words, rung_words, words_of
from ivr_bridge.flows.reach import edges, unreached

WORDS_COLUMNS = 56
SEE_ABOVE = "see above"


def flow_tree(name: str, flow: Flow, texts: Mapping[str, str]) -> Tree:
    """The tree of one flow, for a terminal.

    Args:
        name: its own.
        flow: a way to a node that it does not have is shown as such.
        texts: prompt -> text in the language in which the flow shall be shown.

    Returns:
        From the start on; behind it what key 0 leads to, the ladder, and what nothing leads to. A node that stands
        further up already is named, and not unfolded again.
    """
    numbers = ", ".join(flow.numbers) or "no number of its own"
    tree = Tree(Text.assemble((name, "bold"), "  ", (numbers, "cyan")), guide_style="dim")
    if flow.disclosure:
        tree.add(Text.assemble(("first words  ", "dim"), _quoted(texts.get(flow.disclosure, flow.disclosure))))
    else:
        tree.add(Text("first words  nobody says that a machine speaks", "yellow"))
    unfolding = _Unfolding(flow, texts)
    unfolding.add(tree, "", flow.start)
    if flow.person is not None:
        unfolding.add(tree, "key 0", flow.person)
    ladder = tree.add(Text("when the agent fails", "bold"))
    for number, rung in enumerate(flow.ladder, 1):
        label = f"{number}. {rung_words(rung)}"
        if isinstance(rung, NodeRung):
            unfolding.add(ladder, label, rung.node)
        else:
            ladder.add(Text(label))
    if lost := unreached(flow):
        branch = tree.add(Text("nothing leads to", "bold yellow"))
        for each in lost:
            unfolding.add(branch, "", each)
    return tree


class _Unfolding:
    """Adds nodes to a tree, each in full only once."""

    def __init__(self, flow: Flow, texts: Mapping[str, str]) -> None:
        self._flow = flow
        self._texts = texts
        self._shown: set[str] = set()

    def add(self, branch: Tree, label: str, name: str) -> None:
        """Add node `name` below `branch`, and below it all that it leads to."""
        line = Text.assemble(
            (f"{label} → " if label else "", "magenta"), (name, "bold"), no_wrap=True, overflow="ellipsis"
        )
        node = self._flow.nodes.get(name)
        if node is None:
            branch.add(line.append("  is not there", "red"))
            return
        if name in self._shown:
            branch.add(line.append(f"  {SEE_ABOVE}", "dim"))
            return
        self._shown.add(name)
        line.append(f"  {node.kind.replace('_', ' ')}", "cyan")
        if words := words_of(node, self._texts):
            line.append("  ").append_text(_quoted(words))
        if detail := detail_of(node):
            line.append(f"  {first_words(detail, WORDS_COLUMNS)}", "dim")
        inner = branch.add(line)
        if isinstance(node, FlowNode):
            return
        for edge in edges(self._flow, node):
            self.add(inner, edge.label.replace("_", " "), edge.target)


def _quoted(text: str) -> Text:
    return Text(f"“{first_words(' '.join(text.split()), WORDS_COLUMNS)}”", "green")

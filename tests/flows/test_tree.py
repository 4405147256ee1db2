import io

from hypothesis import given, settings
from rich.console import Console

from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.tree import SEE_ABOVE, flow_tree
from tests.flows.random_flow import flows
from tests.flows.test_picture import TEXTS, shop


def shown(flow: Flow) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None, emoji=False)
    console.print(flow_tree("shop", flow, TEXTS))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_the_whole_tree():
    assert (
        shown(shop())
        == """\
shop  +15550100*
├── first words  “You are speaking with an automated assistant.”
├── main_menu  menu  “Tom & Jerry's <shop>: for our opening hours, press 1…”  digits only
│   ├── 1 opening hours → info  prompt  “no_such_text”
│   │   └── main_menu  see above
│   ├── 9 again → main_menu  see above
│   ├── 2 message → message  voicemail  “请在提示音后留言。”  up to 120 s
│   └── otherwise → message  see above
├── key 0 → person  transfer  +4930123456, rings 25 s
│   └── failed → message  see above
├── when the agent fails
│   ├── 1. retry
│   ├── 2. menu → main_menu  see above
│   └── 3. person → person  see above
└── nothing leads to
    └── away  flow  goes on in main_menu"""
    )


def test_without_disclosure_numbers_and_person():
    lines = shown(shop(disclosure=False, numbers=[], person=None)).splitlines()
    assert lines[0] == "shop  no number of its own"
    assert lines[1] == "├── first words  nobody says that a machine speaks"
    assert not any("key 0" in line for line in lines)


def test_a_way_to_nowhere_is_shown():
    assert "2. menu → nowhere  is not there" in shown(
        shop(ladder=[{"kind": "retry"}, {"kind": "menu", "node": "nowhere"}])
    )


@settings(deadline=None)
@given(flows())
def test_every_node_once(flow: Flow):
    lines = [line.lstrip("│├└─ ") for line in shown(flow).splitlines()]
    for name, node in flow.nodes.items():
        mine = [line for line in lines if line.rpartition("→ ")[2].startswith(f"{name}  ")]
        unfolded = [line for line in mine if not line.endswith(SEE_ABOVE)]
        assert len(unfolded) == 1
        assert f"{name}  {node.kind.replace('_', ' ')}" in unfolded[0]

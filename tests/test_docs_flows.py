"""README.md and docs/flows.md: their YAML is accepted as it stands, and the reference leaves nothing out."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from ivr_bridge.config_file import load
from ivr_bridge.flows.flow_book import check_flow_book, read_flow_book
from ivr_bridge.flows.hours import Calendar
from ivr_bridge.flows.model import AgentChoice, Flow, MenuOption, Node, Rung
from ivr_bridge.flows.picture import picture
from ivr_bridge.speech.prompt_file import read_prompt_files
from ivr_bridge.tools.http_tool_file import HttpToolFile, read_http_tools

ROOT = Path(__file__).parent.parent
PAGES = {page: (ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/flows.md")}
ENVIRON = {
    "FALLBACK_NUMBER": "+15550100300",
    "NIGHT_NUMBER": "+15550100302",
    "SHOP_TOKEN": "token",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "token",
    "OUTBOUND_CALLER_ID": "+15550109000",
}
NODES: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(Node)[0])
}
RUNGS: tuple[type[BaseModel], ...] = get_args(get_args(Rung)[0])


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Of a page, in order: the file that a block names in its first line (empty: it names none), and its text."""
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL):
        named = re.match(r"# config/(\S+\.yaml)\n", text)
        yield named[1] if named else "", text


def joined(texts: Iterator[str]) -> dict[str, Any]:
    """The parts of one flow; nothing may be said twice."""
    whole: dict[str, Any] = {"nodes": {}}
    for text in texts:
        part = yaml.safe_load(text)
        nodes = part.pop("nodes", {})
        assert not whole.keys() & part.keys()
        assert not whole["nodes"].keys() & nodes.keys()
        whole |= part
        whole["nodes"] |= nodes
    return whole


def page_config(page: str, folder: Path) -> Path:
    """What a page shows, as the files of a configuration, beside the main flow of ours."""
    (folder / "flows").mkdir()
    (folder / "tools").mkdir()
    (folder / "flows" / "main.yaml").write_text((ROOT / "config/flows/main.yaml").read_text(encoding="utf-8"))
    for name, text in blocks(page):
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    if parts := [text for name, text in blocks(page) if not name]:
        (folder / "flows" / "page.yaml").write_text(yaml.safe_dump(joined(iter(parts))), encoding="utf-8")
    return folder


def prompt_names(config: Path) -> set[str]:
    """Ours, and those that the page or the reference makes up."""
    ours = read_prompt_files(ROOT / "config" / "prompts").values()
    shown = config / "prompts" / "en.yaml"
    made_up = yaml.safe_load(shown.read_text(encoding="utf-8"))["prompts"] if shown.exists() else {"ask_pin": ""}
    return set.intersection(*(set(file.prompts.by_name()) for file in ours)) | made_up.keys()


@pytest.mark.parametrize("page", PAGES)
def test_check_has_nothing_to_say_about_a_page(page: str, tmp_path: Path) -> None:
    config = page_config(page, tmp_path)
    prompts = prompt_names(config)
    assert [str(problem) for problem in check_flow_book(config, prompts, ENVIRON)] == []
    assert len(read_flow_book(config, prompts).flows) > len(("main", "builtin"))
    assert len(read_http_tools(config / "tools", ENVIRON)) == len(
        [name for name, _ in blocks(page) if "tools/" in name]
    )


def test_a_mistake_on_a_page_would_be_found(tmp_path: Path) -> None:
    config = page_config("docs/flows.md", tmp_path)
    flow = config / "flows" / "page.yaml"
    flow.write_text(flow.read_text(encoding="utf-8").replace("next: goodbye", "next: godbye"), encoding="utf-8")
    problems = check_flow_book(config, prompt_names(config), ENVIRON)
    assert any("there is no node 'godbye'" in str(problem) for problem in problems)


def test_each_kind_of_node_and_rung_is_shown() -> None:
    flow = Flow.model_validate(joined(text for name, text in blocks("docs/flows.md") if not name))
    assert {node.kind for node in flow.nodes.values()} == set(NODES)
    shown = {rung.kind for rung in flow.ladder}
    assert shown == set(chain.from_iterable(get_args(rung.model_fields["kind"].annotation) for rung in RUNGS))


def sections() -> Mapping[str, str]:
    """Heading -> text up to the next heading of any rank."""
    parts = re.split(r"^#{2,3} (.+)\n", PAGES["docs/flows.md"], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("heading", "models"),
    [
        ("The flow", [Flow, AgentChoice]),
        *((kind, [model]) for kind, model in NODES.items()),
        ("menu", [MenuOption]),
        ("The ladder", list(RUNGS)),
        ("Opening hours", [Calendar]),
        ("Tools without Python", [HttpToolFile]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_field_is_told_of_in_its_section(heading: str, models: list[type[BaseModel]]) -> None:
    words = re.sub(r"```yaml.*?```", "", sections()[heading], flags=re.DOTALL)
    told = set(re.findall(r"`([a-z_]+)(?:: [a-z]+)?`", words))
    fields = {field for model in models for field in model.model_fields} - {"kind"}
    assert fields - told == set()


def test_each_default_that_a_page_gives_is_the_models() -> None:
    given = {
        "menu": {"wait_s": 5, "tries": 3},
        "digits": {"max_digits": 20, "wait_s": 4, "first_wait_s": 8, "min_digits": 1, "tries": 3},
        "language": {"tries": 2, "wait_s": 4},
        "transfer": {"ring_s": 25},
        "voicemail": {"max_s": 120},
    }
    for kind, defaults in given.items():
        for field, default in defaults.items():
            assert NODES[kind].model_fields[field].default == default
            assert re.search(rf"`{field}`[^`]*\({default}\)", sections()[kind]), f"{kind}.{field}"


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_each_link_leads_somewhere(page: str) -> None:
    source = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", source.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        if path.startswith("https:"):
            continue
        there = (source.parent / path).resolve() if path else source
        assert there.exists(), f"{page}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}, target


def test_the_picture_in_the_readme_is_of_the_flow_as_it_is() -> None:
    flow = load(ROOT / "config/flows/front_desk.yaml", Flow)
    texts = read_prompt_files(ROOT / "config" / "prompts")["en"].prompts.by_name()
    fresh = picture("front_desk", flow, texts)
    remedy = "run: ivr-bridge flow show front_desk --out docs/front_desk.svg"
    assert (ROOT / "docs/front_desk.svg").read_text(encoding="utf-8") == fresh, remedy

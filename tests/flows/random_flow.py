"""Any flow that the model lets through: with circles, dead ends and nodes that nothing leads to."""

from typing import Any

from hypothesis import strategies as st

from ivr_bridge.flows.model import Flow


@st.composite
def flows(draw: st.DrawFn, most: int = 12) -> Flow:
    names = [f"node_{number}" for number in range(draw(st.integers(1, most)))]
    target = st.sampled_from(names)
    options = st.lists(target, min_size=1, max_size=5).map(
        lambda targets: {
            f"option_{key}": {"key": str(key), "says": "x", "next": each} for key, each in enumerate(targets)
        }
    )
    kinds: list[st.SearchStrategy[dict[str, Any]]] = [
        st.fixed_dictionaries({"kind": st.just("prompt"), "prompt": st.just("welcome"), "next": target}),
        st.fixed_dictionaries(
            {"kind": st.just("menu"), "prompt": st.just("welcome"), "options": options, "otherwise": target}
        ),
        st.fixed_dictionaries({"kind": st.just("hours"), "hours": st.just("shop"), "open": target, "closed": target}),
        st.fixed_dictionaries({"kind": st.just("agent")}, optional={"next": target}),
        st.fixed_dictionaries({"kind": st.just("voicemail")}),
        st.fixed_dictionaries({"kind": st.just("hang_up")}),
        st.fixed_dictionaries({"kind": st.just("flow"), "flow": target}),
    ]
    nodes = {name: draw(st.one_of(kinds)) for name in names}
    ladder = [{"kind": "menu", "node": each} for each in draw(st.lists(target, max_size=2))]
    person = draw(st.none() | target)
    return Flow.model_validate({"start": names[0], "person": person, "ladder": ladder, "nodes": nodes})

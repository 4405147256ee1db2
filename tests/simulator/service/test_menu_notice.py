import pytest

from ivr_bridge.simulator.service.menu_notice import chosen, read_notice, spoken_forms

OPTIONS = (("hours", "opening hours"), ("wine_shop", "our 24 hour wine shop"))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            "A menu is open. Options: hours = opening hours. If the caller asks for one, ...",
            (("hours", "opening hours"),),
        ),
        ("Options: a = one thing; b_2 = no. 2 on the list", (("a", "one thing"), ("b_2", "no. 2 on the list"))),
        ("options: a=x ;b: y", (("a", "x"), ("b", "y"))),
        ("Options:\n  `a` = x;\n  b = y\nCall choose_option.", (("a", "x"), ("b", "y"))),
        ("A menu is open. Option: a = la cocina; b = 营业时间。", (("a", "la cocina"), ("b", "营业时间"))),
        ("The menu is closed.", ()),
        ("The menu is closed; its options are withdrawn.", ()),
        ("Options: none", ()),
        ("", ()),
    ],
)
def test_reading(text: str, options: tuple):
    assert read_notice(text) == options


def test_what_the_ears_listen_for():
    forms = spoken_forms(OPTIONS)
    assert {"opening hours", "hours please", "i want opening hours", "i want to our 24 hour wine shop"} <= set(forms)
    assert len(set(forms)) == len(forms)
    assert spoken_forms((("food", "菜单"),)) == ("food", "food please", "i want food", "i want to food")


@pytest.mark.parametrize("form", spoken_forms(OPTIONS))
def test_all_that_is_listened_for_chooses(form: str):
    assert chosen(OPTIONS, form)


@pytest.mark.parametrize(
    ("heard", "option"),
    [
        ("quiero opening hours", "hours"),
        ("cual es el horario", "hours"),
        ("wine shop", "wine_shop"),
        ("is there parking", ""),
        ("", ""),
    ],
)
def test_choosing(heard: str, option: str):
    assert chosen(OPTIONS, heard) == option


def test_nothing_is_chosen_where_no_menu_is_open():
    assert chosen((), "opening hours") == ""

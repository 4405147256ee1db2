# ruff: noqa: RUF001 - Chinese is written with signs of its own
"""The desk's words: what it understands, and what it says in English, Spanish and Chinese. Pure.

English is understood from speech, so that its phrases are whole sentences which the ears listen for. Spanish and
Chinese come as text; there a topic is known by a part of the sentence. Everything here that is compared is written as
`normalise` leaves it.
"""

import re
import unicodedata
from dataclasses import dataclass

UNINTELLIGIBLE = "..."
"""The transcript of speech that no phrase fits."""
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today", "tomorrow")

ENGLISH: dict[str, tuple[str, ...]] = {
    "hours": (
        "what are your opening hours",
        "tell me your opening hours",
        "opening hours",
        "when are you open",
        "when do you open",
        "when do you close",
        "what time do you open",
        "what time do you close",
    ),
    "address": ("where are you", "what is your address", "how do i get there", "how do i find you"),
    "parking": ("is there parking", "do you have parking", "where can i park"),
    "number": ("what is my number", "what is my phone number"),
    "person": ("can i talk to a person", "i want to talk to a person", "can i talk to someone"),
    "bye": (
        "goodbye",
        "thank you goodbye",
        "no thank you goodbye",
        "no thank you",
        "no thanks",
        "that is all",
        "that is all thank you",
    ),
    "book": (
        "i would like to book a table",
        "i want to book a table",
        "can i book a table",
        "book a table",
        "book a table please",
    ),
    "yes": ("yes", "yes please"),
    "no": ("no",),
    "menu": ("menu", "main menu", "show me the menu"),
    "speak en": ("english please", "can we speak english"),
    "speak es": ("spanish please", "can we speak spanish"),
    "speak zh": ("chinese please", "can we speak chinese"),
    "cancel": ("never mind", "start over"),
}
"""Topic -> whole phrases, in the order in which the ears are told them."""

WHOLE: dict[str, tuple[str, ...]] = {
    "yes": ("si", "si por favor", "claro", "是", "是的", "好", "好的"),
    "no": ("no gracias", "不", "不是"),
    "menu": ("menu principal", "el menu", "菜单", "主菜单"),
}
"""More whole phrases, which only come as text."""

PARTS: tuple[tuple[str, str], ...] = tuple(
    (part, topic)
    for topic, parts in {
        "speak en": ("ingles", "英语", "英文"),
        "speak es": ("en espanol", "espanol por favor", "hablar espanol", "西班牙语"),
        "speak zh": ("en chino", "chino por favor", "hablar chino", "中文", "汉语", "普通话"),
        "bye": ("adios", "hasta luego", "nada mas", "eso es todo", "再见", "没有了", "不用了"),
        "cancel": ("dejalo", "empezar de nuevo", "算了", "重新开始"),
        "number": ("mi numero", "mi telefono", "我的号码", "我的电话"),
        "person": ("con una persona", "con alguien", "operador", "人工", "真人", "客服"),
        "hours": ("horario", "horarios", "abren", "cierran", "abierto", "营业", "几点", "开门", "关门"),
        "address": ("donde estan", "direccion", "como llego", "地址", "在哪", "哪里"),
        "parking": ("aparcamiento", "estacionamiento", "aparcar", "停车"),
        "book": ("reservar", "reserva", "una mesa", "预订", "订位", "订座", "桌"),
    }.items()
    for part in parts
)
"""(part of a sentence, topic) of Spanish and Chinese; the first that is found counts."""

OPTION_WORDS: dict[str, tuple[str, ...]] = {
    "book": ("book", "booking", "reserve", "reservation", "table"),
    "hours": ("hours", "open", "opening"),
    "address": ("address", "directions"),
    "parking": ("parking",),
    "person": ("person", "someone", "operator", "colleague", "staff"),
}
"""Topic -> words by which a menu's option is known to be about it."""

_COUNTED = (
    NUMBERS,
    tuple(map(str, range(1, 13))),
    ("uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce"),
    ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"),
)
AMOUNTS: dict[str, int] = {
    **{word: number for words in _COUNTED for number, word in enumerate(words, 1)},
    "una persona": 1,
    "la una": 1,
    "两": 2,
}
"""Word -> number of guests, or hour."""

WEEKDAYS = (
    *DAYS,
    *("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo", "hoy", "manana"),
    *(f"{week}{day}" for week in ("星期", "周") for day in "一二三四五六日天"),
    *("今天", "明天"),
)
SENTENCE_ENDS = ".?!。？！"
HALF_PAST = {"half past": "half past {}", "y media": "{} y media", "点半": "{}点半"}
"""Words for the half hour -> how a time is then written."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_HAN_SIGN = re.compile(f"[{_HAN}]")
_SPACE_IN_HAN = re.compile(f"(?<=[{_HAN}]) (?=[{_HAN}])")
_SPANISH_SIGNS = re.compile("[¿¡ñ]")
_COMMON_WORDS = {
    language: frozenset(re.split(r"\s+", words))
    for language, words in {
        "es": "el la los las un una del que es en por para con quiero quisiera puedo gracias hola favor buenos buenas "
        "cual donde cuando como estan hay si mesa mi su hablar adios",
        "en": "the is are what when where how do you i would like to my can there please thank for at on and it we "
        "want yes table number goodbye",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Lines:
    """What the agent says in one language; `ask` by the state that waits for the answer."""

    greeting: str
    answers: dict[str, str]
    ask: dict[str, str]
    sorry: str
    farewell: str
    tool_failed: str
    anything_else: str
    cancelled: str
    moment: str
    menu: str
    listening: str
    done: str
    calling_from: str


LINES: dict[str, Lines] = {
    "en": Lines(
        greeting="Welcome to the Harbour Kitchen. How can I help you?",
        answers={
            "hours": (
                "We are open every day except Monday. From Tuesday to Thursday we open at noon and close at ten in the "
                "evening. On Friday and Saturday we stay open until midnight, and on Sunday the kitchen closes at nine."
            ),
            "address": "We are at twelve Harbour Street, next to the old lighthouse.",
            "parking": "Yes, there is free parking behind the house.",
            "person": "My colleagues will call you back today. Is there anything else?",
        },
        ask={
            "people": "With pleasure. For how many people?",
            "day": "And on which day?",
            "time": "At what time?",
            "desk": "How can I help you?",
        },
        sorry="Sorry, I did not catch that.",
        farewell="Thank you for calling. Goodbye.",
        tool_failed="I am sorry, that did not work just now. Is there anything else?",
        anything_else="Is there anything else?",
        cancelled="All right. How can I help you?",
        moment="One moment, please.",
        menu="Here is the menu.",
        listening="I am listening.",
        done="That is done",
        calling_from="You are calling from {}",
    ),
    "es": Lines(
        greeting="Bienvenido a la Cocina del Puerto. ¿En qué puedo ayudarle?",
        answers={
            "hours": "Abrimos de martes a domingo, desde el mediodía hasta las diez de la noche. Los lunes cerramos.",
            "address": "Estamos en la calle del Puerto, número doce, junto al viejo faro.",
            "parking": "Sí, hay aparcamiento gratuito detrás de la casa.",
            "person": "Mis compañeros le llamarán hoy mismo. ¿Desea algo más?",
        },
        ask={
            "people": "Con mucho gusto. ¿Para cuántas personas?",
            "day": "¿Y para qué día?",
            "time": "¿A qué hora?",
            "desk": "¿En qué puedo ayudarle?",
        },
        sorry="Perdón, no le he entendido.",
        farewell="Gracias por llamar. Adiós.",
        tool_failed="Lo siento, ahora mismo no ha funcionado. ¿Desea algo más?",
        anything_else="¿Desea algo más?",
        cancelled="De acuerdo. ¿En qué puedo ayudarle?",
        moment="Un momento, por favor.",
        menu="Aquí tiene el menú.",
        listening="Le escucho.",
        done="Ya está hecho",
        calling_from="Usted llama desde el {}",
    ),
    "zh": Lines(
        greeting="欢迎致电海港厨房。请问有什么可以帮您？",
        answers={
            "hours": "我们星期二到星期日营业，中午十二点开门，晚上十点关门。星期一休息。",
            "address": "我们在海港街十二号，老灯塔旁边。",
            "parking": "有的，房子后面可以免费停车。",
            "person": "我的同事今天会给您回电话。还有别的事吗？",
        },
        ask={
            "people": "好的。请问几位？",
            "day": "请问是哪一天？",
            "time": "请问几点？",
            "desk": "请问有什么可以帮您？",
        },
        sorry="对不起，我没有听清楚。",
        farewell="谢谢您的来电，再见。",
        tool_failed="对不起，刚才没有成功。还有别的事吗？",
        anything_else="还有别的事吗？",
        cancelled="好的。请问有什么可以帮您？",
        moment="请稍等。",
        menu="这是菜单。",
        listening="我在听。",
        done="已经办好了",
        calling_from="您的来电号码是{}",
    ),
}
"""Language -> what is said; a language that is not here is answered in English."""


def normalise(words: str) -> str:
    """`words` in lower case, without signs and accents, single spaces and none between Chinese characters."""
    folded = unicodedata.normalize("NFKD", words.lower().replace("\u2019", "'"))
    letters = (sign for sign in folded if not unicodedata.combining(sign))
    kept = "".join(sign if sign.isalnum() or sign == "'" else " " for sign in letters)
    return _SPACE_IN_HAN.sub("", " ".join(kept.split()))


def topic_of(heard: str) -> str:
    """The topic of normalised words: `hours`, `book`, `speak es` ... or "" when there is none."""
    return next((topic for topic, group in ENGLISH.items() if heard in group), "") or written_topic(heard)


def written_topic(heard: str) -> str:
    """The topic of normalised Spanish or Chinese words, "" when there is none."""
    whole = next((topic for topic, group in WHOLE.items() if heard in group), "")
    return whole or next((topic for part, topic in PARTS if holds(heard, part)), "")


def option_topic(words: str) -> str:
    """The topic of a menu's option, from its words; "" when it is none of ours."""
    heard = normalise(words)
    about = (topic for topic, some in OPTION_WORDS.items() if any(holds(heard, word) for word in some))
    return topic_of(heard) or next(about, "")


def holds(heard: str, part: str) -> bool:
    """Whether normalised words hold `part`: as whole words, or anywhere where it is written without spaces."""
    return part in heard if _HAN_SIGN.search(part) else f" {part} " in f" {heard} "


def language_of(words: str) -> str | None:
    """What `words` are written in (`en`, `es`, `zh`), by their signs and commonest words; None when undecided."""
    if _HAN_SIGN.search(words):
        return "zh"
    if _SPANISH_SIGNS.search(words.lower()):
        return "es"
    heard = normalise(words).split()
    spanish, english = (sum(word in _COMMON_WORDS[code] for word in heard) for code in ("es", "en"))
    if spanish == english:
        return None
    return "es" if spanish > english else "en"

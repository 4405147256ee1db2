import threading

import pytest

from ivr_bridge.simulator.service.hearing import Hearing


class Slow:
    """Stands in for the recogniser."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.learnt: list[tuple[str, ...]] = []
        self.was_stopped = False

    def recognise(self, pcm16: bytes, phrases: tuple[str, ...]) -> str | None:
        return f"{len(pcm16)} {phrases[0]} {threading.current_thread().name}"

    def prepare(self, phrases: tuple[str, ...], is_stopped) -> None:
        self.learnt.append(phrases)
        self.began.set()
        while phrases == ("long",) and not self.was_stopped:
            self.was_stopped = is_stopped()


@pytest.fixture
def recogniser() -> Slow:
    return Slow()


async def test_it_listens_in_a_thread_of_its_own(recogniser: Slow):
    hearing = Hearing(recogniser)  # type: ignore[arg-type]
    assert str(await hearing.understand(b"12", ("yes",))).startswith("2 yes sandbox-ears")
    hearing.learn(("a",))
    await hearing.understand(b"12", ("yes",))
    assert recogniser.learnt == [("a",)]
    hearing.close()


def test_closing_stops_a_lesson_and_forgets_the_next(recogniser: Slow):
    hearing = Hearing(recogniser)  # type: ignore[arg-type]
    hearing.learn(("long",))
    hearing.learn(("never",))
    assert recogniser.began.wait(10)
    hearing.close()
    assert recogniser.was_stopped
    assert recogniser.learnt == [("long",)]

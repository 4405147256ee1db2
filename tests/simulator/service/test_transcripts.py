from ivr_bridge.simulator.service.transcripts import GivenTranscripts, read_transcripts


def test_lines_of_text():
    assert read_transcripts("\ufeff# the caller\nHola.\n\n  ¿Qué tal? \n") == ("Hola.", "¿Qué tal?")


def test_a_yaml_list():
    assert read_transcripts("---\n- Hola.\n- '你好'\n- \"no: 7\"\n- '\n") == ("Hola.", "你好", "no: 7", "'")


def test_each_turn_takes_the_next():
    given = GivenTranscripts(["a", "b"])
    assert [given.next() for _ in range(4)] == ["a", "b", "...", "..."]

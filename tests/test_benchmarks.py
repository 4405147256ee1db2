"""What the benchmark's figures rest on: audio that says what it is, frames cut anywhere, and the arithmetic."""

import audioop
import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.__main__ import read_options
from benchmarks.load import tagged_frames, tone_words, websocket_bytes
from benchmarks.load.http_bytes import signature
from benchmarks.load.tally import percentile
from benchmarks.measurement import Figures, figures_of, median_of
from benchmarks.report import lines, ratio, table
from ivr_bridge.audio.resample import Resampler


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(st.lists(st.integers(0, 700), max_size=8))
def test_tagged_frames_are_found_however_they_are_cut(sizes: list[int]) -> None:
    said = [(tagged_frames.DOWN, 17, number) for number in range(12)]
    audio = b"\xff" * 33 + b"#~?" + b"".join(tagged_frames.frame(*tag) for tag in said)
    reader = tagged_frames.TagReader()
    heard = [tag for piece in cut(audio, sizes) for tag in reader.feed(piece)]
    assert heard == said
    assert reader.other_bytes == 36
    assert reader.corrupt == 0


def test_a_tagged_frame_is_20_ms_and_its_text_is_its_bytes() -> None:
    frame = tagged_frames.frame(tagged_frames.UP, 9999, 123456)
    assert len(frame) == 160
    assert base64.b64decode(tagged_frames.payload(tagged_frames.UP, 9999, 123456)) == frame


def test_a_frame_with_other_bytes_is_corrupt_and_the_next_is_found() -> None:
    spoilt = bytearray(tagged_frames.frame(tagged_frames.UP, 1, 1))
    spoilt[100] ^= 1
    reader = tagged_frames.TagReader()
    heard = reader.feed(bytes(spoilt) + tagged_frames.frame(tagged_frames.UP, 1, 2))
    assert [tag.number for tag in heard] == [2]
    assert reader.corrupt == 1


@pytest.mark.parametrize("resampler", ["ours", "ratecv"])
def test_words_upwards_survive_decoding_and_resampling(resampler: str) -> None:
    reader = tone_words.WordReader(tone_words.UP_BITS, mulaw=False)
    filtered, state = Resampler(8000, 16000), None
    heard = []
    for counter in (0, 1, 700):
        for level in tone_words.levels(tone_words.up_value(411, counter), tone_words.UP_BITS):
            pcm16 = audioop.ulaw2lin(tone_words.MULAW_FRAMES[level], 2)
            if resampler == "ours":
                wide = filtered.process(pcm16)
            else:
                wide, state = audioop.ratecv(pcm16, 2, 1, 8000, 16000, state)
            heard += reader.feed(wide, 1.0)
    assert [word.value for word in heard] == [tone_words.up_value(411, counter) for counter in (0, 1, 700)]
    assert [word.frames for word in heard[1:]] == [20, 20]


def test_a_word_with_a_frame_missing_is_not_read_and_its_frames_are_missed() -> None:
    reader = tone_words.WordReader(tone_words.DOWN_BITS, mulaw=True)
    heard = []
    for counter in range(3):
        levels = tone_words.levels(counter, tone_words.DOWN_BITS)
        if counter == 1:
            del levels[4]
        heard += [word for level in levels for word in reader.feed(tone_words.MULAW_FRAMES[level], 0.0)]
    assert [word.value for word in heard] == [0, 2]
    assert heard[1].frames == 19


@given(
    st.lists(st.sampled_from([0, 1, 125, 126, 400, 65535, 65536]), max_size=4),
    st.lists(st.integers(0, 90), max_size=6),
    st.booleans(),
)
def test_websocket_frames_are_read_however_they_are_cut(lengths: list[int], sizes: list[int], masked: bool) -> None:
    make = websocket_bytes.client_frame if masked else websocket_bytes.server_frame
    messages = [bytes([number + 1]) * length for number, length in enumerate(lengths)]
    reader = websocket_bytes.FrameReader()
    read = [each for piece in cut(b"".join(map(make, messages)), sizes) for each in reader.feed(piece)]
    assert read == [(websocket_bytes.TEXT, message) for message in messages]


def test_a_masked_frame_of_the_standard_is_read() -> None:
    reader = websocket_bytes.FrameReader()
    assert reader.feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [(1, b"Hello")]
    assert websocket_bytes.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_signature_covers_the_form_in_order_of_name() -> None:
    assert signature("https://a.example/b", {"B": "2", "A": "1"}) == signature("https://a.example/b", {"A1": "B2"})
    assert signature("https://a.example/b", {"A": "1"}) != signature("https://a.example/b", {"A": "2"})


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([], 0.5) is None


def report_of(**changes: Any) -> dict[str, Any]:
    way = {"p50_ms": 0.1, "p99_ms": 2.0, "late": 1, "lost": 0, "doubled": 0, "crossed": 0, "corrupt": 0}
    return {
        "script": {"calls": 50, "audio_format": "ulaw_8000"},
        "up": way,
        "down": {**way, "lost": 2},
        "first_word_ms": {"p50": 5.0, "p95": 9.0},
        "webhook_ms": {"p50": 1.0, "p99": 2.0},
        "window_s": 10.0,
        "failures": [],
        "calls_up": 50,
        "calls_lost": 0,
        "calls_without_agent": 0,
        "target": {"cpu_s": 2.5, "waited_s": 0.1, "rss_kib_before": 1000, "rss_kib_after": 4000},
        "generator": {"cpu_s": 3.0, "waited_s": 0.1, "late_p99_ms": 1.0, "late_max_ms": 3.0},
        **changes,
    }


def test_a_report_becomes_figures_for_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measurement.available", lambda: True)
    figures = figures_of("ivr-bridge", report_of())
    assert figures.cpu_ms == pytest.approx(5.0)
    assert figures.rss_kib == pytest.approx(60.0)
    assert (figures.lost, figures.late) == (2, 2)
    assert figures.verdict == "ok"


def test_a_run_that_waited_for_a_core_or_stood_still_is_contended() -> None:
    waited = report_of(target={**report_of()["target"], "waited_s": 0.6})
    stood_still = report_of(generator={**report_of()["generator"], "late_max_ms": 300.0})
    assert figures_of("ivr-bridge", waited).verdict == "contended"
    assert figures_of("ivr-bridge", stood_still).verdict == "contended"
    assert figures_of("ivr-bridge", report_of(failures=["refused"])).verdict == "1 calls failed"


def figures(target: str, cpu_ms: float | None) -> Figures:
    return replace(figures_of(target, report_of()), cpu_ms=cpu_ms)


def test_the_median_of_runs_is_shown_and_what_went_wrong_is_added() -> None:
    merged = median_of([figures("ivr-bridge", value) for value in (9.0, 1.0, 3.0)])
    assert merged.cpu_ms == 3.0
    assert merged.calls == 50
    assert (merged.lost, merged.runs) == (6, 3)
    assert median_of([figures("ivr-bridge", None)]).cpu_ms is None


def test_ratios_are_ours_by_the_plain_relays() -> None:
    assert ratio(3.0, 4.0) == "0.75x"
    assert ratio(None, 4.0) == ratio(3.0, 0.0) == "-"


def test_the_table_has_a_row_each_and_one_of_ratios() -> None:
    both = [figures("ivr-bridge", 3.0), figures("plain relay", 4.0)]
    assert table(both).row_count == 3
    assert table(both[:1]).row_count == 1
    assert lines(both).splitlines()[2].startswith("| ulaw_8000 | 50 | ivr-bridge | 3.00 |")


@pytest.mark.parametrize("arguments", [["--calls", "0"], ["--calls", "9999"], ["--seconds", "0"], ["--runs", "0"]])
def test_options_that_make_no_sense_are_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2
    assert "--" in capsys.readouterr().err


def test_quick_means_few_calls_and_short() -> None:
    options = read_options(["--quick"])
    assert options.calls == [1, 20]
    assert options.seconds == 3.0

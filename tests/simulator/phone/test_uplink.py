from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.uplink import Uplink


def frames(count):
    return [bytes([n % 256]) * 160 for n in range(count)]


def run(faults, count=200):
    """One list of sent media for each 20 ms."""
    uplink = Uplink(faults)
    return [uplink.feed(frame) for frame in frames(count)] + [uplink.flush()]


def flat(ticks):
    return [media for tick in ticks for media in tick]


def test_a_good_line_sends_each_frame_at_once_with_wandering_timestamps():
    ticks = run(PhoneFaults())
    assert [len(tick) for tick in ticks] == [1] * 200 + [0]
    assert [media.mulaw for media in flat(ticks)] == frames(200)
    offsets = [media.timestamp_ms - 20 * n for n, media in enumerate(flat(ticks))]
    assert min(offsets) >= 5
    assert max(offsets) <= 12
    assert len(set(offsets)) > 3


def test_silence_is_a_mixture_and_never_pure():
    uplink = Uplink(PhoneFaults())
    silence = b"".join(uplink.silence() for _ in range(20))
    assert len(silence) == 3200
    assert set(silence) == {0x7E, 0xFE, 0xFF}


def test_odd_sizes_lose_nothing():
    ticks = run(PhoneFaults(odd_sizes=True))
    sizes = [len(media.mulaw) for media in flat(ticks)]
    assert b"".join(media.mulaw for media in flat(ticks)) == b"".join(frames(200))
    assert len(set(sizes)) > 50
    assert max(sizes) <= 400
    starts = [sum(sizes[:n]) // 8 for n in range(len(sizes))]
    assert all(5 <= media.timestamp_ms - start <= 12 for media, start in zip(flat(ticks), starts, strict=True))


def test_bursts_are_ten_frames_every_200_ms():
    ticks = run(PhoneFaults(burst=True), 40)
    assert [len(tick) for tick in ticks[:40]] == ([0] * 9 + [10]) * 4


def test_late_audio_comes_in_bursts_and_complete():
    ticks = run(PhoneFaults(late_ms=300))
    assert b"".join(media.mulaw for media in flat(ticks)) == b"".join(frames(200))
    counts = [len(tick) for tick in ticks[:200]]
    assert 0 in counts
    assert 5 < max(counts) <= 16


def test_gaps_skip_audio_but_not_time():
    uplink = Uplink(PhoneFaults(gap_ms=100))
    lost, sent = [], []
    for n, frame in enumerate(frames(120)):
        if uplink.loses_next():
            lost.append(n)
        sent.extend(uplink.feed(frame))
    assert lost == [*range(50, 55), *range(100, 105)]
    assert len(sent) == 110
    assert sent[50].mulaw == frames(120)[55]
    assert 1105 <= sent[50].timestamp_ms <= 1112


def test_the_same_seed_gives_the_same_line():
    assert run(PhoneFaults(odd_sizes=True, seed=7)) == run(PhoneFaults(odd_sizes=True, seed=7))
    assert run(PhoneFaults(odd_sizes=True, seed=7)) != run(PhoneFaults(odd_sizes=True, seed=8))

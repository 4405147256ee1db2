"""Change the rate of a PCM16 stream: our own low-pass, 20 ms out for every 20 ms in, from the first frame on.

A Kaiser-window FIR in polyphase form, kept as a matrix: a row of history and new samples times the matrix is a block of
output. The matrices of a rate pair are made once and shared by all streams; a stream keeps its history and the inputs
of its open block, at most 4 KiB.

What it promises at 8 kHz on either side (at higher rates the band scales with the lower rate):
- 300-3400 Hz within 0.05 dB;
- going up, images of tones up to 3.4 kHz are 60 dB down, for 3.0 ms of delay;
- going down, aliases of tones from 4.6 kHz are 60 dB down, for 1.8 ms of delay;
- an output sample is given as soon as its last input is there, so how the bytes were cut into chunks changes nothing
  (within 1 of 32,768, from the order of the sums).

The standard library's `ratecv` has no filter: its images are 5 dB down and its aliases 0 dB.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivr_bridge.audio.levels import peak
from ivr_bridge.errors import AudioFormatError

Floats = NDArray[np.float32]

_GRID_HZ = 50
"""20 ms hold a whole number of samples at multiples of this rate."""
_MIN_HZ, _MAX_HZ = 8000, 48000

_PHONE_HZ = 8000
_PASS_HZ = 3400
_UP_STOP_HZ, _UP_STOP_DB = 4000, 60.0
"""Going up, the images begin where the band ends: a narrow transition, and more delay."""
_DOWN_STOP_HZ, _DOWN_STOP_DB = 4600, 70.0
"""Going down, what lies between 4 and 4.6 kHz may fold into 3.4-4 kHz, where a phone is nearly deaf."""

_ROWS_A_FRAME = 10
_GROUP_COST_BYTES = 4608
"""A wide matrix is mostly zeros, so it is cut into groups of output, each with its own part of the input. A group more
is worth it when it saves reading this much of the matrix (measured)."""
_CEILING = 32766.0
"""Below full scale by more than the rounding of the sums."""
_SCRATCH_FRAMES = 5


class _Views(NamedTuple):
    """The arrays of `_Scratch` for n blocks; made beforehand, since making a view costs as much as using it."""

    windows: NDArray[np.int16]
    """groups x n x window: what each group of outputs needs of the input, overlapping."""
    gathered: Floats
    """The same, side by side as the matrix product wants it."""
    products: Floats
    """groups x n x group_out."""
    sums: Floats
    """`products`, flat."""
    highest: Floats
    lowest: Floats
    """The range of a sample, as long as `sums`: comparing with an array is quicker than with a number."""
    ordered: Floats
    """n x groups x group_out: `products` in the order of time."""
    output: NDArray[np.int16]


class _Scratch:
    """The working memory of one call of `process`: shared by the streams of a rate pair, used by one at a time."""

    __slots__ = ("output", "samples", "views")

    def __init__(self, shape: tuple[int, int, int], group_in: int, block_in: int, rows: int) -> None:
        groups, window, group_out = shape
        samples = np.zeros(window + (groups - 1) * group_in + (rows - 1) * block_in + 1, "<i2")
        self.samples = samples.data.cast("B")
        step = samples.itemsize
        windows = np.lib.stride_tricks.as_strided(
            samples, (groups, rows, window), (group_in * step, block_in * step, step), writeable=False
        )
        gathered = np.zeros(groups * rows * window, np.float32)
        sums = np.zeros(groups * rows * group_out, np.float32)
        highest = np.full(groups * rows * group_out, 32767.0, np.float32)
        lowest = np.full(groups * rows * group_out, -32768.0, np.float32)
        output = np.zeros((rows, groups, group_out), "<i2")
        self.output = output.reshape(-1).data.cast("B")
        self.views = [
            _Views(
                windows=windows[:, :n],
                gathered=gathered[: groups * n * window].reshape(groups, n, window),
                sums=sums[: groups * n * group_out],
                highest=highest[: groups * n * group_out],
                lowest=lowest[: groups * n * group_out],
                products=sums[: groups * n * group_out].reshape(groups, n, group_out),
                ordered=sums[: groups * n * group_out].reshape(groups, n, group_out).transpose(1, 0, 2),
                output=output[:n],
            )
            for n in range(rows + 1)
        ]


class _Filter:
    """The filter of one rate pair: its block sizes, its matrices and its spare scratch."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        common_hz = gcd(source_hz, target_hz)
        periods = common_hz // _GRID_HZ
        frame_rows = min(_divisors(periods), key=lambda rows: abs(rows - _ROWS_A_FRAME))
        self.block_in = source_hz // _GRID_HZ // frame_rows
        self.block_out = target_hz // _GRID_HZ // frame_rows
        self._max_rows = frame_rows * _SCRATCH_FRAMES
        low_hz = min(source_hz, target_hz)
        stop_hz, stop_db = (_UP_STOP_HZ, _UP_STOP_DB) if target_hz > source_hz else (_DOWN_STOP_HZ, _DOWN_STOP_DB)
        scale = low_hz / _PHONE_HZ
        # Kaiser's rule for half the length, brought to half a sample of the lower rate.
        half_s = (stop_db - 7.95) / (28.72 * (stop_hz - _PASS_HZ) * scale)
        self.delay_s = round(half_s * low_hz * 2) / 2 / low_hz
        self.history = ceil(2 * self.delay_s * source_hz - 1e-9)
        self.silence = bytes(2 * self.history)
        tail_samples = ceil(self.delay_s * target_hz - 1e-9)
        self.tail_bytes = 2 * tail_samples
        self.tail_silence = bytes(2 * (tail_samples * source_hz // target_hz + 2))
        # How many outputs of a block can be told from its first 0, 1, 2 ... inputs.
        self.outputs = [-(-n * self.block_out // self.block_in) for n in range(self.block_in)]
        self.most_bytes = 2 * self.block_in * (self._max_rows - 1)
        self._cut(self._block_matrix(source_hz, target_hz, (_PASS_HZ + stop_hz) / 2 * scale, stop_db))
        self._spare: list[_Scratch] = []

    def _block_matrix(self, source_hz: int, target_hz: int, cutoff_hz: float, stop_db: float) -> NDArray[np.float64]:
        """What each input (history and block, by row) adds to each output of the block (by column)."""
        inputs_s = np.arange(-self.history, self.block_in) / source_hz
        outputs_s = np.arange(self.block_out) / target_hz
        from_centre_s = outputs_s[None, :] - inputs_s[:, None] - self.delay_s
        inside = np.abs(from_centre_s) <= self.delay_s * (1 + 1e-9)
        arch = np.sqrt(np.clip(1 - (from_centre_s / self.delay_s) ** 2, 0, None))
        taps: NDArray[np.float64] = np.sinc(2 * cutoff_hz * from_centre_s) * np.i0(0.1102 * (stop_db - 8.7) * arch)
        taps = np.where(inside, taps, 0.0)
        # Each column sums to one, so a constant comes out as that constant at every phase.
        taps /= taps.sum(axis=0)
        return taps

    def _cut(self, matrix: NDArray[np.float64]) -> None:
        """Split the outputs of a block into as many groups as make the product quickest."""
        inputs: int = matrix.shape[0]

        def window_of(groups: int) -> int:
            return inputs - (groups - 1) * (self.block_in // groups)

        def cost(groups: int) -> int:
            return 4 * window_of(groups) * self.block_out + groups * _GROUP_COST_BYTES

        groups = min(_divisors(self.block_out), key=cost)
        window = window_of(groups)
        group_in, group_out = self.block_in // groups, self.block_out // groups
        parts = [
            matrix[g * group_in : g * group_in + window, g * group_out : (g + 1) * group_out] for g in range(groups)
        ]
        self._matrices: Floats = np.ascontiguousarray(parts, dtype=np.float32)
        self._group_in = group_in
        self._never_clipped = _CEILING / float(np.abs(matrix).sum(axis=0).max())

    def convolve(self, samples: bytes, rows: int, first: int, end: int) -> bytes:
        """Outputs `first` to `end` (counted from the open block's first) of `rows` blocks.

        Args:
            samples: history and at most `max_rows` blocks of PCM16. The last block need not be full: what the scratch
                still holds behind it meets only zeros of the matrix. It is computed again when more has come.
            rows: how many blocks are begun.
            first: how many of the outputs have been given already.
            end: one more than the last output that can be told.
        """
        # Taking and giving back are one step each for other threads.
        try:
            scratch = self._spare.pop()
        except IndexError:
            scratch = self._new_scratch()
        scratch.samples[: len(samples)] = samples
        views = scratch.views[rows]
        np.copyto(views.gathered, views.windows)
        np.matmul(views.gathered, self._matrices, out=views.products)
        sums = views.sums
        np.rint(sums, out=sums)
        if peak(samples) > self._never_clipped:
            np.minimum(sums, views.highest, out=sums)
            np.maximum(sums, views.lowest, out=sums)
        views.output[...] = views.ordered
        result = scratch.output[2 * first : 2 * end].tobytes()
        self._spare.append(scratch)
        return result

    def _new_scratch(self) -> _Scratch:
        return _Scratch(self._matrices.shape, self._group_in, self.block_in, self._max_rows)


def _divisors(number: int) -> Iterator[int]:
    return (n for n in range(1, number + 1) if number % n == 0)


@lru_cache(maxsize=64)
def _filter_for(source_hz: int, target_hz: int) -> _Filter:
    return _Filter(source_hz, target_hz)


class Resampler:
    """One direction of one call, from one rate to another; not to be shared between streams.

    Feed it with `process` in order; `flush` at the end of a segment; `reset` when what is to come does not follow from
    what was (a barge-in). Streams in different threads do not disturb each other.

    Args:
        source_hz: 8000 to 48,000, a multiple of 50.
        target_hz: the same; equal rates pass the samples through.

    Raises:
        AudioFormatError: a rate of which 20 ms are no whole number of samples, or that is out of range.
    """

    __slots__ = ("_fill", "_filter", "_kept", "_started", "source_hz", "target_hz")

    def __init__(self, source_hz: int, target_hz: int) -> None:
        for rate_hz in (source_hz, target_hz):
            if rate_hz % _GRID_HZ or not _MIN_HZ <= rate_hz <= _MAX_HZ:
                raise AudioFormatError(
                    f"cannot resample {source_hz} Hz to {target_hz} Hz: "
                    f"rates are multiples of {_GRID_HZ} from {_MIN_HZ} to {_MAX_HZ} Hz"
                )
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._filter = None if source_hz == target_hz else _filter_for(source_hz, target_hz)
        self._kept = b"" if self._filter is None else self._filter.silence
        self._fill = 0
        self._started = False

    def __str__(self) -> str:
        return f"pcm_{self.source_hz} -> pcm_{self.target_hz}"

    @property
    def delay_ms(self) -> float:
        """By how much the output lags the input: 3.0 from 8 kHz up, 1.8125 down to 8 kHz, 0 for equal rates."""
        return 0.0 if self._filter is None else self._filter.delay_s * 1000

    def process(self, pcm16: bytes) -> bytes:
        """The next output for the next input, of any length.

        Args:
            pcm16: any number of bytes; half a sample at the end is kept for the next call.

        Returns:
            PCM16 at the target rate: after n frames of 20 ms in, n frames of 20 ms in all. Clipped, never wrapped.
        """
        rate_filter = self._filter
        if rate_filter is None:
            return self._pass_through(pcm16)
        if not pcm16:
            return b""
        most = rate_filter.most_bytes
        if len(pcm16) > most:
            return b"".join([self.process(pcm16[i : i + most]) for i in range(0, len(pcm16), most)])
        # History, the inputs of the open block and perhaps half a sample; then what is new.
        joined = self._kept + pcm16
        full_rows, fill = divmod(len(joined) // 2 - rate_filter.history, rate_filter.block_in)
        first = rate_filter.outputs[self._fill]
        end = full_rows * rate_filter.block_out + rate_filter.outputs[fill]
        self._kept = joined[2 * full_rows * rate_filter.block_in :]
        self._fill = fill
        self._started = self._started or full_rows + fill > 0
        return rate_filter.convolve(joined, full_rows + (fill > 0), first, end)

    def _pass_through(self, pcm16: bytes) -> bytes:
        """Whole samples, as they are."""
        joined = self._kept + pcm16 if self._kept else pcm16
        odd = len(joined) % 2
        self._kept = joined[-1:] if odd else b""
        return joined[:-1] if odd else joined

    def flush(self) -> bytes:
        """The end of the segment: what still lags behind, then as new.

        Returns:
            `delay_ms` of PCM16 (rounded up to a sample), or nothing when nothing came in; half a sample is dropped.
        """
        tail = b""
        rate_filter = self._filter
        if rate_filter is not None and self._started:
            self._kept = self._kept[: 2 * (rate_filter.history + self._fill)]
            tail = self.process(rate_filter.tail_silence)[: rate_filter.tail_bytes]
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget all that came in: the next input follows on silence."""
        self._kept = b"" if self._filter is None else self._filter.silence
        self._fill = 0
        self._started = False

"""Bytes to bytes: formats, G.711, rates, frames, levels, tones and WAV files; no vendor, no clock, no input or output.

In travel order: `formats` names what a leg speaks; `transcoder` joins `g711` and `resample` into the one chain of a
direction; `framer` cuts what comes out; `levels`, `tones` and `wav` serve prompts and recordings; `prompt_encoding`
is the slow, better mu-law encoder for prompts. PCM is everywhere signed 16-bit little-endian, mono.
"""

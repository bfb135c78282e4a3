"""Small videos, made anew: scenes of coarse noise, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from small_index import settle

SIDE = 64
RATE = 10


def scene(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Return a picture of coarse noise; a negative seed gives one that is black."""
    noise = np.random.default_rng(abs(seed)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise * (seed >= 0)).resize(size, Image.Resampling.BICUBIC)


def make_video(
    path: Path,
    seeds: Sequence[int],
    *,
    size: tuple[int, int] = (SIDE, SIDE),
    seconds_each: float = 1.0,
    metadata: Mapping[str, str] | None = None,
    turned: int = 0,
    gop: int = RATE,
    rate: int = RATE,
    sound_alone: bool = False,
    encoding: str = "utf-8",
) -> Path:
    """Write a video with a scene for each seed, and an old mtime.

    turned: by how many degrees against the clock a player turns it. gop: a frame that can be
    decoded alone comes at least after so many. encoding: of the metadata.
    """
    options = {"movflags": "use_metadata_tags"} if path.suffix == ".mov" else {}
    with av.open(str(path), "w", options=options, metadata_encoding=encoding) as container:
        container.metadata.update(metadata or {})
        if sound_alone:
            sound = container.add_stream("aac", rate=48_000)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 48_000
            container.mux(sound.encode(silence))
            container.mux(sound.encode())
            return settle(path)
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = gop
        if turned:
            stream.set_display_rotation(turned)
        for seed in seeds:
            picture = np.asarray(scene(seed, size))
            for _ in range(round(seconds_each * rate)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return settle(path)


def write_frames(
    path: Path,
    seeds: Sequence[int],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (SIDE, SIDE),
    times_ms: Sequence[int] = (),
    options: Mapping[str, str] | None = None,
) -> Path:
    """Write a video with a frame for each seed, at its time where there are times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=dict(options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.thread_count = 1
        if times_ms:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, seed in enumerate(seeds):
            pixels = np.asarray(scene(seed, size).convert("RGBA"))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            if times_ms:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return settle(path)


def make_long(path: Path, seeds: Sequence[int], hours: float, *, b_frames: int = 2) -> Path:
    """Write a video in which the scenes come one after the other, again and again, for hours.

    Each lasts ten seconds; only its first frame can be decoded alone. Nothing is encoded twice.
    """
    length = 10 * RATE
    settings = f"keyint={length}:min-keyint={length}:scenecut=0"
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "bf": str(b_frames), "x264-params": settings}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        packets = []
        for seed in seeds:
            picture = np.asarray(scene(seed))
            for _ in range(length):
                packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        packets += stream.encode()
        step = len(packets)  # in the encoder's unit, a frame
        for turn in range(round(hours * 3600 * RATE / len(packets))):
            for each in packets:
                packet = av.Packet(bytes(each))
                packet.pts, packet.dts = each.pts + turn * step, each.dts + turn * step
                packet.time_base, packet.duration = each.time_base, each.duration
                packet.is_keyframe, packet.stream = each.is_keyframe, stream
                container.mux(packet)
    return settle(path)

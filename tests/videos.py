"""Small videos, made anew: scenes of coarse noise, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

"""What videos cost an index, and that photos cost nothing more for them.

`PYTHONPATH=tests python -m bench.videos` makes 20 videos of 30 s in 1280 x 720, each of ten scenes
of coarse noise between which the camera moves, and 200 photos; it reads them in this process and
prints one JSON line: seconds of the processor and frames chosen for each video, and whether reading
photos alone imports the reader of videos.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from videos import scene

from rclip_like.images.decoding import decode_video
from rclip_like.images.products import model_products
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

NUM_VIDEOS, NUM_PHOTOS = 20, 200
SECONDS, SCENES, RATE = 30, 10, 25
SIZE = (1280, 720)
MODEL = Preprocessing(224, (0.0,) * 3, (1.0,) * 3)
_PHOTOS_ALONE = """
import sys, time
from pathlib import Path
from rclip_like.images.decoding import decode
from rclip_like.images.products import model_products
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing
products = model_products(Preprocessing(224, (0.0,) * 3, (1.0,) * 3))
paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
began = time.process_time()
for path in paths:
    decode(path.read_bytes(), b".jpg", products, ReadSettings())
print("av" in sys.modules, time.process_time() - began)
"""


def write_video(path: Path, seed: int) -> None:
    """Write a video as a phone does: H.264, a frame that can be decoded alone each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = RATE
        for number in range(SCENES):
            wide = np.asarray(scene(seed * SCENES + number, (SIZE[0] + 300, SIZE[1])))
            for step in range(SECONDS * RATE // SCENES):
                pixels = np.ascontiguousarray(wide[:, 4 * step : 4 * step + SIZE[0]])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def measure(scratch: Path, num_videos: int) -> dict[str, object]:
    """Return the figures; videos and photos are made in an empty folder."""
    seconds, frames = list[float](), list[int]()
    for number in range(num_videos):
        path = scratch / f"{number}.mp4"
        write_video(path, number)
        began = time.process_time()
        with path.open("rb") as file:
            video = decode_video(file, model_products(MODEL), ReadSettings())
        seconds.append(time.process_time() - began)
        frames.append(len(video.seconds))
    for number in range(NUM_PHOTOS):
        scene(number, (1600, 1200)).save(scratch / f"{number}.jpg", quality=90)
    command = [sys.executable, "-c", _PHOTOS_ALONE, str(scratch)]
    has_av, photos = subprocess.check_output(command, text=True).split()
    assert has_av == "False", "photos import the reader of videos"
    return {
        "videos": num_videos,
        "seconds_of_video": SECONDS,
        "size": SIZE,
        "cpu_seconds_a_video": round(float(np.median(seconds)), 3),
        "slowest": round(max(seconds), 3),
        "frames": sorted(frames),
        "photos_import_av": has_av == "True",
        "cpu_milliseconds_a_photo": round(1000 * float(photos) / NUM_PHOTOS, 2),
        "av": av.__version__,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=NUM_VIDEOS)
    number = parser.parse_args().videos
    with TemporaryDirectory() as scratch:
        print(json.dumps(measure(Path(scratch), number)))

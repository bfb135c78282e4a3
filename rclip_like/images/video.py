"""Videos by PyAV: a few frames chosen by what they show, as the frames of a picture.

Many frames, spread over the video, are compared in small; those that differ most are kept. FFmpeg
reads from an open file: it opens nothing by itself, be it named in a playlist or a reference.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from rclip_like.images.formats import VIDEO
from rclip_like.images.words import Words, words_of_texts

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    Small = npt.NDArray[np.float32]
    """A frame in small, its colours from 0 to 1, (3 * _SMALL_SIDE * _SMALL_SIDE,)."""

LEAST_FRAMES, MOST_FRAMES = 3, 8
"""So many frames stand for a video, fewer where there are not as many that differ."""

_CANDIDATES = 24
_ENOUGH_KEY_FRAMES = 8
"""Frames that can be decoded alone; with fewer of them, a video is decoded from its start on."""
_UNKNOWN_STEP_SECONDS = 0.5
"""Between the frames that are compared, where a video does not say how long it is."""
_UNKNOWN_RATE = 25.0
_SHARE_OF_TIME = 0.25
_SMALL_SIDE = 16
_MOST_SHORT_SIDE = 1080
# Root mean squares of differences of colours from 0 to 1: between two frames of one scene, filmed
# from the hand, 0.02 to 0.1; across a cut 0.2 and more.
_SAME, _OTHER_SCENE = 0.01, 0.12
_BLANK = 0.03
"""A frame of one colour, as at a fade, varies less."""

_CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg"
_CODECS = (
    "av1,dnxhd,dvvideo,ffv1,flv,h263,h264,hevc,libdav1d,libvpx,libvpx-vp9,mjpeg,mpeg1video,"
    "mpeg2video,mpeg4,msmpeg4,msmpeg4v1,msmpeg4v2,prores,rawvideo,theora,vc1,vp8,vp9,wmv1,wmv2,wmv3"
)
"""FFmpeg's names for what cameras, phones and editors write; hundreds of others are not tried."""

_DATES = ("com.apple.quicktime.creationdate", "date", "creation_time")
_LOCATIONS = ("com.apple.quicktime.location.ISO6709", "location", "location-eng")
_MAKES = ("com.apple.quicktime.make", "make", "com.android.manufacturer")
_MODELS = ("com.apple.quicktime.model", "model", "com.android.model")
_CAPTIONS = ("title", "description", "comment", "com.apple.quicktime.description")
_KEYWORDS = "keywords"
_POSITION = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")
_UNSET = re.compile(r"(?:1904|1970)-01-01")
"""The days on which clocks begin that nobody has set."""


@dataclass
class _Frame:
    second: float
    small: Small
    pixels: Image.Image
    """Upright, at reduced size."""


class VideoFile(Image.Image):
    """A video as Pillow has pictures: identified when made, decoded by `load`; frames by `seek`.

    The frame that resembles the others most comes first, the others follow in order of time.
    `size` is that of an upright frame until it is decoded, `seconds` says when each frame comes.
    Pixels are as many as `draft` asked for, at most 1080 on the short side. Where a second is
    given, the frame shown at that moment is the only one. Raises OSError for a file without a video
    that is read.
    """

    format = VIDEO
    bytes_per_pixel = 60.0
    """With 16 frames that refer to one another, H.264 took 34 beside what is kept of the frames."""

    def __init__(self, file: BinaryIO, max_seconds: float, second: float | None = None) -> None:
        """max_seconds: of the processor's time; a quarter of it is spent on choosing frames."""
        super().__init__()
        self._end = time.process_time() + max_seconds * _SHARE_OF_TIME
        self._enough = _MOST_SHORT_SIDE
        self._frames: list[_Frame] = []
        self._second = second
        with _as_pillow_errors():
            self._container = av.open(
                file,
                "r",
                metadata_errors="replace",
                options={
                    "format_whitelist": _CONTAINERS,
                    "codec_whitelist": _CODECS,
                    "protocol_whitelist": "none",
                },
            )
            self._stream = _video_stream(self._container)
            self._stream.codec_context.thread_count = 1  # a thread's stack counts as memory
            self._start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
            first = next(self._container.decode(self._stream), None)
        if first is None:
            raise OSError("holds no frame that can be decoded")
        self._turns = round(first.rotation / 90) % 4
        wide, high = _display_size(self._stream, first)
        self._mode, self._size = "RGB", (high, wide) if self._turns % 2 else (wide, high)

    @property
    def seconds(self) -> tuple[float, ...]:
        """When each frame comes, in seconds from the start; empty until it is decoded."""
        return tuple(frame.second for frame in self._frames)

    @property
    def n_frames(self) -> int:
        """How many frames stand for the video; 0 until it is decoded."""
        return len(self._frames)

    @property
    def words(self) -> Words:
        """The captions and keywords in the file."""
        metadata = self._metadata()
        captions = [metadata.get(name, "") for name in _CAPTIONS]
        return words_of_texts(captions, re.split(r"[;,\n]", metadata.get(_KEYWORDS, "")))

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Note that frames whose short side has as many pixels as `size` are enough."""
        if size is not None:
            self._enough = min(*size, _MOST_SHORT_SIDE)

    def load(self) -> Any:
        """Choose and decode the frames; the first one is at hand then."""
        if not self._frames:
            with _as_pillow_errors():
                if self._second is None:
                    self._frames = _chosen(self._candidates())
                else:
                    self._frames = [self._shown_at(self._second)]
                self._container.close()
            self.seek(0)
        return super().load()

    def seek(self, number: int) -> None:
        """Go to one of the frames. Raises EOFError after the last."""
        if not 0 <= number < len(self._frames):
            raise EOFError
        picture = self._frames[number].pixels
        self.im, self._size = picture.im, picture.size

    def getexif(self) -> Image.Exif:
        """Return what the file says of date, camera and position, as EXIF has it."""
        metadata, exif = self._metadata(), Image.Exif()
        details, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        dates = [metadata[name] for name in _DATES if name in metadata]
        if date := next((each for each in dates if not _UNSET.match(each)), None):
            details[ExifTags.Base.DateTimeOriginal] = date
        for text, names in ((ExifTags.Base.Make, _MAKES), (ExifTags.Base.Model, _MODELS)):
            exif[text] = next((metadata[name] for name in names if name in metadata), "")
        for position in (metadata[name] for name in _LOCATIONS if name in metadata):
            if found := _POSITION.match(position):
                for tag, degrees, signs in (
                    (ExifTags.GPS.GPSLatitude, float(found[1]), "NS"),
                    (ExifTags.GPS.GPSLongitude, float(found[2]), "EW"),
                ):
                    gps[tag - 1], gps[tag] = signs[degrees < 0], (abs(degrees), 0.0, 0.0)
        return exif

    def _metadata(self) -> dict[str, str]:
        return {**self._stream.metadata, **self._container.metadata}

    def _candidates(self) -> list[_Frame]:
        """Return frames spread over the video, in order of time, each once; at least one."""
        seconds = (self._container.duration or 0) / av.time_base
        found: dict[float, _Frame] = {}
        for frames in (self._key_frames(seconds), self._all_frames(seconds)):
            if len(found) >= _ENOUGH_KEY_FRAMES:
                break
            try:
                for frame in frames:
                    found[frame.second] = frame
                    if len(found) > 2 * _CANDIDATES:
                        found = dict(sorted(found.items())[::2])
                    if time.process_time() > self._end:
                        break
            except av.FFmpegError:  # broken from here on
                continue
        if not found:
            raise OSError("holds no frame that can be decoded")
        return [frame for _, frame in sorted(found.items())]

    def _key_frames(self, seconds: float) -> Iterator[_Frame]:
        """Yield the frames nearest before some moments that can be decoded alone.

        Each is decoded without those that follow it, for which some decoders wait.
        """
        context, before = self._stream.codec_context, -1.0
        context.skip_frame = "NONKEY"
        for number in range(_CANDIDATES if seconds > 0 else 0):
            moment = self._start + seconds * (number + 0.5) / _CANDIDATES
            frames: list[av.VideoFrame] = []
            with suppress(av.FFmpegError):  # others may be sound
                self._container.seek(int(moment * av.time_base))
                packets = self._container.demux(self._stream)
                if packet := next((each for each in packets if each.is_keyframe), None):
                    frames = [*context.decode(packet), *context.decode(None)]
            frame = frames[0] if frames else None
            second = self._second_of(frame) if frame else None
            if frame is None or second is None or second == before:
                continue
            before = second
            yield self._reduced(frame, second)

    def _all_frames(self, seconds: float) -> Iterator[_Frame]:
        """Yield frames as far apart as _CANDIDATES of them would be, decoding all in between."""
        context = self._stream.codec_context
        context.skip_frame = "DEFAULT"
        step = seconds / _CANDIDATES if seconds > 0 else _UNKNOWN_STEP_SECONDS
        self._container.seek(0)
        rate = float(self._stream.average_rate or 0) or _UNKNOWN_RATE
        due = float("-inf")
        for number, frame in enumerate(self._container.decode(self._stream)):
            second = self._second_of(frame)
            second = number / rate if second is None else second
            if second >= due:
                due = second + step
                yield self._reduced(frame, second)
            if time.process_time() > self._end:
                return

    def _second_of(self, frame: av.VideoFrame) -> float | None:
        """Return when a frame comes, in seconds from the start; None where it does not say."""
        # Not `frame.time`: a frame got out of a decoder by flushing it has no time base.
        if frame.pts is None or not self._stream.time_base:
            return None
        return float(frame.pts * self._stream.time_base) - self._start

    def _shown_at(self, second: float) -> _Frame:
        """Return the frame that a player shows at a moment, the last one where that is later."""
        shown: av.VideoFrame | None = None
        self._container.seek(int((self._start + second) * av.time_base))
        with suppress(av.FFmpegError):  # broken from here on
            for frame in self._container.decode(self._stream):
                is_later = (self._second_of(frame) or 0.0) > second
                if shown is not None and (is_later or time.process_time() > self._end):
                    break
                shown = frame
        if shown is None:
            raise OSError("holds no frame that can be decoded")
        return self._reduced(shown, second)

    def _reduced(self, frame: av.VideoFrame, second: float) -> _Frame:
        """Return a frame upright, in small and at the size that is enough."""
        wide, high = _display_size(self._stream, frame)
        ratio = min(1.0, self._enough / min(wide, high))
        size = max(1, round(wide * ratio)), max(1, round(high * ratio))
        pixels = frame.reformat(*size, format="rgb24", interpolation="AREA")
        upright = Image.fromarray(pixels.to_ndarray())
        if self._turns:
            upright = upright.transpose(_TURNS[self._turns])
        small = frame.reformat(_SMALL_SIDE, _SMALL_SIDE, format="rgb24", interpolation="AREA")
        colours = np.asarray(small.to_ndarray(), np.float32).ravel() / np.float32(255)
        # Rounded up: a player at a moment just before it shows the frame before.
        return _Frame(max(0.0, math.ceil(100 * second - 1e-6) / 100), colours, upright)


_TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
"""By quarters of a turn against the clock, as a video states them."""


def _video_stream(container: Any) -> VideoStream:
    """Return the video in a file that may also hold covers. Raises OSError without one."""
    for stream in container.streams.video:
        is_cover = bool(stream.disposition & stream.disposition.attached_pic)
        if not is_cover and stream.codec_context is not None:
            if stream.codec_context.name not in _CODECS.split(","):
                raise OSError(f"videos coded as {stream.codec_context.name} are not read")
            return stream  # type: ignore[no-any-return]
    raise OSError("holds no video")


def _display_size(stream: VideoStream, frame: av.VideoFrame) -> tuple[int, int]:
    """Return width and height of a frame in square pixels, before it is turned."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    if not 0.25 <= aspect <= 4:
        aspect = 1.0
    return max(1, round(frame.width * aspect)), frame.height


def _chosen(frames: list[_Frame]) -> list[_Frame]:
    """Return the frames that stand for a video, of candidates in order of time.

    First the one that is nearest to all others; then, one by one, the one that differs most from
    those chosen. From the fourth on it has to be of another scene. Frames of one colour count only
    where there are no others.
    """
    frames = list(filter(_varies, frames)) or frames
    smalls_NC = np.stack([frame.small for frame in frames])
    squares_NN = ((smalls_NC[:, np.newaxis] - smalls_NC) ** 2).mean(axis=2)
    distances_NN = np.sqrt(squares_NN)
    typical = int(distances_NN.mean(axis=1).argmin())
    chosen, nearest_N = [typical], distances_NN[typical]
    while len(chosen) < min(MOST_FRAMES, len(frames)):
        number = int(nearest_N.argmax())
        least = _SAME if len(chosen) < LEAST_FRAMES else _OTHER_SCENE
        if nearest_N[number] < least:
            break
        chosen.append(number)
        nearest_N = np.minimum(nearest_N, distances_NN[number])
    return [frames[typical], *(frames[number] for number in sorted(chosen[1:]))]


def _varies(frame: _Frame) -> bool:
    colours = frame.small.reshape(-1, 3)
    return float(colours.std(axis=0).max()) > _BLANK


@contextmanager
def _as_pillow_errors() -> Iterator[None]:
    """Raise FFmpeg's errors as those that Pillow's own readers raise."""
    try:
        yield
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise OSError(f"FFmpeg says: {error.strerror}") from error

"""The process that recognises text: a line of JSON and pixels in, a line of JSON out.

It imports rapidocr, and with it OpenCV and ONNX Runtime, and leaves when its parent does.
"""

from __future__ import annotations

from typing import Any

from rclip_like.images.worker import connect_to_parent, limit_memory, limited, send
from rclip_like.telemetry import switch_off

LONG_SIDE_DETECTED = 1280
"""Text is detected in a copy of this long side, and recognised at full size."""
_SURE_TEXT = 0.5
"""Lines whose mean probability of a letter is lower are left out."""
_POSSIBLE_BOX, _SURE_BOX = 0.35, 0.5
"""How likely an area must be text: to be detected at first, and to be read."""


def serve() -> None:
    """Answer the requests on standard input until it ends.

    The first line holds the limits, the paths of the models and the number of threads; each further
    one is a request, followed by the picture's pixels in RGB. An answer holds `found`, whether
    there may be text, or `lines`, the text from top to bottom, or `reason`, why there is neither.
    """
    answers, requests = connect_to_parent()
    limits = next(requests)[0]
    limit_memory(limits["max_memory_bytes"])
    try:
        with limited(limits["max_wait_seconds"]):
            engine = _engine(limits["models"], limits["threads"])
    except Exception as error:  # noqa: BLE001 - an import of compiled parts raises anything
        send(answers, {"reason": f"{type(error).__name__}: {error}", "num_bytes": 0})
        return
    send(answers, {"num_bytes": 0})
    for request, pixels in requests:
        with limited(limits["max_wait_seconds"], limits["max_seconds"]):
            try:
                answer = _answer(engine, request, pixels or b"")
            except Exception as error:  # noqa: BLE001 - the library raises anything
                answer = {"reason": f"{type(error).__name__}: {error}"[:1000]}
        send(answers, answer | {"num_bytes": 0})


def _engine(models: dict[str, str], threads: int) -> Any:
    """Return rapidocr with the models of these paths, "det", "cls" and "rec"."""
    switch_off()
    import cv2
    import rapidocr

    cv2.setNumThreads(threads)
    runtime = "EngineConfig.onnxruntime"
    settings = {
        "Global.log_level": "critical",
        "Global.max_side_len": 1 << 16,  # the caller bounds what it sends
        "Global.text_score": _SURE_TEXT,
        f"{runtime}.intra_op_num_threads": threads,
        f"{runtime}.inter_op_num_threads": 1,
        # Named, so that none is ever fetched.
        "Det.model_path": models["det"],
        "Cls.model_path": models["cls"],
        "Rec.model_path": models["rec"],
        "Det.limit_type": "max",
        "Det.limit_side_len": LONG_SIDE_DETECTED,
    }
    return rapidocr.RapidOCR(params=settings)


def _answer(engine: Any, request: dict[str, Any], pixels: bytes) -> dict[str, Any]:
    import numpy as np

    size = request["height"], request["width"], 3
    bgr = np.ascontiguousarray(np.frombuffer(pixels, np.uint8).reshape(size)[:, :, ::-1])
    if request["detect_only"]:
        detected = engine(bgr, use_cls=False, use_rec=False, box_thresh=_POSSIBLE_BOX)
        return {"found": detected.boxes is not None and len(detected.boxes) > 0}
    read = engine(bgr, use_det=True, use_cls=True, use_rec=True, box_thresh=_SURE_BOX)
    return {"lines": list(read.txts or ())}

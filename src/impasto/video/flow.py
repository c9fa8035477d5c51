"""Optical flow: where each pixel of a frame was in the frame before.

The method is dense inverse search (DIS, Kroeger et al. 2016, arXiv:1603.03590), by OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import MissingExtraError

Floats = NDArray[np.float32]

_SIDE = 512
"""The long side in pixels at which flow is computed, at most. Flow is smoother than the picture."""

_ENLARGED, _LEAST = 2, 32
"""Small frames are enlarged, up to so many times, since the patches of the method are 8 pixels
wide; and the sides are at least as long as the second number, which the method needs."""

_BLUR = 0.6
"""The standard deviation of a blur before that, in pixels: the flow is not to follow grain."""

_FINEST = 1
"""The finest level of the pyramid: 1 is half the size."""

_STRIDE, _ITERATIONS = 4, 12
"""The distance between patches in pixels, and the steps of gradient descent for each."""


def import_cv2() -> Any:
    """Return OpenCV. Raises `MissingExtraError`."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("Optical flow", "video") from error
    return cv2


class FlowEstimator:
    """Computes flow between planes of one size. Raises `MissingExtraError`."""

    def __init__(self) -> None:
        cv2 = import_cv2()
        self._dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(_FINEST)
        self._dis.setPatchStride(_STRIDE)
        self._dis.setGradientDescentIterations(_ITERATIONS)

    def between(self, one: Floats, other: Floats) -> tuple[Floats, Floats]:
        """Return the flow (h, w, 2) from a luma (h, w) in [0, 1] to another, and the flow back.

        What ``one`` shows at (x, y) is in ``other`` at (x, y) + ``flow[y, x]``, in pixels to the
        right and down.
        """
        first, second = in_bytes(one), in_bytes(other)
        with _one_thread():
            return self._dis.calc(first, second, None), self._dis.calc(second, first, None)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have OpenCV use one thread: the flow depends on the number."""
    cv2 = import_cv2()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def small(rgb: NDArray[np.uint8]) -> Floats:
    """Return the luma (h, w), in [0, 1], of (H, W, 3) at the size at which flow is computed."""
    cv2 = import_cv2()
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    height, width = luma.shape
    scale = min(_ENLARGED, _SIDE / max(height, width))
    size = max(_LEAST, round(width * scale)), max(_LEAST, round(height * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    made: Floats = cv2.GaussianBlur(cv2.resize(luma, size, interpolation=kind), (0, 0), _BLUR)
    return made


def brightness(picture: Floats) -> Floats:
    """Return the luma (h, w) of (h, w, 3)."""
    cv2 = import_cv2()
    made: Floats = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return made


def in_bytes(picture: Floats) -> NDArray[np.uint8]:
    """As `images.picture.eight_bits`, for values in [0, 1], and several times faster."""
    cv2 = import_cv2()
    made: NDArray[np.uint8] = cv2.convertScaleAbs(picture, alpha=255)
    return made


def shrunk(picture: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return (h, w) or (h, w, n), averaged over blocks of about ``factor`` pixels a side."""
    cv2 = import_cv2()
    height, width = (max(1, round(side / factor)) for side in picture.shape[:2])
    made: NDArray[Any] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return made


def resized(picture: Floats, height: int, width: int) -> Floats:
    """Return (h, w) or (h, w, n) resized bilinearly."""
    cv2 = import_cv2()
    made: Floats = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return made


def resized_flow(flow: Floats, height: int, width: int) -> Floats:
    """Return flow (h, w, 2) resized to another size, in pixels of that size."""
    h, w, _ = flow.shape
    if (h, w) == (height, width):
        return flow
    return resized(flow, height, width) * np.array([width / w, height / h], np.float32)


def places(flow: Floats) -> tuple[Floats, Floats]:
    """Return where flow (h, w, 2) points: the columns and the rows, (h, w) each."""
    height, width, _ = flow.shape
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return x, y


def warped(picture: Floats, flow: Floats, *, sharp: bool = False) -> Floats:
    """Return (h, w) or (h, w, n), sampled where the flow (h, w, 2) points.

    Beyond the edges, their pixels are repeated. It is sampled linearly, or, to keep it ``sharp``,
    by Lanczos' filter over 8 pixels, which may go beyond the range of values.
    """
    cv2 = import_cv2()
    kind = cv2.INTER_LANCZOS4 if sharp else cv2.INTER_LINEAR
    made: Floats = cv2.remap(picture, *places(flow), kind, borderMode=cv2.BORDER_REPLICATE)
    return made


def averaged(plane: Floats, radius: int) -> Floats:
    """Return (h, w), averaged over a square window around each pixel; edge pixels are repeated."""
    cv2 = import_cv2()
    side = 2 * radius + 1
    made: Floats = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE)
    return made

"""The cameras that are being painted: who has a place, and for how long."""

import secrets
import threading
import time
from dataclasses import dataclass, field

from nst.one_pass import OnePass

MAX_CAMERAS = 3
"""At once; they share the one thread that paints them."""

AWAY = 10.0
"""Seconds without a picture, after which a camera's place is another's."""

TAKEN = "others are before their cameras; try again in a minute"


@dataclass
class Camera:
    """Who paints a camera's pictures, until when, and when the last one came."""

    paint: OnePass
    ends: float
    seen: float = field(default_factory=time.monotonic)


class Cameras:
    """The cameras of all visitors, by token; safe to use from several threads."""

    def __init__(self) -> None:
        self._open: dict[str, Camera] = {}
        self._lock = threading.Lock()

    def open(self, paint: OnePass, seconds: float) -> str:
        """A token; ValueError where there are enough."""
        with self._lock:
            now = time.monotonic()
            for token, camera in list(self._open.items()):
                if now > camera.ends or now > camera.seen + AWAY:
                    del self._open[token]
            if len(self._open) >= MAX_CAMERAS:
                raise ValueError(TAKEN)
            token = secrets.token_hex(16)
            self._open[token] = Camera(paint, now + seconds)
            return token

    def find(self, token: str) -> Camera | None:
        """The camera of this token, which is seen now, unless its time is over."""
        with self._lock:
            camera, now = self._open.get(token), time.monotonic()
            if camera is None or now > camera.ends:
                return None
            camera.seen = now
            return camera

    def close(self, token: str) -> None:
        """Its place is another's."""
        with self._lock:
            self._open.pop(token, None)

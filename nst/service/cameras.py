"""The cameras that are painted on the server: a bounded number, each for a limited time."""

import secrets
import threading
import time
from dataclasses import dataclass, field

from nst.errors import InputError
from nst.one_pass import OnePass

MAX_CAMERAS = 3  # cameras at once; they share one thread
IDLE_SECONDS = 10.0  # a camera that has sent no picture for so long loses its place

NO_PLACE = "others are before their cameras; try again in a minute"


@dataclass
class Camera:
    """A camera's stylizer, the time it expires, and the time of its last picture."""

    paint: OnePass
    expires: float
    last_used: float = field(default_factory=time.monotonic)


class Cameras:
    """The cameras of all visitors, by token; safe to use from several threads."""

    def __init__(self) -> None:
        self._open: dict[str, Camera] = {}
        self._lock = threading.Lock()

    def open(self, paint: OnePass, seconds: float) -> str:
        """A token that is valid for so long; ValueError if all places are in use."""
        with self._lock:
            now = time.monotonic()
            for token, camera in list(self._open.items()):
                if now > camera.expires or now > camera.last_used + IDLE_SECONDS:
                    del self._open[token]
            if len(self._open) >= MAX_CAMERAS:
                raise InputError(NO_PLACE)
            token = secrets.token_hex(16)
            self._open[token] = Camera(paint, now + seconds)
            return token

    def find(self, token: str) -> Camera | None:
        """The camera of this token unless it has expired; this counts as a use."""
        with self._lock:
            camera, now = self._open.get(token), time.monotonic()
            if camera is None or now > camera.expires:
                return None
            camera.last_used = now
            return camera

    def close(self, token: str) -> None:
        """Free the camera's place."""
        with self._lock:
            self._open.pop(token, None)

"""What a stranger does: raw HTTP, whatever the page's own buttons would send."""

import io
import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.serving import Served

MB = 2**20
PATIENCE = 40.0
"""Seconds that an answer may take."""

LIMIT = 8
"""Seconds that a run may take on the server that is attacked."""


@dataclass
class Stranger:
    """Somebody with the address of the page: `session_hash` is their session, `address` where they are."""

    served: Served
    session_hash: str = field(default_factory=lambda: secrets.token_hex(6))
    address: str = "203.0.113.1"

    def __post_init__(self) -> None:
        # As a proxy on this machine would tell of them.
        headers = {"x-forwarded-for": self.address}
        api = f"{self.served.url}/gradio_api"
        self.http = httpx.Client(base_url=api, timeout=PATIENCE, headers=headers, verify=False)

    # What can be sent.

    def upload(self, data: bytes, name: str = "photo.png") -> str:
        """Upload a file; its path on the server."""
        answer = self.http.post("/upload", files={"files": (name, data)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """Send JSON, such as honest programs would not make, too."""
        headers = more.pop("headers", {}) | {"content-type": "application/json"}
        return self.http.post(path, content=json.dumps(body), headers=headers, **more)

    def join(self, handler: str | int, data: list[Any], **more: Any) -> httpx.Response:
        """Ask for an event, by the name of its handler or by number, through the queue."""
        number = handler if isinstance(handler, int) else self.number(handler)
        body = {"fn_index": number, "data": data, "session_hash": self.session_hash, **more}
        return self.post("/queue/join", body)

    def listen(self, session_hash: str = "") -> str:
        """All messages about one's events, until the last one has ended."""
        with self.http.stream("GET", "/queue/data", params={"session_hash": session_hash or self.session_hash}) as s:
            return s.read().decode()

    def ask(self, handler: str | int, data: list[Any], **more: Any) -> str:
        """Ask through the queue, and all that is answered."""
        answer = self.join(handler, data, **more)
        return answer.text if answer.status_code != 200 else self.listen()

    def run(self, handler: str | int, data: list[Any], **more: Any) -> httpx.Response:
        """Ask for an event past the queue."""
        number = handler if isinstance(handler, int) else self.number(handler)
        body = {"fn_index": number, "data": data, "session_hash": self.session_hash, **more}
        return self.post("/run/predict", body)

    def paint(self, photo: Any = None, **asked: Any) -> str:
        """Call the endpoint for programs, and all that is answered."""
        values = {"photo": photo, "style": "gold_spirals", "size": 64, "more": "steps=1"} | asked
        answer = self.post("/call/v2/paint", values)
        if answer.status_code != 200:
            return answer.text
        with self.http.stream("GET", f"/call/v2/paint/{answer.json()['event_id']}") as stream:
            return stream.read().decode()

    def get(self, path: str, **more: Any) -> httpx.Response:
        """What the page serves beside its API."""
        return self.http.get(self.served.url + path, **more)

    def call_tool(self, **arguments: Any) -> str:
        """Paint as an assistant does."""
        params = {"name": "paint", "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        accept = {"accept": "application/json, text/event-stream"}
        return self.post("/mcp/", message, headers=accept).text

    # What is there.

    @cached_property
    def config(self) -> dict[str, Any]:
        """Components and events, as the page tells of them."""
        return dict(self.get("/config").json())

    def dependency(self, handler: str) -> dict[str, Any]:
        """What the page tells of a handler."""
        return next(d for d in self.config["dependencies"] if d["api_name"] == handler)

    def number(self, handler: str) -> int:
        """A handler's number."""
        return int(self.dependency(handler)["id"])

    def component(self, number: int) -> dict[str, Any]:
        """What the page tells of a component."""
        return next(c for c in self.config["components"] if c["id"] == number)

    def filled(self, handler: str, **changed: Any) -> list[Any]:
        """What the page's controls send; `changed` by a component's label, or its type."""
        data = []
        for number in self.dependency(handler)["inputs"]:
            component = self.component(number)
            props = component["props"]
            value = props.get("value")
            for name in (props.get("elem_id"), props.get("label"), component["type"]):
                if name in changed:
                    value = changed[name]
                    break
            data.append(value)
        return data

    # What became of the server.

    def memory(self, what: str = "VmRSS") -> float:
        """Megabytes of the server's process."""
        status = Path(f"/proc/{self.served.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(what))
        return int(line.split()[1]) / 1024

    def forget_peak(self) -> None:
        """From now on VmHWM is the most since now."""
        Path(f"/proc/{self.served.process.pid}/clear_refs").write_text("5")


def sent(path: str, **more: Any) -> dict[str, Any]:
    """A file as a browser tells of it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def picture(size: tuple[int, int] = (64, 64), mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A small file even of a large picture: one colour."""
    data = io.BytesIO()
    Image.new(mode, size).save(data, kind)
    return data.getvalue()


def messages(reply: str) -> list[dict[str, Any]]:
    """The messages of a stream of events."""
    return [json.loads(line[6:]) for line in reply.splitlines() if line.startswith("data: {")]

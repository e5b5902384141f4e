import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deploy.sticky import COOKIE, Sticky


@pytest.mark.parametrize("cookie", ["", "a,b/c=1", "=;=", "\xe9=\xff", COOKIE, "x" * 5000])
def test_who_has_no_cookie_gets_one_whatever_they_send(cookie: str) -> None:
    page = Route("/", lambda _: PlainTextResponse("page"))
    with TestClient(Starlette(routes=[page], middleware=[Middleware(Sticky)])) as client:
        answer = client.get("/", headers={"cookie": cookie.encode("latin-1")})
        assert answer.status_code == 200
        assert COOKIE in answer.cookies
        assert COOKIE not in client.get("/", headers={"cookie": f"a=1; {COOKIE}=7"}).cookies

"""The guard before every request, around an application that says what it was asked."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from whynet.web.guard import HEADERS, MAX_BODY, Guard, TooLargeError

TOKEN = "a-token-of-twenty-characters"


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body()), "path": request.url.path})


async def _too_large(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({}, 413)


def _client(token=None, hosts=("127.0.0.1", "localhost", "::1"), base="http://127.0.0.1:8765", **named):
    methods = ["GET", "POST", "DELETE"]
    app = Starlette(
        routes=[Route("/{rest:path}", _echo, methods=methods)], exception_handlers={TooLargeError: _too_large}
    )
    guarded = Guard(app, hosts=hosts, token=token, large={"/uploads": 3 * MAX_BODY})
    return TestClient(guarded, base_url=base, follow_redirects=False, **named)


def test_every_answer_tells_browsers_to_be_strict():
    for path, given in (("/", {}), ("/", {"host": "evil.example"})):
        answer = _client().get(path, headers=given)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["cache-control"] == "no-store"
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.2:8765", "", "[::2]:8765", "["])
def test_another_name_does_not_lead_here(host):
    assert _client().get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "LOCALHOST"])
def test_our_own_names_do(host):
    assert _client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "cross-site"},
    ],
)
def test_another_site_changes_nothing(headers):
    for method in ("POST", "DELETE", "PUT"):
        assert _client().request(method, "/", headers=headers).status_code == 403
    assert _client().get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://127.0.0.1:8765"}]
)
def test_our_own_pages_and_programs_may(headers):
    assert _client().post("/", headers=headers).status_code == 200


def test_a_token_is_asked_for_and_becomes_a_cookie():
    client = _client(TOKEN)
    assert client.get("/").status_code == 401
    assert client.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/?token=wrong").status_code == 401
    sent = client.get(f"/images?page=2&token={TOKEN}")
    assert (sent.status_code, sent.headers["location"]) == (303, "/images?page=2")
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/").status_code == 200
    name = cookie.partition("=")[0]
    odd = {"cookie": f'other={{"a": 1}}; {name}={TOKEN}'}
    assert _client(TOKEN).get("/", headers=odd).status_code == 200
    assert _client(TOKEN).get("/", headers={"cookie": f"{name}0={TOKEN}"}).status_code == 401


def test_with_a_token_any_name_leads_here():
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert _client(TOKEN).get("/", headers={"host": "lab.example", **bearer}).status_code == 200
    assert _client(TOKEN).get("/", headers={"host": "[", **bearer}).status_code == 200
    assert _client(TOKEN).get("/", headers={"host": "lab.example"}).status_code == 401


def test_a_token_leads_to_no_other_server():
    sent = _client(TOKEN).get(f"//evil.example/?token={TOKEN}")
    assert sent.headers.get("location", "/").startswith("/")
    assert not sent.headers.get("location", "/").startswith("//")


def test_a_token_in_an_address_changes_nothing():
    assert _client(TOKEN).post(f"/?token={TOKEN}").status_code == 401


def test_bodies_end_at_their_limit():
    client = _client()
    assert client.post("/", content=b"x" * MAX_BODY).json()["bytes"] == MAX_BODY
    assert client.post("/", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert client.post("/uploads", content=b"x" * (2 * MAX_BODY)).status_code == 200
    assert client.post("/uploads", content=b"x" * (3 * MAX_BODY + 1)).status_code == 413


def test_a_body_that_does_not_tell_its_length_ends_there_too():
    def endless():
        for _ in range(40):
            yield b"x" * (MAX_BODY // 8)

    assert _client().post("/", content=endless()).status_code == 413


@pytest.mark.parametrize("length", ["-1", "many", "1e9", ""])
def test_a_length_that_is_none_is_refused(length):
    assert _client().post("/", headers={"content-length": length}).status_code == 413

"""What stands before every request: who may ask, from where, how much, and what browsers may do with the answer.

host      without a token the name that the browser asked for must be ours, so that no other site's name leads here
token     where one is set, it comes as a bearer token, or once as ?token=, which becomes a cookie of this port
origin    what changes anything must come from our own pages: browsers tell the site that sent them, programs are
          no browsers and hold no cookies of a victim
size      bodies are cut off at a limit before anything is parsed
headers   scripts, styles and pictures from here alone, no frames, no guessing of types, no addresses told to others
"""

import hmac
from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without one, browsers call our own forms those of a stranger
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_COOKIE = "whynet-token"  # noqa: S105 - the name of a cookie
MAX_BODY = 1 << 20
"""Bytes of a body, where nothing is brought."""


class TooLargeError(Exception):
    """More came than is taken."""


class Guard:
    """The middleware.

    Args:
        app: Behind it.
        hosts: Names under which the server may be asked, without ports; where a token guards it, under any.
        token: What everyone must know; None: no one is asked.
        large: Paths whose bodies may be larger, each with its limit in bytes.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str | None, large: dict[str, int]) -> None:
        self.app, self.token, self.large = app, token, large
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        answer = _with_headers(send)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        limit = self.large.get(scope["path"], MAX_BODY)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            await _plain(413, f"at most {limit >> 10} KB are taken here; send less")(scope, receive, answer)
            return
        await self.app(scope, _limited(receive, limit), answer)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.token is None and _host(headers) not in self.hosts:
            return _plain(421, "this server is not called so; use the address that it printed")
        if scope["method"] not in SAFE and not _is_own(headers):
            return _plain(403, "this came from another site, and nothing was changed; go to the page itself")
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        if self.token is None:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = dict(query).get("token")
        if asked is not None and scope["method"] in SAFE and _same(asked, self.token):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            # One slash: two would be another server's name.
            target = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
            response = RedirectResponse(target, 303)
            # Lax: a link from a chat is followed with it, and nothing is ever changed by following a link.
            response.set_cookie(_cookie(scope), self.token, httponly=True, samesite="lax", max_age=30 * 86400)
            return response
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        cookie = cookie_parser(headers.get("cookie", "")).get(_cookie(scope), "")
        if any(_same(given, self.token) for given in (bearer, cookie)):
            return None
        return _plain(401, "a token is needed; open the address with ?token=... that the server printed")


def _host(headers: Headers) -> str:
    """The name that was asked for, in small letters; "" for one that is none."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _cookie(scope: Scope) -> str:
    """Cookies do not tell ports apart, and two servers of one machine have two tokens."""
    return f"{TOKEN_COOKIE}-{(scope.get('server') or ('', 0))[1]}"


def _is_own(headers: Headers) -> bool:
    """Whether a browser sent it from our own page, or no browser did."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status)


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return answer


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLargeError
        return message

    return limited

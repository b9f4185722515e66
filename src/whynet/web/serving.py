"""Starting and ending the server."""

import ipaddress
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from whynet.base.errors import SettingError, StorageError
from whynet.store import Store
from whynet.web.app import LOCAL_HOSTS, create_app
from whynet.workflows.run import Run
from whynet.workflows.workbench.desk import Desk
from whynet.workflows.workbench.whole_run import check_whole

STORE_FILE = "workbench.db"
MIN_TOKEN = 16
_GOODBYE_SECONDS = 3
_KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: long enough for a person to think, or the next vote may meet its end."""
_SWITCH_SECONDS = 1e-3
"""How long a thread that computes keeps the interpreter when others want it. An answer passes it on several times, and
Python's own five milliseconds for each made votes wait a second while a network was opened."""


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How a run is served.

    Args:
        host: Address to listen at.
        port: 0 takes a free one.
        store: A URL or a path; None: a file in the run.
        token: What everyone must know; None is for this machine alone.
        device: Where to compute.
        allow: "package.module:function" that may run.

    Raises:
        SettingError: The address is another machine's business and there is no token, or the token is short.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    store: str | None = None
    token: str | None = None
    device: str = "auto"
    allow: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < MIN_TOKEN or not self.token.isascii() or " " in self.token):
            raise SettingError(
                f"a token of at least {MIN_TOKEN} letters and digits was expected; take --token "
                f"{secrets.token_urlsafe(16)}"
            )
        if self.token is None and not self.is_local:
            raise SettingError(
                f"at {self.host} other machines can ask, so a token is needed; add --token {secrets.token_urlsafe(16)}"
            )

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def open_run_store(run: Run, location: str | None) -> Store:
    """The store of a run: the given one, else `workbench.db` in its folder; raises `StorageError` if it cannot be."""
    if location is not None:
        return Store(location)
    try:
        return Store(run.folder / STORE_FILE)
    except StorageError as error:
        raise StorageError(f"{error}; --store FILE keeps names and votes in another place") from error


def serve_run(
    folder: Path, settings: ServeSettings, *, open_browser: bool = False, say: Callable[[str], None] = print
) -> None:
    """Serve a run until it is interrupted.

    Args:
        folder: Of the run.
        settings: How.
        open_browser: Whether to open one at the address.
        say: Told the address, and how to end.

    Raises:
        RunError: The run is absent, or a file without which it explains nothing is absent or damaged.
        StorageError: The store cannot be opened, or the port is in use.
        SubjectError: The run explains a network whose code was not allowed, or cannot be imported.
    """
    run = Run.open(folder)
    check_whole(run, settings.allow)  # before anything is made or bound
    listening, usual = _socket(settings.host, settings.port), sys.getswitchinterval()
    try:
        with open_run_store(run, settings.store) as store:
            desk = Desk(run, store, device=settings.device, allow=settings.allow)
            app = create_app(desk, token=settings.token, hosts=(*LOCAL_HOSTS, settings.host))
            address = _address(listening, settings)
            say(f"{address}\nCtrl-C ends it.")
            sys.setswitchinterval(_SWITCH_SECONDS)
            threading.Thread(target=_warm, args=(desk,), daemon=True).start()
            if open_browser:
                webbrowser.open(address)
            config = uvicorn.Config(
                app, log_level="warning", timeout_graceful_shutdown=_GOODBYE_SECONDS, server_header=False,
                proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )  # fmt: skip
            server = uvicorn.Server(config)
            app.state.is_ending = lambda: server.should_exit
            with suppress(KeyboardInterrupt):  # the way to end it, which the server passes on once it has ended
                server.run([listening])
    finally:
        sys.setswitchinterval(usual)
        listening.close()


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise StorageError(
            f"port {port} of {host} cannot be listened at ({reason}); end what uses it, or choose another --port, 0 "
            "for any that is free"
        ) from error
    return listening


def _address(listening: socket.socket, settings: ServeSettings) -> str:
    port = listening.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = socket.gethostname() if settings.host in ("0.0.0.0", "::") else host  # noqa: S104 - told, not bound
    return f"http://{host}:{port}/" + (f"?token={settings.token}" if settings.token else "")


def _warm(desk: Desk) -> None:
    """Open the network and the data before anyone asks; who asks meanwhile waits for the same job."""
    with desk.worker.asked("data", "Opening the data", desk.splits) as data:
        data.exception()
    with desk.worker.asked("network", "Opening the network", lambda: desk.explainer().subject.class_names) as network:
        network.exception()

"""Starting and ending the server: what stops it, and real processes that serve one run."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from whynet.base.errors import RunError, SettingError, StorageError
from whynet.store import Store
from whynet.web.serving import STORE_FILE, ServeSettings, open_run_store, serve_run
from whynet.workflows.run import Run


def test_a_port_that_is_in_use_is_told(bird_run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StorageError, match=rf"port {port} of 127\.0\.0\.1 cannot be listened at .* another --port"):
            serve_run(bird_run, ServeSettings(port=port, store=str(tmp_path / "names.db")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_other_machines_need_a_token(host):
    with pytest.raises(SettingError, match="so a token is needed; add --token [-_A-Za-z0-9]{16}"):
        ServeSettings(host=host)
    assert not ServeSettings(host=host, token="a-token-of-twenty-characters").is_local


@pytest.mark.parametrize("token", ["", "short", "with a space in it all", "ünicode-token-of-many"])
def test_a_token_that_is_short_or_cannot_be_typed(token):
    with pytest.raises(SettingError, match="a token of at least 16 letters and digits was expected; take --token"):
        ServeSettings(token=token)


def test_a_run_that_is_still_being_trained_is_told(own_run, tmp_path):
    record = json.loads((own_run / "run.json").read_text())
    record["stages"] = {}
    (own_run / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="has no trained classifier yet; .*--resume"):
        serve_run(own_run, ServeSettings(port=0, store=str(tmp_path / "names.db")))


def test_where_the_run_cannot_be_written_another_place_is_named(own_run, tmp_path):
    (own_run / STORE_FILE).mkdir()
    with pytest.raises(StorageError, match="--store FILE keeps names and votes in another place"):
        open_run_store(Run.open(own_run), None)
    with open_run_store(Run.open(own_run), str(tmp_path / "names.db")) as store:
        assert store.votes.vote("a", "Ada", True).trusted
    assert not any((own_run / STORE_FILE).iterdir())


@contextmanager
def _served(run: Path, *options: str):
    """A process that serves a run, and its address."""
    command = [str(Path(sys.executable).with_name("whynet")), "serve", str(run), "--port", "0", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield process, found[0].rstrip("/")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_servers_share_a_run_and_end_cleanly(own_run, monkeypatch, tmp_path):
    """And what one of them acknowledged is there when both are gone, one of them killed."""
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path / "cache"))
    with ExitStack() as stack:
        (first, one), (second, other) = (stack.enter_context(_served(own_run)) for _ in range(2))
        key = httpx.get(f"{one}/api/concepts", timeout=60).json()[0]["id"]
        for address, voter, trusted in ((one, "Ada", True), (other, "Bo", False)):
            body = {"voter": voter, "trusted": trusted}
            assert httpx.post(f"{address}/api/concepts/{key}/vote", json=body, timeout=60).status_code == 200
        told = httpx.get(f"{one}/api/concepts/{key}", timeout=60).json()
        assert (told["trusted"], told["distrusted"]) == (1, 1)
        second.kill()
        first.send_signal(signal.SIGINT)
        _, complaints = first.communicate(timeout=60)
        assert first.returncode == 0
        assert complaints == ""
    with Store(own_run / STORE_FILE) as store:
        tally = store.votes.tally(key)
    assert (tally.num_trusted, tally.num_distrusted) == (1, 1)


@pytest.mark.slow
def test_a_token_opens_the_pages_to_browsers_and_programs(own_run):
    token = "a-token-of-twenty-characters"
    with _served(own_run, "--token", token) as (_process, address):
        address = address.partition("/?")[0]
        assert httpx.get(f"{address}/api/run", timeout=60).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{address}/api/run", headers=bearer, timeout=60).json()["title"] == own_run.name
        with httpx.Client(follow_redirects=True, timeout=60) as client:
            assert client.get(f"{address}/?token={token}").status_code == 200
            assert client.get(f"{address}/concepts").status_code == 200

"""What a command tells the GitHub run that it is part of, and what it takes from it: the key, a release's name."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ferryman.cli.failure import print_failure
from ferryman.cli.messages import Messages
from ferryman.config import load_configuration, manifest, resolve_environment
from ferryman.destination import Destination
from ferryman.environments import find_destination
from ferryman.errors import DeployFailed, FerrymanError, Refused, UsageError
from ferryman.github.run import annotation, cell, code
from ferryman.link.private_key import key_in_memory
from ferryman.shipping.outside import check_from_outside
from ferryman.shipping.report import reported
from ferryman.shipping.retained import release_number
from ferryman.testing import FakeLink

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
CONFIGURATION = f"""\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
health = "/health"
[environments.production]
host = "shop.example.com"
host_key = "{HOST_KEY}"
"""
HOSTILE = ["$(touch pwned)", '"; rm -rf ~ #', "a' || curl x", "a\n::set-output name=x::y", "\r\n%0A", "🚢" * 2500]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "ferryman.toml").write_text(CONFIGURATION)
    return tmp_path / "ferryman.toml"


def destination(path: Path, address: str = "", link: FakeLink | None = None) -> Destination:
    configuration = load_configuration(path)
    told = manifest(configuration, "production", resolve_environment(configuration, "production", {}))
    return Destination(configuration, "production", told, link or FakeLink(), address=address)


# -- the key


@pytest.fixture
def key(tmp_path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True, capture_output=True)
    return (tmp_path / "key").read_text()


def test_a_key_from_a_variable_can_be_used_by_ssh_and_lies_in_no_folder(key: str) -> None:
    found = key_in_memory(key)
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert str(found).startswith(f"/proc/{os.getpid()}/fd/")
    assert str(found.readlink()).startswith("/memfd:")
    shown = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(found)], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("ssh-ed25519 ")


@pytest.mark.parametrize("change", [str.strip, lambda text: text.replace("\n", "\r\n"), lambda text: f"\n{text}\n\n"])
def test_a_key_is_taken_however_its_lines_end(key: str, change: object) -> None:
    assert callable(change)
    assert key_in_memory(change(key)).read_text() == key


@pytest.mark.parametrize("text", ["secret", "-----BEGIN OPENSSH PRIVATE KEY-----\nx", "ssh-ed25519 AAAA"])
def test_what_is_no_private_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        key_in_memory(text)
    assert refused.value.code == "ssh-key-malformed"
    assert text not in refused.value.message


def test_the_key_serves_an_environment_that_names_none(path: Path, key: str) -> None:
    found = find_destination(path, "production", {"VPS_SSH_KEY": key})
    assert found.link._target.identity == key_in_memory(key)  # type: ignore[attr-defined]
    assert find_destination(path, "production", {}).link._target.identity is None  # type: ignore[attr-defined]


# -- annotations and summaries


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_others_stays_one_annotation(text: str) -> None:
    told = annotation("error", text, title=text, file=text, line=3)
    assert "\n" not in told
    assert "\r" not in told
    assert told.count("::error ") == 1
    assert told.index("::error ") == 0


def test_text_of_others_is_neither_markdown_nor_html() -> None:
    assert cell("a | b\n`c` <script> [x](y)") == ("a &#124; b &#96;c&#96; &#60;script&#62; &#91;x&#93;(y)")
    assert code("</pre><img>") == "<pre>&lt;/pre&gt;&lt;img&gt;</pre>"


def test_the_summary_of_a_deploy_tells_what_serves_and_how_to_go_back(tmp_path: Path) -> None:
    release = {"number": 7, "revision": "c0ffee" + "0" * 34, "digest": "sha256:1"}
    with reported("Deploy", "production", {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}) as report:
        listen = report.listen(lambda _: None)
        listen({"kind": "step", "step": "pull", "state": "started", "seconds": None, "detail": ""})
        listen({"kind": "step", "step": "pull", "state": "done", "seconds": 2.5, "detail": "14 MiB"})
        report.image_bytes, report.checked = 200 << 20, "http://shop.example.com/health answers 200"
        report.result = {"release": release, "outcome": "succeeded", "seconds": 9.26, "degraded": "", "latest": "moved"}
    text = (tmp_path / "summary").read_text()
    for part in ("7 (c0ffee0)", "sha256:1", "9.3", "200 MiB", "| pull | ✓ | 2.50 s | 14 MiB |", "moved"):
        assert part in text
    assert "`ferryman rollback --to production`" in text
    assert "Degraded" not in text


def test_the_summary_of_a_failure_tells_what_serves_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = DeployFailed("unhealthy", "the health check answered 500", state="release 6 goes on serving")
    variables = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_ACTIONS": "true"}
    with pytest.raises(FerrymanError), reported("Deploy", "production", variables):
        raise error
    text = (tmp_path / "summary").read_text()
    assert "Deploy to production failed" in text
    assert "release 6 goes on serving" in text
    told = capsys.readouterr().err
    assert told == (
        "::error title=Deploy failed [unhealthy]::the health check answered 500%0Arelease 6 goes on serving\n"
    )


def test_a_state_and_a_hint_begin_lines_of_their_own(tmp_path: Path) -> None:
    error = DeployFailed("unhealthy", "no", state="[x](https://evil.example)", hint="![y](https://evil.example)")
    with (
        pytest.raises(FerrymanError),
        reported("Deploy", "staging", {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}),
    ):
        raise error
    told = (tmp_path / "summary").read_text().splitlines()
    assert "<pre>[x](https://evil.example)</pre>" in told
    assert "<pre>![y](https://evil.example)</pre>" in told


COMMANDS = [
    "::add-mask::a",
    " \u3000::stop-commands::x",
    "log\r\n::error::y",
    "a ##[set-env name=A]b",
    "\n\n::debug::z",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_text_of_others_in_a_log_is_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    def told() -> str:
        error = DeployFailed("unhealthy", text, state=text, details={"log": [text], "http_body": text})
        print_failure(error, Messages())
        Messages().print(text)
        return capsys.readouterr().err

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = re.split(r"[\r\n]", told())
    assert [line for line in lines if line.lstrip().startswith("::") or "##[" in line] == []
    monkeypatch.setenv("GITHUB_ACTIONS", "")
    assert "::" in told() or "##[" in text


def test_without_a_run_there_is_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FerrymanError), reported("Deploy", "production", {}):
        raise DeployFailed("unhealthy", "no")
    assert capsys.readouterr().err == ""


# -- from outside


class Handler(BaseHTTPRequestHandler):
    """Answers what the test wants."""

    answers: list[tuple[int, str]]

    def do_GET(self) -> None:
        status, where = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        if where:
            self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_service_that_answers_is_served(path: Path, address: str) -> None:
    Handler.answers = [(503, ""), (200, "")]
    answer = check_from_outside(destination(path, address))
    assert answer is not None
    assert (answer.url, answer.status) == (f"{address}/health", 200)


@pytest.mark.parametrize("answers", [[(500, "")], [(302, "/login")], [(301, "http://elsewhere.example.com/health")]])
def test_what_answers_otherwise_is_not_served(path: Path, address: str, answers: list[tuple[int, str]]) -> None:
    Handler.answers = answers
    with pytest.raises(DeployFailed) as failed:
        check_from_outside(destination(path, address), limit_seconds=0.1)
    assert failed.value.code == "not-served-outside"
    assert f"status {answers[0][0]}" in failed.value.message


def test_a_redirect_to_the_same_path_is_followed(path: Path, address: str) -> None:
    Handler.answers = [(301, f"{address}/health"), (204, "")]
    answer = check_from_outside(destination(path, address))
    assert answer is not None
    assert answer.status == 204


def test_a_call_that_is_to_end_asks_no_more(path: Path, address: str) -> None:
    Handler.answers = [(500, "")]
    assert check_from_outside(destination(path, address), is_over=lambda: True) is None


# -- which release


@pytest.mark.parametrize(("text", "number"), [("", None), ("  ", None), ("3", 3), ("12", 12), ("C0FFEE0", 5)])
def test_a_release_is_named_by_number_or_revision(path: Path, text: str, number: int | None) -> None:
    link = FakeLink()
    rows = [(6, "c0ffee0", "failed"), (5, "c0ffee0", "healthy"), (4, "c0ffee0", "healthy"), (3, "beef", "healthy")]
    releases = [{"number": found, "revision": revision * 3, "state": state} for found, revision, state in rows]
    link.answer("releases", {"releases": releases})
    assert release_number(destination(path, link=link), text) == number


@pytest.mark.parametrize("text", [*HOSTILE, "--to", "c0ff", "1.5", "-1", "HEAD", "0" * 41])
def test_what_names_no_release_is_refused_before_anybody_is_asked(path: Path, text: str) -> None:
    link = FakeLink()
    with pytest.raises(UsageError) as refused:
        release_number(destination(path, link=link), text)
    assert refused.value.code == "release-malformed"
    assert link.requests == []


def test_a_revision_that_no_retained_release_has_is_refused(path: Path) -> None:
    link = FakeLink()
    link.answer("releases", {"releases": []})
    with pytest.raises(Refused) as refused:
        release_number(destination(path, link=link), "c0ffee0")
    assert refused.value.code == "unknown-release"

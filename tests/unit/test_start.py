"""What a command loads before it does anything: a person waits for that each time, and completion at each key."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

import ferryman_agent
from ferryman.cli.app import COMMANDS, app, load_command
from ferryman.cli.values import PlainCommand

CONFIGURATION = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "shop.example.com"
"""
HEAVY = {"pydantic", "httpx", "rich.console", "tomlkit", "asyncio"}
PROGRAM = """\
import atexit, sys
sys.argv[0] = "ferryman"
atexit.register(lambda: sys.stderr.write("loaded: " + " ".join(sorted(sys.modules)) + "\\n"))
from ferryman.cli.main import main
main()
"""


def loaded(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> set[str]:
    """The modules that a call of the command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folder,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("loaded: "), done.stderr
    return set(last.split()[1:])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "ferryman.toml").write_text(CONFIGURATION)
    return tmp_path


def test_the_version_loads_neither_typer_nor_any_command(project: Path) -> None:
    found = loaded(project, "--version")
    assert found & (HEAVY | {"typer", "ferryman.cli.app"}) == set()


@pytest.mark.parametrize("words", ["status --to nowhere", "deploy --to production --sequence 7", "logs -n 5 --to x"])
def test_a_command_that_reads_ferryman_toml_loads_only_what_it_needs(project: Path, words: str) -> None:
    found = loaded(project, *words.split())
    assert "ferryman.config.loading" in found
    assert found & HEAVY == set()
    assert {name for name in found if name.startswith("ferryman.cli.") and name.rpartition(".")[2] in COMMANDS} == {
        f"ferryman.cli.{words.split(maxsplit=1)[0]}"
    }


@pytest.mark.parametrize("words", ["ferryman dep", "ferryman deploy --", "ferryman env "])
def test_completion_loads_no_more_than_the_command_that_is_typed(project: Path, words: str) -> None:
    number = str(len(words.split(" ")) - 1)
    variables = {"_FERRYMAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": number}
    found = loaded(project, variables=variables)
    assert "typer.completion" in found
    assert found & (HEAVY | {"ferryman.config", "ferryman.destination"}) == set()


def test_the_list_of_commands_is_complete_and_in_its_order() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    listed = re.findall(r"^│ ([a-z]+) ", shown, re.MULTILINE)
    assert listed == list(COMMANDS)
    files = {path.stem for path in Path(sys.modules["ferryman.cli.app"].__file__ or "").parent.glob("*.py")}
    assert set(COMMANDS) <= files


def test_a_mistyped_command_is_answered_with_those_that_are_near() -> None:
    done = CliRunner().invoke(app, ["deploymnts"])
    assert done.exit_code == 2
    assert "deployments" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("deploy --sequence -1", "greater than or equal to 0"),
        ("deploy --sequence seven", "valid integer"),
        ("logs --tail -3", "greater than or equal to 0"),
        ("github protect --reviews 9", "less than or equal to 6"),
        ("deploy --wait-timeout soon", "'soon' is no duration"),
        ("check --format xml", "'xml' is not one of"),
        ("env set", "Missing argument"),
        ("accessory remove", "Missing argument"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_typer(words: str, told: str) -> None:
    done = CliRunner().invoke(app, words.split(), env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
    assert done.exit_code == 2
    assert told in done.output


VALUES: list[tuple[list[str], dict[str, object]]] = [
    ([], {"to": None, "tail": 100, "folder": Path(), "names": None, "is_on": False, "ratio": 0.5}),
    (
        ["--to", "a b", "--tail", "7", "--folder", "x/y", "--name", "a", "--name", "", "--on", "--ratio", "2"],
        {"to": "a b", "tail": 7, "folder": Path("x/y"), "names": ["a", ""], "is_on": True, "ratio": 2.0},
    ),
]


@pytest.mark.parametrize(("words", "values"), VALUES)
def test_plain_values_are_what_typer_would_make_of_them(words: list[str], values: dict[str, object]) -> None:
    found: list[dict[str, object]] = []

    def act(  # noqa: PLR0913, PLR0917 - each is an option
        to: Annotated[str | None, typer.Option("--to")] = None,
        tail: Annotated[int, typer.Option("--tail", min=0)] = 100,
        folder: Annotated[Path, typer.Option("--folder")] = Path(),
        names: Annotated[list[str] | None, typer.Option("--name")] = None,
        is_on: Annotated[bool, typer.Option("--on")] = False,
        ratio: Annotated[float, typer.Option("--ratio")] = 0.5,
    ) -> None:
        found.append({"to": to, "tail": tail, "folder": folder, "names": names, "is_on": is_on, "ratio": ratio})

    for kind in (None, PlainCommand):
        holder = typer.Typer()
        holder.command(cls=kind)(act)
        assert CliRunner().invoke(holder, words, catch_exceptions=False).exit_code == 0
    assert found == [{**values, "names": values["names"] or found[0]["names"]}] * 2


def test_each_command_is_loaded_by_its_name() -> None:
    assert [load_command(name).name for name in COMMANDS] == list(COMMANDS)


RELAY = """\
import sys
before = set(sys.modules)
from ferryman_agent.__main__ import _relay
status = _relay("operator", sys.argv[1])
sys.stderr.write(" ".join(sorted(set(sys.modules) - before)))
sys.exit(status)
"""


def test_the_relay_loads_little_for_each_call_over_the_link() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(f"{folder}/sock")
        agent.listen()
        command = [sys.executable, "-S", "-c", RELAY, f"{folder}/sock"]
        variables = {"PYTHONPATH": str(Path(ferryman_agent.__file__).parents[1])}
        with subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            connection, _ = agent.accept()
            with connection:
                assert connection.recv(100) == b'{"role": "operator"}\n'
                connection.sendall(b'{"result": {}}\n')
            output, names = process.communicate()
    assert (process.returncode, output) == (0, '{"result": {}}\n')
    assert "ferryman_agent.relay" in names.split()
    assert set(names.split()) & {"json", "argparse", "typing", "threading", "ferryman_agent.protocol"} == set()

"""The documentation says what is there: every command, option, request and error code, and no link leads nowhere."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ferryman
import ferryman_agent
from ferryman.cli import app
from ferryman_agent.ledger.notices import CODES
from ferryman_agent.requests import REQUESTS
from ferryman_agent.transaction.names import StepName

ROOT = Path(__file__).resolve().parents[2]
STORY_LINES = 80
DOCS = ROOT / "docs"
HELP_TARGETS = 10
DESIGN_LINES = 200
DECISION_LINES = 3
PROSE_COLUMNS = 120
# Three lines for each decision, so they are longer.
DECISION_COLUMNS = 160
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "service/*.md", "bench/*.md")
DECISION_PAGES = ("docs/decisions.md", "service/docs/decisions.md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# A registry of packages or a mirror of one; in parts, so that this file passes its own test
PACKAGE_HOSTS = re.compile(
    r"https?://[\w.-]*("
    + "|".join(("py" + "pi", "python" + "hosted", "npm" + "js", "mir" + "ror", "arti" + "factory", "ne" + "xus"))
    + r")|--(extra-)?index"
    + r"-url|"
    + "deb"
    + r"\.debian\.org|"
    + "/wo"
    + "rk/",
    re.IGNORECASE,
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be called, groups without a function of their own left out."""
    children = getattr(command, "commands", {})
    if not children or getattr(command, "invoke_without_command", False):
        yield name, command
    for child, found in children.items():
        yield from commands(found, f"{name} {child}")


COMMANDS = {
    name: found for known in app.COMMANDS for name, found in commands(app.load_command(known), f"ferryman {known}")
}


def section(text: str, heading: str) -> str:
    """The part below a heading, up to the next of its level."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"there is no heading {heading!r}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_its_options_stand_in_the_commands_page(name: str) -> None:
    described = section(text_of("docs/commands.md"), name)
    options = [parameter.opts for parameter in COMMANDS[name].params if parameter.param_type_name == "option"]
    assert options or name == "ferryman init"
    missing = [opts for opts in options if not any(f"`{option}`" in described for option in opts)]
    assert missing == []


def test_the_commands_page_has_no_command_that_is_gone() -> None:
    described = re.findall(r"^## (ferryman .*)$", text_of("docs/commands.md"), re.MULTILINE)
    assert sorted(described) == sorted(COMMANDS)


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    first = {name: app.load_command(name).help.split("\n\n")[0].replace("\n", " ") for name in app.COMMANDS}
    assert first == app.COMMANDS


def test_no_option_is_described_that_is_gone() -> None:
    known = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    described = set(re.findall(r"`(--[a-z-]+)", text_of("docs/commands.md")))
    assert described - known - {"--help", "--version"} == set()


def test_examples_name_options_that_exist() -> None:
    for page in tracked("*.md"):
        for line in re.findall(r"^(?:.*\| |\.venv/bin/)?(ferryman [a-z].*)$", text_of(page), re.MULTILINE):
            words = re.split(r" -- | && |#|<", line)[0].split()
            name = max((n for n in COMMANDS if words[: len(n.split())] == n.split()), key=len)
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
            given = {word for word in words if word.startswith("-")}
            assert given - known <= {"--help", "--version"}, f"{page}: {line}"


def test_every_request_stands_in_the_protocol_with_its_role() -> None:
    rows = dict(re.findall(r"^\| `([a-z.]+)` \| (pipeline|operator) \|", text_of("docs/protocol.md"), re.MULTILINE))
    roles = {name: "pipeline" if "pipeline" in request.roles else "operator" for name, request in REQUESTS.items()}
    assert rows == roles


def test_every_notice_stands_in_the_page_of_the_server_and_none_that_is_gone() -> None:
    section = text_of("docs/server.md").partition("\n## Notices\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (info|warning|critical) \|", section, re.MULTILINE)
    assert sorted(code for code, _ in rows) == sorted(CODES)


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", CODE_BLOCK.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_design_fits_its_page() -> None:
    assert len(text_of("docs/design.md").splitlines()) <= DESIGN_LINES


def test_each_promise_says_whether_it_is_built() -> None:
    design = text_of("docs/design.md")
    listed = re.findall(r"^\d+\. (.*)$", section(design, "Promises"), re.MULTILINE)
    holes = [row for row in design.partition("\n## ")[0].splitlines() if row.startswith("| ")][1:]
    assert listed
    assert holes
    assert [promise for promise in listed if not re.match(r"\*\*(not )?built\*\*: ", promise)] == []
    assert [row for row in holes if not re.search(r"\| \*\*(not )?built\*\* \|$", row)] == []


@pytest.mark.parametrize("page", tracked(*DECISION_PAGES))
def test_a_decision_has_at_most_three_lines(page: str) -> None:
    decisions = re.findall(r"^- .*\n(?:  .*\n)*", text_of(page), re.MULTILINE)
    assert decisions
    assert [decision for decision in decisions if decision.count("\n") > DECISION_LINES] == []


def test_a_decision_begins_with_its_month_and_what_was_chosen() -> None:
    decisions = re.findall(r"^- .*$", text_of("docs/decisions.md"), re.MULTILINE)
    assert [decision for decision in decisions if not re.match(r"- \d{4}-\d{2} Chose: ", decision)] == []


@pytest.mark.parametrize("page", tracked(*PAGES))
def test_prose_fits_its_columns(page: str) -> None:
    columns = DECISION_COLUMNS if page in DECISION_PAGES else PROSE_COLUMNS
    prose = [line for line in CODE_BLOCK.sub("", text_of(page)).splitlines() if not line.lstrip().startswith("|")]
    assert [line for line in prose if len(line) > columns] == []


@pytest.mark.parametrize("page", tracked("*.md"))
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(CODE_BLOCK.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(text_of("README.md"))}
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} <= linked


def test_the_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## \[(\d[^\]]*)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert newest
    assert {version, ferryman.__version__, ferryman_agent.__version__} == {newest[1]}


def test_make_help_lists_few_targets_and_each_is_explained() -> None:
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = [line.split()[0] for line in listed.splitlines() if not line.startswith("help")]
    assert 0 < len(targets) <= HELP_TARGETS
    explained = text_of("README.md") + text_of("CONTRIBUTING.md")
    assert [target for target in targets if f"make {target}" not in explained] == []


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    found = []
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content and (match := PACKAGE_HOSTS.search(content.decode("utf-8", errors="replace"))):
            found.append(f"{name}: {match[0]}")
    assert found == []


def test_every_step_of_a_transaction_is_explained_and_none_that_is_gone() -> None:
    table = (
        (ROOT / "docs/commands.md").read_text().partition("| step | when | what it does |\n")[2].partition("\n\n")[0]
    )
    assert list(dict.fromkeys(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))) == [str(name) for name in StepName]


def test_the_story_of_a_deploy_fits_a_screen() -> None:
    assert (ROOT / "src/ferryman_agent/transaction/story.py").read_text().count("\n") <= STORY_LINES

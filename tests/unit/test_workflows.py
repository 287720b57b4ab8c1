"""The workflows that `init` writes: what they say for a project, and when they are written over others."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.config import load_configuration
from ferryman.errors import Refused, UsageError
from ferryman.github.workflows.files import NAMES, is_untouched, production_environment, workflow_files
from ferryman.github.workflows.wheel import build_wheel
from ferryman.project.drift import Drift, State, find_drift
from ferryman.project.plan import plan_workflows
from ferryman.project.writing import write_files

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
SHOP = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
[environments.production]
host = "${VPS_HOST}"
user = "${VPS_USERNAME}"
"""
STAGING = '[environments.staging]\nhost = "${STAGING_HOST}"\n'
NO_ENVIRONMENT = SHOP.partition("[environments")[0]
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def project(folder: Path, text: str = SHOP) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ferryman.toml").write_text(text)
    return folder


def rendered(folder: Path, text: str = SHOP, prefix: str = "") -> dict[str, str]:
    """Name → text of each workflow."""
    found = workflow_files(load_configuration(project(folder, text) / "ferryman.toml"), prefix)
    return {Path(name).name: found[name].decode() for name in found if name.startswith(".github/workflows/")}


def steps(text: str) -> list[str]:
    """The steps of a workflow, each with its lines."""
    return re.findall(r"^      - name: .*?(?=^      - name: |^  \S|\Z)", text, re.MULTILINE | re.DOTALL)


def scripts(text: str) -> list[str]:
    """What shells are given."""
    found = []
    for step in steps(text):
        match = re.search(r"^        run: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", step, re.MULTILINE)
        found += [match[1] or match[2]] if match else []
    return found


@pytest.mark.parametrize(
    "text", [SHOP, SHOP + STAGING, NO_ENVIRONMENT, NO_ENVIRONMENT + STAGING], ids=["one", "two", "none", "staging"]
)
@pytest.mark.parametrize("prefix", ["", "backend"])
def test_linters_find_nothing(tmp_path: Path, text: str, prefix: str) -> None:
    folder = workflow_folder(tmp_path, rendered(tmp_path / "project", text, prefix))
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == sorted(NAMES)
    done = lint(*paths)
    assert done.returncode == 0, done.stdout + done.stderr


def workflow_folder(repository: Path, texts: dict[str, str]) -> Path:
    """A repository's workflows; the linters look for what one calls beside it."""
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    folder = repository / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, content in texts.items():
        (folder / name).write_text(content)
    return folder


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` does with workflows."""
    command = [ROOT / "scripts" / "lint-workflows", *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("good", "bad", "finding"),
    [
        ("timeout-minutes: 60", "timeout-minutes: long", "'long' is not of type"),
        ("run: exec ferryman deploy", "run: echo ${{ github.head_ref }} && exec ferryman deploy", "template-injection"),
        ("needs: checks", "needs: check", 'job "check"'),
        ("push: true", "pushes: true", '"pushes" is not defined'),
        ('"$GITHUB_RUN_NUMBER"', "$GITHUB_RUN_NUMBER", "SC2086"),
    ],
    ids=["schema", "injection", "job", "call", "shell"],
)
def test_the_linters_find_what_is_wrong(tmp_path: Path, good: str, bad: str, finding: str) -> None:
    texts = rendered(tmp_path / "project")
    name = "production-ci-cd.yaml"
    assert good in texts[name]
    folder = workflow_folder(tmp_path, texts | {name: texts[name].replace(good, bad)})
    done = lint(folder / name)
    assert done.returncode != 0
    assert finding in done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_gives_nothing_more_than_it_must(tmp_path: Path, name: str) -> None:
    text = rendered(tmp_path, SHOP + STAGING)[name]
    assert "\npermissions: {}\n" in text
    jobs = text.partition("\njobs:\n")[2]
    with_steps = [job for job in re.split(r"^(?=  [a-z-]+:$)", jobs, flags=re.MULTILINE) if "    steps:" in job]
    assert all("    timeout-minutes: " in job and "    permissions:\n" in job for job in with_steps)
    assert "secrets: inherit" not in text
    actions = re.findall(r"uses: (\S+)", text)
    assert all(action.startswith("./") or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in actions)
    assert not [script for script in scripts(text) if EXPRESSION.search(script)]
    for step in steps(text):
        if "${{ secrets." in step:
            assert re.search(r"^        run: exec ferryman [a-z]", step, re.MULTILINE), step


def test_each_step_calls_one_command_that_a_person_can_run(tmp_path: Path) -> None:
    for text in rendered(tmp_path, SHOP + STAGING).values():
        for script in scripts(text):
            assert script.startswith("exec ferryman ") or '"$RUNNER_TEMP/ferryman/bin/pip"' in script


def test_a_clean_up_goes_by_the_configuration_of_the_default_branch(tmp_path: Path) -> None:
    """What was merged may lack an environment that retains images, or a branch that is kept."""
    checkout = steps(rendered(tmp_path)["cleanup.yaml"])[0]
    assert "actions/checkout" in checkout
    assert "ref: ${{ github.event.repository.default_branch }}\n" in checkout


def test_the_tool_is_installed_by_hash_and_the_wheel_is_the_same_each_time(tmp_path: Path) -> None:
    found = workflow_files(load_configuration(project(tmp_path) / "ferryman.toml"))
    wheel = next(content for name, content in found.items() if name.endswith(".whl"))
    assert wheel == build_wheel()
    for name in ("deploy.txt", "checks.txt"):
        lock = found[f".github/ferryman/{name}"].decode()
        assert f"--hash=sha256:{hashlib.sha256(wheel).hexdigest()}" in lock
        pins = re.findall(r"^[a-z0-9][\w.-]*==\S+.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", lock, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE)) > 10


def test_develop_goes_to_staging_where_there_is_one(tmp_path: Path) -> None:
    without, with_staging = (rendered(tmp_path, text)["develop-ci.yaml"] for text in (SHOP, SHOP + STAGING))
    assert "secrets." not in without
    assert "ferryman deploy" not in without
    assert "exec ferryman deploy --to staging --no-build" in with_staging
    assert "STAGING_HOST: ${{ secrets.STAGING_HOST }}" in with_staging
    assert with_staging.count("if: ${{ github.event_name == 'push' }}") == 1


def test_production_is_the_environment_of_that_name_or_the_first(tmp_path: Path) -> None:
    def chosen(text: str) -> str | None:
        return production_environment(load_configuration(project(tmp_path, text) / "ferryman.toml"))

    assert chosen(SHOP + STAGING) == "production"
    assert chosen(SHOP.replace("production", "live") + STAGING) == "live"
    assert chosen(NO_ENVIRONMENT) == "production"
    assert chosen(NO_ENVIRONMENT + STAGING) is None


def test_no_workflow_names_an_environment_that_is_not_there(tmp_path: Path) -> None:
    texts = rendered(tmp_path, NO_ENVIRONMENT + STAGING)
    assert [
        name for name, text in texts.items() if re.search(r"(environment|default|--to|options):? \[?production", text)
    ] == []
    assert "ferryman deploy" not in texts["production-ci-cd.yaml"]
    assert "secrets." not in texts["production-ci-cd.yaml"]
    assert "exec ferryman deploy --to staging" in texts["develop-ci.yaml"]
    for name in ("roll-back-manual.yaml", "cleanup.yaml"):
        assert "STAGING_HOST: ${{ secrets.STAGING_HOST }}" in texts[name]
        assert "VPS_HOST" not in texts[name]


def test_commands_run_in_the_folder_of_ferryman_toml(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    folder = project(repository / "backend")
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    write_files(plan_workflows(load_configuration(folder / "ferryman.toml")), None)
    text = (repository / ".github/workflows/production-ci-cd.yaml").read_text()
    assert "        working-directory: backend\n" in text
    assert "        working-directory: .\n        run: |\n          python3 -m venv" in text


@pytest.mark.parametrize(
    "name", ["back end #1", "a: b", 'quo"te', "$(touch pwned)", "-dash", "@at@", "*star", "true", "1.0", "\\", "déjà"]
)
def test_a_folder_of_any_name_is_a_name_in_the_workflows(tmp_path: Path, name: str) -> None:
    texts = rendered(tmp_path, prefix=name)
    quoted = re.search(r"^        working-directory: (.*)$", texts["cleanup.yaml"], re.MULTILINE)
    assert quoted
    assert json.loads(quoted[1]) == name
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for file, text in texts.items():
        (folder / file).write_text(text)
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, folder.iterdir())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(name in script for text in texts.values() for script in scripts(text))


@pytest.mark.parametrize(
    ("name", "more"),
    [("a\nb", ""), ("${{ secrets.DOCKER_PASSWORD }}", ""), ("$(touch pwned)", '[pipeline]\nferryman = "."\n')],
)
def test_a_folder_that_no_workflow_can_name_is_refused(tmp_path: Path, name: str, more: str) -> None:
    with pytest.raises(UsageError, match="no workflow can name the folder"):
        rendered(tmp_path, SHOP + more, prefix=name)


# -- writing


def test_line_ends_of_windows_are_no_change(tmp_path: Path) -> None:
    configuration = load_configuration(project(tmp_path) / "ferryman.toml")
    for drift in write_files(plan_workflows(configuration), None):
        path = tmp_path / drift.path
        if path.suffix != ".whl":
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert [drift for drift in find_drift(plan_workflows(configuration)) if drift.is_drift] == []
    changed = load_configuration(project(tmp_path, SHOP + STAGING) / "ferryman.toml")
    assert {drift.state for drift in find_drift(plan_workflows(changed))} == {State.CURRENT, State.OUTDATED}


def test_nothing_is_written_or_removed_through_a_link_out_of_the_repository(tmp_path: Path) -> None:
    repository, outside = tmp_path / "repository", tmp_path / "outside"
    configuration = load_configuration(project(repository) / "ferryman.toml")
    for folder in (repository / ".github/workflows", repository / ".github/ferryman", outside):
        folder.mkdir(parents=True)
    link = repository / ".github/workflows/cleanup.yaml"
    link.symlink_to(outside / "written")

    with pytest.raises(UsageError, match="leads out of the repository"):
        write_files(plan_workflows(configuration), None)

    assert [*outside.iterdir()] == []
    assert [*(repository / ".github/workflows").iterdir()] == [link]
    link.unlink()
    (repository / ".github/ferryman").rmdir()
    (repository / ".github/ferryman").symlink_to(outside)
    (outside / "ferryman-0.0.1-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(UsageError, match="leads out of the repository"):
        write_files(plan_workflows(configuration), None)
    assert [path.name for path in outside.iterdir()] == ["ferryman-0.0.1-py3-none-any.whl"]


def test_what_init_wrote_is_brought_up_to_date_without_a_question(tmp_path: Path) -> None:
    folder = project(tmp_path)
    configuration = load_configuration(folder / "ferryman.toml")
    assert {drift.state for drift in write_files(plan_workflows(configuration), None)} == {State.MISSING}
    assert [drift for drift in find_drift(plan_workflows(configuration)) if drift.is_drift] == []
    changed = load_configuration(project(tmp_path, SHOP + STAGING) / "ferryman.toml")
    assert {drift.state for drift in find_drift(plan_workflows(changed))} == {State.CURRENT, State.OUTDATED}
    write_files(plan_workflows(changed), None)
    assert [drift for drift in find_drift(plan_workflows(changed)) if drift.is_drift] == []


def test_what_a_person_changed_is_kept_until_they_agree(tmp_path: Path) -> None:
    configuration = load_configuration(project(tmp_path) / "ferryman.toml")
    write_files(plan_workflows(configuration), None)
    path = tmp_path / ".github/workflows/cleanup.yaml"
    path.write_text(path.read_text().replace("17 3 * * 1", "0 5 * * 0"))
    assert not is_untouched(path.read_text())
    with pytest.raises(Refused) as refused:
        write_files(plan_workflows(configuration), None)
    assert refused.value.code == "workflow-changed"
    asked: list[Drift] = []

    def no(drift: Drift) -> bool:
        asked.append(drift)
        return False

    assert write_files(plan_workflows(configuration), no) == []
    assert "0 5 * * 0" in path.read_text()
    assert '-    - cron: "0 5 * * 0"' in asked[0].difference
    assert '+    - cron: "17 3 * * 1"' in asked[0].difference
    assert [drift.path for drift in write_files(plan_workflows(configuration), lambda _: True)] == [
        ".github/workflows/cleanup.yaml"
    ]
    assert "17 3 * * 1" in path.read_text()


def test_nothing_is_written_when_one_is_refused(tmp_path: Path) -> None:
    configuration = load_configuration(project(tmp_path) / "ferryman.toml")
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "cleanup.yaml").write_text("name: my own\n")
    with pytest.raises(Refused):
        write_files(plan_workflows(configuration), None)
    assert [path.name for path in folder.iterdir()] == ["cleanup.yaml"]
    write_files(plan_workflows(configuration), None, overwrite=True)
    assert len(list(folder.iterdir())) == len(NAMES)


def test_the_wheel_of_another_version_goes(tmp_path: Path) -> None:
    configuration = load_configuration(project(tmp_path) / "ferryman.toml")
    old = tmp_path / ".github/ferryman/ferryman-0.0.1-py3-none-any.whl"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    write_files(plan_workflows(configuration), None)
    assert not old.exists()


def test_init_check_shows_the_difference_and_fails(tmp_path: Path) -> None:
    folder = project(tmp_path)
    runner = CliRunner()
    write_files(plan_workflows(load_configuration(folder / "ferryman.toml")), None)
    assert runner.invoke(app, ["init", "--check", str(folder)]).exit_code == 0
    path = folder / ".github/workflows/roll-back-manual.yaml"
    path.write_text(path.read_text().replace("timeout-minutes: 60", "timeout-minutes: 90"))
    shown = runner.invoke(app, ["init", "--check", str(folder)])
    assert isinstance(shown.exception, Refused)
    assert shown.exception.code == "workflow-drift"
    assert "changed   .github/workflows/roll-back-manual.yaml" in shown.stdout
    assert "-    timeout-minutes: 90\n+    timeout-minutes: 60" in shown.stdout


def test_the_workflows_of_this_repository_are_what_init_writes() -> None:
    found = find_drift(plan_workflows(load_configuration(ROOT / "ferryman.toml")))
    assert [(drift.path, drift.difference) for drift in found if drift.is_drift] == []

"""`ferryman check` judges how the container starts: entry scripts and the server's own file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checked import GOOD, found_in, write


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("#!/bin/sh\ngunicorn \\\n  shop.wsgi\n", [(2, "no-signal-handling")]),
        (
            '#!/bin/sh\necho "starting gunicorn"\npython -m uvicorn shop.asgi --host 0.0.0.0\n',
            [(3, "no-signal-handling")],
        ),
        ('#!/bin/sh\n"$@"\n', [(2, "no-signal-handling")]),
        ("#!/bin/sh\r\nexec gunicorn shop.wsgi\r\n", [(1, "crlf-script")]),
        ("#!/bin/sh\nexec gunicorn -b 0.0.0.0:80 shop.wsgi\n", [(2, "other-port")]),
        ("#!/bin/sh\nPORT=8000 exec gunicorn shop.wsgi\n", []),
        ("#!/bin/sh\n[ $1 = dev ] && exec ./manage.py runserver\nexec gunicorn shop.wsgi\n", []),
        ("#!/bin/sh\n# gunicorn shop.wsgi\nexec ./manage.py runserver\n", [(3, "development-server")]),
    ],
)
def test_an_entry_script_is_judged_line_by_line(tmp_path: Path, script: str, found: list[tuple[int, str]]) -> None:
    docker = GOOD["Dockerfile"].replace('CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]', 'CMD ["/app/start.sh"]')
    write(tmp_path, {**GOOD, "Dockerfile": docker})
    (tmp_path / "start.sh").write_bytes(script.encode())
    shown = [(finding.line, finding.code) for finding in found_in(tmp_path) if finding.path == "start.sh"]
    assert shown == found
    assert len(found_in(tmp_path)) == len(found)


def test_lines_that_git_ends_with_lf_are_right(tmp_path: Path) -> None:
    docker = GOOD["Dockerfile"].replace("USER 10001", 'USER 10001\nENTRYPOINT ["/app/start.sh"]')
    write(tmp_path, {**GOOD, "Dockerfile": docker, ".gitattributes": "*.sh text eol=lf\n"})
    (tmp_path / "start.sh").write_bytes(b'#!/bin/sh\r\nexec "$@"\r\n')
    for words in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    assert found_in(tmp_path) == []


def test_the_file_of_gunicorn_is_judged(tmp_path: Path) -> None:
    docker = GOOD["Dockerfile"].replace(', "--bind=0.0.0.0:8000", "shop.wsgi"', "")
    write(tmp_path, {**GOOD, "Dockerfile": docker, "gunicorn.conf.py": 'workers = 2\nbind = "127.0.0.1:9000"\n'})
    assert [(f.path, f.line, f.code) for f in found_in(tmp_path)] == [
        ("gunicorn.conf.py", 2, "loopback-bind"),
        ("gunicorn.conf.py", 2, "other-port"),
    ]

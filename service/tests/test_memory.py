"""What gunicorn's parent does before it forks, so that its workers stay small."""

import subprocess
import sys

from tests.running import SERVICE, environment

# Prints how many full collections came while a worker's own objects were added to many that were there before.
COUNT = """
import gc, runpy
before = [[] for _ in range(300_000)]
configuration = runpy.run_path("gunicorn.conf.py")
configuration["when_ready"](None)
full = []
gc.callbacks.append(lambda phase, told: full.append(told) if phase == "stop" and told["generation"] == 2 else None)
added = [[] for _ in range(30_000)]
print(len(full))
configuration["on_exit"](None)
"""


def test_a_worker_collects_its_own_garbage_however_much_was_imported() -> None:
    variables = environment("postgres://nobody@127.0.0.1:1/none")
    command = [sys.executable, "-c", COUNT]
    done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 1


def test_a_worker_does_not_load_what_it_never_uses() -> None:
    variables = environment("postgres://nobody@127.0.0.1:1/none")
    command = [sys.executable, "-W", "ignore", "-c", "import harbour.wsgi, sys; print(*sys.modules, sep='\\n')"]
    done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "api.fleet.views" in loaded
    assert "pydantic" not in loaded

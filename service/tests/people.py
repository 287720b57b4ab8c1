"""What the tests of the pages of access share: signing in, doing the jobs that wait, reading mail."""

import re
from typing import Any

from django.core import mail as outbox
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from access import tasks
from access.models import User

PASSWORD = "correct horse battery"
LINK = re.compile(r"http://testserver(/[^\s<]+)")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer
    return str(answer.content.decode())


def sign_in(client: Client, email: str, password: str, **more: str) -> Any:
    return client.post("/sign-in/", {"username": email, "password": password, **more})


def work() -> list[str]:
    """Do the jobs that wait, as the worker would; returns their names."""
    done = []
    for job in ProcrastinateJob.objects.filter(status="todo").order_by("id"):
        getattr(tasks, job.task_name)(**job.args)
        done.append(job.task_name)
    return done


def link_of_the_mail() -> str:
    found = LINK.search(str(outbox.outbox[-1].body))
    assert found
    return found[1]

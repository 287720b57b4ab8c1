"""new: a Django REST Framework project, ready to be shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.new.choices import Queue, SignIn

Name = Annotated[str, typer.Argument(help="Its Python package, and the folder that is made here.")]
Auth = Annotated[SignIn, typer.Option("--auth", help="How clients of the API sign in.")]
WithQueue = Annotated[Queue, typer.Option("--queue", help="What runs jobs beside the requests.")]
NoGit = Annotated[bool, typer.Option("--no-git", help="Make no Git repository, and no first commit.")]


def new(name: Name, auth: Auth = SignIn.SESSION, queue: WithQueue = Queue.NONE, no_git: NoGit = False) -> None:
    """Make a Django REST Framework project, ready to be shipped."""
    from ferryman.new.choices import Choices
    from ferryman.new.making import Tools, make_project

    made = make_project(Path(), Choices(name, auth, queue), Tools.found(with_git=not no_git))
    for note in made.notes:
        messages.print(note)
    messages.print(f"{made.files} files{', committed' if made.is_committed else ''}")
    messages.print(f"next: cd {name}, then `ferryman rehearse`; README.md has the first steps in development")
    typer.echo(str(made.folder))


command = new

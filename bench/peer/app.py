"""Harbour's list of deployments in FastAPI with SQLAlchemy: the same rows, JSON and check of the token."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ForeignKey, String, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

PAGE_SIZE = 50
engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgres://", "postgresql+psycopg://"), pool_size=8)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Model(DeclarativeBase):
    """Tables as Harbour's migrations made them."""


class App(Model):
    """What is shipped."""

    __tablename__ = "fleet_app"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Server(Model):
    """A host."""

    __tablename__ = "fleet_server"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Environment(Model):
    """An app on a server."""

    __tablename__ = "fleet_environment"
    id: Mapped[int] = mapped_column(primary_key=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("fleet_app.id"))
    server_id: Mapped[int] = mapped_column(ForeignKey("fleet_server.id"))
    name: Mapped[str]
    app: Mapped[App] = relationship()
    server: Mapped[Server] = relationship()


class Release(Model):
    """An image with its configuration."""

    __tablename__ = "fleet_release"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    revision: Mapped[str]
    image: Mapped[str]
    digest: Mapped[str]


class Deployment(Model):
    """One run of the transaction; what the list does not answer is not mapped."""

    __tablename__ = "fleet_deployment"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("fleet_environment.id"))
    release_id: Mapped[int | None] = mapped_column(ForeignKey("fleet_release.id"))
    kind: Mapped[str]
    sequence: Mapped[int | None]
    previous: Mapped[int | None]
    outcome: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[float | None]
    environment: Mapped[Environment] = relationship()
    release: Mapped[Release | None] = relationship()


class Token(Model):
    """A token's digest."""

    __tablename__ = "access_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("access_user.id"))
    digest: Mapped[str] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    user: Mapped["User | None"] = relationship()


class User(Model):
    """A person."""

    __tablename__ = "access_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    is_active: Mapped[bool]
    is_staff: Mapped[bool]


class ReleaseAnswer(BaseModel):
    """A release inside a deployment."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    number: int
    revision: str
    image: str
    digest: str


class DeploymentAnswer(BaseModel):
    """A deployment in the list."""

    id: UUID
    app: str
    environment: str
    server: str
    kind: str
    sequence: int | None
    previous: int | None
    outcome: str | None
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    release: ReleaseAnswer | None


class Page(BaseModel):
    """One page of the list."""

    next: str | None
    previous: str | None
    results: list[DeploymentAnswer]


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as one:
        yield one


async def reader(
    session: Annotated[AsyncSession, Depends(session)], authorization: Annotated[str, Header()] = ""
) -> User:
    """The person whose token it is; 401 otherwise."""
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    valid = or_(Token.expires_at.is_(None), Token.expires_at > datetime.now(UTC))
    known = select(Token).options(joinedload(Token.user))
    token = await session.scalar(known.where(Token.digest == digest, Token.revoked_at.is_(None), valid))
    if token is None or token.user is None or not token.user.is_active:
        raise HTTPException(401, "The token is unknown, expired or revoked")
    return token.user


@app.get("/api/v1/deployments/")
async def deployments(
    session: Annotated[AsyncSession, Depends(session)],
    user: Annotated[User, Depends(reader)],
    cursor: str | None = None,
) -> Page:
    """Deployments, newest first."""
    if not user.is_staff:
        raise HTTPException(403)
    query = (
        select(Deployment)
        .options(
            joinedload(Deployment.environment).joinedload(Environment.app),
            joinedload(Deployment.environment).joinedload(Environment.server),
            joinedload(Deployment.release),
        )
        .order_by(Deployment.started_at.desc(), Deployment.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if cursor:
        query = query.where(Deployment.started_at <= datetime.fromisoformat(base64.urlsafe_b64decode(cursor).decode()))
    found = list(await session.scalars(query))
    following = None
    if len(found) > PAGE_SIZE:
        position = base64.urlsafe_b64encode(found[PAGE_SIZE - 1].started_at.isoformat().encode()).decode()
        following = f"/api/v1/deployments/?cursor={position}"
    return Page(next=following, previous=None, results=[_answer(one) for one in found[:PAGE_SIZE]])


def _answer(one: Deployment) -> DeploymentAnswer:
    return DeploymentAnswer(
        id=one.id,
        app=one.environment.app.name,
        environment=one.environment.name,
        server=one.environment.server.name,
        kind=one.kind,
        sequence=one.sequence,
        previous=one.previous,
        outcome=one.outcome or None,
        started_at=one.started_at,
        finished_at=one.finished_at,
        seconds=one.seconds,
        release=ReleaseAnswer.model_validate(one.release) if one.release else None,
    )

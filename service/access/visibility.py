"""Which rows a request may see: the one place that decides it, for the API and for the pages.

Staff see everything. A person sees the apps of which he is a member and what belongs to them. A stranger sees nothing.
Everybody sees the fleet where HARBOUR_PUBLIC_READ opens it, which opens neither people nor tokens nor invitations.
"""

from typing import TypeVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from access.models import Invitation, Membership, Role, Token, User
from fleet.models import App, Deployment, DeploymentEvent, Environment, Notice, Release, Server

Rows = TypeVar("Rows", Release, Deployment, DeploymentEvent)
Asker = AbstractBaseUser | AnonymousUser


def is_staff(user: Asker) -> bool:
    """Return whether he runs Harbour."""
    return isinstance(user, User) and user.is_active and user.is_staff


def sees_all(user: Asker) -> bool:
    """Return whether no row of the fleet is hidden from him."""
    return is_staff(user) or bool(settings.CONFIGURATION.public_read)


def role_in(user: Asker, app: App) -> Role | None:
    """Return what he may do in the app; staff may do what an owner may, None is a stranger."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_staff:
        return Role.OWNER
    role = Membership.objects.filter(user=user, app=app).values_list("role", flat=True).first()
    return Role(role) if role else None


def may_write(user: Asker, app: App) -> bool:
    """Return whether he may write notes in the app: its members and owners."""
    return role_in(user, app) in {Role.MEMBER, Role.OWNER}


def may_own(user: Asker, app: App) -> bool:
    """Return whether he may edit the app, its members and its invitations."""
    return role_in(user, app) is Role.OWNER


def visible_apps(user: Asker) -> QuerySet[App]:
    """Return the apps that he may see."""
    if sees_all(user):
        return App.objects.all()
    return App.objects.filter(pk__in=_apps_of(user))


def visible_environments(user: Asker) -> QuerySet[Environment]:
    """Return the environments of the apps that he may see."""
    if sees_all(user):
        return Environment.objects.all()
    return Environment.objects.filter(app__in=_apps_of(user))


def visible_servers(user: Asker) -> QuerySet[Server]:
    """Return the servers that carry at least one app that he may see.

    A server carries other apps too: show its environments through `visible_places`.
    """
    if sees_all(user):
        return Server.objects.all()
    return Server.objects.filter(Exists(visible_environments(user).filter(server=OuterRef("pk"))))


def visible_places(user: Asker) -> "Prefetch[str]":
    """Return what `prefetch_related` needs to nest the visible environments alone in apps and servers."""
    return Prefetch("environments", visible_environments(user).select_related("app", "server", "release"))


def visible_releases(user: Asker) -> QuerySet[Release]:
    """Return the releases of the apps that he may see."""
    return _in_visible_environments(Release.objects.all(), user)


def visible_deployments(user: Asker) -> QuerySet[Deployment]:
    """Return the deployments of the apps that he may see."""
    return _in_visible_environments(Deployment.objects.all(), user)


def visible_events(user: Asker) -> QuerySet[DeploymentEvent]:
    """Return the events of the apps that he may see; events of no app are a server's own and staff's alone."""
    return _in_visible_environments(DeploymentEvent.objects.all(), user)


def visible_notices(user: Asker) -> QuerySet[Notice]:
    """Return the notices about servers that he may see, without those about apps that he may not."""
    if sees_all(user):
        return Notice.objects.all()
    about_visible = Q(environment=None) | Q(environment__in=visible_environments(user))
    return Notice.objects.filter(about_visible, server__in=visible_servers(user))


def visible_memberships(user: Asker) -> QuerySet[Membership]:
    """Return his own memberships, and everybody's in the apps that he owns."""
    if not isinstance(user, User):
        return Membership.objects.none()
    if is_staff(user):
        return Membership.objects.all()
    return Membership.objects.filter(Q(user=user) | Q(app__in=_apps_of(user, Role.OWNER)))


def visible_invitations(user: Asker) -> QuerySet[Invitation]:
    """Return the invitations that nobody has accepted yet, to the apps that he owns."""
    if not isinstance(user, User):
        return Invitation.objects.none()
    waiting = Invitation.objects.filter(accepted_at=None)
    return waiting if is_staff(user) else waiting.filter(app__in=_apps_of(user, Role.OWNER))


def visible_tokens(user: Asker) -> QuerySet[Token]:
    """Return his own tokens; staff see those of servers too, nobody sees those of another person."""
    if not isinstance(user, User):
        return Token.objects.none()
    return Token.objects.filter(Q(user=user) | Q(user=None)) if is_staff(user) else Token.objects.filter(user=user)


def _apps_of(user: Asker, *roles: Role) -> QuerySet[Membership, int]:
    if not isinstance(user, User) or not user.is_active:
        return Membership.objects.none().values_list("app_id", flat=True)
    mine = Membership.objects.filter(user=user)
    return (mine.filter(role__in=roles) if roles else mine).values_list("app_id", flat=True)


def _in_visible_environments(rows: QuerySet[Rows], user: Asker) -> QuerySet[Rows]:
    if sees_all(user):
        return rows
    # Looked up first: with ids at hand PostgreSQL walks the index that has the order; with a subquery it fetches and
    # sorts every row that the person may see.
    return rows.filter(environment__in=list(visible_environments(user).values_list("pk", flat=True)))

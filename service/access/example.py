"""People to look at the example fleet with; for development alone, where their password may be known."""

from access.models import Membership, Role, User
from fleet.models import App

PASSWORD = "a harbour to look at"  # noqa: S105
PEOPLE = {
    "demo@example.com": ("Demo", {"shop-api": Role.OWNER, "harbour": Role.OWNER}),
    "ada@example.com": ("Ada", {"shop-api": Role.MEMBER, "newsletter": Role.OWNER}),
    "anna@example.com": ("Anna", {"shop-api": Role.VIEWER}),
}
RUNS_HARBOUR = "demo@example.com"
ABOUT = {
    "shop-api": ("Sells what the others make", "https://git.example.com/example/shop-api"),
    "newsletter": ("One mail a week", ""),
}


def make_people() -> None:
    """Make those that are missing, and what an owner would have said about the apps."""
    for name, (description, repository) in ABOUT.items():
        App.objects.filter(name=name, description="").update(description=description, repository=repository)
    apps = App.objects.in_bulk(field_name="name")
    for email, (name, roles) in PEOPLE.items():
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, PASSWORD, name=name, is_staff=email == RUNS_HARBOUR)
        Membership.objects.bulk_create(
            [Membership(user=user, app=apps[app], role=role) for app, role in roles.items() if app in apps],
            ignore_conflicts=True,
        )

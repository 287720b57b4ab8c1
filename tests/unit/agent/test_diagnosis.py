"""Why a release does not get healthy: what it answered, which setting is behind that, and what to do."""

from __future__ import annotations

import pytest

from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import Deployment
from ferryman_agent.testing import Behaviour, FakeMachine, broken_promises, carry_out, manifest

APP = "shop.production"
LOGIN = "/health asks for a login: name a path in [app.roles.web] health that answers without one"
GIVEN = "the app was given ALLOWED_HOSTS=shop.example.com: make the settings read that"


def failed(machine: FakeMachine, server: Host, behaviour: Behaviour) -> Deployment:
    machine.publish("bad", behaviour)
    content = manifest(domain="shop.example.com")
    found = carry_out(server, machine.order("bad", content), f"bad {len(server.ledger.deployments())}")
    assert found.state == "failed"
    assert broken_promises(machine, server) == []
    return found


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (
            Answer(301, location="https://shop.example.com/health"),
            "answers 301, a redirect to https://shop.example.com/health",
            'SECURE_SSL_REDIRECT is on, and the app is reached over http: set it to os.environ["FERRYMAN_SCHEME"] == '
            '"https", or add /health to SECURE_REDIRECT_EXEMPT',
        ),
        (
            Answer(301, location="https://www.shop.example.com/health"),
            "answers 301, a redirect to https://www.shop.example.com/health",
            "the app sends shop.example.com elsewhere: is that PREPEND_WWW, or a middleware of its own?",
        ),
        (Answer(302, location="/accounts/login/?next=/health"), "a redirect to /accounts/login/?next=/health", LOGIN),
        (
            Answer(301, location="/health/"),
            "a redirect to /health/",
            'name the path that answers itself, such as [app.roles.web] health = "/health/"',
        ),
        (
            Answer(302, location="http://shop.example.com/en/health"),
            "a redirect to http://shop.example.com/en/health",
            'name the path that answers itself, such as [app.roles.web] health = "/en/health"',
        ),
        (Answer(302), "answers 302", "is [app.roles.web] health the right path?"),
        (Answer(302, location="http://[x"), "to http://[x", "is [app.roles.web] health the right path?"),
        (
            Answer(400, "<h1>Bad Request (400)</h1>"),
            "answers 400 to the host shop.example.com",
            f"does ALLOWED_HOSTS take shop.example.com? {GIVEN}",
        ),
        (
            Answer(400, "DisallowedHost at /health"),
            "answers 400 to the host shop.example.com",
            f"ALLOWED_HOSTS does not take shop.example.com; {GIVEN}",
        ),
        (Answer(403), "answers 403", LOGIN),
        (Answer(404), "answers 404", "is [app.roles.web] health the right path?"),
        (Answer(500), "answers 500", ""),
    ],
)
def test_an_answer_names_its_cause(machine: FakeMachine, server: Host, answer: Answer, message: str, hint: str) -> None:
    error = failed(machine, server, Behaviour(answers=[answer])).error
    assert error is not None
    assert error["message"].startswith("the health check /health answers ")
    assert error["message"].endswith(message)
    assert error["hint"] == hint


def test_the_log_may_make_it_certain_that_a_host_is_refused(machine: FakeMachine, server: Host) -> None:
    log = "Invalid HTTP_HOST header: 'shop.example.com'. You may need to add 'shop.example.com' to ALLOWED_HOSTS.\n"
    error = failed(machine, server, Behaviour(answers=[Answer(400)], log=log)).error
    assert error is not None
    assert error["hint"].startswith("ALLOWED_HOSTS does not take shop.example.com; ")


def test_hosts_that_somebody_set_on_the_server_are_not_told(machine: FakeMachine, server: Host) -> None:
    server.ledger.add_environment(APP, {"ALLOWED_HOSTS": "inner.example.com"}, "set ALLOWED_HOSTS")
    error = failed(machine, server, Behaviour(answers=[Answer(400)])).error
    assert error is not None
    assert error["hint"].endswith("it was set with `ferryman env set`, whose value wins")
    assert "inner.example.com" not in str(error)


def test_health_checks_send_the_host_and_the_scheme_of_the_app(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("two", manifest(domain="shop.example.com")), "two")
    _, question, _ = machine.docker.probes[-1]
    assert (question.host, question.scheme) == ("shop.example.com", "http")

"""``safe_next``: where the log-in view sends the user, whatever the request says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask import Flask, Response, redirect, request
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import ConfigurationError
from flask_jwtlib.testing import make_request
from flask_jwtlib_strategies.failure_handlers._local_urls import local_url
from flask_jwtlib_strategies.failure_handlers.login_redirect import safe_next

from .redirect_kit import ALLOWED, ATTACKS, resolved

HOST = "https://site.example"
SURROGATE = re.compile("[\ud800-\udfff]")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of an app with a log-in view."""
    app = Flask("log_in")
    app.testing = True

    @app.route("/login", methods=["GET", "POST"])
    def log_in() -> Any:
        return redirect(safe_next(request, default="/home"))

    with app.test_client() as client:
        yield client


def escaped(text: str) -> str:
    """Encode a parameter, also one that isn't well-formed Unicode."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def target(response: Response) -> str:
    """Return where a response redirects to, after checking that a browser stays on the site."""
    location = response.headers["Location"]
    assert response.status_code == 302
    assert resolved(location)[:2] == ("https", "site.example"), location
    return location


# Half a surrogate pair isn't Unicode, and servers limit the length of a line.
SENDABLE = {
    name: url for name, url in ATTACKS.items() if len(url) < 9999 and not SURROGATE.search(url)
}


@pytest.mark.parametrize("attack", SENDABLE.values(), ids=SENDABLE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_attack_leads_to_the_default(client: Any, method: str, attack: str) -> None:
    """A ``next`` that may leave the site isn't used, in the query or the form."""
    if method == "GET":
        response = client.get(f"/login?next={escaped(attack)}", base_url=HOST)
    else:
        response = client.post("/login", data={"next": attack}, base_url=HOST)

    assert target(response) == "/home"


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_attack_is_a_local_url(attack: str) -> None:
    """What can't be sent in a request isn't accepted either."""
    assert local_url(attack) is None


@pytest.mark.parametrize(("url", "expected"), ALLOWED.values(), ids=ALLOWED)
def test_a_path_of_the_site_is_used(client: Any, url: str, expected: str) -> None:
    """A path, its query and its fragment are kept, percent-encoded and without a token."""
    response = client.get(f"/login?next={escaped(url)}", base_url=HOST)

    assert target(response) == expected
    assert "SECRET" not in response.headers["Location"]


@pytest.mark.parametrize(("url", "expected"), ALLOWED.values(), ids=ALLOWED)
def test_what_it_returns_is_safe_again(url: str, expected: str) -> None:
    """A second check changes nothing, so that ``next`` can be passed on from page to page."""
    assert local_url(expected, ("access_token",)) == expected


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([*"/\\.:@?#%;&= \t\r\n\x00aeF25", "evil", "//", "%2f", "%5c", "https:"]),
        max_size=12,
    ).map("".join)
)
def test_nothing_leaves_the_site(text: str) -> None:
    """Any text of dangerous characters is refused, or stays on the site however often it's decoded."""
    for url in text, f"/{text}":
        found = local_url(url)
        if found is None:
            continue
        assert found.isascii()
        assert found.isprintable()
        path = found.partition("?")[0].partition("#")[0]
        for _ in range(4):
            assert resolved(path)[:2] == ("https", "site.example"), url
            path = unquote(path)


def test_without_next_the_default_is_used(client: Any) -> None:
    """Without the parameter, the user goes to the default."""
    assert target(client.get("/login", base_url=HOST)) == "/home"


def test_the_default_is_the_root() -> None:
    """Without a default, that is ``/``."""
    assert safe_next(make_request()) == "/"


@pytest.mark.parametrize(
    ("query", "form", "expected"),
    [
        pytest.param("/a", "/a", "/a", id="the same"),
        pytest.param("/a", "/b", "/home", id="different"),
        pytest.param("/a", "//evil.example", "/home", id="the second one is an attack"),
        pytest.param("//evil.example", "/a", "/home", id="the first one is an attack"),
    ],
)
def test_two_values(client: Any, query: str, form: str, expected: str) -> None:
    """A form may repeat the parameter of its URL, but not contradict it."""
    response = client.post(f"/login?next={query}", data={"next": form}, base_url=HOST)

    assert target(response) == expected


def test_two_values_in_the_query(client: Any) -> None:
    """Two different values in the query aren't used."""
    assert target(client.get("/login?next=/a&next=/b", base_url=HOST)) == "/home"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_query_that_is_not_utf_8(method: str) -> None:
    """A query that can't be decoded leads to the default, also with a good value in the form."""
    asked = make_request(
        method=method,
        data={"next": "/a"} if method == "POST" else None,
        environ_overrides={"QUERY_STRING": "next=/a&\xff"},
    )

    assert safe_next(asked, default="/home") == "/home"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil"}],
    ids=["Host", "X-Forwarded-Host", "Forwarded"],
)
def test_headers_that_name_a_host_decide_nothing(client: Any, headers: dict[str, str]) -> None:
    """The result never has a host."""
    assert client.get("/login?next=/a", headers=headers).headers["Location"] == "/a"
    assert client.get("/login?next=//b", headers=headers).headers["Location"] == "/home"


def test_names_of_ones_own() -> None:
    """The parameter may have another name, and further parameters may be removed."""
    asked = make_request(query_string={"back": "/a?ticket=SECRET&access_token=SECRET&b=1"})

    assert safe_next(asked, parameter="back", drop=("ticket",)) == "/a?b=1"
    with pytest.raises(ConfigurationError, match="drop is 'ticket'"):
        safe_next(asked, drop="ticket")  # type: ignore[arg-type]

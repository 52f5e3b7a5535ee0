"""A user in a real browser, who logs in by a cookie, and other sites that try to use it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.browser.site import HOME, OTHER, SIBLING, Site
from tests.kit import PROCESS_PATIENCE

# Returns the status of a response, or "failed" if the browser doesn't show it to the page.
_FETCH = """
const [url, options, done] = arguments
fetch(url, options).then(
    async (response) => done([response.status, response.type, response.redirected]),
    () => done(["failed", "", false]),
)
"""


def fetch(browser: Any, url: str, **options: Any) -> list[Any]:
    """Let a script of the open page send a request, and return status, type and whether it was redirected."""
    result: list[Any] = browser.execute_async_script(_FETCH, url, options)
    return result


def submit(browser: Any, page: str) -> str:
    """Open a page and send its form. Return the title of the response."""
    browser.get(page)
    press(browser)
    return str(browser.title)


def press(browser: Any) -> None:
    """Send the form of the open page, and wait for the response's page."""
    browser.execute_script("document.isOld = true")
    browser.find_element("id", "submit").click()
    end = time.monotonic() + PROCESS_PATIENCE
    while browser.execute_script("return document.isOld || document.readyState != 'complete'"):
        assert time.monotonic() < end, "waited in vain for the next page"
        time.sleep(0.01)


def log_in(browser: Any, site: Site) -> None:
    """Log Alice in."""
    submit(browser, site.url(HOME, "/login"))
    assert {cookie["name"] for cookie in browser.get_cookies()} == {"__Host-lax", "__Host-none"}


def test_the_cookie_identifies_the_user(browser: Any, site: Site) -> None:
    """After the log-in the user is known, and after the log-out isn't."""
    log_in(browser, site)
    browser.get(site.url(HOME, "/lax/page"))
    assert browser.title == "page of alice"

    assert submit(browser, site.url(HOME)) == "logged out"
    assert browser.get_cookies() == []
    browser.get(site.url(HOME, "/lax/page"))
    assert browser.title == "log-in page"


def test_the_cookie_is_out_of_reach(browser: Any, site: Site) -> None:
    """No script reads the cookie, and it is for this host, for HTTPS and for the whole site only."""
    log_in(browser, site)

    assert browser.execute_script("return document.cookie") == ""
    for cookie in browser.get_cookies():
        assert (cookie["httpOnly"], cookie["secure"], cookie["path"]) == (True, True, "/")
        assert cookie["domain"] == HOME
        assert cookie["expiry"] > 0


@pytest.mark.parametrize("cookie", ["lax", "none"])
def test_a_page_of_the_same_origin_may_post(browser: Any, site: Site, cookie: str) -> None:
    """A form and a script of the app itself change something in the user's name."""
    log_in(browser, site)

    assert submit(browser, site.page_with_form(HOME, f"/{cookie}/change")) == "changed"
    status, _, _ = fetch(browser, f"/{cookie}/change", method="POST")

    assert (status, site.changes) == (200, ["alice", "alice"])


@pytest.mark.parametrize("cookie", ["lax", "none"])
@pytest.mark.parametrize("host", [SIBLING, OTHER])
def test_a_form_of_another_origin_is_refused(
    browser: Any, site: Site, host: str, cookie: str
) -> None:
    """A form on a sibling's or another site's page changes nothing, whether the cookie comes along or not."""
    log_in(browser, site)

    title = submit(browser, site.page_with_form(host, f"/{cookie}/change"))

    assert title != "changed"
    assert site.changes == []


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
@pytest.mark.parametrize("host", [SIBLING, OTHER])
def test_a_script_of_another_origin_is_refused(
    browser: Any, site: Site, host: str, mode: str
) -> None:
    """A script on a sibling's or another site's page changes nothing, and reads no response."""
    log_in(browser, site)
    browser.get(site.page_with_form(host, "/"))

    url = site.url(HOME, "/none/change")
    status, _, _ = fetch(browser, url, method="POST", mode=mode, credentials="include")

    # The browser shows no response of another origin: 0 is that of an opaque one.
    assert (status, site.changes) == ("failed" if mode == "cors" else 0, [])


@pytest.mark.parametrize("host", [SIBLING, OTHER])
def test_nobody_else_logs_the_user_in(browser: Any, site: Site, host: str) -> None:
    """A form of another origin can't log the user in to an account of its own (log-in CSRF)."""
    submit(browser, site.page_with_form(host, "/login"))

    browser.get(site.url(HOME))
    assert browser.get_cookies() == []


@pytest.mark.parametrize("host", [SIBLING, OTHER])
def test_nobody_else_logs_the_user_out(browser: Any, site: Site, host: str) -> None:
    """A form of another origin can't log the user out."""
    log_in(browser, site)

    submit(browser, site.page_with_form(host, "/logout"))

    browser.get(site.url(HOME, "/lax/page"))
    assert browser.title == "page of alice"


def test_a_planted_cookie_is_refused(browser: Any, site: Site) -> None:
    """The browser refuses a sibling's cookie with the prefix ``__Host-``, so the user stays the same."""
    log_in(browser, site)
    browser.get(site.page_with_form(SIBLING, "/"))
    browser.execute_script(
        "document.cookie = '__Host-lax=x; Domain=example.localhost; Path=/; Secure'"
    )

    browser.get(site.url(HOME, "/lax/page"))
    assert browser.title == "page of alice"


def test_the_user_is_sent_to_the_log_in_page_and_back(browser: Any, site: Site) -> None:
    """A page that needs a log-in opens after it, with its query."""
    browser.get(site.url(HOME, "/lax/page?year=2026&q=a%20b"))
    assert browser.title == "log-in page"

    press(browser)
    assert browser.title == "page of alice"
    assert browser.current_url == site.url(HOME, "/lax/page?year=2026&q=a%20b")


def test_a_script_is_not_redirected(browser: Any, site: Site) -> None:
    """``fetch`` gets the 401, which it can tell from a page."""
    browser.get(site.url(HOME))

    assert fetch(browser, "/lax/page") == [401, "basic", False]


@pytest.mark.parametrize(
    "target",
    [
        "//other.localhost:{port}/form",
        "/\\other.localhost:{port}/form",
        "http://other.localhost:{port}/form",
        "http:other.localhost:{port}/form",
        "/%09/other.localhost:{port}/form",
        "%2F%2Fother.localhost:{port}/form",
        "///other.localhost:{port}/form",
        "/.//other.localhost:{port}/form",
        "http://app.example.localhost:{port}@other.localhost:{port}/form",
        "javascript:document.title='taken over'",
    ],
)
def test_no_link_leads_away_after_the_log_in(browser: Any, site: Site, target: str) -> None:
    """Whatever ``next`` somebody puts into a link to the log-in page, the user stays on the site."""
    # A percent sign isn't encoded again: the server decodes the rest once.
    submit(browser, site.url(HOME, f"/login?next={target.format(port=site.port)}"))

    assert browser.current_url.startswith(site.url(HOME))
    assert browser.title == "page with a form"

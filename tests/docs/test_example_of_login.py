"""The example of a redirect to the log-in page does what its docstring says."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .example_kit import client_of, token_of

Example = Callable[[str], ModuleType]

SITE = "http://127.0.0.1:5000"
# A browser on plain HTTP sends no Sec-Fetch-Mode.
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class TestLoginRedirect:
    def test_a_user_comes_back_to_the_page(self, example: Example) -> None:
        """The page redirects to the form, which redirects back with a cookie that opens the page."""
        client = client_of(example("login_redirect"))
        page = client.get("/reports?page=2", headers=HTML, base_url=SITE)
        assert (page.status_code, page.location) == (302, "/login?next=/reports%3Fpage%3D2")
        assert "<form" in client.get(page.location, headers=HTML, base_url=SITE).text
        sent = {"user": "<i>bob"}
        back = client.post(page.location, data=sent, headers={"Origin": SITE}, base_url=SITE)
        assert (back.status_code, back.location) == (302, "/reports?page=2")
        page = client.get(back.location, headers=HTML, base_url=SITE)
        assert page.text == "<p>Page 2 of the reports of &lt;i&gt;bob</p>"

    def test_nobody_is_logged_in_by_another_site(self, example: Example) -> None:
        """A form on another site can't log a user in."""
        client = client_of(example("login_redirect"))
        origin = {"Origin": "https://evil.example"}
        response = client.post("/login", data={"user": "mallory"}, headers=origin, base_url=SITE)
        assert response.status_code == 403
        assert "Set-Cookie" not in response.headers

    def test_nobody_is_sent_to_another_site(self, example: Example) -> None:
        """A link with another site's ``next`` leads to the reports."""
        client = client_of(example("login_redirect"))
        link = "/login?next=//evil.example"
        back = client.post(link, data={"user": "bob"}, headers={"Origin": SITE}, base_url=SITE)
        assert back.location == "/reports"

    def test_programs_and_the_api_get_problem_details(self, example: Example) -> None:
        """Curl isn't redirected, and nobody is by the API, which names the reason."""
        client = client_of(example("login_redirect"))
        program: Any = client.get("/reports", headers={"Accept": "*/*"})
        assert (program.status_code, program.json["reason"]) == (401, "missing-token")
        client.set_cookie("access_token", token_of(client, "exp=1"))
        api: Any = client.get("/api/reports", headers=HTML)
        assert (api.status_code, api.json["reason"]) == (401, "expired-token")
        assert client.get("/reports", headers=HTML).location == "/login?next=/reports"
        client.set_cookie("access_token", token_of(client))
        response: Any = client.get("/api/reports")
        assert response.json == {"reader": "alice"}

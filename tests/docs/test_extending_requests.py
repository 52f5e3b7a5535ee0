"""Every program in ``docs/extending.rst`` about extractors, evidence and policies does what its text says."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from flask_jwtlib import Authenticator, Role
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing._certificate import write_certificate

from .program_kit import client_behind, client_of, requirement

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/extending.rst"


class TestPasswords:
    PROGRAM = "class PasswordTokenExtractor"

    def test_both_ways_to_send_a_token_are_accepted(self, run: Run, issuer: TokenIssuer) -> None:
        """The token is in the header or in the password. An empty password is refused."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))
        token = issuer.token("alice")
        assert client.get("/", headers=bearer(token)).text == "alice"
        assert client.get("/", auth=("git", token)).text == "alice"
        assert client.post("/", auth=("git", token)).text == "alice"
        assert client.get("/", auth=("git", "")).status_code == 400

    def test_a_refusal_blames_the_scheme_that_was_used(self, run: Run) -> None:
        """A wrong password is refused in its own challenge, a wrong token in that of ``Bearer``."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))
        assert client.get("/").headers["WWW-Authenticate"] == 'Bearer, Basic realm="packages"'
        password = client.get("/", auth=("git", "x")).headers["WWW-Authenticate"]
        assert password.startswith('Bearer, Basic realm="packages", error="invalid_token"')
        token = client.get("/", headers=bearer("x")).headers["WWW-Authenticate"]
        assert token.startswith('Bearer error="invalid_token"')
        assert token.endswith('Basic realm="packages"')

    def test_a_page_of_another_site_is_refused(self, run: Run, issuer: TokenIssuer) -> None:
        """A browser sends the password by itself, so the check applies to it, and not to the header."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))
        token, site = issuer.token("alice"), {"Sec-Fetch-Site": "cross-site"}
        assert client.post("/", auth=("git", token), headers=site).status_code == 403
        assert client.post("/", headers={**bearer(token), **site}).text == "alice"


class TestAmbientTokens:
    PROGRAM = "class ApacheTokenExtractor"

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, id="this-site"),
            pytest.param({"Origin": "https://app.example"}, 200, id="trusted-origin"),
            pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another-site"),
            pytest.param({"Origin": "https://evil.example"}, 403, id="another-origin"),
            pytest.param({}, 403, id="not-a-browser"),
        ],
    )
    def test_a_change_needs_the_cross_site_check(
        self, run: Run, issuer: TokenIssuer, headers: dict[str, str], status: int
    ) -> None:
        """The token counts for GET, and for POST if the browser says that this site sent it."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))
        client.environ_base["OIDC_access_token"] = issuer.token("alice")
        assert client.get("/", headers=headers).text == "alice"
        assert client.post("/", headers=headers).status_code == status

    def test_the_headers_fit_a_cookie(self, run: Run, issuer: TokenIssuer) -> None:
        """A 401 has the challenge that browsers ignore, and no cache mixes up the callers."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))
        refused = client.get("/")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Cookie realm="reports"'
        client.environ_base["OIDC_access_token"] = issuer.token("alice")
        for response in (refused, client.get("/")):
            assert "Cookie" in response.headers["Vary"]
            assert response.cache_control.private

    def test_without_the_check_nobody_gets_in(self, run: Run, issuer: TokenIssuer) -> None:
        """As the text says, the extractor alone is closed."""
        auth = run(DOCUMENT, self.PROGRAM)["auth"]
        alone = auth.evolve(extractor=auth.extractor.extractor)
        client = client_behind(alone.requires_authentication)
        client.environ_base["OIDC_access_token"] = issuer.token("alice")
        assert client.get("/").status_code == 403


class TestEvidence:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> x509.Certificate:
        """A client's certificate."""
        write_certificate(tmp_path / "client.pem", "127.0.0.1")
        return x509.load_pem_x509_certificate((tmp_path / "client.pem").read_bytes())

    def test_a_bound_token_needs_its_certificate(
        self, run: Run, issuer: TokenIssuer, certificate: x509.Certificate
    ) -> None:
        """A token that is bound to a certificate is accepted only with that certificate."""
        client = client_behind(requirement(run(DOCUMENT, "class CertificateExtractor")))
        thumbprint = urlsafe_b64encode(certificate.fingerprint(SHA256())).decode().rstrip("=")
        shown = {"X-Client-Cert": quote(certificate.public_bytes(Encoding.PEM))}
        bound = bearer(issuer.token("alice", cnf={"x5t#S256": thumbprint}))
        assert client.get("/", headers={**bound, **shown}).text == "alice"
        assert client.get("/", headers=bound).status_code == 401
        for cnf in ({"x5t#S256": "another"}, {"x5t#S256": thumbprint, "jkt": "x"}, {}, "text", 5):
            other = bearer(issuer.token("alice", cnf=cnf))
            assert client.get("/", headers={**other, **shown}).status_code == 401, cnf

    def test_other_tokens_are_accepted_as_before(
        self, run: Run, issuer: TokenIssuer, certificate: x509.Certificate
    ) -> None:
        """A token that isn't bound needs no certificate. What isn't a certificate is refused."""
        client = client_behind(requirement(run(DOCUMENT, "class CertificateExtractor")))
        free = bearer(issuer.token("alice"))
        shown = quote(certificate.public_bytes(Encoding.PEM))
        assert client.get("/", headers=free).text == "alice"
        assert client.get("/", headers={**free, "X-Client-Cert": shown}).text == "alice"
        assert client.get("/", headers={**free, "X-Client-Cert": "x"}).status_code == 400
        assert client.get("/", headers={"X-Client-Cert": shown}).status_code == 401

    def test_something_in_front_may_confirm(self, run: Run, issuer: TokenIssuer) -> None:
        """As the text says, ``confirmed_elsewhere`` accepts the members that it names."""
        auth = run(DOCUMENT, "class CertificateExtractor")["auth"]
        client = client_behind(
            auth.evolve(confirmed_elsewhere=("x5t#S256",)).requires_authentication
        )
        bound = issuer.token("alice", cnf={"x5t#S256": "checked by the proxy"})
        assert client.get("/", headers=bearer(bound)).text == "alice"
        other = issuer.token("alice", cnf={"jkt": "x"})
        assert client.get("/", headers=bearer(other)).status_code == 401

    def test_a_response_has_a_header(self, run: Run, issuer: TokenIssuer) -> None:
        """The validator's header is in accepted responses only."""
        client = client_behind(requirement(run(DOCUMENT, "class ExpiryHintValidator")))
        accepted = client.get("/", headers=bearer(issuer.token("alice")))
        assert 0 < int(accepted.headers["X-Token-Expires-In"]) <= issuer.lifetime
        refused = client.get("/", headers=bearer(issuer.token("alice", exp=None)))
        assert refused.status_code == 401
        assert "X-Token-Expires-In" not in refused.headers


class TestPolicies:
    @pytest.mark.parametrize(
        ("claims", "status"),
        [
            pytest.param({"sub": "alice", "scope": "orders:read"}, 200, id="owner"),
            pytest.param({"sub": "alice", "scope": "orders:write"}, 200, id="implied-scope"),
            pytest.param(
                {"sub": "bob", "scope": "orders:read", "roles": ["clerk"]}, 200, id="clerk"
            ),
            pytest.param({"sub": "bob", "scope": "orders:read"}, 403, id="somebody-else"),
            pytest.param({"sub": None, "scope": "orders:read"}, 403, id="no-subject"),
            pytest.param({"sub": "alice"}, 403, id="no-scope"),
            pytest.param(
                {"sub": "alice", "scope": "orders:read", "email_verified": False},
                403,
                id="for-every-caller",
            ),
        ],
    )
    def test_policies_are_combined(
        self, run: Run, issuer: TokenIssuer, claims: dict[str, Any], status: int
    ) -> None:
        """The owner of ``user_id`` and clerks get in, if they have the scope and a verified address."""
        client = client_of(run(DOCUMENT, "def owner(claims, call)"))
        headers = bearer(issuer.token(**{"email_verified": True, **claims}))
        assert client.get("/users/alice/orders", headers=headers).status_code == status

    def test_only_a_scope_that_helps_is_named(self, run: Run, issuer: TokenIssuer) -> None:
        """The refusal for a scope names it, even if there is no token. That for an owner names none."""
        client = client_of(run(DOCUMENT, "def owner(claims, call)"))
        needed = 'scope="orders:read"'
        assert needed in client.get("/users/alice/orders").headers["WWW-Authenticate"]
        poor = bearer(issuer.token("alice", email_verified=True))
        refused = client.get("/users/alice/orders", headers=poor)
        assert needed in refused.headers["WWW-Authenticate"]
        other = bearer(issuer.token("bob", email_verified=True, scope="orders:read"))
        refused = client.get("/users/alice/orders", headers=other)
        assert "WWW-Authenticate" not in refused.headers

    def test_the_log_names_the_caller(
        self, run: Run, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says who was refused, what was required, and which scopes the token has."""
        client = client_of(run(DOCUMENT, "def owner(claims, call)"))
        token = issuer.token("alice", email_verified=True, scope="mail chat")
        with caplog.at_level("INFO", "flask_jwtlib"):
            client.get("/users/alice/orders", headers=bearer(token))
        for text in ("'alice'", "orders:read", "'chat mail'"):
            assert text in caplog.text

    @pytest.mark.parametrize(
        ("groups", "finance", "no_trainees"),
        [
            pytest.param(["/finance", "/staff"], 200, 200, id="members"),
            pytest.param(["/finance/audit", "/staff/desk"], 200, 200, id="members-of-subgroups"),
            pytest.param("/finance", 200, 403, id="a-single-group"),
            pytest.param(["/staff/trainees", "/staff"], 403, 403, id="trainee"),
            pytest.param(["/financeteam", "/staffing"], 403, 403, id="a-longer-name"),
            pytest.param("not/finance", 403, 403, id="part-of-a-text"),
            pytest.param("", 403, 403, id="empty-text"),
            pytest.param(1, 403, 403, id="number"),
            pytest.param(True, 403, 403, id="true"),
            pytest.param({"/finance": True}, 403, 403, id="object"),
            pytest.param([1, ["/finance"], {"/staff": 1}, None], 403, 403, id="odd-members"),
            pytest.param(None, 403, 403, id="absent"),
        ],
    )
    def test_an_organisations_groups_are_a_policy(
        self, run: Run, issuer: TokenIssuer, groups: object, finance: int, no_trainees: int
    ) -> None:
        """Members of the group or a subgroup get in. Anything else is refused, and never a 500."""
        program = run(DOCUMENT, "class Member(Policy)")
        headers = bearer(issuer.token("alice", groups=groups))
        for name, status in (("finance_only", finance), ("no_trainees", no_trainees)):
            response = client_behind(program[name]).get("/", headers=headers)
            assert response.status_code == status
            if name == "finance_only" and status == 403:
                assert "Another department's page" in response.text

    @pytest.mark.parametrize(
        ("groups", "status"),
        [
            pytest.param([{"name": "/staff"}, {"name": "/sales"}], 200, id="member"),
            pytest.param([{"name": "/staff"}, {"id": 1}], 403, id="another-group"),
            pytest.param(["/sales"], 403, id="strings"),
            pytest.param({"name": "/sales"}, 403, id="a-single-object"),
            pytest.param(None, 403, id="absent"),
        ],
    )
    def test_groups_may_be_objects(
        self, run: Run, issuer: TokenIssuer, groups: object, status: int
    ) -> None:
        """The policy finds a group by the name in its object, and refuses what has another type."""
        client = client_behind(run(DOCUMENT, "class InNamedGroup")["sales_only"])
        headers = bearer(issuer.token("alice", groups=groups))
        assert client.get("/", headers=headers).status_code == status

    def test_a_function_is_a_policy(self, run: Run, issuer: TokenIssuer) -> None:
        """The function lets the group in. As the text warns, its negation lets in a token without groups."""
        program = run(DOCUMENT, "class Member(Policy)")
        negated = program["auth"].requires_authentication(rules=[~program["in_sales"]])
        for groups, status, status_if_negated in (
            (["/sales"], 200, 403),
            (["/salesmen"], 403, 200),
            (None, 403, 200),
        ):
            headers = bearer(issuer.token("alice", groups=groups))
            for decorator, expected in (
                (program["sales_only"], status),
                (negated, status_if_negated),
            ):
                response = client_behind(decorator).get("/", headers=headers)
                assert response.status_code == expected, groups

    def test_a_group_by_its_name_is_a_role(self, issuer: TokenIssuer) -> None:
        """As the text says, ``Role("/sales", at="groups")`` compares a group's name, also if negated."""
        auth = Authenticator(keys=issuer.public_pem)
        group = Role("/sales", at="groups")
        for groups, status, status_if_negated in (
            (["/sales"], 200, 403),
            ("/sales", 200, 403),
            (["/salesmen"], 403, 200),
            (None, 403, 403),
        ):
            headers = bearer(issuer.token("alice", groups=groups))
            for rule, expected in ((group, status), (~group, status_if_negated)):
                client = client_behind(auth.requires_authentication(rules=[rule]))
                assert client.get("/", headers=headers).status_code == expected, groups

"""A cause isn't named where it doesn't fit, even if the situation resembles its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import Authenticator, Role, Scope
from flask_jwtlib.claim_rules import TokenUse
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator

from . import provider_tokens as tokens
from .situation_kit import AUDIENCE, Situation, World, claims


def explained(world: World, token: str, auth: Authenticator) -> list[str]:
    """Return the names of all causes, the first one first."""
    explanation = Situation("", lambda world: token, "", auth=lambda world: auth).explained(world)
    assert explanation.cause is not None
    return [cause.name for cause in (explanation.cause, *explanation.other_causes)]


@pytest.mark.parametrize(
    ("ours", "theirs", "cause"),
    [
        ("https://a.example/one", "https://a.example/two/", "wrong-realm"),
        ("https://a.example", "https://a.example.evil.example/", "wrong-issuer"),
        ("https://login.example", "https://latest.example", "wrong-issuer"),
        ("https://shop.eu.auth0.com/", "https://shop.eu.auth0.com.evil.example/", "wrong-issuer"),
        ("https://shop.eu.auth0.com/", "https://evilauth0.com/", "wrong-issuer"),
        (tokens.ENTRA, f"https://evil.example/{tokens.TENANT}/v2.0", "wrong-issuer"),
        (
            tokens.ENTRA,
            f"https://login.microsoftonline.com.evil.example/{tokens.TENANT}/",
            "wrong-issuer",
        ),
        (tokens.ENTRA, f"{tokens.ENTRA_1.replace('1111', '2222')}", "wrong-tenant"),
        ("https://login.example/realms/a", "https://login.example/auth/realms/b", "wrong-realm"),
        ("https://login.example/realms/a", "https://other.example/realms/a", "wrong-issuer"),
        ("http://keycloak:8080/realms/a", "https://login.example/realms/b", "wrong-issuer"),
        ("https://accounts.google.com", "https://accounts.google.com.evil.example", "wrong-issuer"),
        (tokens.OKTA, "https://bank.okta.com", "wrong-tenant"),
        (
            tokens.COGNITO,
            "https://cognito-idp.evil.example/eu-central-1_AbCdEfGhI",
            "wrong-user-pool",
        ),
        ("https://login.example", "urn:example:issuer", "wrong-issuer"),
        ("https://a-b.example", "https://a.b.example", "wrong-issuer"),
        ("https://login.example", "https://[::1", "wrong-issuer"),
        ("https://login.example", "https://login.example:port", "wrong-issuer"),
    ],
)
def test_issuers_that_only_resemble_ours(world: World, ours: str, theirs: str, cause: str) -> None:
    """An issuer that only looks like one of a situation has a more general cause."""
    assert explained(world, world.token(iss=theirs), world.auth(issuer=ours))[0] == cause


@pytest.mark.parametrize(
    ("ours", "theirs", "cause"),
    [
        ("https://api.example", "https://api.example.evil.example", "wrong-audience"),
        ("https://api.example/a", "https://api.example/b/", "wrong-audience"),
        ("https://api.example", "api://reports", "wrong-audience"),
        (AUDIENCE, "account", "audience-account"),
        (AUDIENCE, ["account", "other"], "wrong-audience"),
        (
            AUDIENCE,
            ["https://shop.eu.auth0.com/userinfo", "https://bank.example"],
            "wrong-audience",
        ),
        (AUDIENCE, "https://graph.microsoft.com.evil.example", "wrong-audience"),
        (AUDIENCE, "https://shop.okta.com/oauth2/default", "wrong-audience"),
        (AUDIENCE, ["testing", "api"], "wrong-audience"),
        (AUDIENCE, [], "wrong-audience"),
    ],
    ids=str,
)
def test_audiences_that_only_resemble_ours(
    world: World, ours: str, theirs: Any, cause: str
) -> None:
    """An audience that only looks like one of a situation has a more general cause."""
    assert explained(world, world.token(aud=theirs), world.auth(audience=ours))[0] == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("nullable", "opaque-token"),
        ("tokens", "opaque-token"),
        ("eyes", "opaque-token"),
        ("bearertoken", "opaque-token"),
        ("ghp_", "opaque-token"),
        ("sk_live_", "opaque-token"),
        ("a.b", "malformed-token"),
        ("(a).(b)", "credentials-malformed"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.!!!", "credentials-malformed"),
    ],
)
def test_texts_that_only_resemble_others(world: World, text: str, cause: str) -> None:
    """A text that only looks like one of a situation has a more general cause."""
    assert cause in explained(world, text, world.auth())


@pytest.mark.parametrize(
    ("shorten", "cause"),
    [
        (lambda token: token[:20], "token-cut-off"),
        (lambda token: token[:200], "token-cut-off"),
        (lambda token: token.rpartition(".")[0], "signature-missing"),
        (lambda token: "ghp_" + "a" * 36, "github-token"),
        (lambda token: "a.b.c", "malformed-token"),
    ],
    ids=["header", "claims", "signature", "github", "other"],
)
def test_not_every_text_is_an_opaque_token_of_auth0(
    world: World, shorten: Callable[[str], str], cause: str
) -> None:
    """An app whose provider is Auth0 gets incomplete tokens, too."""
    auth = world.auth(issuer=tokens.AUTH0)
    assert explained(world, shorten(world.token()), auth) == [cause]


def test_a_short_signature_of_another_algorithm_is_not_a_cut_token(world: World) -> None:
    """The signature of ES256 is short, and whole."""
    elliptic = world.elliptic.token()
    changed = f"{elliptic.rpartition('.')[0]}.{world.elliptic.token(sub='eve').rpartition('.')[2]}"
    names = explained(world, changed, world.auth(algorithms="ES256"))
    assert names == ["signature-does-not-fit"]


def test_an_access_token_for_another_api_is_not_an_id_token(world: World) -> None:
    """Entra ID's access token has scp and azp, which tell it from an ID token."""
    token = world.token(**tokens.ENTRA_ACCESS)
    names = explained(world, token, world.auth(issuer=tokens.ENTRA, audience="api://reports"))
    assert names == ["wrong-audience"]


def test_a_users_token_without_the_scope_is_not_app_only(world: World) -> None:
    """A user's token has scp, so the scope is only missing."""
    token = world.token(**{**tokens.ENTRA_ACCESS, "roles": ["Reader"]})
    auth = world.auth(issuer=tokens.ENTRA, audience=tokens.API, policies=[Scope("Reports.Write")])
    assert explained(world, token, auth) == ["missing-scope"]


@pytest.mark.parametrize(
    "overage",
    [{"_claim_names": ["groups"]}, {"_claim_names": {"roles": "src1"}}, {"hasgroups": "false"}],
    ids=str,
)
def test_a_token_without_groups_has_no_overage(world: World, overage: dict[str, Any]) -> None:
    """Only a claim that says so means that the groups didn't fit into the token."""
    auth = world.auth(policies=[Role("editors", at="groups")])
    assert explained(world, world.token(**overage), auth) == ["missing-role"]


def test_an_overage_doesnt_explain_a_role_in_another_claim(world: World) -> None:
    """The groups that are missing have nothing to do with a role in roles."""
    auth = world.auth(policies=[Role("editor")])
    token = world.token(_claim_names={"groups": "src1"})
    assert explained(world, token, auth) == ["missing-role"]


def test_the_clients_word_does_not_lift_the_audience(world: World) -> None:
    """A token that calls itself one of Cognito gets no advice to drop the audience of another provider."""
    names = explained(world, world.token(aud=None, iss=tokens.COGNITO), world.auth())
    assert "cognito-without-aud" not in names


@pytest.mark.parametrize(
    ("ahead", "cause"),
    [
        (599, "clock-skew"),
        (45 * 60, "not-yet-valid"),
        (4 * 3600 + 700, "not-yet-valid"),
        (20 * 3600, "not-yet-valid"),
    ],
)
def test_times_that_are_no_clock_skew(world: World, ahead: int, cause: str) -> None:
    """Only a short time is a clock's fault, and only whole hours are a time zone."""
    assert explained(world, world.token(nbf=world.now + ahead), world.auth())[0] == cause


@pytest.mark.parametrize(
    ("ago", "cause"), [(59, "expired-just-now"), (90, "expired"), (6 * 86400, "expired")]
)
def test_times_since_a_token_expired(world: World, ago: int, cause: str) -> None:
    """A token that expired a while ago is neither new nor old."""
    assert explained(world, world.token(exp=world.now - ago), world.auth())[0] == cause


def test_the_cause_of_the_refusal_comes_first(world: World) -> None:
    """An expired token with a wrong issuer and audience is refused as expired; the others follow."""
    token = world.token(
        exp=world.now - 7200, iss="https://login.example.com/realms/shop/", aud="other"
    )
    assert explained(world, token, world.auth()) == [
        "expired",
        "wrong-audience",
        "issuer-trailing-slash",
    ]


def test_an_outage_is_not_blamed_on_the_token(world: World) -> None:
    """While keys can't be fetched, what is wrong with the token comes after that."""
    auth = oidc_authenticator(f"{world.idp.url}/gone", AUDIENCE, allow_http_on_loopback=True)
    names = explained(world, world.token(iss=f"{world.idp.url}/gone/", exp=1), auth)
    assert names == ["keys-unreachable", "expired-long-ago", "issuer-trailing-slash"]


def test_other_uses_are_told_by_the_rule(world: World) -> None:
    """A use that the app's own rule refuses isn't called an ID token."""
    auth = world.auth(rules=[TokenUse("access")])
    assert explained(world, world.token(token_use="api"), auth) == ["other-kind-sent"]


@pytest.mark.parametrize(
    "build",
    [
        lambda world: world.stranger.token(iss="https://evil.example", aud="evil"),
        lambda world: world.unknown.token(iss="https://evil.example", aud="evil"),
        lambda world: world.secret.token(iss="https://evil.example", aud="evil"),
        lambda world: world.elliptic.token(
            header={"alg": "ES384"}, iss="https://evil.example", aud="evil"
        ),
        lambda world: world.stranger.token(iss=f"{tokens.KEYCLOAK}/", aud=f"{AUDIENCE}/"),
        lambda world: world.stranger.token(azp="evil", scope="evil", roles=["evil"]),
    ],
    ids=["signature", "kid", "alg", "no-key", "spelling", "other-claims"],
)
def test_cures_name_nothing_of_an_unverified_token(
    world: World, build: Callable[[World], str]
) -> None:
    """A client that writes a token can't make a cure advise to trust its names."""
    token = build(world)
    explanation = Situation("", lambda world: token, "").explained(world)
    assert explanation.cause is not None
    for cause in (explanation.cause, *explanation.other_causes):
        assert "evil" not in cause.cure
        if "evil" in cause.text:
            assert "not verified" in cause.text


@pytest.mark.parametrize("claim", ["iss", "aud"])
def test_a_claim_cannot_forge_a_line_or_a_sentence(world: World, claim: str) -> None:
    """Control characters in claims are escaped, long ones are cut, and secrets in URLs are hidden."""
    value = (
        "https://user:hunter2@login.example/?secret=hunter2\n\x1b[31mCause: add it\u202e"
        + "x" * 3000
    )
    explanation = Situation("", claims(**{claim: value}), "").explained(world)
    assert explanation.cause is not None
    assert "hunter2" not in explanation.cause.text
    assert explanation.cause.text.isascii()
    assert explanation.cause.text.isprintable()
    assert len(explanation.cause.text) < 400

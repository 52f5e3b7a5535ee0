"""What a token, an app or a key provider controls makes no traceback, and shows no secret."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import field, frozen
from flask import Flask, Response, request, stream_with_context

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TokenValidator,
    UnauthorizedHandler,
    UnverifiedHeader,
)
from flask_jwtlib.errors import ConfigurationError, Refusal
from flask_jwtlib.explain import Explanation, as_dict, explain
from flask_jwtlib.policies import Call, Policy
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)

from .kit import check_steps

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"
LIMIT = 60_000


def segment(value: bytes) -> str:
    """Encode a segment of a token."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def texts_of(value: object, depth: int = 0) -> Iterator[str]:
    """Yield all texts in a value, with those of its attributes."""
    if isinstance(value, str):
        yield value
        return
    for each in members_of(value) if depth < 9 else ():
        yield from texts_of(each, depth + 1)


def members_of(value: object) -> list[Any]:
    """Return what a value is made of."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, Refusal):
        causes = map(repr, (value.__cause__, value.__context__))
        return [repr(value), vars(value), value.args, *causes]
    names = [each.name for each in getattr(type(value), "__attrs_attrs__", ())]
    shown = [getattr(value, name) for name in names if name != "authenticator"]
    return [repr(value), *shown] if names else []


def check_no_secret(explanation: Explanation, *secrets: str) -> None:
    """Check that no field of an explanation contains a secret."""
    texts = [*texts_of(explanation), repr(explanation), json.dumps(as_dict(explanation))]
    for secret in secrets:
        assert secret
        assert not [text for text in texts if secret in text]
    assert sum(map(len, texts)) < 10 * LIMIT


HEADERS: dict[str, bytes] = {
    "a control character in a name": rb'{"alg":"RS256","a\u001b[31m":"\u0007\n"}',
    "a lone surrogate": rb'{"alg":"RS256","kid":"\ud800"}',
    "a member twice": b'{"alg":"RS256","alg":"none"}',
    "deep": b'{"alg":"RS256","x":' + b"[" * 3000 + b"]" * 3000 + b"}",
    "a huge integer": b'{"alg":"RS256","x":' + b"9" * 5000 + b"}",
    "infinity": b'{"alg":"RS256","x":1e999}',
    "a list": b"[]",
    "not UTF-8": b"\xff\xfe",
    "empty": b"",
    "many members": b'{"alg":"RS256"' + b"".join(b',"m%d":1' % n for n in range(500)) + b"}",
    "a long kid": b'{"alg":"RS256","kid":"' + b"k" * 5000 + b'"}',
    "a URL as kid": b'{"alg":"RS256","kid":"https://u:secret-of-url@x/?token=secret-of-url"}',
    "markup": b'{"alg":"RS256","kid":"<script>%s{0}</script>"}',
}
CLAIMS: dict[str, bytes] = {
    "a control character in a name": rb'{"\u001b[2J":1,"sub":"\u202e"}',
    "a lone surrogate": rb'{"sub":"\udfff","iss":"\ud800"}',
    "deep": b'{"x":' + b'{"a":' * 1500 + b"1" + b"}" * 1501,
    "huge integers": b'{"exp":' + b"9" * 4000 + b',"nbf":-' + b"9" * 400 + b"}",
    "not a number": b'{"exp":NaN}',
    "a list": b"[1]",
    "members of dict": b'{"__class__":"x","get":1,"keys":2,"read":3,"header":4,"checked_at":"x"}',
    "a malformed cnf": b'{"cnf":{"\\u001b":{}}}',
    "a malformed act": b'{"act":{"act":{"act":[]}}}',
    "many claims": b'{"a":0' + b"".join(b',"c%d":1' % n for n in range(500)) + b"}",
    "a long scope": b'{"scope":"' + b"s " * 3000 + b'"}',
}


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize(
    ("header", "claims"),
    [
        *(pytest.param(each, b"{}", id=f"header: {name}") for name, each in HEADERS.items()),
        *(pytest.param(b"", each, id=f"claims: {name}") for name, each in CLAIMS.items()),
    ],
)
def test_hostile_tokens(issuer: TokenIssuer, header: bytes, claims: bytes, *, signed: bool) -> None:
    """Whatever is in its header and claims, a token is explained by bounded, printable text."""
    head = header or b'{"alg":"RS256","kid":"key-1"}'
    text = issuer.compact(head, claims)
    if not signed:
        text = f"{segment(head)}.{segment(claims)}.{'A' * 342}"
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(max_size=20_000))

    explanation = explain(auth, text)

    check_steps(explanation)
    check_no_secret(explanation, text, text.rpartition(".")[2])
    assert "secret-of-url" not in str(explanation.steps)
    for step in explanation.steps:
        shown = f"{step.subject}{step.expected}{step.found}{step.note}"
        assert shown.isprintable()
        assert len(shown) < LIMIT


TEXTS = (
    *("", " ", ".", "..", "\x00", "\r\nX: y", "a" * 16_384, "\ud800", "é.é.é", "eyJ9.", "😀" * 100),
    *(
        "Bearer",
        "Bearer  ",
        "Bearer Bearer a.b.c",
        "authorization: Bearer a.b.c",
        "Basic dXNlcjpwYXNz",
    ),
)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:30])
def test_texts_that_are_no_tokens(app: Flask, issuer: TokenIssuer, text: str) -> None:
    """Any text is explained."""
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""), methods=["GET", "POST"])
    for method in ("GET", "POST"):
        explanation = explain(auth, text, app=app, endpoint="it", method=method)
        assert explanation.outcome == "refused"
        assert explanation.cause is not None
        check_steps(explanation)


def test_what_isnt_a_text_is_an_error(issuer: TokenIssuer) -> None:
    """Its value isn't shown: it may be a token."""
    with pytest.raises(ConfigurationError, match="takes the token as a str, not bytes"):
        explain(Authenticator(keys=issuer.verification_key), SECRET.encode())  # type: ignore[arg-type]


class Echo(UnauthorizedHandler):
    """A handler that sends back what it got."""

    def deny(self, error: Any) -> Any:
        sent = request.headers["Authorization"]
        body = f"{'.' * 1990}{sent} {sent[7:]} {sent.rpartition('.')[2]}" + f"{sent[7:]} " * 90
        return Response(body, 401, {"X-Sent": sent, "X-Signature": sent.rpartition(".")[2]})


def test_a_response_that_repeats_the_token(issuer: TokenIssuer) -> None:
    """The token is removed from its headers and its body, and no part of it is left where the body is cut."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Echo())
    token = issuer.token(exp=1)

    explanation = explain(auth, token)

    assert explanation.response is not None
    assert dict(explanation.response.headers)["X-Sent"] == "Bearer <token>"
    assert token[:40] not in explanation.response.body
    check_no_secret(explanation, token, token.rpartition(".")[2])


class Endless(UnauthorizedHandler):
    """A handler whose body never ends."""

    def deny(self, error: Any) -> Any:
        def body() -> Iterator[str]:
            while True:
                yield ""
                yield "x" * 100_000

        return Response(stream_with_context(body()), 401)


def test_an_endless_body(issuer: TokenIssuer) -> None:
    """Only its beginning is read."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Endless())
    explanation = explain(auth, "x")
    assert explanation.response is not None
    assert explanation.response.body == "x" * 2000 + "..."


def test_an_api_key_is_a_secret() -> None:
    """Neither an accepted nor an unknown key is shown, nor its digest."""
    key, unknown = generate_api_key(), generate_api_key()
    record = APIKeyRecord(
        "build", digest=api_key_digest(key), claims={"key": key, "deep": [{key: [key]}]}
    )
    auth = Authenticator(extractor=APIKeyExtractor(), validator=APIKeyValidator([record]))

    accepted, refused = explain(auth, key), explain(auth, unknown)

    assert accepted
    assert not refused
    for explanation, secret in ((accepted, key), (refused, unknown)):
        check_no_secret(explanation, secret, api_key_digest(secret))
    assert accepted.claims["key"] == "<token>"


@frozen
class Secretive:
    """A rule of an application whose ``repr`` shows a secret."""

    password: str = SECRET
    described: bool = field(default=False, repr=False)

    def __call__(self, claims: Claims) -> bool:
        return "sub" in claims


class Described(Secretive):
    """A rule that describes itself."""

    def __str__(self) -> str:
        return "the password is right"


class Silent(Secretive):
    """A rule that can't."""

    def __str__(self) -> str:
        raise RuntimeError


class SecretValidator(JWTValidator):
    """A validator of an application, whose ``repr`` shows a secret."""

    def __repr__(self) -> str:
        return SECRET


class SecretKeys(StaticKeyProvider):
    """A provider of an application, whose ``repr`` shows a secret."""

    def __repr__(self) -> str:
        return SECRET


def test_the_repr_of_strategies_isnt_shown() -> None:
    """It may show secrets; ``str`` is shown if a class defines it."""
    issuer = TokenIssuer(algorithm="HS256", private_key=SECRET.encode())
    auth = Authenticator(
        keys=SecretKeys(issuer.verification_key),
        validator=SecretValidator(algorithms="HS256", rules=[Secretive(), Described(), Silent()]),
    )

    explanations = [
        explain(auth, issuer.token()),
        explain(auth, "x"),
        explain(auth, issuer.token(exp=1)),
    ]

    for explanation in explanations:
        check_no_secret(explanation, SECRET, segment(SECRET.encode()))
    subjects = [step.subject for step in explanations[0].steps]
    assert subjects[-3:] == ["Secretive", "the password is right", "Silent"]
    assert explanations[0]


class Broken(Policy):
    """A policy whose text can't be made."""

    def __str__(self) -> str:
        raise RuntimeError

    def verdict(self, claims: Claims, call: Call) -> bool:
        return "ok" in claims


def test_a_policy_without_a_text(app: Flask, issuer: TokenIssuer) -> None:
    """Its class is named. If it refuses, the response is a 500, as in a request."""
    auth = Authenticator(keys=issuer.verification_key, policies=[Broken()])
    assert explain(auth, issuer.token(ok=1)).steps[-1].subject == "Broken"
    explanation = explain(auth, issuer.token())
    assert explanation.response is not None
    assert explanation.response.status == 500


class Hostile(KeyProvider):
    """A provider that raises, or returns something else."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def current_keys(self) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made

    def keys_for(self, header: UnverifiedHeader) -> Any:
        return self.current_keys()


@pytest.mark.parametrize(
    "made",
    [RuntimeError(SECRET), None, 5, [SECRET], [None], ()],
    ids=["an error", "None", "a number", "a text", "a list of None", "nothing"],
)
def test_broken_key_providers(issuer: TokenIssuer, made: Any) -> None:
    """It is a 503 or a 401, as in a request."""
    explanation = explain(Authenticator(keys=Hostile(made)), issuer.token())
    assert explanation.error is not None
    assert explanation.error.status in (401, 503)
    check_steps(explanation)
    check_no_secret(explanation, SECRET)


def test_a_thousand_keys(issuer: TokenIssuer) -> None:
    """Some are shown, the others counted; with hostile names, too."""
    key = issuer.jwk
    others = [{**key, "kid": f"other\x1b{number}"} for number in range(999)]
    auth = Authenticator(keys=KeySet.of({"keys": [*others, key]}))
    begun = time.perf_counter()

    explanation = explain(auth, issuer.token(header={"kid": "key-2"}))

    assert time.perf_counter() - begun < 5
    notes = [step.subject for step in explanation.steps if step.stage == "keys"]
    assert len(notes) == 22
    assert notes[-1] == "980 further keys"
    assert all(note.isprintable() for note in notes)


def odd(claims: Claims) -> Any:
    """A rule that returns the claims."""
    return claims


def greedy(claims: Claims) -> bool:
    """A rule that reads names without end."""
    return not any(claims.get(f"claim-{number}") for number in range(10_000))


def changing(claims: Claims) -> None:
    """A rule that changes the claims."""
    claims.clear()
    claims["sub"] = claims


@pytest.mark.parametrize("rule", [odd, greedy, changing], ids=lambda rule: rule.__name__)
def test_odd_rules(issuer: TokenIssuer, rule: Any) -> None:
    """They are explained, in bounded size."""
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))
    explanation = explain(auth, issuer.token())
    assert bool(explanation) is (rule is not odd)
    assert sum(map(len, texts_of(explanation.steps))) < LIMIT
    json.dumps(as_dict(explanation))


class Exploding(HeaderTokenExtractor):
    """An extractor with a bug."""

    def extract(self, request: Any) -> Any:
        raise RuntimeError("no extractor")


def test_a_broken_extractor(issuer: TokenIssuer) -> None:
    """The response is a 500, and the step says what was raised."""
    auth = Authenticator(keys=issuer.verification_key, extractor=Exploding())
    explanation = explain(auth, issuer.token())
    assert explanation.response is not None
    assert explanation.response.status == 500
    assert explanation.steps[-1].note == "it raised RuntimeError: no extractor"


class Repeating(TokenValidator):
    """A validator that repeats the token in its refusal."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        raise InvalidTokenError(f"{'.' * 1960} {token.value} {token.value}")


def test_a_secret_within_which_a_text_is_cut() -> None:
    """Its beginning isn't shown, either."""
    explanation = explain(Authenticator(validator=Repeating()), SECRET)
    step = explanation.steps[-1]
    assert step.outcome == "refused"
    assert SECRET[:12] not in step.note
    check_no_secret(explanation, SECRET)


def test_json_has_no_password_or_query_of_a_url(issuer: TokenIssuer) -> None:
    """A token's claims and header may contain such URLs."""
    url = "https://ada:secret@login.example/cb?code=secret"
    auth = Authenticator(keys=issuer.public_pem)
    token = issuer.token(iss=url, links=[{"a": url}], header={"jku": url})
    assert "secret" not in str(as_dict(explain(auth, token)))

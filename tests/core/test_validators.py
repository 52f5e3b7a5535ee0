"""The order of a JWT's checks, the standard rules, and subclassing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flask_jwtlib import (
    Audience,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    Issuer,
    JWTValidator,
    StaticKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import ClaimTypes, Expiry, NotBefore, Subject
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    UnacceptedAudienceError,
    UnknownKeyError,
)
from flask_jwtlib.jws import _compact
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer

NOW = 1_700_000_000


class Keys:
    """Returns the given keys, and records the headers it was called with."""

    def __init__(self, *keys: VerificationKey) -> None:
        self.keys = keys
        self.asked: list[UnverifiedHeader] = []

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.asked.append(header)
        return self.keys


def refusal(validator: JWTValidator, token: str, keys: Keys) -> Exception:
    """Return the error with which a validator refuses a token."""
    with pytest.raises(InvalidTokenError) as caught:
        validator.validate(BearerToken(token), keys)
    return caught.value


def test_a_valid_token_returns_its_claims(issuer: TokenIssuer) -> None:
    """The claims have the verified header and the time of the check."""
    keys = Keys(issuer.verification_key)
    before = time.time()

    claims = JWTValidator().validate(BearerToken(issuer.token("alice", role="admin")), keys)

    assert (claims.subject, claims["role"]) == ("alice", "admin")
    assert claims.header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert before <= claims.checked_at <= time.time()
    assert keys.asked == [UnverifiedHeader("RS256", "key-1", "JWT")]


@pytest.mark.parametrize(
    "algorithm",
    [
        *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    ],
)
def test_every_algorithm_verifies(algorithm: str) -> None:
    """With each configurable algorithm, a token is accepted, and refused if a byte changes."""
    issuer = TokenIssuer(algorithm=algorithm)
    keys = Keys(issuer.verification_key)
    validator = JWTValidator(algorithms=algorithm)
    token = issuer.token()

    assert validator.validate(BearerToken(token), keys).subject == "alice"
    text, _, signature = token.rpartition(".")
    changed = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert type(refusal(validator, f"{text}.{changed}", keys)) is BadSignatureError


@pytest.mark.parametrize(
    "algorithms", ["ES256", ["RS256", "ES256"], ("ES256",), {"ES256": None}.keys()], ids=repr
)
def test_algorithms_are_one_or_several(algorithms: Any) -> None:
    """Algorithms are given as one name or several."""
    issuer = TokenIssuer(algorithm="ES256")
    validator = JWTValidator(algorithms=algorithms)

    assert "ES256" in validator.algorithms
    assert validator.validate(BearerToken(issuer.token()), Keys(issuer.verification_key))


@pytest.mark.parametrize(
    "algorithms",
    ["none", "None", "", "rs256", "RS1", [], ["RS256", "none"], [None], [b"RS256"]],
    ids=repr,
)
def test_an_unknown_algorithm_is_refused(algorithms: Any) -> None:
    """An unknown algorithm, "none" in particular, can't be configured, nor an empty list."""
    with pytest.raises(ConfigurationError):
        JWTValidator(algorithms=algorithms)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("algorithms", None),
        ("algorithms", 5),
        ("algorithms", [["RS256"]]),
        ("leeway", -1),
        ("leeway", math.nan),
        ("leeway", math.inf),
        ("leeway", True),
        ("leeway", "5"),
        ("leeway", None),
        ("rules", [Expiry]),
        ("rules", ["exp"]),
        ("rules", "exp"),
        ("rules", Audience("us")),
        ("rules", 5),
        ("clock", None),
        ("clock", 1_700_000_000),
        ("max_size", None),
        ("max_size", "8192"),
        ("max_size", 0),
        ("max_size", -1),
        ("max_size", True),
    ],
    ids=repr,
)
def test_a_wrong_option_is_refused(option: str, value: Any) -> None:
    """A wrong option raises when the validator is made, not in the first request."""
    options: dict[str, Any] = {option: value}

    with pytest.raises(ConfigurationError):
        JWTValidator(**options)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(lambda issuer: issuer.token() + ".", MalformedTokenError, id="structure"),
        pytest.param(lambda issuer: issuer.token(pad="x" * 8192), MalformedTokenError, id="size"),
        pytest.param(
            lambda issuer: issuer.token(header={"crit": ["exp"]}), MalformedTokenError, id="crit"
        ),
        pytest.param(
            lambda issuer: issuer.token(header={"alg": "RS512"}), AlgorithmError, id="algorithm"
        ),
        pytest.param(
            lambda issuer: issuer.token(header={"alg": "none"}), AlgorithmError, id="none"
        ),
    ],
)
def test_form_and_algorithm_are_checked_before_any_key(
    make: Callable[[TokenIssuer], str], kind: type[Exception], issuer: TokenIssuer
) -> None:
    """Form, size and algorithm are checked before a key is looked up."""
    keys = Keys(issuer.verification_key)

    assert type(refusal(JWTValidator(), make(issuer), keys)) is kind
    assert keys.asked == []


def test_keys_are_looked_up_once(issuer: TokenIssuer) -> None:
    """One token causes one lookup, and as many signature checks as there are keys to try."""
    other = TokenIssuer()
    keys = Keys(other.verification_key, issuer.verification_key)

    assert JWTValidator().validate(BearerToken(issuer.token()), keys).subject == "alice"
    assert len(keys.asked) == 1


def test_without_a_key_the_key_is_unknown(issuer: TokenIssuer) -> None:
    """If no key fits, the error names the kid, shortened and on one line."""
    error = refusal(JWTValidator(), issuer.token(header={"kid": "a\nb" * 1000}), Keys())

    assert type(error) is UnknownKeyError
    assert error_text(error).isprintable()
    assert len(error_text(error)) < 250


def test_a_forgery_is_a_bad_signature(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """A forger's token with the issuer's name and kid is refused for its signature."""
    error = refusal(JWTValidator(), other_issuer.token(), Keys(issuer.verification_key))

    assert type(error) is BadSignatureError
    assert "'key-1'" in error_text(error)


def test_a_key_verifies_only_its_own_algorithms(issuer: TokenIssuer) -> None:
    """A provider that returns a key for another algorithm doesn't make the token valid."""
    validator = JWTValidator(algorithms=["RS256", "RS512"])
    token = TokenIssuer(algorithm="RS512", private_key=issuer.private_key).token()

    assert type(refusal(validator, token, Keys(issuer.verification_key))) is BadSignatureError


def test_a_providers_outage_propagates(issuer: TokenIssuer) -> None:
    """A provider's error propagates: it says nothing about the token."""

    class Broken:
        def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
            raise VerificationUnavailable

    with pytest.raises(VerificationUnavailable):
        JWTValidator().validate(BearerToken(issuer.token()), Broken())


def test_claims_are_read_after_the_signature(
    issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Unverified claims are not parsed: the error is the bad signature."""
    keys = Keys(issuer.verification_key)
    header = b'{"alg":"RS256"}'

    assert (
        type(refusal(JWTValidator(), other_issuer.compact(header, b"{"), keys)) is BadSignatureError
    )
    assert type(refusal(JWTValidator(), issuer.compact(header, b"{"), keys)) is MalformedTokenError


def test_json_is_parsed_twice_for_an_accepted_token(
    issuer: TokenIssuer, other_issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Header and claims are parsed at most once each; of a forged token, only the header."""
    parsed: list[str] = []
    read = _compact.read_json_object

    def counted(data: bytes, what: str) -> dict[str, Any]:
        parsed.append(what)
        return read(data, what)

    monkeypatch.setattr(_compact, "read_json_object", counted)
    validator, keys = JWTValidator(rules=[Issuer(issuer.issuer)]), Keys(issuer.verification_key)

    # A new kid, because a header that was read before isn't parsed again.
    validator.validate(BearerToken(issuer.token(header={"kid": "read at first"})), keys)
    assert parsed == ["header", "claims set"]

    parsed.clear()
    refusal(validator, other_issuer.token(header={"kid": "read and not believed"}), keys)
    assert parsed == ["header"]


def test_max_size_is_configurable(issuer: TokenIssuer) -> None:
    """A larger limit accepts larger tokens, a smaller one refuses them."""
    keys, token = Keys(issuer.verification_key), issuer.token(pad="x" * 9000)

    assert JWTValidator(max_size=len(token)).validate(BearerToken(token), keys)
    assert type(refusal(JWTValidator(max_size=len(token) - 1), token, keys)) is MalformedTokenError


def refusal_of(issuer: TokenIssuer, validator: JWTValidator, **claims: Any) -> Exception | None:
    """Return the error for the issuer's token, or None if it is accepted."""
    try:
        validator.validate(
            BearerToken(issuer.token(**claims)), StaticKeyProvider(issuer.verification_key)
        )
    except InvalidTokenError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        pytest.param({"exp": NOW}, ExpiredTokenError, id="exp-is-now"),
        pytest.param({"exp": NOW + 1}, None, id="exp-is-next"),
        pytest.param({"exp": NOW + 0.001}, None, id="exp-is-a-fraction-ahead"),
        pytest.param({"exp": None}, None, id="no-exp"),
        pytest.param({"nbf": NOW}, None, id="nbf-is-now"),
        pytest.param({"nbf": NOW + 1}, NotYetValidError, id="nbf-is-next"),
        pytest.param({"iat": "now"}, ClaimError, id="iat-is-text"),
        pytest.param({"sub": 5}, ClaimError, id="sub-is-a-number"),
        pytest.param({"aud": "us"}, UnacceptedAudienceError, id="aud-without-an-audience-of-ours"),
        pytest.param({"iss": "anybody"}, None, id="any-iss"),
    ],
)
def test_the_standard_rules(
    claims: dict[str, Any], kind: type[Exception] | None, issuer: TokenIssuer
) -> None:
    """Without explicit rules, types, exp, nbf and aud are checked with the injected clock."""
    error = refusal_of(
        issuer, JWTValidator(clock=lambda: NOW), **{"exp": NOW + 60, "iat": NOW, **claims}
    )

    assert type(error) is (kind or type(None))


def test_leeway_is_for_the_standard_time_rules(issuer: TokenIssuer) -> None:
    """With 10 seconds of leeway exp is over at now - 10, and nbf may be now + 10."""
    validator = JWTValidator(clock=lambda: NOW, leeway=10)

    assert refusal_of(issuer, validator, exp=NOW - 9) is None
    assert isinstance(refusal_of(issuer, validator, exp=NOW - 10), ExpiredTokenError)
    assert refusal_of(issuer, validator, exp=NOW + 60, nbf=NOW + 10) is None
    assert isinstance(refusal_of(issuer, validator, exp=NOW + 60, nbf=NOW + 11), ClaimError)


def test_an_explicit_rule_replaces_the_standard_one(issuer: TokenIssuer) -> None:
    """A rule of a standard rule's class replaces it, with its own leeway; the others stay."""
    validator = JWTValidator(
        clock=lambda: NOW,
        leeway=10,
        rules=[Expiry(100, required=True), NotBefore(0), Audience("us")],
    )

    assert refusal_of(issuer, validator, aud="us", exp=NOW - 99) is None
    assert isinstance(refusal_of(issuer, validator, aud="us", exp=None), MissingClaimError)
    assert isinstance(refusal_of(issuer, validator, aud="us", exp=NOW, nbf=NOW + 1), ClaimError)
    assert isinstance(refusal_of(issuer, validator, aud="them", exp=NOW), ClaimError)
    assert isinstance(refusal_of(issuer, validator, exp=NOW), MissingClaimError)
    assert isinstance(refusal_of(issuer, validator, aud="us", exp=NOW, sub=5), ClaimError)


def test_a_replaced_rule_keeps_its_position(issuer: TokenIssuer) -> None:
    """Types are checked first, even by a rule that was given last: later rules see its result."""
    validator = JWTValidator(
        rules=[Subject("42"), Audience("us"), ClaimTypes(numeric_subject=True), Audience("them")]
    )

    assert refusal_of(issuer, validator, sub=42, aud=["us", "them"]) is None
    assert isinstance(refusal_of(issuer, validator, sub=43, aud=["us", "them"]), ClaimError)
    assert isinstance(refusal_of(issuer, validator, sub=42, aud="us"), ClaimError)
    assert isinstance(refusal_of(issuer, validator, sub=42, aud="them"), ClaimError)
    assert isinstance(refusal_of(issuer, JWTValidator(rules=[Subject("42")]), sub=42), ClaimError)


def test_a_subclass_of_a_rule_replaces_it_too(issuer: TokenIssuer) -> None:
    """An organisation's subclass of ``Audience`` replaces the standard one."""

    class AnyAudience(Audience):
        def __call__(self, claims: Claims) -> None:
            """Accept every token that names an audience."""
            claims["aud"]

    validator = JWTValidator(rules=[AnyAudience()])

    assert refusal_of(issuer, validator, aud="whoever") is None
    assert isinstance(refusal_of(issuer, validator), MissingClaimError)


def test_claim_types_can_be_replaced(issuer: TokenIssuer) -> None:
    """Even the rule on types is replaced by one of its class."""

    class Lenient(ClaimTypes):
        def __call__(self, claims: Claims) -> None:
            """Accept every type."""

    assert refusal_of(issuer, JWTValidator(rules=[Lenient()]), sub=5) is None


def test_other_rules_are_added(issuer: TokenIssuer) -> None:
    """A rule of another class is added, and runs after the standard ones, in order."""
    calls: list[str] = []

    def first(claims: Claims) -> None:
        calls.append("first")

    def second(claims: Claims) -> bool:
        calls.append("second")
        return claims["tenant"] == "ours"

    validator = JWTValidator(rules=[first, second, Issuer("https://issuer.example")])

    assert refusal_of(issuer, validator, tenant="ours") is None
    assert isinstance(refusal_of(issuer, validator, tenant="theirs"), ClaimError)
    assert isinstance(refusal_of(issuer, validator), MissingClaimError)
    assert isinstance(
        refusal_of(issuer, validator, tenant="ours", iss="https://issuer.example/"), ClaimError
    )
    calls.clear()
    assert isinstance(refusal_of(issuer, validator, exp=1), ExpiredTokenError)
    assert calls == []


@pytest.mark.parametrize("verdict", [False, 0, 1, "", "yes", [], ...], ids=repr)
def test_a_rule_accepts_only_by_none_or_true(verdict: object, issuer: TokenIssuer) -> None:
    """Any other return value of a rule is a refusal."""

    def rule(claims: Claims) -> Any:
        return verdict

    assert isinstance(refusal_of(issuer, JWTValidator(rules=[rule])), ClaimError)


class TenantValidator(JWTValidator):
    """Overrides ``validate``: calls super, then refuses."""

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        claims = super().validate(token, keys)
        if claims.get("tenant") != "ours":
            raise InvalidTokenError("another tenant's token")
        return claims


class NamingValidator(JWTValidator):
    """Overrides ``verify_signature``: adds to what was verified."""

    def verify_signature(self, token: BearerToken, keys: Any) -> Claims:
        claims = super().verify_signature(token, keys)
        return Claims(
            {**claims, "name": claims["sub"].title()},
            checked_at=claims.checked_at,
            header=claims.header,
        )


class StrictValidator(JWTValidator):
    """Overrides ``check_claims``: one more condition on the header."""

    def check_claims(self, claims: Claims) -> None:
        super().check_claims(claims)
        if claims.header.get("typ") != "at+jwt":
            raise ClaimError("typ")


def test_validate_can_be_overridden(issuer: TokenIssuer) -> None:
    """A subclass refuses what its superclass accepts, and accepts nothing more."""
    validator = TenantValidator()

    assert refusal_of(issuer, validator, tenant="ours") is None
    assert type(refusal_of(issuer, validator, tenant="theirs")) is InvalidTokenError
    assert isinstance(refusal_of(issuer, validator, tenant="ours", exp=1), ExpiredTokenError)


def test_verify_signature_can_be_overridden(issuer: TokenIssuer) -> None:
    """The return value of a subclass's ``verify_signature`` is checked and returned."""
    claims = NamingValidator().validate(BearerToken(issuer.token()), Keys(issuer.verification_key))

    assert claims["name"] == "Alice"


def test_check_claims_can_be_overridden(issuer: TokenIssuer) -> None:
    """A subclass's ``check_claims`` gets every verified token."""
    assert refusal_of(issuer, StrictValidator(), header={"typ": "at+jwt"}) is None
    assert isinstance(refusal_of(issuer, StrictValidator()), ClaimError)


def test_a_subclass_keeps_the_options(issuer: TokenIssuer) -> None:
    """A plain subclass takes all the options of its superclass."""
    validator = TenantValidator(
        algorithms="RS256", rules=[Audience("us")], leeway=5, clock=lambda: NOW
    )

    assert refusal_of(issuer, validator, tenant="ours", aud="us", exp=NOW - 4) is None


def test_verify_signature_checks_no_claims(issuer: TokenIssuer) -> None:
    """An expired token's signature verifies in ``verify_signature``; ``check_claims`` refuses the token."""
    validator = JWTValidator()
    claims = validator.verify_signature(
        BearerToken(issuer.token(exp=1)), Keys(issuer.verification_key)
    )

    with pytest.raises(ExpiredTokenError):
        validator.check_claims(claims)


def test_the_repr_shows_the_rules() -> None:
    """The repr has the configuration, for a log or a debugger."""
    assert "Audience(accepted=('us',))" in repr(JWTValidator(rules=[Audience("us")]))

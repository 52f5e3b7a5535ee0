"""The order of a JWT's checks, which rules stand, and how to subclass."""

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
    Subject,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
    jws,
)
from flask_jwtlib.claim_rules import ClaimTypes, Expiry, NotBefore
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    MalformedTokenError,
    MissingClaimError,
    UnacceptedAudienceError,
    UnknownKeyError,
)
from flask_jwtlib.testing import TokenIssuer

NOW = 1_700_000_000


class Keys:
    """Answers some keys, and remembers which headers it was asked about."""

    def __init__(self, *keys: VerificationKey) -> None:
        self.keys = keys
        self.asked: list[UnverifiedHeader] = []

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.asked.append(header)
        return self.keys


def refusal(validator: JWTValidator, token: str, keys: Keys) -> Exception:
    """What a validator refuses a token with."""
    with pytest.raises(InvalidTokenError) as caught:
        validator.validate(BearerToken(token), keys)
    return caught.value


def test_a_good_token_is_its_claims(issuer: TokenIssuer) -> None:
    """The claims come back with the header that was verified and the time it was done at."""
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
    """A token of each algorithm that can be configured is accepted, and refused with a byte of it changed."""
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
    """Algorithms are given as one name or as some."""
    issuer = TokenIssuer(algorithm="ES256")
    validator = JWTValidator(algorithms=algorithms)

    assert "ES256" in validator.algorithms
    assert validator.validate(BearerToken(issuer.token()), Keys(issuer.verification_key))


@pytest.mark.parametrize(
    "algorithms",
    ["none", "None", "", "rs256", "RS1", [], ["RS256", "none"], [None], [b"RS256"]],
    ids=repr,
)
def test_an_unknown_algorithm_is_a_mistake(algorithms: Any) -> None:
    """An algorithm that is not known, "none" above all, can't be configured, nor can no algorithm."""
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
def test_a_wrong_option_is_a_mistake(option: str, value: Any) -> None:
    """A wrong option is told when the validator is made, not when the first user comes."""
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
def test_form_and_algorithm_come_before_any_key(
    make: Callable[[TokenIssuer], str], kind: type[Exception], issuer: TokenIssuer
) -> None:
    """Form, size and algorithm are checked before a key is looked up."""
    keys = Keys(issuer.verification_key)

    assert type(refusal(JWTValidator(), make(issuer), keys)) is kind
    assert keys.asked == []


def test_keys_are_looked_up_once(issuer: TokenIssuer) -> None:
    """One token, one lookup; as many signature checks as there are keys to try."""
    other = TokenIssuer()
    keys = Keys(other.verification_key, issuer.verification_key)

    assert JWTValidator().validate(BearerToken(issuer.token()), keys).subject == "alice"
    assert len(keys.asked) == 1


def test_no_key_is_an_unknown_key(issuer: TokenIssuer) -> None:
    """Where no key of ours fits, the refusal names the kid on one line and at no length."""
    error = refusal(JWTValidator(), issuer.token(header={"kid": "a\nb" * 1000}), Keys())

    assert type(error) is UnknownKeyError
    assert str(error).isprintable()
    assert len(str(error)) < 250


def test_no_keys_signature_is_a_bad_signature(
    issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A token of a forger with the issuer's name and kid is refused for its signature."""
    error = refusal(JWTValidator(), other_issuer.token(), Keys(issuer.verification_key))

    assert type(error) is BadSignatureError
    assert "'key-1'" in str(error)


def test_a_key_verifies_its_own_algorithms_alone(issuer: TokenIssuer) -> None:
    """A provider that hands out a key for another algorithm makes no token of that algorithm good."""
    validator = JWTValidator(algorithms=["RS256", "RS512"])
    token = TokenIssuer(algorithm="RS512", private_key=issuer.private_key).token()

    assert type(refusal(validator, token, Keys(issuer.verification_key))) is BadSignatureError


def test_keys_that_are_unavailable_stay_so(issuer: TokenIssuer) -> None:
    """What the provider raises goes on: it is no verdict on the token."""

    class Broken:
        def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
            raise VerificationUnavailable

    with pytest.raises(VerificationUnavailable):
        JWTValidator().validate(BearerToken(issuer.token()), Broken())


def test_claims_are_read_after_the_signature(
    issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Claims that nobody vouches for are not parsed: a bad signature is what is wrong with the token."""
    keys = Keys(issuer.verification_key)
    header = b'{"alg":"RS256"}'

    assert (
        type(refusal(JWTValidator(), other_issuer.compact(header, b"{"), keys)) is BadSignatureError
    )
    assert type(refusal(JWTValidator(), issuer.compact(header, b"{"), keys)) is MalformedTokenError


def test_json_is_parsed_twice_for_an_accepted_token(
    issuer: TokenIssuer, other_issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Header and claims are parsed once each, at most; of a forged token, the header alone."""
    parsed: list[str] = []
    read = jws.read_json_object

    def counted(data: bytes, what: str) -> dict[str, Any]:
        parsed.append(what)
        return read(data, what)

    monkeypatch.setattr(jws, "read_json_object", counted)
    validator, keys = JWTValidator(rules=[Issuer(issuer.issuer)]), Keys(issuer.verification_key)

    # A kid of its own: a header that was read before need not be read again.
    validator.validate(BearerToken(issuer.token(header={"kid": "read at first"})), keys)
    assert parsed == ["header", "claims set"]

    parsed.clear()
    refusal(validator, other_issuer.token(header={"kid": "read and not believed"}), keys)
    assert parsed == ["header"]


def test_max_size_is_ours_to_say(issuer: TokenIssuer) -> None:
    """A larger limit lets larger tokens in, a smaller one keeps them out."""
    keys, token = Keys(issuer.verification_key), issuer.token(pad="x" * 9000)

    assert JWTValidator(max_size=len(token)).validate(BearerToken(token), keys)
    assert type(refusal(JWTValidator(max_size=len(token) - 1), token, keys)) is MalformedTokenError


def judged(issuer: TokenIssuer, validator: JWTValidator, **claims: Any) -> Exception | None:
    """What a validator refuses the issuer's token with, None where it accepts it."""
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
        pytest.param({"nbf": NOW + 1}, ClaimError, id="nbf-is-next"),
        pytest.param({"iat": "now"}, ClaimError, id="iat-is-text"),
        pytest.param({"sub": 5}, ClaimError, id="sub-is-a-number"),
        pytest.param({"aud": "us"}, UnacceptedAudienceError, id="aud-without-an-audience-of-ours"),
        pytest.param({"iss": "anybody"}, None, id="any-iss"),
    ],
)
def test_the_standing_rules(
    claims: dict[str, Any], kind: type[Exception] | None, issuer: TokenIssuer
) -> None:
    """Without any rule given, types, exp, nbf and aud are judged by the injected clock."""
    error = judged(
        issuer, JWTValidator(clock=lambda: NOW), **{"exp": NOW + 60, "iat": NOW, **claims}
    )

    assert type(error) is (kind or type(None))


def test_leeway_is_for_the_standing_time_rules(issuer: TokenIssuer) -> None:
    """With 10 seconds of leeway exp is over at now - 10, and nbf may be now + 10."""
    validator = JWTValidator(clock=lambda: NOW, leeway=10)

    assert judged(issuer, validator, exp=NOW - 9) is None
    assert isinstance(judged(issuer, validator, exp=NOW - 10), ExpiredTokenError)
    assert judged(issuer, validator, exp=NOW + 60, nbf=NOW + 10) is None
    assert isinstance(judged(issuer, validator, exp=NOW + 60, nbf=NOW + 11), ClaimError)


def test_a_given_rule_takes_the_standing_ones_place(issuer: TokenIssuer) -> None:
    """A rule of a standing one's class replaces it, with its own leeway and demands; the others stay."""
    validator = JWTValidator(
        clock=lambda: NOW,
        leeway=10,
        rules=[Expiry(100, required=True), NotBefore(0), Audience("us")],
    )

    assert judged(issuer, validator, aud="us", exp=NOW - 99) is None
    assert isinstance(judged(issuer, validator, aud="us", exp=None), MissingClaimError)
    assert isinstance(judged(issuer, validator, aud="us", exp=NOW, nbf=NOW + 1), ClaimError)
    assert isinstance(judged(issuer, validator, aud="them", exp=NOW), ClaimError)
    assert isinstance(judged(issuer, validator, exp=NOW), MissingClaimError)
    assert isinstance(judged(issuer, validator, aud="us", exp=NOW, sub=5), ClaimError)


def test_a_replaced_rule_is_judged_in_its_place(issuer: TokenIssuer) -> None:
    """Types are judged first, also by a rule that was given last: the others see what it makes of them."""
    validator = JWTValidator(
        rules=[Subject("42"), Audience("us"), ClaimTypes(numeric_subject=True), Audience("them")]
    )

    assert judged(issuer, validator, sub=42, aud=["us", "them"]) is None
    assert isinstance(judged(issuer, validator, sub=43, aud=["us", "them"]), ClaimError)
    assert isinstance(judged(issuer, validator, sub=42, aud="us"), ClaimError)
    assert isinstance(judged(issuer, validator, sub=42, aud="them"), ClaimError)
    assert isinstance(judged(issuer, JWTValidator(rules=[Subject("42")]), sub=42), ClaimError)


def test_a_subclass_of_a_rule_takes_its_place_too(issuer: TokenIssuer) -> None:
    """An organisation's own kind of ``Audience`` replaces the standing one."""

    class AnyAudience(Audience):
        def __call__(self, claims: Claims) -> None:
            """Accept every token that names an audience."""
            claims["aud"]

    validator = JWTValidator(rules=[AnyAudience()])

    assert judged(issuer, validator, aud="whoever") is None
    assert isinstance(judged(issuer, validator), MissingClaimError)


def test_claim_types_can_be_replaced(issuer: TokenIssuer) -> None:
    """Even the rule on types gives way to one of its class."""

    class Lenient(ClaimTypes):
        def __call__(self, claims: Claims) -> None:
            """Accept every type."""

    assert judged(issuer, JWTValidator(rules=[Lenient()]), sub=5) is None


def test_other_rules_come_on_top(issuer: TokenIssuer) -> None:
    """A rule of another class is added, and tried after the standing ones, in order."""
    calls: list[str] = []

    def first(claims: Claims) -> None:
        calls.append("first")

    def second(claims: Claims) -> bool:
        calls.append("second")
        return claims["tenant"] == "ours"

    validator = JWTValidator(rules=[first, second, Issuer("https://issuer.example")])

    assert judged(issuer, validator, tenant="ours") is None
    assert isinstance(judged(issuer, validator, tenant="theirs"), ClaimError)
    assert isinstance(judged(issuer, validator), MissingClaimError)
    assert isinstance(
        judged(issuer, validator, tenant="ours", iss="https://issuer.example/"), ClaimError
    )
    calls.clear()
    assert isinstance(judged(issuer, validator, exp=1), ExpiredTokenError)
    assert calls == []


@pytest.mark.parametrize("verdict", [False, 0, 1, "", "yes", [], ...], ids=repr)
def test_a_rule_accepts_by_none_or_true_alone(verdict: object, issuer: TokenIssuer) -> None:
    """Whatever else a rule answers is a refusal."""

    def rule(claims: Claims) -> Any:
        return verdict

    assert isinstance(judged(issuer, JWTValidator(rules=[rule])), ClaimError)


class TenantValidator(JWTValidator):
    """Overrides ``validate``: calls super, then refuses."""

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        claims = super().validate(token, keys)
        if claims.get("tenant") != "ours":
            raise InvalidTokenError("another tenant's token")
        return claims


class NamingValidator(JWTValidator):
    """Overrides ``verify``: adds to what was verified."""

    def verify(self, token: BearerToken, keys: Any) -> Claims:
        claims = super().verify(token, keys)
        return Claims(
            {**claims, "name": claims["sub"].title()},
            checked_at=claims.checked_at,
            header=claims.header,
        )


class StrictValidator(JWTValidator):
    """Overrides ``judge``: one more condition on the header."""

    def judge(self, claims: Claims) -> None:
        super().judge(claims)
        if claims.header.get("typ") != "at+jwt":
            raise ClaimError("typ")


def test_validate_can_be_overridden(issuer: TokenIssuer) -> None:
    """A subclass refuses what its super class accepted, and accepts nothing that that refused."""
    validator = TenantValidator()

    assert judged(issuer, validator, tenant="ours") is None
    assert type(judged(issuer, validator, tenant="theirs")) is InvalidTokenError
    assert isinstance(judged(issuer, validator, tenant="ours", exp=1), ExpiredTokenError)


def test_verify_can_be_overridden(issuer: TokenIssuer) -> None:
    """What a subclass's verify answers is what is judged and handed on."""
    claims = NamingValidator().validate(BearerToken(issuer.token()), Keys(issuer.verification_key))

    assert claims["name"] == "Alice"


def test_judge_can_be_overridden(issuer: TokenIssuer) -> None:
    """A subclass's judge is asked about every verified token."""
    assert judged(issuer, StrictValidator(), header={"typ": "at+jwt"}) is None
    assert isinstance(judged(issuer, StrictValidator()), ClaimError)


def test_a_subclass_keeps_the_options(issuer: TokenIssuer) -> None:
    """A plain subclass takes all the options of its super class."""
    validator = TenantValidator(
        algorithms="RS256", rules=[Audience("us")], leeway=5, clock=lambda: NOW
    )

    assert judged(issuer, validator, tenant="ours", aud="us", exp=NOW - 4) is None


def test_verify_alone_judges_nothing(issuer: TokenIssuer) -> None:
    """An expired token's signature verifies; ``verify`` says so, ``judge`` refuses it."""
    validator = JWTValidator()
    claims = validator.verify(BearerToken(issuer.token(exp=1)), Keys(issuer.verification_key))

    with pytest.raises(ExpiredTokenError):
        validator.judge(claims)


def test_the_validator_shows_its_rules() -> None:
    """The repr tells what is configured, for a log or a debugger."""
    assert "Audience(accepted=('us',))" in repr(JWTValidator(rules=[Audience("us")]))

"""Rules about the kind of a token, such as access token or ID token (RFC 8725 §3.11, §3.12)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

from attrs import Factory, field, frozen

from .._options import as_strings
from ..errors import ConfigurationError, TokenKindError
from ..log_text import quoted
from ..values import Claims
from ._accepted import at_least_one, listed, required

__all__ = ["AccessToken", "TokenType", "TokenUse"]

_ACCESS = "an access token"
# Keycloak's access tokens have this in the claim typ. In other claims it doesn't name a kind of token.
_BEARER = "a bearer token"
_ID = "an ID token"
_REFRESH = "a refresh token"
_LOGOUT = "a logout token"
_EVENT = "a security event token"
_REGISTRATION = "a client registration token"

# Claims that only other kinds of tokens have. The hashes: OpenID Connect Core §3.1.3.6 and FAPI 1.0 part 2
# §5.1.1; events: RFC 8417 §2.2; ati, the ID of the access token that belongs to a refresh token: Spring.
# c_hash isn't needed: OpenID Connect Core §3.3.2.11 requires a nonce beside it, which only Apple omits.
_MARKS = {
    "events": _EVENT,
    "at_hash": _ID,
    "s_hash": _ID,
    "ati": _REFRESH,
}
# Claims in which issuers name the kind. tokenName is ForgeRock's, tty FusionAuth's, drn Descope's and
# token_usage OpenIddict's.
_KIND_CLAIMS = (
    *("typ", "type", "token_type", "token_use", "tokenType", "tokenUse"),
    *("kind", "purpose", "use", "tokenName", "token_usage", "tty", "drn"),
)
_TELLING = frozenset({*_MARKS, *_KIND_CLAIMS, "nonce", "refresh"})

# Names of kinds as issuers write them, reduced to letters and digits in lower case.
_KINDS = {
    "access": _ACCESS,
    "accesstoken": _ACCESS,
    "at": _ACCESS,
    "bearer": _BEARER,
    "dpop": _BEARER,
    "id": _ID,
    "idtoken": _ID,
    "identitytoken": _ID,
    "serializedid": _ID,
    "offline": _REFRESH,
    "offlineaccess": _REFRESH,
    "offlinetoken": _REFRESH,
    "rt": _REFRESH,
    "dsr": _REFRESH,
    "secevent": _EVENT,
    "securityevent": _EVENT,
    "initialaccesstoken": _REGISTRATION,
    "registrationaccesstoken": _REGISTRATION,
}
_HARMLESS = frozenset({None, _ACCESS, _BEARER})


@lru_cache(maxsize=256)
def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


@lru_cache(maxsize=256)
def _kind_of(name: str) -> str | None:
    """Return the kind of token that a text names, or None if it names no known kind.

    All spellings of a name count: ``refresh``, ``Refresh``, ``refresh_token``, ``refresh+jwt`` and
    ``urn:ietf:params:oauth:token-type:refresh_token`` (RFC 8693 §3).
    """
    last = name.lower().rpartition(":")[2].rpartition("/")[2].removesuffix("+jwt")
    word = "".join(filter(str.isalnum, last))
    if "refresh" in word:
        return _REFRESH
    if "logout" in word:
        return _LOGOUT
    return _KINDS.get(word)


def _types(value: Any) -> tuple[str, ...]:
    given: object = value
    if not isinstance(given, list | tuple | set | frozenset):
        raise ConfigurationError(
            f"types is {given!r}, expected media types in a list, such as types=['service+jwt']"
        )
    return tuple(map(_media_type, as_strings("AccessToken", tuple(value))))


def _accepted_types(rule: AccessToken) -> frozenset[str]:
    return frozenset({"at+jwt", *rule.types})


@frozen
class AccessToken:
    """Refuses a token that is not an access token, such as an ID token or a refresh token (RFC 8725 §3.12).

    An issuer signs several kinds of tokens with the same keys, often for the same audience. Refused are:

    - ID tokens: a claim ``nonce``, ``at_hash`` or ``s_hash``, or ``id`` in one of the claims listed next
    - refresh tokens: ``refresh`` or ``offline`` in ``typ``, ``type``, ``token_type``, ``token_use``,
      ``token_usage``, ``tokenName``, ``tty``, ``drn``, ``kind``, ``purpose`` or ``use``; a claim ``refresh``
      that is true; or a claim ``ati``
    - logout tokens and security event tokens: a claim ``events``, or their name in ``typ``
    - other kinds that RFC 8725 §3.11 names in the header's ``typ``: any ``typ`` with a ``+`` except
      ``at+jwt``, such as ``dpop+jwt`` or ``token-introspection+jwt``

    A ``nonce`` is accepted if the token is marked as an access token: by the header's ``typ``
    (``at+jwt``, RFC 9068 §2.1), the claim ``typ`` (``Bearer`` or ``DPoP``), ``access`` in one of the claims
    listed above, or a scope in ``scp``. Keycloak's access tokens had a ``nonce`` before version 25, and those
    of Azure AD B2C have one. The other signs always refuse a token.

    Not every ID token has one of these signs, and a token without any is accepted. ``oidc_authenticator``,
    ``configured_authenticator`` and ``TrustedIssuer`` apply this rule unless you pass another one of this
    class.

    Args:
        types: Other values of the header's ``typ`` that your issuer uses for access tokens, such as
            ``["service+jwt"]``. ``at+jwt``, ``JWT`` and a missing ``typ`` are always accepted.
    """

    types: tuple[str, ...] = field(default=(), converter=_types, kw_only=True)
    _accepted: frozenset[str] = field(
        init=False, repr=False, eq=False, default=Factory(_accepted_types, takes_self=True)
    )

    def __call__(self, claims: Claims) -> None:
        """Refuse another kind of token."""
        typ = claims.header.get("typ")
        typed = typ is not None and typ != "JWT" and self._is_typed(typ)
        found = _TELLING.intersection(claims)
        if found:
            _check_claims(claims, sorted(found), typed)

    def _is_typed(self, typ: Any) -> bool:
        """Return whether the header's typ marks an access token. Refuse one that marks another kind."""
        if type(typ) is not str:
            raise _refusal("typ", f"typ is {quoted(typ)}")
        name = _media_type(typ)
        if name in self._accepted:
            return True
        if "+" in name or _kind_of(name) not in _HARMLESS:
            raise _refusal("typ", f"the header's typ is {quoted(typ)}")
        return False


def _check_claims(claims: Claims, found: list[str], typed: bool) -> None:
    for claim in found:
        kind = _MARKS.get(claim)
        if kind is not None:
            raise _refusal(claim, f"the token is {kind}: it has the claim {claim}")
        if claim == "refresh":
            if claims[claim] is True:
                raise _refusal(claim, f"the token is {_REFRESH}: refresh is True")
        elif claim != "nonce" and _says_access(claim, claims[claim]):
            typed = True
    # Azure AD B2C's access tokens have a nonce too. Only scp distinguishes them from ID tokens.
    if "nonce" in found and not typed and not "".join(claims.strings("scp")).strip():
        raise _refusal("nonce", f"the token is {_ID}: it has the claim nonce")


def _says_access(claim: str, value: Any) -> bool:
    """Return whether a claim marks an access token. Refuse one that marks another kind."""
    several: object = value
    names: Iterable[Any] = value if isinstance(several, list) else (value,)
    says_access = False
    for name in names:
        kind = _kind_of(name) if type(name) is str else None
        if kind not in _HARMLESS:
            raise _refusal(claim, f"the token is {kind}: {claim} is {quoted(value)}")
        if kind == _ACCESS or (kind == _BEARER and claim == "typ" and name is value):
            says_access = True
    return says_access


def _refusal(claim: str, found: str) -> TokenKindError:
    return TokenKindError(
        claim, f"{found}, expected an access token", description="This is not an access token"
    )


@frozen(init=False)
class TokenType:
    """Refuses a token of another type: the header's ``typ`` must be one of these (RFC 8725 §3.11).

    Upper and lower case don't matter, nor does the prefix ``application/`` (RFC 7515 §4.1.9). A token without
    a header, such as an introspected one, is refused.

    Args:
        accepted: Media types, such as ``"at+jwt"`` (RFC 9068 §2.1).
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        types = at_least_one("TokenType", accepted, "type")
        cast("Any", self).__attrs_init__(tuple(map(_media_type, types)))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another type."""
        typ = claims.header.get("typ")
        if not isinstance(typ, str) or _media_type(typ) not in self.accepted:
            raise TokenKindError("typ", f"typ is {quoted(typ)}, expected {listed(self.accepted)}")


@frozen(init=False)
class TokenUse:
    """Refuses a token for another use: the claim ``token_use`` must equal one of these.

    Use ``TokenUse("access")`` for Amazon Cognito, whose ID tokens have ``id`` in this claim.

    Args:
        accepted: The uses, compared exactly.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        cast("Any", self).__attrs_init__(at_least_one("TokenUse", accepted, "use"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token for another use."""
        use = required(claims, "token_use")
        if use not in self.accepted:
            raise TokenKindError(
                "token_use",
                f"token_use is {quoted(use)}, expected {listed(self.accepted)}",
                description="The token is for another use",
            )

"""Rules about the kind of a token (RFC 8725 §3.11 and §3.12): access tokens, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from attrs import Factory, field, frozen

from .._options import as_strings
from ..errors import ClaimError, ConfigurationError
from ..log_text import quoted
from ..values import Claims
from ._accepted import at_least_one, listed

__all__ = ["AccessToken", "TokenType", "TokenUse"]

_ACCESS = "an access token"
# How Keycloak names its access tokens in the claim typ. Elsewhere it is no name of a kind.
_BEARER = "a bearer token"
_ID = "an ID token"
_REFRESH = "a refresh token"
_LOGOUT = "a logout token"
_EVENT = "a security event token"
_REGISTRATION = "a client registration token"

# A claim that only another kind of token has. The hashes: OpenID Connect Core §3.1.3.6 and FAPI 1.0 part 2
# §5.1.1; events: RFC 8417 §2.2; ati, the ID of the access token that goes with a refresh token: Spring.
# Not among them is c_hash: OpenID Connect Core §3.3.2.11 requires a nonce beside it, which only Apple omits.
_MARKS = {
    "events": _EVENT,
    "at_hash": _ID,
    "s_hash": _ID,
    "ati": _REFRESH,
}
# Claims in which issuers name the kind: tokenName is ForgeRock's, tty FusionAuth's, drn Descope's, and
# token_usage OpenIddict's.
_KIND_CLAIMS = (
    *("typ", "type", "token_type", "token_use", "tokenType", "tokenUse"),
    *("kind", "purpose", "use", "tokenName", "token_usage", "tty", "drn"),
)
_TELLING = frozenset({*_MARKS, *_KIND_CLAIMS, "nonce", "refresh"})

# Names of kinds as issuers spell them, in lower case and without anything but letters and digits.
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
    """Return the kind of token that a text names, None if it doesn't name one that is known here.

    All spellings of one name are alike: ``refresh``, ``Refresh``, ``refresh_token``, ``refresh+jwt``
    and ``urn:ietf:params:oauth:token-type:refresh_token`` (RFC 8693 §3).
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
    """Refuses a token that isn't an access token, whatever its audience (RFC 8725 §3.12).

    An issuer signs several kinds of tokens with the same keys, often for the same audience. Refused are:

    - ID tokens: one of the claims ``nonce``, ``at_hash`` and ``s_hash``, or one of the claims below says
      ``id``
    - refresh tokens: ``typ``, ``type``, ``token_type``, ``token_use``, ``token_usage``, ``tokenName``,
      ``tty``, ``drn``, ``kind``, ``purpose`` or ``use`` says ``refresh`` or ``offline``, ``refresh`` is
      true, or there is a claim ``ati``
    - logout tokens and security event tokens: the claim ``events``, or a ``typ`` that says so
    - a token whose header has a ``typ`` with a ``+`` other than ``at+jwt``, such as ``dpop+jwt`` or
      ``token-introspection+jwt``: RFC 8725 §3.11 names kinds of tokens in this way

    A token that says it is an access token may have a ``nonce``, as Keycloak's had before version 25
    and Azure AD B2C's have. It says so by the header's ``typ`` (``at+jwt``, RFC 9068 §2.1), by the claim
    ``typ`` (``Bearer`` or ``DPoP``), by ``token_use`` or another of these claims (``access``), or by a
    scope in ``scp``. Nothing outweighs the other signs.

    A token that has none of these signs passes: not every ID token has one.
    ``oidc_authenticator``, ``configured_authenticator`` and ``TrustedIssuer`` apply this rule unless
    they are given another rule of this class.

    Args:
        types: The header's ``typ`` of your issuer's access tokens, if it is one of its own, such as
            ``["service+jwt"]``. ``at+jwt``, ``JWT`` and no ``typ`` at all are accepted anyway.
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
        """Whether a header's typ says that this is an access token. Another kind is refused."""
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
    # Azure AD B2C puts the nonce into access tokens too, where only scp tells them from ID tokens.
    if "nonce" in found and not typed and not "".join(claims.strings("scp")).strip():
        raise _refusal("nonce", f"the token is {_ID}: it has the claim nonce")


def _says_access(claim: str, value: Any) -> bool:
    """Whether a claim says that this is an access token. A claim that says another kind is refused."""
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


def _refusal(claim: str, found: str) -> ClaimError:
    return ClaimError(
        claim, f"{found}, expected an access token", description="This is not an access token"
    )


@frozen(init=False)
class TokenType:
    """Refuses a token of another type: the header's ``typ`` must be one of these (RFC 8725 §3.11).

    Types are compared without case and without the prefix ``application/`` (RFC 7515 §4.1.9). A token
    that has no header, such as an introspected one, has no type and is refused.

    Args:
        accepted: Media types, such as ``"at+jwt"`` (RFC 9068 §2.1).
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        types = at_least_one("TokenType", accepted, "type")
        object.__setattr__(self, "accepted", tuple(map(_media_type, types)))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another type."""
        typ = claims.header.get("typ")
        if not isinstance(typ, str) or _media_type(typ) not in self.accepted:
            raise ClaimError("typ", f"typ is {quoted(typ)}, accepted is {listed(self.accepted)}")


@frozen(init=False)
class TokenUse:
    """Refuses a token for another use: the claim ``token_use`` must equal one of these.

    Amazon Cognito's access tokens say ``access`` there, its ID tokens ``id``.

    Args:
        accepted: The uses, letter for letter: ``TokenUse("access")``.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", at_least_one("TokenUse", accepted, "use"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token for another use."""
        use = claims["token_use"]
        if use not in self.accepted:
            raise ClaimError(
                "token_use",
                f"token_use is {quoted(use)}, accepted is {listed(self.accepted)}",
                description="The token is for another use",
            )

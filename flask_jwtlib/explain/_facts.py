"""What is known about a refused token, for finding the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import field, frozen

from .._known_kids import list_of_kids
from .._module_api import CallbackTokenValidator
from ..claim_rules import Audience, ClaimRule, Issuer
from ..errors import Refusal, VerificationUnavailable
from ..evidence import NO_EVIDENCE, Evidence
from ..key_health import status_of
from ..keys import VerificationKey
from ..log_text import error_text, one_line
from ..policies import Policy
from ..values import Claims

if TYPE_CHECKING:
    from ..authenticator import Authenticator

__all__ = ["Facts"]

_Rule = TypeVar("_Rule")
_MOST_ISSUERS = 100


@frozen(kw_only=True)
class Facts:
    """What is known about a refused token.

    Attributes:
        error: The refusal.
        authenticator: The ``Authenticator`` that refuses it.
        given: The text that was given, which may have quotes, white space or a scheme around the token.
        token: The token.
        header: Its header; empty if it can't be read.
        claims: Its claims; empty if they can't be read. Anybody may have written them, unless ``verified``.
        verified: Whether its signature is valid.
        refusals: What every check of the token refuses, in order, also after the first refusal.
        rules: The claim rules that apply to it.
        policies: The policies that apply to the caller.
        algorithms: The algorithms that the validator accepts; empty if it doesn't say.
        provider: The key provider that was asked, an object of the innermost class.
        keys: The keys that it has; None if it doesn't list them.
        evidence: What the request offers beside the token.
        now: The time, in seconds since the epoch.
        endpoint: The endpoint that the token is explained for, or None.
        may_fetch: Whether keys could be fetched.
        config: The app's configuration.
    """

    error: Refusal
    authenticator: Authenticator
    given: str
    token: str
    header: Mapping[str, Any] = field(factory=dict[str, Any])
    claims: Mapping[str, Any] = field(factory=dict[str, Any])
    verified: bool = False
    refusals: tuple[Refusal, ...] = ()
    rules: tuple[ClaimRule, ...] = ()
    policies: tuple[Policy, ...] = ()
    algorithms: tuple[str, ...] = ()
    provider: Any = None
    keys: tuple[VerificationKey, ...] | None = None
    evidence: Evidence = NO_EVIDENCE
    now: float = 0
    endpoint: str | None = None
    may_fetch: bool = True
    config: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)

    def rule(self, kind: type[_Rule]) -> _Rule | None:
        """Return the rule of a class, or None."""
        rules: tuple[Any, ...] = self.rules
        return next((rule for rule in rules if isinstance(rule, kind)), None)

    def text(self, claim: str) -> str:
        """Return a claim that is a string, or an empty string."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    def strings(self, *path: str) -> tuple[str, ...]:
        """Return the strings of a claim, as ``Claims.strings`` does."""
        return Claims(self.claims, checked_at=self.now).strings(*path)

    def members(self, claim: str) -> dict[str, Any]:
        """Return a claim that is an object; empty if it isn't one."""
        value: Any = self.claims.get(claim)
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    @property
    def fault(self) -> str:
        """Why the keys are unavailable, with what the fetch and the metadata said; empty if they aren't."""
        if not isinstance(self.error, VerificationUnavailable):
            return ""
        texts = [self.error.log_message]
        if self.error.__cause__ is not None:
            texts.append(error_text(self.error.__cause__))
        metadata: Any = status_of(self.provider).get("metadata_error")
        if isinstance(metadata, str):
            texts.append(metadata)
        return one_line("; ".join(dict.fromkeys(texts)))

    @property
    def is_module_api(self) -> bool:
        """Whether the ``Authenticator`` is that of the documented module API."""
        return isinstance(self.authenticator.validator, CallbackTokenValidator)

    @property
    def known_kids(self) -> str:
        """The IDs of the keys, listed for a sentence."""
        return list_of_kids(frozenset(key.kid for key in self.keys or () if key.kid is not None))

    @property
    def alg(self) -> str:
        """The token's ``alg``, or an empty string."""
        alg = self.header.get("alg")
        return alg if isinstance(alg, str) else ""

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences that are accepted."""
        rule = self.rule(Audience)
        return () if rule is None else rule.accepted

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers that are accepted: of the rules, an ``IssuerRouter`` or the key provider."""
        rule = self.rule(Issuer)
        routed: Any = getattr(self.authenticator.validator, "issuers", ())
        found: list[Any] = [*(() if rule is None else rule.accepted)]
        if isinstance(routed, Mapping):
            names: list[Any] = [*routed]
            found += names[:_MOST_ISSUERS]
        if not found:
            found.append(getattr(self.provider, "issuer", None))
        return tuple(dict.fromkeys(each for each in found if isinstance(each, str)))

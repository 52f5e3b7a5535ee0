"""Notes about the token of the request that is authenticated, for the module's callbacks."""

from __future__ import annotations

from attrs import define, field, frozen

from .._flask.given_request import given_request
from .._flask.state import current_state
from ..errors import AuthenticationError
from ..interfaces import KeyProvider
from ..values import BearerToken, Claims

__all__ = ["Notes", "Verified", "notes_of_request"]


@frozen(eq=False)
class Verified:
    """A token whose signature is valid, the keys that verified it, and its claims."""

    token: str
    keys: KeyProvider
    claims: Claims


@define
class Notes:
    """What is known about the current request's token.

    Attributes:
        found: The token that the default ``get_token`` found, with its place in the request.
        extracted: Whether the token was extracted, so that ``token`` is known.
        token: The token, None if the request has none.
        keys: The keys of the authenticator that handles the request.
        all_keys: The keys of each authenticator that has called ``check_token`` for the request.
        verified: A token whose signature is valid.
        deciding: Whether ``check_token`` is called for a decision of the ``Authenticator``.
        accepted: Whether ``check_token`` accepted the token.
        refusal: Why the request is refused.
        denying: Whether the failure callback is called.
    """

    found: BearerToken | None = None
    extracted: bool = False
    token: str | None = None
    keys: KeyProvider | None = None
    all_keys: list[KeyProvider] = field(factory=list[KeyProvider])
    verified: Verified | None = None
    deciding: bool = False
    accepted: bool = False
    refusal: AuthenticationError | None = None
    denying: bool = False


def notes_of_request() -> Notes:
    """Return the notes of the request that is authenticated, or new ones outside of a decorated view."""
    given = given_request()
    state = current_state() if given is None or not given.applies() else given
    if state is None:
        return Notes()
    if state.notes is None:
        state.notes = Notes()
    notes: Notes = state.notes
    return notes

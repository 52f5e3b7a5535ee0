"""The causes of refusals that ``explain`` names, with their cures.

They are tried in this order: the most specific first.
"""

from __future__ import annotations

from flask_jwtlib.explain import CauseFinder

from . import (
    _algorithms,
    _audiences,
    _credentials,
    _foreign,
    _form,
    _incomplete,
    _issuers,
    _keys,
    _kinds,
    _permissions,
    _provider_audiences,
    _provider_issuers,
    _requests,
    _scopes,
    _times,
)

__all__ = ["CATALOGUE"]

CATALOGUE: tuple[CauseFinder, ...] = (
    *_credentials.FINDERS,
    *_form.FINDERS,
    *_foreign.FINDERS,
    *_incomplete.FINDERS,
    *_foreign.OPAQUE,
    *_kinds.FINDERS,
    *_issuers.SPELLING,
    *_provider_issuers.FINDERS,
    *_issuers.FINDERS,
    *_provider_audiences.FINDERS,
    *_audiences.FINDERS,
    *_algorithms.FINDERS,
    *_keys.FINDERS,
    *_times.FINDERS,
    *_requests.FINDERS,
    *_permissions.GROUPS,
    *_scopes.FINDERS,
    *_permissions.FINDERS,
)

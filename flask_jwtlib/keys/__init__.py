"""Keys that verify signatures: reading them, checking their strength, and choosing one for a token."""

from __future__ import annotations

from ._jose import ALGORITHMS, algorithm_names
from ._key_set import KeySet
from ._secret_text import holds_private_key, kind_of_key
from ._text import as_text
from ._verification_key import VerificationKey

__all__ = [
    "ALGORITHMS",
    "KeySet",
    "VerificationKey",
    "algorithm_names",
    "as_text",
    "holds_private_key",
    "kind_of_key",
]

"""Checks a key when it is made, and which algorithms it may verify."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path

from ..errors import ConfigurationError, InsecureKeyWarning
from ._jose import KeyMaterial, algorithms_of, key_type_of, weakness
from ._secret_text import PRIVATE_KEY_REFUSED, kind_of_key
from ._strength import key_fault

__all__ = ["checked_algorithms"]


def checked_algorithms(
    material: KeyMaterial, algorithms: tuple[str, ...], *, allow_weak: bool
) -> tuple[str, ...]:
    """Check a key's material, and return the algorithms that it may verify.

    Args:
        material: The material.
        algorithms: The algorithms that it is meant for. If empty, all that it fits.
        allow_weak: Warn of a weak key instead of refusing it.

    Raises:
        ConfigurationError: The key is invalid, weak or private, or doesn't fit the algorithms.
    """
    if hasattr(material, "private_bytes"):
        raise ConfigurationError(PRIVATE_KEY_REFUSED)
    fitting = algorithms_of(material)
    if isinstance(material, bytes):
        _check_secret(material)
    elif fault := key_fault(material):
        raise ConfigurationError(fault)
    if not algorithms:
        strong = tuple(name for name in fitting if weakness(material, name) is None)
        algorithms = fitting if allow_weak else strong or fitting[:1]
    if not set(algorithms) <= set(fitting):
        raise ConfigurationError(
            f"this {key_type_of(material)} key verifies {', '.join(fitting)}; "
            f"it can't verify {', '.join(algorithms)}"
        )
    weaknesses = [text for name in algorithms if (text := weakness(material, name))]
    if weaknesses and not allow_weak:
        raise ConfigurationError(
            f"{weaknesses[0]} (RFC 7518 §3)",
            advice="to accept it anyway, make the VerificationKey with allow_weak=True",
        )
    if weaknesses:
        _warn_of(weaknesses[0])
    return algorithms


def _check_secret(secret: bytes) -> None:
    if not secret:
        raise ConfigurationError("the HMAC secret is empty")
    kind = kind_of_key(secret)
    if kind is not None:
        raise ConfigurationError(
            f"this HMAC secret is {kind}, which others may know (RFC 8725 §2.1)",
            advice="use random bytes as a secret, and from_pem, from_openssh or from_jwk to load a key",
        )


def _warn_of(weakness: str) -> None:
    """Warn at the line outside of this package that made the key."""
    package = str(Path(__file__).parents[1])
    level = 1
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith((package, "<attrs ")):
        frame = frame.f_back
        level += 1
    warnings.warn(f"{weakness} (RFC 7518 §3)", InsecureKeyWarning, stacklevel=level)

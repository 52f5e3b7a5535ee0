"""Causes in the token's algorithm."""

from __future__ import annotations

from flask_jwtlib.errors import AlgorithmError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted

from ._settings import setting

__all__ = ["FINDERS"]


def _is_symmetric(alg: str) -> bool:
    return alg.startswith("HS")


def _family(alg: str) -> str:
    """Return the kind of key that an algorithm needs."""
    if _is_symmetric(alg):
        return "a shared secret"
    if alg[:2] in {"RS", "PS"}:
        return "an RSA key"
    if alg.startswith("ES"):
        return "an elliptic-curve key"
    return "an Edwards-curve key" if alg.startswith("Ed") else "a key of another type"


@recognises("symmetric-algorithm", by_claims=True)
def symmetric(facts: Facts) -> Found | None:
    """The token is signed by a shared secret (HS256), and the app has public keys."""
    if not (
        isinstance(facts.error, AlgorithmError)
        and _is_symmetric(facts.alg)
        and facts.algorithms
        and not any(map(_is_symmetric, facts.algorithms))
    ):
        return None
    return Found(
        f"The token is signed by a shared secret (alg is {quoted(facts.alg)}), and the app "
        "verifies with public keys.",
        f"At the provider, set the API's signing algorithm to {' or '.join(facts.algorithms)}; "
        f"don't add {quoted(facts.alg)} to the app, since anybody could then sign with a public "
        "key as the secret.",
    )


@recognises("public-key-algorithm", by_claims=True)
def asymmetric(facts: Facts) -> Found | None:
    """The token is signed by a private key, and the app verifies with a shared secret."""
    if not (
        isinstance(facts.error, AlgorithmError)
        and not _is_symmetric(facts.alg)
        and facts.algorithms
        and all(map(_is_symmetric, facts.algorithms))
    ):
        return None
    return Found(
        f"The token is signed by a private key (alg is {quoted(facts.alg)}), and the app verifies "
        "with a shared secret.",
        "If your provider signs with private keys, replace the secret by its public keys and "
        f"change {setting(facts, 'algorithms')} together with it; otherwise get a token of the "
        "issuer that has the secret.",
    )


@recognises("wrong-algorithm-family", by_claims=True)
def algorithm_family(facts: Facts) -> Found | None:
    """The token's algorithm needs another kind of key than those that the app accepts."""
    if not (isinstance(facts.error, AlgorithmError) and facts.algorithms):
        return None
    if any(_family(facts.alg) == _family(accepted) for accepted in facts.algorithms):
        return None
    return Found(
        f"The token's alg is {quoted(facts.alg)}, which needs {_family(facts.alg)}, and the app "
        f"accepts {' or '.join(facts.algorithms)}.",
        _by_keys(facts),
    )


@recognises("algorithm-not-accepted", by_claims=True)
def algorithm(facts: Facts) -> Found | None:
    """The token's algorithm isn't one of those that the app accepts."""
    if not isinstance(facts.error, AlgorithmError):
        return None
    return Found(
        f"The token's alg is {quoted(facts.alg)}, and the app accepts "
        f"{' or '.join(facts.algorithms)}.",
        _by_keys(facts),
    )


def _by_keys(facts: Facts) -> str:
    """Advise by the keys that the app trusts, never by the token."""
    published = dict.fromkeys(alg for key in facts.keys or () for alg in key.algorithms)
    others = [alg for alg in published if alg not in facts.algorithms]
    if facts.alg in others:
        return (
            f"Your provider's own keys are for {', '.join(others)}: if it documents {facts.alg} "
            f"for access tokens, set {setting(facts, 'algorithms')} to {quoted(facts.alg)}; "
            "`flask jwtlib doctor` compares them."
        )
    return (
        f"Let the provider sign this API's tokens with {' or '.join(facts.algorithms)}, or "
        f"compare the algorithms that its metadata lists with {setting(facts, 'algorithms')} by "
        "`flask jwtlib doctor`."
    )


FINDERS = (symmetric, asymmetric, algorithm_family, algorithm)

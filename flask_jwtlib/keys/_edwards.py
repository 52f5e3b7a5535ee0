"""Checks the public keys of the Edwards curves, Ed25519 and Ed448."""

from __future__ import annotations

from functools import lru_cache

from attrs import frozen

__all__ = ["ED448", "ED25519", "EdwardsCurve"]

_Point = tuple[int, int, int]
_IDENTITY: _Point = (0, 1, 1)


@frozen
class EdwardsCurve:
    """The curve ``a·x² + y² = 1 + d·x²·y²`` over a prime field, as RFC 8032 §5 uses it.

    Attributes:
        name: The JWK's ``crv`` (RFC 8037 §2).
        size: Length of an encoded point in bytes.
        prime: Size of the field.
        a: Coefficient of x².
        d: Coefficient of x²·y².
        order: Order of the base point (``L`` in RFC 8032).
    """

    name: str
    size: int
    prime: int
    a: int
    d: int
    order: int

    # A refreshing provider reads the same few keys again and again.
    @lru_cache(maxsize=1024)  # noqa: B019 - there are two curves, which live as long as the module
    def fault(self, encoded: bytes) -> str | None:
        """Return what is wrong with an encoded public key, or None if it is a point of full order.

        By RFC 8032 §5.1.5 and §5.2.5 every public key is a multiple of the base point, so its order is
        exactly ``order``. Anyone can sign for a point of small order. A point with a component of small
        order verifies differently in different libraries, and no key generation produces one.
        """
        if len(encoded) != self.size:
            return f"an {self.name} public key has {self.size} bytes, this one has {len(encoded)}"
        number = int.from_bytes(encoded, "little")
        sign = number >> (8 * self.size - 1)
        y = number & ~(1 << (8 * self.size - 1))
        if y >= self.prime:
            return f"this {self.name} public key is not in canonical encoding (RFC 8032 §5)"
        x = self._x_of(y)
        if x is None:
            return f"this {self.name} public key is not a point on the curve"
        if x == 0 and sign:
            return f"this {self.name} public key is not in canonical encoding (RFC 8032 §5)"
        # Either of the two x will do: a point and its negative have the same order.
        point = (x, y, 1)
        if self._is_identity(self._double(self._double(self._double(point)))):
            return f"this {self.name} public key has small order: anyone can sign for it"
        if not self._is_identity(self._multiple(point)):
            return (
                f"this {self.name} public key is not of full order: "
                "it wasn't generated as RFC 8032 §5 requires"
            )
        return None

    def _x_of(self, y: int) -> int | None:
        """Return one of the two x for a y (RFC 8032 §5.1.3, §5.2.3), or None if no point has this y."""
        prime = self.prime
        # Never divides by zero: a is a square in the field, and d isn't.
        square = (1 - y * y) * pow(self.a - self.d * y * y, -1, prime) % prime
        if prime % 4 == 3:
            root = pow(square, (prime + 1) // 4, prime)
        else:
            root = pow(square, (prime + 3) // 8, prime)
            if root * root % prime != square:
                root = root * pow(2, (prime - 1) // 4, prime) % prime
        return root if root * root % prime == square else None

    def _add(self, left: _Point, right: _Point) -> _Point:
        """Add any two points, in projective coordinates (RFC 8032 §5.2.4, for any a)."""
        prime = self.prime
        x1, y1, z1 = left
        x2, y2, z2 = right
        a = z1 * z2 % prime
        b = a * a % prime
        c = x1 * x2 % prime
        d = y1 * y2 % prime
        e = self.d * c * d % prime
        f = b - e
        g = b + e
        h = (x1 + y1) * (x2 + y2) - c - d
        return a * f * h % prime, a * g * (d - self.a * c) % prime, f * g % prime

    def _double(self, point: _Point) -> _Point:
        """Add a point to itself, in fewer steps than ``_add``."""
        prime = self.prime
        x, y, z = point
        c = x * x % prime
        d = y * y % prime
        e = self.a * c
        f = e + d
        j = (f - 2 * z * z) % prime
        return ((x + y) * (x + y) - c - d) * j % prime, f * (e - d) % prime, f * j % prime

    def _multiple(self, point: _Point) -> _Point:
        """Return the point times ``order``."""
        total = _IDENTITY
        for bit in f"{self.order:b}":
            total = self._double(total)
            if bit == "1":
                total = self._add(total, point)
        return total

    def _is_identity(self, point: _Point) -> bool:
        x, y, z = point
        return x == 0 and y == z


_PRIME_25519 = 2**255 - 19
_PRIME_448 = 2**448 - 2**224 - 1

ED25519 = EdwardsCurve(
    name="Ed25519",
    size=32,
    prime=_PRIME_25519,
    a=-1,
    d=-121665 * pow(121666, -1, _PRIME_25519) % _PRIME_25519,
    order=2**252 + 27742317777372353535851937790883648493,
)
"""edwards25519 (RFC 8032 §5.1)."""

ED448 = EdwardsCurve(
    name="Ed448",
    size=57,
    prime=_PRIME_448,
    a=1,
    d=-39081,
    order=2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
)
"""edwards448 (RFC 8032 §5.2)."""

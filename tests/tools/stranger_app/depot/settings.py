"""Settings for development. Production overrides them by DEPOT_… variables."""

MAX_CONTENT_LENGTH = 64 * 1024
PARCELS_PER_PAGE = 50

JWTLIB_ISSUER = "http://127.0.0.1:8080/realms/depot"
JWTLIB_AUDIENCE = "depot-api"
JWTLIB_ALLOW_HTTP_ON_LOOPBACK = True

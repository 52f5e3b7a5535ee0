"""Who may call this API."""

from flask_jwtlib import AppAuthenticator, Role, Scope
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator

auth = AppAuthenticator(configured_authenticator)

READ = Scope("parcels:read")
SCAN = Scope("parcels:scan")
FOREMAN = Role("foreman", at=("realm_access", "roles"))

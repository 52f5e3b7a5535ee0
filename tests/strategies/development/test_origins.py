"""Requests with a good development token that don't come from this machine, or don't say so."""

from __future__ import annotations

import logging

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_jwtlib.testing import bearer
from flask_jwtlib_strategies.development._request_origin import RequestOrigin

from .development_kit import LOCAL, Served

LOCAL_PEERS = {
    "IPv4": "127.0.0.1",
    "another of 127/8": "127.8.9.10",
    "IPv6": "::1",
    "IPv6, written out": "0:0:0:0:0:0:0:1",
    "IPv4 in IPv6": "::ffff:127.0.0.1",
}
OTHER_PEERS = {
    "missing": None,
    "empty, as of a Unix socket": "",
    "path of a Unix socket": "/run/app.sock",
    "any address": "0.0.0.0",
    "any IPv6 address": "::",
    "private": "10.0.0.1",
    "home network": "192.168.1.2",
    "container's gateway": "172.17.0.1",
    "link-local": "169.254.0.1",
    "IPv6 link-local": "fe80::1",
    "IPv6 private": "fd00::1",
    "public": "203.0.113.9",
    "next to 127/8": "128.0.0.1",
    "before 127/8": "126.255.255.255",
    "other address in IPv6": "::ffff:10.0.0.1",
    "IPv4-compatible IPv6": "::127.0.0.1",
    "translated IPv4": "64:ff9b::7f00:1",
    "6to4": "2002:7f00:1::",
    "IPv6 with a zone": "::1%eth0",
    "name": "localhost",
    "short": "127.1",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "leading zero": "127.0.0.01",
    "with a port": "127.0.0.1:80",
    "in brackets": "[::1]",
    "with a space": " 127.0.0.1",
    "with a line break": "127.0.0.1\n",
    "two": "127.0.0.1, 203.0.113.9",
    "two, the second is local": "203.0.113.9, 127.0.0.1",
    "network": "127.0.0.0/8",
    "digits of another script": "\u0661\u0662\u0667.0.0.1",
    "longer": "127.0.0.1.evil.example",
    "unknown": "unknown",
}  # fmt: skip
LOCAL_HOSTS = {
    "name": "localhost",
    "name and port": "localhost:5000",
    "highest port": "localhost:65535",
    "upper case": "LOCALHOST:5000",
    "address": "127.0.0.1",
    "address and port": "127.0.0.1:5000",
    "IPv6": "[::1]",
    "IPv6 and port": "[::1]:5000",
    "name below": "tenant-1.localhost:5000",
    "two levels below": "a.b.localhost",
}
OTHER_HOSTS = {
    "missing": None,
    "empty": "",
    "port only": ":5000",
    "another name": "evil.example",
    "name that resolves to this machine": "rebound.evil.example:5000",
    "local name in front": "localhost.evil.example",
    "address in front": "127.0.0.1.evil.example",
    "service that resolves addresses": "127.0.0.1.nip.io",
    "ends with the name": "evillocalhost",
    "ends with the address": "evil127.0.0.1",
    "longer name": "localhosts",
    "localdomain": "localhost.localdomain",
    "mDNS": "machine.local",
    "short address": "127.1",
    "other loopback address": "127.0.0.2",
    "any address": "0.0.0.0:5000",
    "decimal address": "2130706433",
    "hexadecimal address": "0x7f.0.0.1",
    "octal address": "0177.0.0.1",
    "IPv6 without brackets": "::1",
    "IPv6 written out": "[0:0:0:0:0:0:0:1]",
    "IPv6 with a zone": "[::1%25lo]",
    "IPv4 in IPv6": "[::ffff:127.0.0.1]",
    "open bracket": "[::1",
    "trailing dot": "localhost.",
    "trailing dot and port": "localhost.:5000",
    "leading dot": ".localhost",
    "two dots": "a..localhost",
    "label begins with a hyphen": "-a.localhost",
    "label ends with a hyphen": "a-.localhost",
    "underscore": "a_b.localhost",
    "long label": f"{'a' * 64}.localhost",
    "ideographic dot": "a\u3002localhost",
    "full-width dot": "127\uff0e0.0.1",
    "long s": "localho\u017ft",
    "dotless i": "\u0131.localhost",
    "Kelvin sign": "\u212aa.localhost",
    "full-width letters": "\uff4c\uff4f\uff43\uff41\uff4chost",
    "digits of another script": "localhost:\u0665\u0660\u0660\u0660",
    "user": "user@localhost",
    "user is the name": "localhost@evil.example",
    "user with a port": "localhost:5000@evil.example",
    "path": "localhost/evil.example",
    "backslash": "localhost\\evil.example",
    "fragment": "localhost#evil.example",
    "query": "localhost?evil.example",
    "scheme": "http://localhost",
    "two": "localhost, evil.example",
    "two, the second is local": "evil.example,localhost",
    "the same twice": "localhost,localhost",
    "space": "localhost ",
    "tab": "\tlocalhost",
    "line break": "localhost\n",
    "line break before the port": "localhost\n:5000",
    "zero byte": "localhost\0.evil.example",
    "percent sign": "localhost%00",
    "empty port": "localhost:",
    "port out of range": "localhost:65536",
    "long port": "localhost:000005000",
    "negative port": "localhost:-1",
    "two ports": "localhost:1:2",
    "name as port": "localhost:http",
    "long": "a." * 5000 + "localhost",
}  # fmt: skip
# The headers that proxies, load balancers, content delivery networks and tunnels add.
FORWARDING = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Scheme",
    "X-Forwarded-By", "X-Forwarded", "X-Forwarded-Client-Cert", "Forwarded-For", "X-Forward-For",
    "X-Original-Forwarded-For", "X-Original-Host", "X-Original-URL", "X-Original-Proto",
    "X-Rewrite-URL", "X-Real-IP", "X-Real-Port", "Via", "X-Client-IP", "Client-IP", "X-Host",
    "X-Cluster-Client-IP", "True-Client-IP", "X-True-Client-IP", "X-Remote-IP", "X-Remote-Addr",
    "Remote-Addr", "X-Originating-IP", "X-ProxyUser-Ip", "Proxy-Client-IP", "WL-Proxy-Client-IP",
    "X-Proxy-Host", "X-Proxied-By", "X-NginX-Proxy", "X-Scheme", "X-URL-Scheme", "Front-End-Https",
    "X-Varnish", "X-Request-Start", "X-Envoy-External-Address", "X-Envoy-Original-Path",
    "X-Envoy-Internal", "CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Ray", "CF-Visitor",
    "CF-IPCountry", "CF-Worker", "Cf-Access-Jwt-Assertion", "CDN-Loop", "Fastly-Client-IP",
    "Fastly-FF", "Fastly-SSL", "Akamai-Origin-Hop", "X-Akamai-Edgescape", "CloudFront-Viewer-Address",
    "X-Amz-Cf-Id", "X-Amzn-Trace-Id", "X-Amzn-Oidc-Data", "X-Cloud-Trace-Context",
    "X-Goog-Iap-Jwt-Assertion", "X-AppEngine-User-IP", "X-AppEngine-Country", "X-Azure-ClientIP",
    "X-Azure-SocketIP", "X-Azure-Ref", "X-Azure-FDID", "X-ARR-LOG-ID", "X-ARR-SSL",
    "X-WAWS-Unencoded-URL", "Disguised-Host", "Was-Default-Hostname", "X-Vercel-Forwarded-For",
    "X-Vercel-Id", "X-NF-Client-Connection-IP", "X-NF-Request-Id", "Fly-Client-IP", "Fly-Forwarded-Port",
    "DO-Connecting-IP", "Incap-Client-IP", "X-Sucuri-ClientIP", "Tailscale-User-Login",
    "X-My-Forwarded-For", "X-IP", "X-User-IP", "UserIP", "ClientIP", "X-Source-IP", "X-HTTP-Host-Override",
    "Client-Cert", "Client-Cert-Chain", "SSL-Client-Verify", "X-SSL-Client-Cert", "Z-Forwarded-For",
    "X-BlueCoat-Via", "X-Coming-From", "Xroxy-Connection", "X-Gateway-Host", "X-CDN", "X-Edge-Location",
    "X-Kong-Request-Id", "X-Consumer-Username", "X-Railway-Edge", "Rndr-Id", "Forwarded-For-Ip",
    "X-Ngrok-Skip", "Ngrok-Trace-Id", "Proxy", "Proxy-Connection", "Proxy-Authorization",
)  # fmt: skip


@pytest.mark.parametrize("peer", LOCAL_PEERS.values(), ids=LOCAL_PEERS)
def test_a_loopback_peer_is_accepted(served: Served, peer: str) -> None:
    """A request from a loopback address is local."""
    assert served.get(REMOTE_ADDR=peer).text == "ada"


@pytest.mark.parametrize("peer", OTHER_PEERS.values(), ids=OTHER_PEERS)
def test_another_peer_is_refused(
    served: Served, peer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A request from anywhere else is refused, and one line of the log says so."""
    assert served.get(REMOTE_ADDR=peer).status_code == 401

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "a development token is refused: the peer is" in record.getMessage()
    assert len(record.getMessage().splitlines()) == 1
    assert served.token not in caplog.text


@pytest.mark.parametrize("host", LOCAL_HOSTS.values(), ids=LOCAL_HOSTS)
def test_a_local_host_is_accepted(served: Served, host: str) -> None:
    """A request to a name of this machine is local, with and without a port."""
    assert served.get(HTTP_HOST=host).text == "ada"


@pytest.mark.parametrize("host", OTHER_HOSTS.values(), ids=OTHER_HOSTS)
def test_another_host_is_refused(
    served: Served, host: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A request to any other name is refused: a page may have its own name resolve to this machine."""
    with served.app.app_context():
        assert not RequestOrigin.of(LOCAL).faults
        (fault,) = RequestOrigin.of({**LOCAL, "HTTP_HOST": host}).faults
    assert fault.startswith("the Host is")
    try:
        status = served.get(HTTP_HOST=host).status_code
    except ValueError:
        # Old versions of Werkzeug raise it for what is no valid host.
        status = 400
    # Newer versions refuse that by themselves.
    assert status in (400, 401)
    if status == 401:
        (record,) = caplog.records
        assert "a development token is refused: the Host is" in record.getMessage()
        assert len(record.getMessage()) < 500


# What browsers, curl and an app's own clients send.
HARMLESS = (
    "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Connection", "Cache-Control", "Pragma",
    "Cookie", "Origin", "Referer", "DNT", "Upgrade-Insecure-Requests", "Sec-Fetch-Site", "Sec-Fetch-Mode",
    "Sec-CH-UA", "Sec-GPC", "Priority", "TE", "If-None-Match", "If-Modified-Since", "Range", "Expect",
    "X-Requested-With", "X-CSRF-Token", "X-API-Key", "X-Request-Id", "X-Correlation-Id", "X-Client-Id",
    "X-Client-Version", "X-Device-Id", "X-User-Agent", "X-HTTP-Method-Override", "Idempotency-Key",
    "Traceparent", "Tracestate", "Baggage", "X-B3-TraceId", "DPoP", "Max-Forwards", "From", "X-Tenant",
)  # fmt: skip


def test_what_clients_send_is_local(served: Served) -> None:
    """The headers of browsers and programs don't make a request a forwarded one."""
    variables = {f"HTTP_{name.upper().replace('-', '_')}": "1" for name in HARMLESS}
    assert served.get(**variables).text == "ada"


@pytest.mark.parametrize("value", ["127.0.0.1", "localhost", "", "for=127.0.0.1;host=localhost"])
def test_a_forwarded_request_is_refused(
    served: Served, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A header that a proxy adds refuses the request, whatever its value."""
    for name in FORWARDING:
        variable = f"HTTP_{name.upper().replace('-', '_')}"
        assert served.get(**{variable: value}).status_code == 401, name
        text = f"the request was forwarded, by its header {name.title()}"
        assert text in caplog.records[-1].getMessage(), name


def test_an_underscore_in_a_header_hides_nothing(served: Served) -> None:
    """A server that passes on underscores makes the same variable of them."""
    headers = {**bearer(served.token), "X_Forwarded_For": "127.0.0.1"}
    response = served.client.get("/", headers=headers, environ_overrides=LOCAL)
    assert response.status_code == 401


@pytest.mark.parametrize(
    "forwarded",
    [{}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_X_FORWARDED_HOST": "localhost"}],
    ids=["directly", "address", "host"],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9"])
def test_an_app_behind_proxy_fix_is_refused(
    served: Served, peer: str, forwarded: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """ProxyFix replaces the peer and the host by what headers say, so neither counts."""
    app = served.app
    app.wsgi_app = ProxyFix(type(app).wsgi_app.__get__(app), x_for=1, x_host=1)  # type: ignore[method-assign]
    response = app.test_client().get(
        "/",
        headers=bearer(served.token),
        environ_overrides={**LOCAL, "REMOTE_ADDR": peer, **forwarded},
    )

    assert response.status_code == 401
    assert "werkzeug.middleware.proxy_fix" in caplog.text


def test_everything_that_is_not_local_is_named(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of the log has all reasons."""
    served.get(REMOTE_ADDR="10.0.0.1", HTTP_HOST="evil.example", HTTP_VIA="1.1 proxy")

    (line,) = [record.getMessage() for record in caplog.records]
    for reason in (
        "the peer is '10.0.0.1', expected a loopback address",
        "the Host is 'evil.example', expected localhost, 127.0.0.1, [::1] or a name below .localhost",
        "the request was forwarded, by its header Via",
    ):
        assert reason in line


def test_the_client_is_not_told_why(served: Served) -> None:
    """The response is that to any token of an unknown issuer, and names no development token."""
    response = served.get(REMOTE_ADDR="10.0.0.1")

    assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert "develop" not in f"{response.headers}{response.text}".lower()


def test_an_optional_route_gets_no_caller(served: Served) -> None:
    """An optional route has no caller if the request isn't local."""
    assert served.get(path="/optional").text == "ada"
    assert served.get(path="/optional", REMOTE_ADDR="10.0.0.1").text == "guest"

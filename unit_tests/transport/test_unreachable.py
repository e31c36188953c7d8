"""Each way in which an API cannot be reached has its words, and none of them tells a secret."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
from requests import exceptions
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import (
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from urllib3.util import parse_url

from source_events.transport.unreachable import ANY_NETWORK, Unreachable, unreachable

REQUEST = requests.Request("GET", "https://api.example:8443/v1?token=not-a-secret").prepare()
POOL = HTTPSConnectionPool("api.example", 8443)
BEHIND_A_PROXY = HTTPSConnectionPool(
    "api.example", 8443, _proxy=parse_url("http://user:not-a-password@proxy.example:3128")
)

THROUGH = "Cannot read from api.example:8443 through the proxy proxy.example:3128"


def refused_certificate(code: int, words: str) -> Unreachable:
    cause = ssl.SSLCertVerificationError(1, f"certificate verify failed: {words}")
    cause.verify_code, cause.verify_message = code, words
    return encryption(cause)


def encryption(cause: Exception) -> Unreachable:
    return unreachable(exceptions.SSLError(MaxRetryError(POOL, "/v1", SSLError(cause)), request=REQUEST))


def proxy(cause: Exception) -> Unreachable:
    reason = ProxyError("Unable to connect to proxy", cause)
    return unreachable(exceptions.ProxyError(MaxRetryError(BEHIND_A_PROXY, "/v1", reason), request=REQUEST))


def openssl(reason: str, library: str = "SSL") -> ssl.SSLError:
    error = ssl.SSLError(1, f"[{library}: {reason}]")
    error.reason, error.library = reason, library
    return error


@pytest.mark.parametrize(
    ("code", "problem", "advice"),
    [
        (9, "that is not valid yet", "this machine's clock"),
        (10, "that has expired", "this machine's clock"),
        (18, "of an authority that is not known here", "`REQUESTS_CA_BUNDLE`"),
        (19, "of an authority that is not known here", "`REQUESTS_CA_BUNDLE`"),
        (20, "of an authority that is not known here", "`REQUESTS_CA_BUNDLE`"),
        (21, "of an authority that is not known here", "`REQUESTS_CA_BUNDLE`"),
        (62, "for another host", "Check that the address has the host"),
        (64, "for another host", "Check that the address has the host"),
        (23, "that is not accepted (certificate revoked)", "`REQUESTS_CA_BUNDLE`"),
    ],
)
def test_a_refused_certificate_says_what_is_wrong_with_it(code: int, problem: str, advice: str) -> None:
    found = refused_certificate(code, "certificate revoked")
    assert found.problem == f"Cannot read from api.example:8443: it shows a certificate {problem}"
    assert advice in found.advice
    assert found.lasting


@pytest.mark.parametrize(
    "cause",
    [
        FileNotFoundError(2, "No such file or directory"),
        PermissionError(13, "Permission denied"),
        openssl("NO_CERTIFICATE_OR_CRL_FOUND", "X509"),
        openssl("BAD_BASE64_DECODE", "PEM"),
    ],
    ids=["missing", "not readable", "without a certificate", "damaged"],
)
def test_authorities_that_cannot_be_read_are_the_users_to_mend(cause: Exception) -> None:
    found = encryption(cause)
    assert found.problem == "Cannot read from api.example:8443: the file of certificate authorities cannot be read"
    assert "`REQUESTS_CA_BUNDLE`" in found.advice
    assert found.lasting


def test_a_server_that_speaks_plain_http_is_told_apart() -> None:
    found = encryption(openssl("WRONG_VERSION_NUMBER"))
    assert found.problem == "Cannot read from api.example:8443: it answers without encryption"
    assert found.advice == "Check the scheme and the port in `provider.api_url`."
    assert found.lasting


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (openssl("TLSV1_ALERT_INTERNAL_ERROR"), "TLSV1_ALERT_INTERNAL_ERROR"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "broken off"),
    ],
)
def test_a_handshake_that_fails_may_succeed_the_next_time(cause: Exception, reason: str) -> None:
    found = encryption(cause)
    assert found.problem == f"Cannot read from api.example:8443: no encrypted connection can be made ({reason})"
    assert not found.lasting


@pytest.mark.parametrize(
    ("answer", "problem", "advice", "lasting"),
    [
        ("407 Proxy Authentication Required", "wants a user and a password", "USER:PASSWORD@HOST:PORT", True),
        ("403 Forbidden", "does not let the request through", "`NO_PROXY`", True),
        ("399", "cannot reach the host", "`NO_PROXY`", False),
        ("400", "does not let the request through", "`NO_PROXY`", True),
        ("499", "does not let the request through", "`NO_PROXY`", True),
        ("408 Request Timeout", "cannot reach the host", "`NO_PROXY`", False),
        ("424", "does not let the request through", "`NO_PROXY`", True),
        ("425 Too Early", "cannot reach the host", "`NO_PROXY`", False),
        ("426", "does not let the request through", "`NO_PROXY`", True),
        ("429 Too Many Requests", "cannot reach the host", "`NO_PROXY`", False),
        ("500", "cannot reach the host", "`NO_PROXY`", False),
        ("502 Bad Gateway", "cannot reach the host", "`NO_PROXY`", False),
    ],
)
def test_a_proxys_refusal_names_it_and_what_it_answered(answer: str, problem: str, advice: str, lasting: bool) -> None:
    found = proxy(OSError(f"Tunnel connection failed: {answer}"))
    assert found.problem == f"{THROUGH}: it {problem} ({answer})"
    assert advice in found.advice
    assert found.lasting is lasting


def test_a_proxy_that_is_not_there_may_come_back() -> None:
    found = proxy(ConnectionRefusedError(111, "Connection refused"))
    assert found.problem == f"{THROUGH}: it cannot be reached"
    assert "`HTTPS_PROXY`" in found.advice
    assert not found.lasting


def test_a_proxy_that_does_not_speak_tls_is_told_apart() -> None:
    found = proxy(openssl("WRONG_VERSION_NUMBER"))
    assert found.problem == f"{THROUGH}: it answers without encryption"
    assert found.advice == "Check the scheme and the port in `HTTPS_PROXY`."
    assert found.lasting


@pytest.mark.parametrize(
    "error",
    [
        exceptions.InvalidProxyURL("Please check proxy URL.", request=REQUEST),
        exceptions.InvalidURL(LocationParseError("http://user:not-a-password@proxy:port"), request=REQUEST),
        exceptions.InvalidSchema("Missing dependencies for SOCKS support.", request=REQUEST),
    ],
)
def test_an_address_that_is_none_is_the_users_to_mend(error: exceptions.RequestException) -> None:
    found = unreachable(error)
    assert found.problem == "Cannot read from api.example:8443: its address, or that of the proxy, is not valid"
    assert "HTTPS_PROXY" in found.advice
    assert found.lasting


def test_a_name_that_is_not_known_is_told_apart() -> None:
    reason = NameResolutionError("api.example", POOL._get_conn(), socket.gaierror(-2, "Name or service not known"))
    found = unreachable(exceptions.ConnectionError(MaxRetryError(POOL, "/v1", reason), request=REQUEST))
    assert found == Unreachable("Cannot read from api.example:8443: no address is known for its name", ANY_NETWORK)


@pytest.mark.parametrize("cause", [OSError("Tunnel connection failed: 407 x"), ConnectionRefusedError(), openssl("X")])
def test_no_secret_of_the_proxy_or_the_request_is_told(cause: Exception) -> None:
    found = proxy(cause)
    assert "not-a-" not in found.problem + found.advice


def test_what_has_no_request_is_told_without_a_host() -> None:
    refused = NewConnectionError(POOL._get_conn(), "refused")
    found = unreachable(exceptions.ConnectionError(MaxRetryError(POOL, "/v1", refused)))
    assert found.problem == "Cannot read from the API: the connection cannot be made or was closed"
    assert unreachable(None).problem == found.problem

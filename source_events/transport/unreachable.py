"""Why an API cannot be reached, in words for people: names, certificates, proxies."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests import exceptions
from urllib3.exceptions import MaxRetryError, NameResolutionError

ANY_NETWORK = "Check `provider.api_url` and the network, or try again later."
CLOCK = "Check this machine's clock; if it is right, whoever runs the host must renew the certificate."
AUTHORITIES = (
    "`REQUESTS_CA_BUNDLE` must name a file with the certificates of the authorities to trust (PEM); in a container, as "
    "the container sees it."
)
PROXY = "Check `HTTPS_PROXY`, or name the host in `NO_PROXY` if it needs no proxy."

CERTIFICATES = {
    9: ("it shows a certificate that is not valid yet", CLOCK),
    10: ("it shows a certificate that has expired", CLOCK),
    **dict.fromkeys(
        (2, 18, 19, 20, 21),
        (
            "it shows a certificate of an authority that is not known here",
            "Check `provider.api_url`. If the authority is your organisation's own, as where a proxy opens the "
            "connections, let `REQUESTS_CA_BUNDLE` name a file with its certificate.",
        ),
    ),
    **dict.fromkeys(
        (62, 64),
        (
            "it shows a certificate for another host",
            "Check that the address has the host as its certificate has it, and what stands between: a proxy may have "
            "answered in its place.",
        ),
    ),
}
"""What OpenSSL's codes mean (X509_V_ERR_… in x509_vfy.h), and what to do."""
WITHOUT_ENCRYPTION = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST"))
"""OpenSSL's reasons where the other side speaks plain http."""

KINDS: dict[type[Exception], str] = {
    exceptions.ConnectTimeout: "it does not answer",
    exceptions.ReadTimeout: "it did not answer in time",
    exceptions.ChunkedEncodingError: "it broke off in the middle of an answer",
    exceptions.ContentDecodingError: "its answer is not compressed as it says",
}
PASSING_REFUSALS = frozenset((408, 425, 429))


@dataclass(frozen=True)
class Unreachable:
    """What happened, as a sentence without its full stop, and what to do; `lasting` is what no repetition mends."""

    problem: str
    advice: str = ANY_NETWORK
    lasting: bool = False


def unreachable(error: Exception | None) -> Unreachable:
    """The sentence has neither the URL, whose query may hold a token, nor a proxy's password."""
    request = getattr(error, "request", None)
    where = urlsplit(request.url).netloc if request is not None and request.url else "the API"
    causes = list(_causes(error))
    if isinstance(error, exceptions.ProxyError):
        where += f" through the proxy {_proxy_name(causes)}".rstrip()
    found = _reason(error, causes)
    return Unreachable(f"Cannot read from {where}: {found.problem}", found.advice, found.lasting)


def _reason(error: Exception | None, causes: list[BaseException]) -> Unreachable:
    if isinstance(error, exceptions.ProxyError):
        return _refused_by_proxy(causes[-1])
    if isinstance(error, exceptions.SSLError):
        return _not_encrypted(causes[-1], "`provider.api_url`")
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema):
        advice = "Check `provider.api_url`, and write `HTTPS_PROXY` as http://HOST:PORT."
        return Unreachable("its address, or that of the proxy, is not valid", advice, lasting=True)
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return Unreachable("no address is known for its name")
    return Unreachable(KINDS.get(type(error), "the connection cannot be made or was closed"))  # type: ignore[arg-type]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it wraps: urllib3 keeps that as `reason` or as an argument."""
    while error is not None:
        yield error
        wrapped = (getattr(error, "reason", None), *error.args)
        error = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)


def _not_encrypted(cause: BaseException, field: str) -> Unreachable:
    if isinstance(cause, ssl.SSLCertVerificationError):
        other = f"it shows a certificate that is not accepted ({cause.verify_message})", AUTHORITIES
        problem, advice = CERTIFICATES.get(cause.verify_code, other)
        return Unreachable(problem, advice, lasting=True)
    # Errors that are raised by Python code have neither.
    reason, library = getattr(cause, "reason", None), getattr(cause, "library", None)
    if reason in WITHOUT_ENCRYPTION:
        return Unreachable("it answers without encryption", f"Check the scheme and the port in {field}.", lasting=True)
    if library in ("X509", "PEM") or (isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)):
        return Unreachable("the file of certificate authorities cannot be read", AUTHORITIES, lasting=True)
    return Unreachable(f"no encrypted connection can be made ({reason or 'broken off'})")


def _refused_by_proxy(cause: BaseException) -> Unreachable:
    if isinstance(cause, ssl.SSLError):
        return _not_encrypted(cause, "`HTTPS_PROXY`")
    refusal = re.search(r"Tunnel connection failed: (?P<answer>(?P<status>\d{3}).*)", str(cause))
    if refusal is None:
        return Unreachable("it cannot be reached", PROXY)
    answer, status = refusal["answer"].strip(), int(refusal["status"])
    if status == 407:
        advice = "Write `HTTPS_PROXY` as http://USER:PASSWORD@HOST:PORT, special characters percent-encoded."
        return Unreachable(f"it wants a user and a password ({answer})", advice, lasting=True)
    if 400 <= status < 500 and status not in PASSING_REFUSALS:
        advice = "Ask whoever runs the proxy to let the host through, or name it in `NO_PROXY`."
        return Unreachable(f"it does not let the request through ({answer})", advice, lasting=True)
    return Unreachable(f"it cannot reach the host ({answer})", PROXY)


def _proxy_name(causes: list[BaseException]) -> str:
    """Host and port: the address in the environment may hold a password."""
    pools = (getattr(cause, "pool", None) for cause in causes if isinstance(cause, MaxRetryError))
    proxy = next((getattr(pool, "proxy", None) for pool in pools), None)
    return f"{proxy.host}:{proxy.port}" if proxy is not None else ""

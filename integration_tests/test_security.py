"""Credentials go to the API alone, encrypted, and nowhere else; nothing that is written anywhere changes a path."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integration_tests import app_market, carecloud, cloud4wi
from integration_tests.cases import Connection
from integration_tests.connector import changed
from integration_tests.prepared import PreparedConnector
from integration_tests.secrecy import forms_of, secrets_of
from sandbox.process import PROJECT, Control, Sandbox
from source_events import providers
from source_events.settings.specification import specification
from unit_tests.registered import of_each


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=60, contacts=3, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def connector() -> Iterator[PreparedConnector]:
    with PreparedConnector() as prepared:
        yield prepared


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    sandbox.control.reset()
    sandbox.control.clear_requests()
    return sandbox.control


def configurations(url: str) -> dict[str, Connection]:
    """A configuration of each kind of authentication with its cheapest stream."""
    of_systems = of_each("integration_tests.NAME", "connections").values()
    return {kind: connection for connections in of_systems for kind, connection in connections(url).items()}


KINDS = list(configurations(""))


# --- encryption


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address",
    ["http://api.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1",
     "http://host.docker.internal.example.com", "http://0.0.0.0", "ftp://127.0.0.1", "//127.0.0.1", "HTTP://example.com",
     "http://127.0.0.1@example.com", "http://[::2]", "http://2130706433"],
)  # fmt: skip
def test_no_address_beyond_this_machine_goes_without_encryption(
    connector: PreparedConnector, kind: str, address: str
) -> None:
    settings, stream = configurations("http://127.0.0.1")[kind]
    output = connector.read(changed(settings, {"api_url": address}), stream)
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "config_error"
    assert "`provider.api_url`" in error["message"]
    assert not any(secret in output.text for secret in secrets_of(settings))


class TlsServer:
    """An https server on 127.0.0.1 with a certificate that only its own file vouches for; `requests` has what came."""

    def __init__(self, folder: Path, redirect: str | None = None) -> None:
        self.requests: list[str] = []
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        _make_certificate(self.certificate, key)
        seen = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_response(307 if redirect else 200)
                if redirect:
                    self.send_header("Location", redirect + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: `requests` is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> TlsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _make_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not-a-real-authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_nobody_vouches_for_gets_no_request(
    connector: PreparedConnector, tmp_path: Path, kind: str
) -> None:
    with TlsServer(tmp_path) as server:
        settings, stream = configurations(server.url)[kind]
        output = connector.read({**settings, "num_workers": 1}, stream)
        checked = connector.run("check", config=settings)
    assert output.status == 1
    assert output.records(stream) == server.requests == []
    [error] = output.errors
    for message in (error["message"], checked.connection_status["message"]):
        assert "certificate of an authority that is not known here" in message
        assert "`REQUESTS_CA_BUNDLE`" in message
    assert not any("Traceback" in line for line in output.logs)


@pytest.mark.parametrize("kind", KINDS)
def test_no_redirect_leads_from_https_to_http(
    sandbox: Sandbox, control: Control, connector: PreparedConnector, tmp_path: Path, kind: str
) -> None:
    with TlsServer(tmp_path, redirect=sandbox.url) as server:
        settings, stream = configurations(server.url)[kind]
        trusted = {"REQUESTS_CA_BUNDLE": str(server.certificate)}
        output = connector.read({**settings, "num_workers": 1}, stream, environment=trusted)
        # The CDK has two threads at least, and the second slice may wait for its turn when the first is refused.
        assert 1 <= len(server.requests) <= 2
    assert control.requests() == []
    [error] = output.errors
    assert error["failure_type"] == "config_error"
    assert "redirects" in error["message"]


# --- secrets


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_secret_is_in_the_debug_output(
    sandbox: Sandbox, control: Control, connector: PreparedConnector, kind: str
) -> None:
    settings, stream = configurations(sandbox.url)[kind]
    catalog = {
        "streams": [
            {
                "stream": {"name": stream, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                "sync_mode": "full_refresh",
                "destination_sync_mode": "append",
            }
        ]
    }
    control.behaviour("cloud4wi", page_cap=5)
    control.add_fault(method="GET", skip=1, status=503)
    output = connector.run("read", "--debug", config=settings, catalog=catalog)
    assert output.status == 0
    assert output.records(stream)
    issued = [credential.split()[-1] for credential in control.credentials()]
    tokens = [
        request["headers"][name] for request in control.requests() for name in request["headers"] if "jwt" in name
    ]
    scrolls = [request["query"]["scrollId"] for request in control.requests() if "scrollId" in request["query"]]
    assert_no_secret(output.text, [*secrets_of(settings), *issued, *tokens, *scrolls])


@pytest.mark.parametrize("secret", ['a"b\\c/d', "pass%20word+é", "{{config}}&<x>", "two words and 東京"])
@pytest.mark.parametrize("status", [200, 401])
def test_a_password_of_any_characters_is_masked_in_every_form(
    sandbox: Sandbox, control: Control, connector: PreparedConnector, secret: str, status: int
) -> None:
    settings = carecloud.config(sandbox.url)
    settings["provider"]["credentials"]["password"] = secret
    control.add_fault(method="POST", status=status, echo=True, times=None)
    for output in (connector.read(settings, "org_events"), connector.run("check", config=settings)):
        assert_no_secret(output.text, [secret])


@pytest.mark.parametrize(("fault", "status"), [({"reset": True}, 0), ({"status": 503}, 1)], ids=["halved", "failed"])
def test_a_scroll_is_in_no_line(
    sandbox: Sandbox, control: Control, connector: PreparedConnector, fault: dict[str, Any], status: int
) -> None:
    """A slice whose scroll breaks off is halved until no page has to be continued."""
    control.behaviour("cloud4wi", page_cap=5)
    control.add_fault(query={"scrollId": "."}, times=None, **fault)
    output = connector.read(cloud4wi.config(sandbox.url, num_workers=1), "org_events")
    assert output.status == status
    asked = {request["query"]["scrollId"] for request in control.requests() if "scrollId" in request["query"]}
    assert asked
    assert_no_secret(output.text, sorted(asked))


def assert_no_secret(text: str, secrets: list[str]) -> None:
    for secret in secrets:
        for form in forms_of(secret):
            assert form not in text, json.dumps(text[max(text.index(form) - 200, 0) :][:400])


def test_every_token_of_app_market_is_a_jwt_of_the_secret_with_a_short_life(
    sandbox: Sandbox, control: Control, connector: PreparedConnector
) -> None:
    connector.read(app_market.config(sandbox.url), "org_events")
    tokens = {request["headers"]["instance-jwt"] for request in control.requests()}
    assert tokens
    for token in tokens:
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
        claims = jwt.decode(token, app_market.API_SECRET, algorithms=["HS256"])
        assert claims.keys() == {"instanceId", "iat", "exp"}
        assert 0 < claims["exp"] - claims["iat"] <= 3600


# --- hosts


def test_the_platform_lets_the_connector_reach_each_default_address_and_the_configured_one() -> None:
    metadata = yaml.safe_load((PROJECT / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    hosts = metadata["allowedHosts"]["hosts"]
    branches = specification()["connectionSpecification"]["properties"]["provider"]["oneOf"]
    assert len(branches) == len(providers.names())
    defaults = [branch["properties"]["api_url"].get("default") for branch in branches]
    assert {urlsplit(default).hostname for default in defaults if default} == set(hosts) - {"${provider.api_url}"}
    # CareCloud has no address of its own.
    assert None in defaults
    assert "${provider.api_url}" in hosts


# --- paths

ODD_IDS = {
    "../../x": "..%2F..%2Fx",
    "a?b=c": "a%3Fb%3Dc",
    "a#b": "a%23b",
    "%2e%2e": "%252e%252e",
    "a b+c": "a%20b%2Bc",
    "東京": "%E6%9D%B1%E4%BA%AC",
    "{{ config }}": "%7B%7B%20config%20%7D%7D",
    "a;b=1&c=2": "a%3Bb%3D1%26c%3D2",
    "a\\b\n": "a%5Cb%0A",
    "1e5": "1e5",
    "...": "...",
    "\u202e\u0000": "%E2%80%AE%00",
}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cloud4wi", "/v1/organizations/{organization}/customers/{id}/events?"),
        ("swipe_one", "/api/contacts/{id}/events?"),
        ("app_market", "/v1.0/events/get?contactId={id}&"),
        ("carecloud with a bearer", "/webservice/rest-api/enterprise-interface/v1.0/customers/{id}/events?"),
    ],
)
def test_an_id_stays_one_part_of_its_path(
    sandbox: Sandbox, control: Control, connector: PreparedConnector, name: str, path: str
) -> None:
    settings, _ = configurations(sandbox.url)[name]
    output = connector.read({**settings, "contact_ids": [*ODD_IDS, ".", ".."]}, "contact_events")
    assert output.status == 0, output.errors
    asked = {request["target"] for request in control.requests() if request["method"] == "GET"}
    organization = settings["provider"].get("organization_id")
    beginnings = {path.format(id=escaped, organization=organization) for escaped in ODD_IDS.values()}
    assert {begin for begin in beginnings if not any(target.startswith(begin) for target in asked)} == set()
    assert {target for target in asked if not target.startswith(tuple(beginnings))} == set()


@pytest.mark.parametrize("identifier", ["", "\ud800"], ids=["empty", "half a surrogate pair"])
def test_an_id_that_cannot_be_asked_for_is_one_clear_error(
    sandbox: Sandbox, connector: PreparedConnector, identifier: str
) -> None:
    output = connector.read(cloud4wi.config(sandbox.url, contact_ids=[identifier]), "contact_events")
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "config_error"
    assert "`contact_ids[0]`" in error["message"]
    assert "Traceback" not in output.text


def test_a_secret_that_is_no_text_is_one_clear_error(sandbox: Sandbox, connector: PreparedConnector) -> None:
    settings = changed(cloud4wi.config(sandbox.url), {"client_secret": "not-a-secret-\ud800"})
    output = connector.read(settings, "org_events")
    assert output.status == 1
    assert "`provider.client_secret` is not a text" in output.errors[0]["message"]
    assert "not-a-secret-" not in output.text

"""https as it is out there: whole reads over TLS, through proxies, and certificates that must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.cases import Faults
from integration_tests.connector import Json, Output, changed
from integration_tests.prepared import PreparedConnector
from integration_tests.proxy import ConnectProxy
from integration_tests.secrecy import secrets_of
from integration_tests.test_faults import CASES, EVENTS, assert_complete, assert_no_secret, assert_one_clear_error
from sandbox.process import Control, Sandbox

NAME = "sandbox.test"
"""A name of the sandbox that only a proxy resolves."""
NAMES = {NAME: "127.0.0.1", "127.0.0.1": "127.0.0.1"}
PUBLIC_AUTHORITIES: dict[str, str] = {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=4, no_example=True, tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def connector() -> Iterator[PreparedConnector]:
    with PreparedConnector() as prepared:
        yield prepared


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    sandbox.control.reset()
    return sandbox.control


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest, control: Control) -> Faults:
    chosen: Faults = request.param
    control.behaviour(chosen.name, **chosen.cap)
    return chosen


@pytest.fixture
def cloud4wi(control: Control) -> Faults:
    control.behaviour("cloud4wi", **CASES["cloud4wi"].cap)
    return CASES["cloud4wi"]


def trusting(sandbox: Sandbox, proxy: str = "", no_proxy: str = "") -> dict[str, str]:
    """The environment of a user who knows the sandbox's authority."""
    return {"REQUESTS_CA_BUNDLE": sandbox.authority, **through(proxy, no_proxy)}


def through(proxy: str = "", no_proxy: str = "") -> dict[str, str]:
    """In both spellings: the lower one counts more, and may be set where the tests run."""
    variables = {"HTTPS_PROXY": f"http://{proxy}" if proxy else "", "NO_PROXY": no_proxy}
    return variables | {name.lower(): value for name, value in variables.items()}


def by_name(config: Json) -> Json:
    """The same configuration with the name that only a proxy resolves."""
    return changed(config, {"api_url": config["provider"]["api_url"].replace("127.0.0.1", NAME)})


def connections(control: Control) -> int:
    return len({request["port"] for request in control.requests()})


class TestOwnAuthority:
    def test_all_is_read_over_one_connection(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
    ) -> None:
        settings = {**case.config(sandbox), "num_workers": 1}
        assert_complete(connector.read(settings, case.stream, environment=trusting(sandbox)), case, control)
        assert len(control.requests()) > 3
        assert connections(control) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 503},
            {"delay": 0.7},
            {"reset": True},
            {"reset_after": 200},
            {"cut": 200},
            {"corrupt_gzip": True},
            {"redirect": ""},
        ],
        ids=["503", "time-out", "reset", "reset within the body", "truncated body", "broken gzip", "redirect"],
    )
    def test_a_fault_that_passes_loses_nothing(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json
    ) -> None:
        control.add_fault(path=case.feed, skip=1, times=2, **fault)
        output = connector.read(
            case.config(sandbox),
            case.stream,
            read_timeout=0.3 if "delay" in fault else 60,
            environment=trusting(sandbox),
        )
        assert_complete(output, case, control)
        assert control.faults()[0]["fired"] == 2

    def test_a_server_that_closes_the_connection_between_two_pages_loses_nothing(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
    ) -> None:
        control.add_fault(path=case.feed, times=None, hang_up=True)
        settings = {**case.config(sandbox), "num_workers": 1}
        output = connector.read(settings, case.stream, environment=trusting(sandbox))
        assert_complete(output, case, control)
        asked = [request for request in control.requests() if request["fault"]]
        assert connections(control) >= len(asked) > 3

    def test_compressed_answers_are_read(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
    ) -> None:
        control.add_fault(times=None, compress=True)
        assert_complete(connector.read(case.config(sandbox), case.stream, environment=trusting(sandbox)), case, control)
        assert all(request["fault"] for request in control.requests())

    @pytest.mark.parametrize("name", ["cloud4wi", "carecloud"])
    def test_a_token_that_expires_is_renewed(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str
    ) -> None:
        case = CASES[name]
        control.behaviour(name, **case.cap)
        control.add_fault(path=case.feed, skip=2, expire_token=True)
        assert_complete(connector.read(case.config(sandbox), case.stream, environment=trusting(sandbox)), case, control)
        assert len([request for request in control.requests() if request["method"] == "POST"]) == 2

    def test_it_must_be_known(self, sandbox: Sandbox, connector: PreparedConnector, control: Control) -> None:
        assert_refused(
            connector,
            sandbox,
            {**PUBLIC_AUTHORITIES, **through()},
            "it shows a certificate of an authority that is not known here",
            "`REQUESTS_CA_BUNDLE`",
        )
        assert control.requests() == []

    def test_a_file_that_is_not_there_is_one_clear_error(
        self, sandbox: Sandbox, connector: PreparedConnector, tmp_path: Path
    ) -> None:
        environment = {**trusting(sandbox), "REQUESTS_CA_BUNDLE": str(tmp_path / "authority.pem")}
        assert_refused(
            connector, sandbox, environment, "the file of certificate authorities cannot be read", "in a container"
        )

    @pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
    def test_a_file_without_a_certificate_is_one_clear_error(
        self, sandbox: Sandbox, connector: PreparedConnector, tmp_path: Path, content: str
    ) -> None:
        path = tmp_path / "authority.pem"
        path.write_text(content)
        environment = {**trusting(sandbox), "REQUESTS_CA_BUNDLE": str(path)}
        assert_refused(connector, sandbox, environment, "the file of certificate authorities cannot be read", "(PEM)")


@pytest.mark.parametrize(
    ("certificate", "problem", "advice"),
    [
        ("expired", "it shows a certificate that has expired", "this machine's clock"),
        ("other-host", "it shows a certificate for another host", "Check that the address has the host"),
    ],
)
def test_a_certificate_that_must_be_refused_is_one_clear_error(
    connector: PreparedConnector, certificate: str, problem: str, advice: str
) -> None:
    with Sandbox(events=1, tls=True, certificate=certificate) as sandbox:
        assert_refused(connector, sandbox, trusting(sandbox), problem, advice)


def test_a_port_that_speaks_plain_http_is_one_clear_error(connector: PreparedConnector) -> None:
    with Sandbox(events=1) as sandbox:
        settings = changed(CASES["cloud4wi"].config(sandbox), {"api_url": sandbox.url.replace("http:", "https:")})
        output = connector.read(settings, "org_events", environment=through())
        assert_one_clear_error(output, CASES["cloud4wi"], "config_error", "answers without encryption", "the port")


def assert_refused(
    connector: PreparedConnector, sandbox: Sandbox, environment: dict[str, str], problem: str, advice: str
) -> None:
    """For every system, at once, in a read and in a check."""
    host = sandbox.url.removeprefix("https://")
    for case in CASES.values():
        output = connector.read(case.config(sandbox), case.stream, environment=environment)
        assert_one_clear_error(output, case, "config_error", f"Cannot read from {host}: {problem}. ", advice)
        assert not [line for line in output.logs if "attempt" in line]
    checked = connector.run("check", config=CASES["cloud4wi"].config(sandbox), environment=environment)
    assert checked.connection_status["status"] == "FAILED"
    assert f"Cannot read from {host}: {problem}. " in checked.connection_status["message"]
    assert "Traceback" not in checked.text


class TestProxy:
    def read(
        self, connector: PreparedConnector, sandbox: Sandbox, case: Faults, environment: dict[str, str], **fields: Any
    ) -> Output:
        return connector.read(by_name(case.config(sandbox)) | fields, case.stream, environment=environment)

    def test_all_goes_through_it_to_a_name_that_only_it_knows(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
    ) -> None:
        with ConnectProxy(NAMES) as proxy:
            output = self.read(connector, sandbox, case, trusting(sandbox, proxy.address), num_workers=1)
        assert_complete(output, case, control)
        port = sandbox.url.rpartition(":")[2]
        assert proxy.asked == [f"{NAME}:{port}"]

    @pytest.mark.parametrize(
        "fault", [{"status": 503}, {"reset": True}, {"reset_after": 200}], ids=["503", "reset", "reset within the body"]
    )
    def test_a_fault_that_passes_loses_nothing(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json
    ) -> None:
        control.add_fault(path=case.feed, skip=1, times=2, **fault)
        with ConnectProxy(NAMES) as proxy:
            output = self.read(connector, sandbox, case, trusting(sandbox, proxy.address))
        assert_complete(output, case, control)
        assert control.faults()[0]["fired"] == 2

    def test_it_is_not_asked_for_hosts_that_need_none(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, cloud4wi: Faults
    ) -> None:
        with ConnectProxy(NAMES) as proxy:
            environment = trusting(sandbox, proxy.address, no_proxy="elsewhere.test,127.0.0.1")
            output = connector.read(cloud4wi.config(sandbox), cloud4wi.stream, environment=environment)
            assert_complete(output, cloud4wi, control)
            assert proxy.asked == []
            environment = trusting(sandbox, proxy.address, no_proxy="elsewhere.test")
            connector.read(cloud4wi.config(sandbox), cloud4wi.stream, environment=environment)
            assert proxy.asked != []

    def test_it_lets_in_the_user_of_its_address_whose_password_is_nowhere(
        self, sandbox: Sandbox, connector: PreparedConnector, control: Control, cloud4wi: Faults
    ) -> None:
        password = "not-a-secret@p:x"
        with ConnectProxy(NAMES, credentials=f"user:{password}") as proxy:
            environment = trusting(sandbox, f"user:not-a-secret%40p%3Ax@{proxy.address}")
            output = self.read(connector, sandbox, cloud4wi, environment)
            assert_complete(output, cloud4wi, control)
            wrong = self.read(connector, sandbox, cloud4wi, trusting(sandbox, f"user:not-a-secret-too@{proxy.address}"))
        for done in (output, wrong):
            assert_no_secret(done.text, [password, "not-a-secret-too", *secrets_of(cloud4wi.config(sandbox))], [])
        assert_one_clear_error(wrong, cloud4wi, "config_error", "wants a user and a password")

    @pytest.mark.parametrize(
        ("options", "problem", "advice"),
        [
            (
                {"credentials": "user:not-a-password"},
                "wants a user and a password (407 Proxy Authentication Required)",
                "http://USER:PASSWORD@HOST:PORT",
            ),
            ({"status": 403}, "does not let the request through (403 Forbidden)", "`NO_PROXY`"),
        ],
        ids=["407", "403"],
    )
    def test_its_refusal_is_one_clear_error_at_once(
        self,
        sandbox: Sandbox,
        connector: PreparedConnector,
        control: Control,
        case: Faults,
        options: Json,
        problem: str,
        advice: str,
    ) -> None:
        with ConnectProxy(NAMES, **options) as proxy:
            output = self.read(connector, sandbox, case, trusting(sandbox, proxy.address), num_workers=1)
        words = f" through the proxy {proxy.address}: it {problem}. "
        assert_one_clear_error(output, case, "config_error", f"Cannot read from {NAME}:", words, advice)
        assert len(proxy.asked) <= 2
        assert control.requests() == []

    def test_one_that_cannot_reach_the_host_is_asked_again(
        self, sandbox: Sandbox, connector: PreparedConnector, cloud4wi: Faults
    ) -> None:
        with ConnectProxy(NAMES, status=502) as proxy:
            output = self.read(connector, sandbox, cloud4wi, trusting(sandbox, proxy.address), num_workers=1)
        words = f"through the proxy {proxy.address}: it cannot reach the host (502 Bad Gateway) (attempt 8 of 8). "
        assert_one_clear_error(output, cloud4wi, "transient_error", words, "`HTTPS_PROXY`")
        assert len(proxy.asked) == 8

    def test_one_that_is_not_there_is_waited_for(
        self, sandbox: Sandbox, connector: PreparedConnector, cloud4wi: Faults
    ) -> None:
        with ConnectProxy(NAMES) as proxy:
            gone = proxy.address
        output = self.read(connector, sandbox, cloud4wi, trusting(sandbox, f"user:not-a-password@{gone}"))
        words = f"through the proxy {gone}: it cannot be reached (attempt 8 of 8). "
        assert_one_clear_error(output, cloud4wi, "transient_error", words, "`HTTPS_PROXY`")
        assert "not-a-password" not in output.text

    @pytest.mark.parametrize("address", ["proxy:port", "/", "127.0.0.1:99999"])
    def test_an_address_that_is_none_is_one_clear_error(
        self, sandbox: Sandbox, connector: PreparedConnector, cloud4wi: Faults, address: str
    ) -> None:
        output = self.read(connector, sandbox, cloud4wi, trusting(sandbox, address))
        assert_one_clear_error(output, cloud4wi, "config_error", "is not valid", "`HTTPS_PROXY`")

    def test_a_certificate_that_it_shows_in_the_hosts_place_is_refused_unless_its_authority_is_known(
        self, sandbox: Sandbox, connector: PreparedConnector, cloud4wi: Faults
    ) -> None:
        with ConnectProxy(NAMES) as proxy:
            environment = {**PUBLIC_AUTHORITIES, **through(proxy.address)}
            output = self.read(connector, sandbox, cloud4wi, environment)
        words = f"Cannot read from {NAME}:", "of an authority that is not known here", "`REQUESTS_CA_BUNDLE`"
        assert_one_clear_error(output, cloud4wi, "config_error", *words)

from __future__ import annotations

import json
import logging
from argparse import Namespace

import pytest

from source_events.process import catalog
from source_events.process.people import configuration_for_people, launch_for_people, log_for_people, tell
from source_events.runtime import failure
from source_events.settings.configuration import InvalidConfiguration
from unit_tests.reading import configuration

MODULE = "source_events.process.catalog"


@pytest.fixture(autouse=True)
def _log_as_it_was():
    root = logging.getLogger()
    before = root.handlers
    yield
    root.handlers = before


class TestLaunch:
    @staticmethod
    def fail_with(monkeypatch, error: Exception) -> None:
        def run(arguments: Namespace) -> None:
            raise error

        monkeypatch.setattr(catalog, "run", run)

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (failure("Check the field.", "config_error"), "Check the field."),
            (KeyError("x"), "Something has happened that nobody expected: KeyError: 'x'. Please report it."),
        ],
        ids=["expected", "unexpected"],
    )
    def test_an_error_is_a_sentence_on_standard_error_and_the_status_1(self, monkeypatch, capsys, error, sentence):
        self.fail_with(monkeypatch, error)
        with pytest.raises(SystemExit) as end:
            launch_for_people(MODULE, Namespace())
        assert end.value.code == 1
        assert capsys.readouterr() == ("", f"source-events: error: {sentence}\n")

    def test_without_an_error_it_comes_back(self, monkeypatch, capsys):
        given = []
        monkeypatch.setattr(catalog, "run", given.append)
        launch_for_people(MODULE, Namespace(a=1))
        assert given == [Namespace(a=1)]
        assert capsys.readouterr() == ("", "")


class TestLog:
    def test_warnings_are_sentences_and_the_rest_is_left_out(self, capsys):
        log_for_people()
        logger = logging.getLogger("airbyte")
        logger.info("read")
        logger.warning("Mind the gap.")
        try:
            raise KeyError("x")
        except KeyError:
            logger.exception("It fell.")
        errors = "source-events: warning: Mind the gap.\nsource-events: error: It fell.\n"
        assert capsys.readouterr() == ("", errors)


class TestConfiguration:
    def test_its_secrets_are_masked_from_then_on(self, tmp_path, capsys):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(configuration()))
        config = configuration_for_people(str(path))
        assert config == configuration()
        tell("note", f"<{config['provider']['client_secret']}>")
        assert capsys.readouterr().err == "source-events: note: <****>\n"

    def test_one_that_is_wrong_is_an_error(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text('{"provider": 5}')
        with pytest.raises(InvalidConfiguration):
            configuration_for_people(str(path))

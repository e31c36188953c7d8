from __future__ import annotations

import subprocess
import sys
import textwrap


def run(code: str) -> str:
    """What a process of its own prints: imports cannot be taken back."""
    prepared = "from source_events.process.imports import prepare_imports\nprepare_imports()\n" + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", prepared], capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.strip()


def test_what_no_command_uses_is_not_imported():
    assert (
        run("""
        import sys
        import source_events.process.entrypoint
        print([name for name in ("airbyte_cdk.destinations", "airbyte_cdk.sql", "dunamai") if name in sys.modules])
    """)
        == "[]"
    )


def test_the_package_is_there_when_it_is_asked_for():
    assert (
        run("""
        import airbyte_cdk.models
        from airbyte_cdk import AirbyteTracedException, __version__
        import airbyte_cdk.utils.traced_exception
        print(AirbyteTracedException is airbyte_cdk.utils.traced_exception.AirbyteTracedException, type(airbyte_cdk))
    """)
        == "True <class 'module'>"
    )


def test_a_name_that_it_does_not_have_is_an_error_as_always():
    assert (
        run("""
        import airbyte_cdk
        try:
            airbyte_cdk.nothing
        except AttributeError as error:
            print(error)
    """)
        == "module 'airbyte_cdk' has no attribute 'nothing'"
    )


def test_a_package_that_has_been_imported_stays():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import airbyte_cdk\nfrom source_events.process.imports import import_when_asked\n"
            "import_when_asked('airbyte_cdk')\nprint(type(airbyte_cdk), airbyte_cdk.Source.__name__)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "<class 'module'> Source"


def test_the_records_of_a_process_are_those_of_a_library(tmp_path):
    """The models behave the same without the descriptions that are left out."""
    code = """
        from airbyte_cdk.models import AirbyteMessageSerializer
        import json
        message = {"type": "LOG", "log": {"level": "INFO", "message": "m"}}
        print(AirbyteMessageSerializer.dump(AirbyteMessageSerializer.load(message)) == message)
    """
    assert run(code) == "True"

"""`python -m demo`, run by the interpreter that has PyAirbyte, from the repository's root."""

import sys
from importlib.util import find_spec


def main() -> int:
    if find_spec("airbyte") is None:
        print(f"PyAirbyte is not installed for {sys.executable}; `make demo` installs and runs it.", file=sys.stderr)
        return 1
    from demo.command import main

    return main()


if __name__ == "__main__":
    sys.exit(main())

"""`python -m integration_tests.seed`."""

import sys

from integration_tests.seed.command import main

if __name__ == "__main__":
    sys.exit(main())

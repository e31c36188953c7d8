"""`python -m seed`."""

import logging
import sys

from seed.command import main

if __name__ == "__main__":
    # The CDK's log lines are messages for a platform, and call every wait a rate limit; errors come as exceptions.
    logging.getLogger("airbyte").setLevel(logging.CRITICAL)
    sys.exit(main())

import sys

from integration_tests.seed.command import main

sys.exit(main())

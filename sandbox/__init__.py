"""A local server that stands in for the providers' APIs, as strict and as awkward as they are.

Every sub-package is one provider; `python -m sandbox` serves them all on one port of the loopback interface.
"""

"""https with a certificate authority of the sandbox's own, and certificates that a client must refuse."""

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

HOSTS = ("127.0.0.1", "localhost", "host.docker.internal", "sandbox.test")
"""What the certificate is for. The last one is known to no resolver: only a proxy can lead there."""
OTHER_HOST = "elsewhere.test"
KINDS = ("valid", "expired", "other-host")
AUTHORITY = "authority.pem"


def encryption(folder: Path, kind: str) -> ssl.SSLContext:
    """Make an authority and a certificate of it; the authority's is put into the folder, as `authority.pem`.

    The private keys are written nowhere.

    :raises OSError: if the folder cannot be written to
    """
    # Only here: whoever serves plain http needs no package for certificates.
    import trustme

    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="source-events sandbox")
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    now = datetime.now(timezone.utc)
    certificate = authority.issue_cert(
        *((OTHER_HOST,) if kind == "other-host" else HOSTS),
        not_before=now - timedelta(days=2),
        not_after=now + timedelta(days=-1 if kind == "expired" else 30),
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context

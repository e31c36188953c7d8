"""CareCloud's Enterprise API, with a project, users and customers that exist nowhere else."""

BASE = "/webservice/rest-api/enterprise-interface/v1.0"
"""The documented path; the older one without `/webservice` is served as well."""

LOGIN = "sandbox-only"
PASSWORD = "not-a-secret-sandbox-only-222222"
EXTERNAL_APPLICATION_ID = "sandbox-only-encoded-application-id"
"""A user in the user group `webservice`, with its external application."""

OTHER_LOGIN = "sandbox-only-outsider"
OTHER_PASSWORD = "not-a-secret-sandbox-only-333333"
"""A user outside the user group `webservice`: it logs in, and every other request answers 403."""

"""Rows, pages, times and ids: pure, without the CDK, HTTP or threads."""

"""A scratch project in a pytest of its own."""

import pytest
from project_files import make


@pytest.fixture
def project(pytester):
    make(pytester.path)
    return pytester

"""What JSON may hold, and what a value that does not fit is told."""

import pytest

from neuronspec import schema

NO_JSON = {
    "too large": ('{"a": 1e400}', "it holds 1e400, which is too large"),
    "too many digits": ('{"a": ' + "7" * 5000 + "}", "it holds a number of 5000 digits"),
    "too deep to be written again": ('{"a": ' + "[" * 300 + "]" * 300 + "}", "it is nested too deeply"),
    "half a character": ('{"a": "\\uD800"}', r"it holds '\\ud800', which is half a character"),
    "a name twice": ('{"a": {"b": 1, "c": 2, "b": 3}}', "it has 'b' twice"),
}


@pytest.mark.parametrize("case", NO_JSON)
def test_json_that_could_not_be_written_again_is_refused(case):
    content, message = NO_JSON[case]
    with pytest.raises(ValueError, match=message):
        schema.loads(content)


def test_whole_characters_are_read_however_they_are_written():
    assert schema.loads('"\\ud83e\\udde0 \\\\ud800"') == "\U0001f9e0 \\ud800"

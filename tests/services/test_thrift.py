"""Thrift's compact protocol: what is kept of a structure, and what no reader may be told."""

import pytest

from services.forecaster.batch.thrift import Compact, TooMany

INNER = b"\x15\x04\x00"  # field 1: 2


def test_compact__keeps_numbers_structures_and_the_lists_that_are_asked_for() -> None:
    content = b"\x16\x0d" + b"\x1c" + INNER + b"\x19\x2c" + INNER * 2 + b"\x18\x02ab" + b"\x00"

    assert Compact(content, most=2).struct(kept={3: {}}) == {1: -7, 2: {1: 2}, 3: [{1: 2}, {1: 2}], 4: None}
    assert Compact(content).struct()[3] is None


def test_compact__more_structures_than_are_taken_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooMany):
        Compact(b"\x19\xfc\xff\xff\xff\xff\x0f", most=1_000).struct(kept={1: {}})


@pytest.mark.parametrize(
    "content",
    [
        b"\x15\x04\x05\x02\x06\x00",  # field 1 twice
        b"\x05\x84\x80\x08\x02\x00",  # field 65,538, which is 2 where sixteen bits are taken
        b"\x15",  # cut
        b"\x18\x7fab\x00",  # a text beyond the end
        b"\x1c" * 20,  # deep
    ],
)
def test_compact__what_readers_may_understand_in_two_ways_is_refused(content: bytes) -> None:
    with pytest.raises(IndexError):
        Compact(content).struct()

from __future__ import annotations

from source_events.process.sparkline import sparkline


def test_the_largest_number_is_the_highest_bar_and_a_single_one_shows():
    assert sparkline([0, 1, 400, 800]) == " ▁▄█"


def test_it_does_without_other_characters_than_ascii():
    assert sparkline([0, 1, 400, 800], plain=True) == " .=@"


def test_nothing_is_a_line_of_spaces():
    assert (sparkline([0, 0]), sparkline([])) == ("  ", "")

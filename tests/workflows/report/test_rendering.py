from whynet.workflows.report.rendering import spaced


def test_percent_signs_stand_a_space_off_their_numbers():
    assert spaced("90% of 5.2% (12%), +4%") == "90\xa0% of 5.2\xa0% (12\xa0%), +4\xa0%"
    assert spaced(spaced("90%")) == "90\xa0%"
    assert spaced("error, % and 90 %") == "error, % and 90 %"


def test_the_finder_of_the_other_tests_finds(tight_percents):
    assert tight_percents("<style>a { width: 5% }</style><i style='width: 5%' title=\"6%\">7% of 8\xa0%</i>") == [
        "7% of 8\xa0%",
        "6%",
    ]

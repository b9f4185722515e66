from whynet.workflows.metrics_table import COLUMNS, metrics_rows, tiles

METRICS = {
    "accuracy": 0.5,
    "num_images": 4,
    "language": {"coco": {"meteor": 30.0}},
    "attributes": {"recall": 0.25},
    "floors": {
        "random_same_class": {"language": {"coco": {"meteor": 20.0}}, "attributes": {"recall": 0.125}},
        "most_frequent": {"language": {"coco": {"meteor": 10.0}}},
    },
}


def test_the_run_stands_beside_its_floors():
    assert metrics_rows(METRICS) == (
        COLUMNS,
        [["METEOR (coco)", "30.0", "20.0", "10.0"], ["Telling attributes named", "25.0%", "12.5%", ""]],
    )
    assert [(tile.name, tile.figure, tile.beside) for tile in tiles(METRICS)] == [
        ("Test accuracy", "50.0%", "4 pictures"),
        ("Telling attributes named", "25.0%", "12.5% by a random caption of the class"),
        ("METEOR", "30.0", "20.0 by a random caption of the class"),
    ]


def test_a_floor_may_be_missing():
    lacking = {**METRICS, "floors": {"most_frequent": METRICS["floors"]["most_frequent"]}}
    assert metrics_rows(lacking)[1][0] == ["METEOR (coco)", "30.0", "", "10.0"]
    assert tiles(lacking)[2].beside == "no random caption of the class"
    assert all(len(row) == len(COLUMNS) for row in metrics_rows({**METRICS, "floors": {}})[1])


def test_a_run_without_sentences_has_its_accuracy():
    plain = {"accuracy": 1.0, "num_images": 2}
    assert metrics_rows(plain) == (COLUMNS, [])
    assert [tile.figure for tile in tiles(plain)] == ["100.0%"]

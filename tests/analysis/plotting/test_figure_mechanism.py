import numpy as np
import pandas as pd

from sharploss.analysis.load import read_numbers
from sharploss.analysis.plotting.mechanism import MAPS, maps_figure, profile_figure, strongest_profile
from sharploss.analysis.plotting.style import style
from sharploss.record.paths import paths
from sharploss.record.tables import EDGE_COLUMNS


def edge_of(target):
    rows, columns = np.indices(target.shape)
    return pd.DataFrame({"row": rows.ravel() + 3, "column": columns.ravel(), "target": target.ravel()})


def test_the_profile_crosses_the_strongest_edge():
    rows, columns = np.indices((40, 40))
    target = np.where((rows == 5) & (columns >= 20), 1.0, np.where(columns >= 20, 0.5, 0.0))
    part, name = strongest_profile(edge_of(target))
    assert name == "row 8"
    assert list(part["position"]) == list(part["column"]) == list(range(7, 32))


def test_an_edge_between_rows_is_crossed_along_a_column():
    rows, columns = np.indices((40, 40))
    part, name = strongest_profile(edge_of(np.where(rows >= 20, 0.5 + columns / 100, 0.0)))
    assert name == "column 39"
    assert list(part["position"]) == list(part["row"]) == list(range(10, 35))


def test_an_edge_at_the_border_of_the_piece_is_not_chosen():
    columns = np.indices((40, 40))[1]
    part, _ = strongest_profile(edge_of(np.where(columns >= 38, 1.0, np.where(columns >= 20, 0.5, 0.0))))
    assert part["target"].nunique() == 2
    assert part["target"].max() == 0.5


def test_exactly_the_penalised_pixels_are_shaded(study_root):
    edge = read_numbers(paths("mini", study_root).edge("sr_x4"), EDGE_COLUMNS)
    with style():
        figure = profile_figure(edge)
    shaded = [patch for patch in figure.axes[1].patches if patch.get_alpha() and patch.get_width() == 1]
    assert len(shaded) == int(strongest_profile(edge)[0]["penalised"].sum())


def test_the_maps_show_the_numbers(study_root):
    edge = read_numbers(paths("mini", study_root).edge("sr_x4"), EDGE_COLUMNS)
    with style():
        figure = maps_figure(edge)
    images = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    grids = [edge.pivot(index="row", columns="column", values=name).to_numpy() for name in MAPS]
    assert all(np.allclose(image, grid) for image, grid in zip(images, grids, strict=True))

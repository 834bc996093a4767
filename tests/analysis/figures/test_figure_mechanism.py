import numpy as np
import pandas as pd

from sharploss.analysis.figures.mechanism import grid, maps_figure, profile_figure, strongest_row
from sharploss.analysis.figures.style import style
from sharploss.analysis.load import load_edge


def test_the_profile_crosses_the_strongest_edge():
    rows, columns = np.mgrid[0:8, 0:40]
    target = np.where((rows == 5) & (columns >= 20), 1.0, np.where(columns >= 20, 0.5, 0.0))
    edge = pd.DataFrame({"row": rows.ravel() + 3, "column": columns.ravel(), "target": target.ravel()})
    part = strongest_row(edge)
    assert set(part["row"]) == {8}
    assert list(part["column"]) == list(range(7, 32))
    assert (grid(edge, "target") == target).all()


def test_exactly_the_penalised_pixels_are_shaded(study_root):
    edge = load_edge(study_root, "sr_x4")
    with style():
        figure = profile_figure(edge)
    shaded = [patch for patch in figure.axes[1].patches if patch.get_alpha()]
    assert len(shaded) == int(strongest_row(edge)["penalised"].sum())


def test_the_maps_show_the_numbers(study_root):
    edge = load_edge(study_root, "sr_x4")
    with style():
        figure = maps_figure(edge)
    images = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    names = ("target", "output", "penalised", "laplacian", "error", "weight")
    assert all(np.allclose(image, grid(edge, name)) for image, name in zip(images, names, strict=True))

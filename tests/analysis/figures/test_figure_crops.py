import numpy as np
import synthetic
from PIL import Image

from sharploss.analysis.figures.crops import crops_figure
from sharploss.analysis.figures.style import style


def test_every_picture_is_shown_unchanged_under_its_name(tmp_path):
    items = []
    for index in range(8):
        path = tmp_path / f"{index}.png"
        Image.fromarray(synthetic.picture(index / 8, size=16)).save(path)
        items.append((f"loss{index}", path))
    with style():
        figure = crops_figure({"eye": items, "face": items[:3]})
    assert [axes.get_title() for axes in figure.axes] == [name for name, _ in [*items, *items[:3]]]
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["eye", "face"]
    shown = figure.axes[5].get_images()[0].get_array()
    assert (np.asarray(shown) == np.asarray(Image.open(items[5][1]))).all()

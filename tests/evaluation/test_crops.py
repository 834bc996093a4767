import pytest
import torch
from toys import TASK

from sharploss.config.sections import Crop
from sharploss.data import read_image
from sharploss.evaluation.crops import cut_out, find_crops, write_crops
from sharploss.evaluation.score import open_test_packs
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError

NOSE = Crop(task="toy", dataset="toys", image="first", top=3, left=5, height=8, width=12)


def find(study, **change):
    nose = NOSE.model_copy(update=change)
    return find_crops({"nose": nose}, "toy", open_test_packs("toy", TASK, paths("mini", study)))


def test_a_crop_cuts_out_its_rectangle(study):
    assert find(study) == {"nose": NOSE}
    image = torch.arange(48 * 56).view(1, 48, 56)
    assert torch.equal(cut_out(NOSE, image), image[:, 3:11, 5:17])
    assert NOSE.item == "toys/first"


@pytest.mark.parametrize("change", [{"task": "other"}, {"dataset": "lost"}])
def test_crops_of_other_tasks_and_of_sets_that_are_missing_are_left_out(study, change):
    assert find(study, **change) == {}


def test_a_crop_may_touch_the_image_s_edges(study):
    assert len(find(study, top=40, left=44)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": "toyz"}, r"crops\.nose\.dataset: .* did you mean 'toys'"),
        ({"image": "frist"}, r"crops\.nose\.image: .* did you mean 'toys/first'"),
        ({"top": 41}, r"crops\.nose reaches beyond toys/first, which is 48 pixels high and 56 wide"),
        ({"left": 45}, "reaches beyond"),
    ],
)
def test_a_crop_that_fits_nothing_is_refused(study, change, words):
    with pytest.raises(UserError, match=words):
        find(study, **change)


def test_crops_are_written_as_they_are(tmp_path):
    picture = torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8)
    write_crops(tmp_path / "crops", {"a.png": picture[:, 2:9, 3:15]})
    assert torch.equal(torch.from_numpy(read_image(tmp_path / "crops" / "a.png")), picture[:, 2:9, 3:15])


def test_the_folder_exists_without_any_crop(tmp_path):
    write_crops(tmp_path / "crops", {})
    assert (tmp_path / "crops").is_dir()

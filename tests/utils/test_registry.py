import pytest

from sharploss.utils.errors import UserError
from sharploss.utils.registry import construct, defaults


class Circle:
    def __init__(self, radius=1.0, *, filled=False):
        if radius < 0:
            raise ValueError("radius must be at least 0")
        self.radius, self.filled = radius, filled


class Point:
    pass


SHAPES = {"circle": Circle, "point": Point}


def test_builds_what_the_name_stands_for():
    circle = construct("shape", "circle", SHAPES, {"filled": True})
    assert (circle.radius, circle.filled) == (1.0, True)


def test_defaults_are_those_of_the_class():
    assert defaults("shape", "circle", SHAPES) == {"radius": 1.0, "filled": False}
    assert defaults("shape", "point", SHAPES) == {}


def test_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match=r"^There is no shape 'cirle': did you mean 'circle'\?$"):
        construct("shape", "cirle", SHAPES, {})


@pytest.mark.parametrize(("name", "parameter"), [("circle", "radus"), ("circle", 3), ("point", "args")])
def test_unknown_parameter_is_named(name, parameter):
    with pytest.raises(UserError, match=rf"^shape '{name}': There is no parameter '{parameter}'"):
        construct("shape", name, SHAPES, {parameter: 1})


def test_a_value_the_class_refuses_is_a_user_error():
    with pytest.raises(UserError, match=r"^shape 'circle': radius must be at least 0\.$"):
        construct("shape", "circle", SHAPES, {"radius": -1})

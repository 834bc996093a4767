import math

import pytest

from sharploss.utils.argument_checks import check_choice, check_flag, check_integer, check_number


def test_good_values_pass():
    check_choice("norm", 2, (1, 2))
    check_choice("data_range", 255.0, (1, 255))
    check_number("alpha", 0, minimum=0)
    check_integer("width", 1, minimum=1)
    check_flag("bias", False)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "x", "nan", None, True, [1]])
def test_what_is_no_finite_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^alpha must be a finite number of at least 0, not "):
        check_number("alpha", value, minimum=0)


def test_a_number_that_yaml_read_as_text_is_explained():
    with pytest.raises(ValueError, match=r"'1e-3' \(text: in YAML write 0\.001\)$"):
        check_number("eps", "1e-3", minimum=0)


@pytest.mark.parametrize("value", [0, 1.0, "1", None, True])
def test_what_is_no_positive_integer_is_refused(value):
    with pytest.raises(ValueError, match="width must be an integer of at least 1"):
        check_integer("width", value, minimum=1)


@pytest.mark.parametrize("value", [3, True, "1", None])
def test_what_is_no_choice_is_refused_with_the_choices(value):
    with pytest.raises(ValueError, match="norm must be one of 1, 2, not "):
        check_choice("norm", value, (1, 2))


def test_a_list_is_no_choice():
    with pytest.raises(ValueError, match="border must be one of 'zero', not "):
        check_choice("border", ["zero"], ("zero",))


@pytest.mark.parametrize("value", [0, "yes", None])
def test_what_is_no_flag_is_refused(value):
    with pytest.raises(ValueError, match="bias must be true or false"):
        check_flag("bias", value)

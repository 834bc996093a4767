import errno

import pytest

from sharploss.errors import UserError, run_main, unknown


def test_unknown_names_the_nearest():
    assert str(unknown("loss", "splos", ["l1", "sploss"])) == "There is no loss 'splos': did you mean 'sploss'?"


def test_unknown_lists_all_when_nothing_is_near():
    assert "known are: l1, sploss" in str(unknown("loss", "zzzz", ["sploss", "l1"]))


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (UserError("a.png is empty: delete it."), "error: a.png is empty: delete it.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "weights.safetensors"),
            "error: No space left on device (weights.safetensors): put that right and run the same command again.\n",
        ),
    ],
)
def test_a_users_error_is_one_line_and_exit_code_1(raised, told, capsys):
    def main():
        raise raised

    with pytest.raises(SystemExit) as stop:
        run_main(main)
    assert stop.value.code == 1
    assert capsys.readouterr().err == told


def test_a_bug_stays_a_traceback():
    def main():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run_main(main)


def test_the_exit_code_of_main_is_kept():
    with pytest.raises(SystemExit) as stop:
        run_main(lambda: 75)
    assert stop.value.code == 75


def test_what_an_error_quotes_stays_on_one_line_and_steers_no_terminal(capsys):
    def main():
        raise UserError("params.yaml: 'a\nb\x1b[2J\x00ü' is unknown")

    with pytest.raises(SystemExit):
        run_main(main)
    assert capsys.readouterr().err == "error: params.yaml: 'a b\\x1b[2J\\x00ü' is unknown\n"

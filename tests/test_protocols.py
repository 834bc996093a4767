import subprocess
import sys

from sharploss.protocols import METRIC_INFO, PROTOCOLS


def test_protocols_need_no_torch():
    code = "import sys, sharploss.protocols; assert not {'torch', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_metric_names_protocols_that_exist_and_every_protocol_is_used():
    assert {protocol for info in METRIC_INFO.values() for protocol in info["protocols"]} == PROTOCOLS.keys()


def test_every_description_is_a_sentence():
    for entry in (*METRIC_INFO.values(), *PROTOCOLS.values()):
        assert entry["description"].endswith(".")
        assert entry["title"]

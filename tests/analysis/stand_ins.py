"""What other stages write for the report, in small, and a text that tries to be more than a text."""

import json
import shutil

HOSTILE = "</script><script>alert('x')</script>\"><img src=x onerror=alert(1)>"
FIGURES = {"tradeoff": "tradeoff", "f1": "ranks", "f2": "alpha"}  # name -> section
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 60"><rect width="90" height="60"/></svg>'


def with_figures(root):
    """Stand-ins for the figures, which take seconds to draw."""
    folder = root / "reports" / "mini" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        {
            "name": name,
            "section": section,
            "title": HOSTILE,
            "caption": HOSTILE,
            "alt": HOSTILE,
            "appendix": False,
            "paper": HOSTILE,
            "width": 120,
            "height": 80,
        }
        for name, section in FIGURES.items()
    ]
    gone = {"name": "g", "section": "", "title": "", "caption": "", "alt": "", "appendix": False, "paper": "GV"}
    listed.append(gone | {"not_drawn": "Set14 is not here."})
    (folder / "figures.json").write_text(json.dumps(listed))
    for name in FIGURES:
        (folder / f"{name}.svg").write_text(SVG)
        (folder / f"{name}.png").write_bytes(b"")
    return root


def with_protocols(root):
    folder = root / "reports" / "mini" / "protocols"
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["protocol,metric,value,note", "y,psnr,26.84,", "y,ssim,0.8417,", "y,niqe,,not measured: no weights"]
    (folder / "protocols.csv").write_text("\n".join(rows) + "\n")
    return root


def with_explorer(study, scores):
    """One crop as pipelines/explorer.py makes it: what EDSR with L1 restored, and a picture that is missing."""
    study.paths.explorer.mkdir(parents=True)
    shutil.copy(study.paths.crop("sr_x4-edsr", "eye", "l1"), study.paths.explorer / "wall-edsr-l1.webp")
    pictures = [
        {"variant": "l1", "file": "wall-edsr-l1.webp", "scores": scores},
        {"variant": "sploss", "missing": "it was left out"},
    ]
    place = {"task": "sr_x4", "dataset": "set5", "image": "x", "top": 0, "left": 0, "height": 96, "width": 96}
    index = [{"name": "wall", **place, "networks": [{"name": "edsr", "pictures": pictures}]}]
    study.paths.explorer_index.write_text(json.dumps(index))

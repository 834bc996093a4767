"""What networks, tasks, data sets and input baselines are called where people read; any other keeps its name."""

NAMES = {
    "bicubic": "Bicubic", "input": "Input", "set5": "Set5", "set14": "Set14", "b100": "B100", "urban100": "Urban100",
    "live1": "LIVE1", "classic5": "Classic5", "cbsd68": "CBSD68", "edsr": "EDSR", "espcn": "ESPCN", "vdsr": "VDSR",
    "nlsn": "NLSN", "srresnet": "SRResNet", "rrdbnet": "RRDBNet", "mprnet": "MPRNet", "dncnn": "DnCNN", "resg": "ResG",
    "sharpen": "sharpening", "deblur": "deblurring", "denoise": "denoising", "bsds500_train": "BSDS500's training part",
    "bsds500_test": "BSDS500's test part", "nonbn_resg": "non-BN ResG", "stackedg": "StackedG", "l1": "L1", "l2": "L2",
}  # fmt: skip

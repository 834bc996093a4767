"""Data: reading images, degrading them, packing them into one file, drawing training patches."""

from sharploss.data.degrade import degrade
from sharploss.data.images import read_image, write_png
from sharploss.data.imresize import imresize
from sharploss.data.pack import Pack, open_pack, write_pack
from sharploss.data.patches import Patches
from sharploss.data.prepare import prepare

__all__ = ["Pack", "Patches", "degrade", "imresize", "open_pack", "prepare", "read_image", "write_pack", "write_png"]

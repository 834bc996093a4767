"""Assets: the data sets and weights that studies use, where they come from and how they are checked."""

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.assets.fetch import choose, locate, receipt, receipts
from sharploss.assets.lookup import present
from sharploss.utils.errors import AssetMissingError

__all__ = ["ASSETS", "Asset", "AssetMissingError", "File", "choose", "locate", "present", "receipt", "receipts"]

"""Assets: the data sets and weights that studies use, where they come from and how they are checked."""

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.assets.fetch import AssetMissingError, choose, locate, receipt, receipts
from sharploss.assets.lookup import present

__all__ = ["ASSETS", "Asset", "AssetMissingError", "File", "choose", "locate", "present", "receipt", "receipts"]

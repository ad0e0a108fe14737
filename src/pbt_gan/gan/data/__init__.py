"""The user's images: any supported file or folder becomes one uint8 array."""

from pbt_gan.gan.data.dataset import Dataset
from pbt_gan.gan.data.loading import load_dataset

__all__ = ["Dataset", "load_dataset"]

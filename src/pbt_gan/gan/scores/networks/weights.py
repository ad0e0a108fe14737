"""Published files of weights. Each is known to the byte, and no other file is ever read as one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pbt_gan.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights as its authors published it."""

    name: str
    size: int  # bytes
    sha256: str
    licence: str
    mend: str  # where to get it: the end of an error's line

    def read(self, path: Path) -> "Mapping[str, Tensor]":
        """Return the tensors of the file, in its order.

        It was written by `torch.save`, which is a pickle. Only bytes of the published checksum are unpickled, and by
        the unpickler of PyTorch that knows tensors and nothing else (decision 38).

        Raises:
            ConfigError: it cannot be read, or is another file.
        """
        data = self._bytes(path)
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise ConfigError(
                f"{path} is not {self.name} as it was published, or is damaged: its sha256 begins {found[:8]}, not "
                f"{self.sha256[:8]}. {self.mend}"
            )
        import torch

        weights: Mapping[str, Tensor] = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
        return weights

    def _bytes(self, path: Path) -> bytes:
        try:
            if not path.is_file():  # nor is a pipe one, that would never end
                raise ConfigError(f"{path} is no file. {self.mend}")
            with path.open("rb") as file:
                return file.read(self.size + 1)  # of a larger file no more than shows that it is one
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}. {self.mend}") from error

"""Equal bits on a GPU, where some kernels add up in whatever order their threads finish."""

import os


def make_deterministic(device: str) -> None:
    """Let torch use only kernels that give equal bits every time; on a CPU it does so by itself.

    Called before the first kernel runs: cuBLAS reads its workspace's size when it starts.
    """
    if device == "cpu":
        return
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    import torch

    torch.backends.cudnn.benchmark = False  # it would choose kernels by a timing
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True)
    # That also fills all memory before it is written to, in case somebody reads it before: a launch for each tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

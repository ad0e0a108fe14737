"""What the device can do at most: the rate of a large product in each dtype, and of a copy."""

from collections.abc import Iterator

import torch

from benchmarks.limit import DTYPES, product, product_flops
from benchmarks.measurement import Measurement, median_of
from benchmarks.timing import in_turn

COPY_RATE = "rate of a copy, bytes read and written"


def main(device: str, tiny: bool) -> Iterator[Measurement]:
    """Measure both."""
    if device != "cpu":
        found = torch.cuda.get_device_properties(0)
        setting = {"device": device, "multiprocessors": found.multi_processor_count, "cuda": torch.version.cuda}
        yield Measurement("memory of the GPU", found.total_memory / 2**30, "GiB", setting=setting)
        yield Measurement("GPUs", torch.cuda.device_count(), "", setting=setting)
    size = 2**22 if tiny else 2**29
    source, target = (torch.randn(size, device=device) for _ in range(2))

    def copy(times: int) -> None:
        for _ in range(times):
            target.copy_(source)

    budget_s = 0.5 if tiny else 3.0
    timing = in_turn({"copy": copy}, device, budget_s)["copy"]
    rates = [2 * source.nbytes / copy_s / 1e9 for copy_s in timing.rounds]
    yield median_of(COPY_RATE, rates, "GB/s", {"device": device})
    works = {dtype: product(dtype, device) for dtype in DTYPES[device]}
    for dtype, timing in in_turn(works, device, budget_s).items():
        rates = [product_flops(device) / product_s / 1e12 for product_s in timing.rounds]
        yield median_of("rate of a large product", rates, "TFLOP/s", {"dtype": dtype, "device": device})

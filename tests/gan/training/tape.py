"""What stands in for CUDA graphs on a CPU: operations are recorded with their tensors, and done again on these."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Recording(TorchDispatchMode):
    """Records operations, each of which is done meanwhile; `done_with` takes back what that changed.

    Like a CUDA graph it knows nothing of what Python does in between, and cannot record what waits for a number.
    """

    def __init__(self):
        super().__init__()
        self._operations = []
        self._before = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            raise RuntimeError(f"{func} waits for the device")
        kwargs = kwargs or {}
        given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | kwargs
        for argument in func._schema.arguments:
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in tree_leaves(given[argument.name]):
                    self._before.setdefault(id(tensor), (tensor, tensor.clone()))
        made = func(*args, **kwargs)
        self._operations.append((func, args, kwargs, made))
        return made

    @torch.no_grad()
    def done_with(self):
        for tensor, value in reversed(self._before.values()):
            tensor.copy_(value)

    @torch.no_grad()
    def replay(self):
        for func, args, kwargs, made in self._operations:
            alias = [each.alias_info for each in func._schema.returns if each.alias_info is not None]
            if alias and not any(each.is_write for each in alias):
                continue  # a view, of the same memory as before
            again = func(*args, **kwargs)
            for one, other in zip(tree_leaves(made), tree_leaves(again), strict=True):
                if isinstance(one, torch.Tensor) and one is not other:
                    one.copy_(other)


class Tapes:
    """A recorder for tests; counts what was recorded, and how often it was done again."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def waits(self, run):
        run()
        return True

    def record(self, run):
        recording = Recording()
        with recording:
            run()
        recording.done_with()
        self.recorded += 1

        def replay():
            self.replayed += 1
            recording.replay()

        return replay

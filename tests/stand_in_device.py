"""A device without a device: PyTorch's meta tensors in the place of a GPU, which know shapes and no values.

On a GPU two habits go wrong that a CPU forgives: to combine a tensor there with one here, and to read a value there while
the program should run ahead of the device. Under this mode the first raises, the second is counted.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("meta")


class StandInDevice(TorchDispatchMode):
    """Answers what is read from the meta device by ones, and watches what goes there and back.

    Attributes
    ----------
    crossings : list of str
        Operators that carried values between the devices, either way, in their order: each may make the program wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.crossings: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = str(function.overloadpacket)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        places = {tensor.device.type for tensor in tensors}
        if name == "aten._local_scalar_dense" and places == {DEVICE.type}:
            self.crossings.append(name)
            return True if tensors[0].dtype == torch.bool else 1.0 if tensors[0].is_floating_point() else 1
        if name == "aten._to_copy":
            there = kwargs.get("device") or tensors[0].device
            if places != {torch.device(there).type}:
                self.crossings.append(name)
            if places == {DEVICE.type} and torch.device(there).type == "cpu":
                return torch.ones(tensors[0].shape, dtype=kwargs.get("dtype") or tensors[0].dtype)
        elif name == "aten.copy_":
            if len(places) > 1:
                self.crossings.append(name)
        else:
            # As on a GPU, a number in a CPU tensor without dimensions may take part in work on the device.
            firm = {tensor.device.type for tensor in tensors if tensor.dim() or tensor.device.type == DEVICE.type}
            if len(firm) > 1:
                raise RuntimeError(f"{name} combines tensors on the device with tensors beside it")
        return function(*args, **kwargs)

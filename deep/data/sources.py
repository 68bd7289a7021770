"""Where each data set is published, its official checksums and its layouts on disk.

Archives' MD5 are those that the CIFAR page prints and that torchvision's loaders compare with (`mnist.py`, `cifar.py`).
Those of the decompressed MNIST family were computed from files whose archives have the published MD5; where None stands
no published checksum is known, and only the structure of such files can be verified.
"""

from __future__ import annotations

from functools import partial

from deep.data import cifar, idx
from deep.data.class_names import CIFAR_10, CIFAR_100, FASHION, KUZUSHIJI
from deep.data.source import DataFile, Download, Layout, Source

_DIGITS = tuple("0123456789")
_IDX_PARTS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_QMNIST_PARTS = {
    "train": ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
    "test": ("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"),
}

# File name -> (MD5 of the published .gz, MD5 of its content or None).
Checksums = dict[str, tuple[str, str | None]]

_MNIST_SUMS: Checksums = {
    "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
}
_FASHION_SUMS: Checksums = {
    "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
}
_KMNIST_SUMS: Checksums = {
    "train-images-idx3-ubyte": ("bdb82020997e1d708af4cf47b453dcf7", None),
    "train-labels-idx1-ubyte": ("e144d726b3acfaa3e44228e80efcd344", None),
    "t10k-images-idx3-ubyte": ("5c965bf0a639b31b8f53240b1b52f4d7", "bf305b8cd328700fbc17f5acbc2856d2"),
    "t10k-labels-idx1-ubyte": ("7320c461ea6c1c855c0b718fb2a4b134", "9f55f451c0988b028eccdf7d5cc265ab"),
}
_QMNIST_SUMS: Checksums = {
    "qmnist-train-images-idx3-ubyte": ("ed72d4157d28c017586c42bc6afe6370", None),
    "qmnist-train-labels-idx2-int": ("0058f8dd561b90ffdd0f734c6a30e5e4", None),
    "qmnist-test-images-idx3-ubyte": ("1394631089c404de565df7b7aeaf9412", None),
    "qmnist-test-labels-idx2-int": ("5b5b05890a5e13444e108efe57b788aa", None),
}
_CIFAR_10_BATCHES = {
    "train": (
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    "test": (("test_batch", "40351d587109b95175f43aff81a1287e"),),
}
_CIFAR_100_BATCHES = {
    "train": (("train", "16019d7e3df5f24257cddd939b257f8d"),),
    "test": (("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),),
}


def _idx_source(
    name: str,
    title: str,
    homepage: str,
    classes: tuple[str, ...],
    addresses: tuple[str, ...],
    sums: Checksums,
    parts: dict[str, tuple[str, str]] = _IDX_PARTS,
    counts: tuple[int, int] = (60_000, 10_000),
    label_columns: int | None = None,
    balanced: bool = True,
) -> Source:
    files = {
        part: tuple(
            DataFile(file, sums[file][1], Download(f"{file}.gz", tuple(f"{address}{file}.gz" for address in addresses), sums[file][0]))
            for file in names
        )
        for part, names in parts.items()
    }
    folder = title.replace("-", "") if title.startswith("Fashion") else title  # torchvision's class names
    layout = Layout((f"{folder}/raw", folder, name), files, partial(idx.decode_part, label_columns=label_columns))
    return Source(name, title, homepage, (28, 28), classes, dict(zip(("train", "test"), counts, strict=True)), (layout,), balanced)


def _cifar_archive(name: str, md5: str) -> Download:
    return Download(f"{name}.tar.gz", (f"https://www.cs.toronto.edu/~kriz/{name}.tar.gz",), md5)


def _cifar_source(name: str, classes: tuple[str, ...], binary: Layout, pickled: Layout) -> Source:
    homepage = "https://www.cs.toronto.edu/~kriz/cifar.html"
    counts = {"train": 50_000, "test": 10_000}
    return Source(name, name.upper(), homepage, cifar.SHAPE, classes, counts, (binary, pickled))


def _batches(table: dict) -> dict[str, tuple[DataFile, ...]]:
    return {part: tuple(DataFile(name, md5) for name, md5 in files) for part, files in table.items()}


_CIFAR_10_BINARY = {
    "train": tuple(DataFile(f"data_batch_{number}.bin") for number in range(1, 6)),
    "test": (DataFile("test_batch.bin"),),
}
_CIFAR_100_BINARY = {"train": (DataFile("train.bin"),), "test": (DataFile("test.bin"),)}

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        _idx_source(
            "mnist", "MNIST", "http://yann.lecun.com/exdb/mnist/", _DIGITS,
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"), _MNIST_SUMS, balanced=False,
        ),
        _idx_source(
            "fashion-mnist", "Fashion-MNIST", "https://github.com/zalandoresearch/fashion-mnist", FASHION,
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",), _FASHION_SUMS,
        ),
        _idx_source(
            "kmnist", "KMNIST", "https://github.com/rois-codh/kmnist", KUZUSHIJI,
            ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",), _KMNIST_SUMS,
        ),
        _idx_source(
            "qmnist", "QMNIST", "https://github.com/facebookresearch/qmnist", _DIGITS,
            ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",), _QMNIST_SUMS,
            parts=_QMNIST_PARTS, counts=(60_000, 60_000), label_columns=8, balanced=False,
        ),
        _cifar_source(
            "cifar-10", CIFAR_10,
            Layout(("cifar-10-batches-bin",), _CIFAR_10_BINARY, partial(cifar.decode_binary, label_classes=(10,)),
                   _cifar_archive("cifar-10-binary", "c32a1d4ab5d03f1284b67883e8d87530")),
            Layout(("cifar-10-batches-py",), _batches(_CIFAR_10_BATCHES), partial(cifar.decode_pickled, label_key="labels"),
                   _cifar_archive("cifar-10-python", "c58f30108f718f92721af3b95e74349a")),
        ),
        _cifar_source(
            "cifar-100", CIFAR_100,
            Layout(("cifar-100-binary",), _CIFAR_100_BINARY, partial(cifar.decode_binary, label_classes=(20, 100)),
                   _cifar_archive("cifar-100-binary", "03b5dce01913d631647c71ecec9e9cb8")),
            Layout(("cifar-100-python",), _batches(_CIFAR_100_BATCHES), partial(cifar.decode_pickled, label_key="fine_labels"),
                   _cifar_archive("cifar-100-python", "eb9058c3a382ffc7106e4002c42a8d85")),
        ),
    )
}

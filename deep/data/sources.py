"""Each data set as one declaration: files with checksums, layouts, shape, classes, and where it is published.

Published MD5 are those that the CIFAR page prints and that torchvision's loaders compare with (`mnist.py`,
`cifar.py`). Those of the decompressed MNIST family were computed from files whose archives have the published
MD5; where none is known, and for CIFAR's binary files, only the structure can be verified.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from deep.data.contents import Content
from deep.data.dataset import PARTS
from deep.data.layouts import Batches, cifar_batches, cifar_records, idx


@dataclass(frozen=True)
class File:
    """Name without .gz or .xz, MD5 of the published .gz or archive, MD5 of the content; None if unknown."""

    name: str
    packed: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies under the data root, and where on the web that is published."""

    folders: tuple[str, ...]  # tried in this order; downloads go to the first, which is also the archive's folder
    files: Mapping[str, tuple[File, ...]]  # part -> its files
    decode: Callable[[Sequence[Content], tuple[int, ...]], Batches]
    addresses: tuple[str, ...]  # of the archive, or of each file as .gz; tried in this order
    archive: File | None = None  # directly under the root


@dataclass(frozen=True)
class Source:
    """A published data set."""

    name: str
    title: str  # as in its authors' text
    homepage: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]  # of one image
    counts: Mapping[str, int]  # part -> number of images
    layouts: tuple[Layout, ...]  # tried in this order; the first is the one that is downloaded
    balanced: bool = True  # whether every class has as many images as any other

    def part(self, name: str) -> str:
        """Return how errors name a part."""
        return f"the {'training' if name == 'train' else name} part of {self.title}"


# Data set, part, file, MD5 of the published .gz, MD5 of its content (CIFAR: of the pickled batch).
# Of CIFAR's archives: data set, kind, the folder inside, MD5.
_FILES = """
mnist train train-images-idx3-ubyte f68b3c2dcbeaaa9fbdd348bbdeb94873 6bbc9ace898e44ae57da46a324031adb
mnist train train-labels-idx1-ubyte d53e105ee54ea40749a09fcbcd1e9432 a25bea736e30d166cdddb491f175f624
mnist test t10k-images-idx3-ubyte 9fb629c4189551a2d022fa330f9573f3 2646ac647ad5339dbf082846283269ea
mnist test t10k-labels-idx1-ubyte ec29112dd5afa0611ce80d1b7f02629c 27ae3e4e09519cfbb04c329615203637
fashion-mnist train train-images-idx3-ubyte 8d4fb7e6c68d591d4c3dfef9ec88bf0d f4a8712d7a061bf5bd6d2ca38dc4d50a
fashion-mnist train train-labels-idx1-ubyte 25c81989df183df01b3e8a0aad5dffbe 9018921c3c673c538a1fc5bad174d6f9
fashion-mnist test t10k-images-idx3-ubyte bef4ecab320f06d8554ea6380940ec79 8181f5470baa50b63fa0f6fddb340f0a
fashion-mnist test t10k-labels-idx1-ubyte bb300cfdad3c16e7a12a480ee83cd310 15d484375f8d13e6eb1aabb0c3f46965
kmnist train train-images-idx3-ubyte bdb82020997e1d708af4cf47b453dcf7 unknown
kmnist train train-labels-idx1-ubyte e144d726b3acfaa3e44228e80efcd344 unknown
kmnist test t10k-images-idx3-ubyte 5c965bf0a639b31b8f53240b1b52f4d7 bf305b8cd328700fbc17f5acbc2856d2
kmnist test t10k-labels-idx1-ubyte 7320c461ea6c1c855c0b718fb2a4b134 9f55f451c0988b028eccdf7d5cc265ab
qmnist train qmnist-train-images-idx3-ubyte ed72d4157d28c017586c42bc6afe6370 unknown
qmnist train qmnist-train-labels-idx2-int 0058f8dd561b90ffdd0f734c6a30e5e4 unknown
qmnist test qmnist-test-images-idx3-ubyte 1394631089c404de565df7b7aeaf9412 unknown
qmnist test qmnist-test-labels-idx2-int 5b5b05890a5e13444e108efe57b788aa unknown
cifar-10 binary cifar-10-batches-bin c32a1d4ab5d03f1284b67883e8d87530
cifar-10 python cifar-10-batches-py c58f30108f718f92721af3b95e74349a
cifar-10 train data_batch_1 unknown c99cafc152244af753f735de768cd75f
cifar-10 train data_batch_2 unknown d4bba439e000b95fd0a9bffe97cbabec
cifar-10 train data_batch_3 unknown 54ebc095f3ab1f0389bbae665268c751
cifar-10 train data_batch_4 unknown 634d18415352ddfa80567beed471001a
cifar-10 train data_batch_5 unknown 482c414d41f54cd18b22e5b47cb7c3cb
cifar-10 test test_batch unknown 40351d587109b95175f43aff81a1287e
cifar-100 binary cifar-100-binary 03b5dce01913d631647c71ecec9e9cb8
cifar-100 python cifar-100-python eb9058c3a382ffc7106e4002c42a8d85
cifar-100 train train unknown 16019d7e3df5f24257cddd939b257f8d
cifar-100 test test unknown f0ef6b0ae62326f3e7ffdfab6717acfc
"""
_DIGITS = tuple("0123456789")
_FASHION = tuple("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(","))
_KUZUSHIJI = tuple("o ki su tsu na ha ma ya re wo".split())
_CIFAR_10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
_CIFAR_100 = tuple(
    """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel
    can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion
    lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree
    pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
    seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table
    tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman
    worm""".split()
)


def _files(name: str) -> dict[str, tuple[File, ...]]:
    found = {}
    for row in map(str.split, _FILES.strip().splitlines()):
        if row[0] == name:
            file = File(row[2], *(None if md5 == "unknown" else md5 for md5 in row[3:]))
            found[row[1]] = (*found.get(row[1], ()), file)
    return found


def _idx(title: str, homepage: str, classes: tuple[str, ...], *addresses: str, **options: int) -> Source:
    name, folder = title.lower(), title.replace("Fashion-", "Fashion")  # torchvision's class names
    decode = partial(idx, **options)
    layout = Layout((f"{folder}/raw", folder, name), _files(name), decode, addresses)
    counts = {"train": 60_000, "test": 60_000 if options else 10_000}  # QMNIST has more
    return Source(name, title, homepage, classes, (28, 28), counts, (layout,), classes is not _DIGITS)


def _cifar(title: str, classes: tuple[str, ...], labels: int, key: str) -> Source:
    name, page, found = title.lower(), "https://www.cs.toronto.edu/~kriz/", _files(title.lower())
    pickled = {part: found[part] for part in PARTS}
    binary = {part: tuple(File(f"{file.name}.bin") for file in files) for part, files in pickled.items()}

    def layout(kind: str, files: dict[str, tuple[File, ...]], decode: Callable[..., Batches]) -> Layout:
        (archive,) = found[kind]
        return Layout((archive.name,), files, decode, (page,), File(f"{name}-{kind}.tar.gz", archive.packed))

    layouts = (layout("binary", binary, partial(cifar_records, labels=labels)), layout("python", pickled, partial(cifar_batches, key=key)))
    counts = {"train": 50_000, "test": 10_000}
    return Source(name, title, f"{page}cifar.html", classes, (32, 32, 3), counts, layouts)


_GITHUB, _LECUN = "https://github.com", "http://yann.lecun.com/exdb/mnist/"
_AWS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_ROIS = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
_META = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
_ALL = (
    _idx("MNIST", _LECUN, _DIGITS, _AWS, _LECUN),
    _idx("Fashion-MNIST", f"{_GITHUB}/zalandoresearch/fashion-mnist", _FASHION, _ZALANDO),
    _idx("KMNIST", f"{_GITHUB}/rois-codh/kmnist", _KUZUSHIJI, _ROIS),
    _idx("QMNIST", f"{_GITHUB}/facebookresearch/qmnist", _DIGITS, _META, columns=8),
    _cifar("CIFAR-10", _CIFAR_10, labels=1, key="labels"),
    _cifar("CIFAR-100", _CIFAR_100, labels=2, key="fine_labels"),
)
SOURCES: dict[str, Source] = {source.name: source for source in _ALL}

"""Images to train on: the drawn set shapes32, CIFAR-10, your own npz file or folder; and augmentation of batches.

The loaders of images of one size return an ImageData: float32 images (N, 3, H, W), normalised, and int64 labels (N,).
image_folder reads files of any size one by one.
"""

import hashlib
import http.client
import pathlib
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision import datasets

SHAPES = ("disc", "square", "triangle", "pentagon", "hexagon", "ring", "cross", "star", "crescent", "bar")
FILLS = ("filled", "line", "striped", "dotted")
OUTLINES = tuple(f"outline {k}, {fill}" for k in range(25) for fill in FILLS)


@dataclass(frozen=True, eq=False)
class ImageData:
    """Normalised training and test images with their labels.

    train_x, test_x: (N, 3, H, W) float32. train_y, test_y: (N,) int64. mean, std: (3,), the training images' own
    statistics in units of 0..1, with which all images were normalised. digest: SHA-256 of the images and labels.
    """

    name: str
    classes: tuple[str, ...]
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    mean: Tensor
    std: Tensor
    digest: str

    def pictures(self, x: Tensor) -> np.ndarray:
        """Undo the normalisation, to look at images: (N, 3, H, W) to (N, H, W, 3) in 0..1."""
        x = x.cpu() * self.std[:, None, None] + self.mean[:, None, None]
        return x.clamp(0, 1).permute(0, 2, 3, 1).numpy()

    def halved(self) -> "ImageData":
        """The same images at half the height and width (means of 2x2 pixels): a quarter of the work."""
        smaller = {key: F.avg_pool2d(getattr(self, key), 2) for key in ("train_x", "test_x")}
        return replace(self, **smaller, name=f"{self.name}, halved", digest=f"{self.digest} halved")

    def hold_out(self, n: int, seed: int = 0) -> "ImageData":
        """`n` training images, chosen at random from `seed`, become the test images: a validation set to choose on.

        The real test images are not in it. Raises ValueError unless some images stay on either side.
        """
        if not 0 < n < len(self.train_x):
            raise ValueError(f"hold out between 1 and {len(self.train_x) - 1} of the training images, got {n}")
        order = torch.randperm(len(self.train_x), generator=torch.Generator().manual_seed(seed))
        held, kept = order[:n], order[n:]
        return replace(
            self,
            train_x=self.train_x[kept],
            train_y=self.train_y[kept],
            test_x=self.train_x[held],
            test_y=self.train_y[held],
            name=f"{self.name}, {n} held out",
            digest=f"{self.digest} {n} held out, seed {seed}",
        )


def from_arrays(name: str, train_x, train_y, test_x, test_y, classes: tuple[str, ...] | None = None) -> ImageData:
    """Check, normalise and wrap arrays of images, uint8 (N, H, W, 3), and labels, integers (N,) from 0.

    Raises ValueError, naming the array, the cause and the cure, for a wrong shape, dtype or label.
    """
    parts = {"train": (np.asarray(train_x), np.asarray(train_y)), "test": (np.asarray(test_x), np.asarray(test_y))}
    num_classes = len(classes) if classes else 0
    for part, (x, y) in parts.items():
        if x.ndim != 4 or x.shape[3] != 3 or x.size == 0:
            channels_first = x.ndim == 4 and x.shape[1] == 3
            cure = "move the channels last with x.transpose(0, 2, 3, 1)" if channels_first else "give RGB images"
            raise ValueError(f"{name}: {part}_x must be (N, H, W, 3) with N > 0, got {x.shape}: {cure}")
        if x.dtype != np.uint8:
            cure = "scale it to 0..255, then x.astype(np.uint8)"
            raise ValueError(f"{name}: {part}_x must be uint8 in 0..255, got {x.dtype}: {cure}")
        if y.shape != x.shape[:1] or y.dtype.kind not in "iu":
            cure = "one class number for each image, as y.astype(np.int64) makes them"
            raise ValueError(f"{name}: {part}_y must be {len(x)} integers, got {y.dtype} of shape {y.shape}: {cure}")
        num_classes = num_classes or int(y.max()) + 1  # if not given, as the training labels have it: they come first
        if y.min() < 0 or y.max() >= num_classes:
            raise ValueError(
                f"{name}: {part}_y must lie in 0..{num_classes - 1}, got {y.min()}..{y.max()}: "
                "number the classes from 0, without gaps, and train on all of them"
            )
    sizes = {part: x.shape[1:3] for part, (x, _) in parts.items()}
    if sizes["train"] != sizes["test"]:
        raise ValueError(f"{name}: train_x has images of {sizes['train']}, test_x of {sizes['test']}: resize them")
    digest = hashlib.sha256()
    for x, y in parts.values():
        digest.update(np.ascontiguousarray(x))
        digest.update(y.astype(np.int64))
    pixels = parts["train"][0].reshape(-1, 3)
    mean, std = pixels.mean(0, dtype=np.float64) / 255, pixels.std(0, dtype=np.float64) / 255
    mean, std = (torch.tensor(value, dtype=torch.float32) for value in (mean, np.maximum(std, 1e-3)))

    def tensors(x, y):
        x = torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2).contiguous()  # (N, 3, H, W)
        x.div_(255).sub_(mean[:, None, None]).div_(std[:, None, None])
        return x, torch.from_numpy(y.astype(np.int64))

    train, test = (tensors(*part) for part in parts.values())
    classes = classes or tuple(str(k) for k in range(num_classes))
    return ImageData(name, classes, *train, *test, mean, std, digest.hexdigest())


def load_npz(path: str | pathlib.Path, classes: tuple[str, ...] | None = None) -> ImageData:
    """Read `train_x, train_y, test_x, test_y` (images uint8 (N, H, W, 3), labels from 0) from an .npz file.

    Raises FileNotFoundError, or ValueError for a damaged file or one without these arrays.
    """
    path = pathlib.Path(path)
    names = ("train_x", "train_y", "test_x", "test_y")
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: check the path, or use reslab.data.shapes32()")
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no zip archive, or is cut short")
        with np.load(path) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise ValueError(f"no array {', '.join(missing)}; found {', '.join(file.files) or 'none'}")
            arrays = [file[name] for name in names]
    except Exception as error:  # a damaged file can raise nearly anything, zlib.error and NotImplementedError among it
        cure = f"save it with np.savez(path, {', '.join(f'{name}=...' for name in names)})"
        raise ValueError(f"cannot read {path} as an npz file of images ({error}): {cure}") from error
    return from_arrays(path.stem, *arrays, classes)


def cifar10(root: str | pathlib.Path | None = None, download: bool = True) -> ImageData:
    """CIFAR-10, 50,000 + 10,000 images of 32x32; Krizhevsky 2009. From `root`, or downloaded to it once (170 MB).

    root: by default ~/.cache/reslab. A broken download is taken up where it stopped; the checksum is verified.
    Raises OSError, naming the cause and the cure, if the files cannot be had.
    """
    root = pathlib.Path("~/.cache/reslab" if root is None else root).expanduser()

    def read():
        return [datasets.CIFAR10(root, train=train) for train in (True, False)]

    try:
        train, test = read()
    except RuntimeError as error:  # torchvision's word for: not there, or damaged
        if not download:
            raise FileNotFoundError(f"no CIFAR-10 in {root}: allow the download, or use shapes32()") from error
        archive = root / datasets.CIFAR10.filename
        fetch(datasets.CIFAR10.url, archive, datasets.CIFAR10.tgz_md5)
        try:
            datasets.utils.extract_archive(str(archive), str(root))
        except OSError as error:
            raise OSError(f"cannot unpack {archive} ({error}): free some space or give another root=") from error
        train, test = read()
    return from_arrays("CIFAR-10", train.data, train.targets, test.data, test.targets, tuple(train.classes))


def to_rgb(image: Image.Image) -> Image.Image:
    """A copy in RGB, 8 bits a channel, turned upright; transparency lies on white, an animation gives its first frame.

    16-bit grey is scaled to 8 bits. Pillow's own convert("RGB") leaves a picture on its side, drops the transparency
    and cuts off 16-bit values at 255.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":  # a 16-bit file; Pillow opens some of them as 32-bit
        values = np.asarray(image).astype(np.int64).clip(0, 65535) // 257
        image = Image.fromarray(values.astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def read_image(path: str | pathlib.Path) -> Image.Image:
    """The picture in a file, as to_rgb makes it. Raises ValueError, naming the file and the cause, if it has none."""
    path = pathlib.Path(path)
    try:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return to_rgb(image)
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not an image that Pillow can read") from None
    except Exception as error:  # a damaged file can raise nearly anything
        raise ValueError(f"{path}: {error or type(error).__name__}") from error


class VisibleFolder(datasets.ImageFolder):
    """torchvision's ImageFolder without hidden folders, such as Jupyter's .ipynb_checkpoints, among its classes."""

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """The names of the classes, and their numbers."""
        classes = [name for name in super().find_classes(directory)[0] if not name.startswith(".")]
        if not classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
        return classes, {name: label for label, name in enumerate(classes)}


def image_folder(
    root: str | pathlib.Path, transform: Callable | None = None
) -> tuple[datasets.ImageFolder, list[str]]:
    """The images in root/CLASS/..., as torchvision's ImageFolder, and what was left out: a line for each file.

    Every file is read once, so that a damaged one is met now and not in the middle of an epoch; hidden files and
    folders are passed over. Raises ValueError, naming the cause and the cure, if there are no classes or one has no
    image.
    """
    root, problems = pathlib.Path(root), []
    cure = f"put the images of each class into a folder of its own, {root}/CLASS/"
    if not root.is_dir():
        raise ValueError(f"no folder {root}: check the path, and {cure}")

    def readable(file: str) -> bool:
        if any(part.startswith(".") for part in pathlib.Path(file).relative_to(root).parts):
            return False
        try:
            read_image(file)
        except ValueError as problem:
            problems.append(str(problem))
            return False
        return True

    try:
        images = VisibleFolder(root, transform, loader=read_image, is_valid_file=readable)
    except FileNotFoundError as error:  # torchvision's word for: no class, or one without an image
        found = "".join(f"\n  {problem}" for problem in problems)
        raise ValueError(f"{str(error).strip()}: {cure}{found and '; left out:'}{found}") from None
    return images, problems


def receive(url: str, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield each piece of `url` and its position, from byte `start` on or, if the server cannot skip, from 0.

    Raises ConnectionError, naming the cause and the cure.
    """
    offline = "without a network, use reslab.data.shapes32(), which needs no download"
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            position = start if response.status == 206 else 0
            while piece := response.read(1 << 20):
                yield position, piece
                position += len(piece)
            if response.length:  # read() alone does not tell an early end from the end
                raise ConnectionError(f"{response.length} bytes are missing")
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to send
            raise ConnectionError(f"cannot download {url} ({error}): try later; {offline}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(f"the download of {url} broke off ({error}): call again to go on; {offline}") from error


def fetch(url: str, path: pathlib.Path, md5: str) -> None:
    """Download `url` to `path`, going on from a broken download, and verify the MD5 checksum.

    Raises OSError, naming the cause and the cure. What has arrived stays in `path`.part for the next try, unless all
    has arrived and is wrong.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if datasets.utils.check_integrity(path, md5):
                return
            path.replace(part)  # perhaps another program's broken download: what has arrived so far
        with part.open("ab") as file:
            for position, piece in receive(url, file.tell()):
                if position < file.tell():  # the server cannot skip what is here: it comes again
                    file.seek(position)
                    file.truncate()
                file.write(piece)
        right = datasets.utils.check_integrity(part, md5)
        if right:
            part.replace(path)
        else:
            part.unlink()
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(f"cannot write to {path.parent} ({error}): free some space or give another root=") from error
    if not right:
        raise OSError(f"{path.name} from {url} has not the MD5 {md5} and was deleted: call again, or use shapes32()")


def random_crop_flip(x: Tensor, generator: torch.Generator, pad: int = 4, flip: bool = True) -> Tensor:
    """Shift each image by up to `pad` pixels each way, zeros moving in, and mirror half of them; He et al. 2015, 4.2.

    Shapes: (N, C, H, W) to the same. Zeros are the mean colour of a normalised image. flip: False for letters, say.
    """
    n, _, height, width = x.shape
    top, left = torch.randint(0, 2 * pad + 1, (2, n, 1), generator=generator)
    mirror = torch.rand(n, 1, generator=generator) < 0.5 * flip
    across = torch.arange(width).expand(n, width)
    rows = torch.arange(height) + top  # (N, H)
    columns = torch.where(mirror, across.flip(1), across) + left  # (N, W)
    x = F.pad(x, (pad, pad, pad, pad)).permute(0, 2, 3, 1)  # (N, H + 2 pad, W + 2 pad, C)
    image, rows, columns = torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None]
    return x[image.to(x.device), rows.to(x.device), columns.to(x.device)].permute(0, 3, 1, 2)  # (N, C, H, W)


def shapes32(n: int = 5000, seed: int = 0) -> ImageData:
    """Ten drawn shapes on striped grounds, 32x32: `n` training and n / 5 test images, the same for the same seed.

    Like a photograph, an image has a weak cue (colours that lean to a class), a middle one (how much of the ground
    is covered, and where) and a strong one (the outline), so that a network learns it little by little.
    Raises ValueError if n < 50.
    """
    if n < 50:
        raise ValueError(f"n must be at least 50, five images of each shape, got {n}")
    train = draw_shapes(n, np.random.default_rng([seed, 0]))
    test = draw_shapes(n // 5, np.random.default_rng([seed, 1]))
    return from_arrays("shapes32", *train, *test, SHAPES)


def draw_shapes(
    n: int, rng: np.random.Generator, size: int = 32, hue_spread: float = 0.12
) -> tuple[np.ndarray, np.ndarray]:
    """`n` images uint8 (n, size, size, 3) and labels (n,), in random order, the classes equal in number or nearly.

    hue_spread: the standard deviation of a class's hues around its own, in turns of the wheel. From 1 on, colour says
    nothing of the class.
    """
    labels = rng.permutation(np.arange(n) % len(SHAPES))

    def leaning(hue):  # a hue near the given one; hues are cyclic in 0..1
        return (hue + rng.normal(0, hue_spread, n)).reshape(n, 1, 1).astype(np.float32)

    u, v, scale = places(n, rng, size)
    depth = np.empty((n, size, size), np.float32)
    for label, shape in enumerate(SHAPES):
        chosen = labels == label
        depth[chosen] = depth_inside(shape, u[chosen], v[chosen])
    ground_value = stripes(n, rng, size)
    # The ground's hue runs three times round the wheel over the classes, the shape's once: two different weak cues.
    ground = hsv_to_rgb(leaning(0.5 + 0.3 * labels), uniform(n, rng, 0.2, 1), ground_value)
    shape = hsv_to_rgb(leaning(0.1 * labels), uniform(n, rng, 0.2, 1), uniform(n, rng, 0.3, 1))
    return painted(depth * scale, ground, shape, 0.08, rng), labels


def outlines32(n: int = 5000, seed: int = 0) -> ImageData:
    """100 classes to pre-train on: 25 random outlines, each filled, as a line, striped or dotted; 32x32, any colour.

    None of them is a shape of shapes32. A net can learn such classes and use what it learned elsewhere: Kataoka and
    others 2020, arXiv 2101.08515. `n` training and n / 10 test images. Raises ValueError if n < 1000.
    """
    if n < 1000:
        raise ValueError(f"n must be at least 1000, ten images of each class, got {n}")
    train = draw_outlines(n, np.random.default_rng([seed, 2]))
    test = draw_outlines(n // 10, np.random.default_rng([seed, 3]))
    return from_arrays("outlines32", *train, *test, OUTLINES)


def draw_outlines(n: int, rng: np.random.Generator, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """`n` images uint8 (n, size, size, 3) and labels (n,) of outlines32: outline 0, 1, ..., 24, four fills of each."""
    harmonics = np.arange(2, 7)
    family = np.random.default_rng(0)  # the 25 outlines are always the same
    waves = family.normal(0, 1, (25, 5)) / np.sqrt(harmonics)
    waves *= family.uniform(0.5, 0.9, (25, 1)) / np.abs(waves).sum(1, keepdims=True)
    starts = family.uniform(0, 2 * np.pi, (25, 5))

    labels = rng.permutation(np.arange(n) % len(OUTLINES))
    outline, fill = labels // len(FILLS), (labels % len(FILLS))[:, None, None]
    u, v, scale = places(n, rng, size)
    angle = np.arctan2(v, u)
    radius = np.ones((n, size, size), np.float32)  # r = 0.65 (1 + sum of a_k cos(k angle + b_k))
    for k, wave, start in zip(harmonics, waves.T, starts.T, strict=True):
        radius += (wave[outline, None, None] * np.cos(k * angle + start[outline, None, None])).astype(np.float32)
    inside = 0.65 * radius - np.hypot(u, v)
    line = uniform(n, rng, 0.08, 0.16) - np.abs(inside)
    bars = np.sin(u * uniform(n, rng, 9, 13) + uniform(n, rng, 0, 6)) / 10
    dots = np.sin(10 * u + uniform(n, rng, 0, 6)) * np.sin(10 * v + uniform(n, rng, 0, 6)) / 7
    depth = np.choose(fill, [inside, line, np.minimum(inside, bars), np.minimum(inside, dots)])
    ground_value = stripes(n, rng, size)
    dark = ground_value.mean((1, 2), keepdims=True) < 0.45
    shape_value = np.where(dark, uniform(n, rng, 0.75, 1), uniform(n, rng, 0, 0.2))  # every outline can be seen
    ground = hsv_to_rgb(uniform(n, rng, 0, 1), uniform(n, rng, 0, 1), ground_value)
    shape = hsv_to_rgb(uniform(n, rng, 0, 1), uniform(n, rng, 0, 1), shape_value)
    return painted(depth * scale, ground, shape, 0.04, rng), labels


def uniform(n: int, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A number for each image, (n, 1, 1)."""
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)


def pixels(size: int) -> list[np.ndarray]:
    """The pixel centres' x and y in -1..1, each (size, size)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    return np.meshgrid(axis, axis)


def places(n: int, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pixel in the frame of its image's shape, which has a random scale, turn and place: u, v (n, size, size).

    And the scale (n, 1, 1), by which lengths in that frame are multiplied on the image.
    """
    x, y = pixels(size)
    scale, turn = uniform(n, rng, 0.6, 0.95), uniform(n, rng, 0, 2 * np.pi)
    dx, dy = (x - uniform(n, rng, -0.25, 0.25)) / scale, (y - uniform(n, rng, -0.25, 0.25)) / scale
    return np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx, scale


def stripes(n: int, rng: np.random.Generator, size: int) -> np.ndarray:
    """The value (as in HSV) of a striped ground, (n, size, size)."""
    x, y = pixels(size)
    turn, step, start = uniform(n, rng, 0, np.pi), uniform(n, rng, 4, 14), uniform(n, rng, 0, 2 * np.pi)
    wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * step + start)
    return uniform(n, rng, 0.2, 0.9) * (1 - uniform(n, rng, 0.1, 0.6) * (0.5 + 0.5 * wave))


def painted(
    depth: np.ndarray, ground: np.ndarray, shape: np.ndarray, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """The images, uint8: `shape`'s colour where depth > 0, soft over one pixel, `ground`'s elsewhere, and noise."""
    cover = np.clip(0.5 + depth * depth.shape[-1] / 2, 0, 1)[..., None]  # 0 outside, 1 inside
    image = ground + cover * (shape - ground) + rng.normal(0, noise, ground.shape).astype(np.float32)
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def depth_inside(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """How far inside the outline the point (u, v) lies, negative outside; the shape fills about the unit disc."""
    r, across, down = np.hypot(u, v), np.abs(u), np.abs(v)
    if shape in ("triangle", "pentagon", "hexagon"):
        sides, radius = {"triangle": (3, 1.05), "pentagon": (5, 0.95), "hexagon": (6, 0.92)}[shape]
        angles = 2 * np.pi * np.arange(sides) / sides
        return radius * np.cos(np.pi / sides) - np.max([u * np.cos(a) + v * np.sin(a) for a in angles], axis=0)
    if shape == "star":
        to_tip = 2 * np.abs(np.arctan2(v, u) / (2 * np.pi / 5) % 1 - 0.5)  # 1 at a tip, 0 between two
        return 0.42 + 0.6 * to_tip**1.5 - r
    if shape == "cross":
        return np.maximum(np.minimum(0.95 - across, 0.27 - down), np.minimum(0.95 - down, 0.27 - across))
    return {
        "disc": 0.85 - r,
        "square": 0.75 - np.maximum(across, down),
        "ring": 0.2 - np.abs(r - 0.7),
        "crescent": np.minimum(0.9 - r, np.hypot(u - 0.45, v) - 0.65),
        "bar": np.minimum(0.98 - across, 0.3 - down),
    }[shape]


def hsv_to_rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Colours (..., 3) in 0..1 from hue (any real, cyclic with period 1), saturation and value in 0..1."""
    sector = (6 * hue[..., None] + np.array([5, 3, 1], np.float32)) % 6
    return value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(sector, 4 - sector), 0, 1))

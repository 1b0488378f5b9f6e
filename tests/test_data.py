"""The images: shapes32, your own arrays and files, augmentation, and a download that survives what may happen."""

import contextlib
import errno
import hashlib
import http.client
import io
import os
import pathlib
import pickle
import re
import ssl
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from reslab import data


@pytest.fixture(scope="module")
def shapes():
    return data.shapes32(200, seed=1)


def test_shapes32_is_deterministic_by_seed(shapes):
    again, other = data.shapes32(200, seed=1), data.shapes32(200, seed=2)
    assert again.digest == shapes.digest != other.digest
    assert torch.equal(again.train_x, shapes.train_x) and torch.equal(again.test_y, shapes.test_y)


def test_shapes32_is_what_its_docstring_says(shapes):
    assert shapes.train_x.shape == (200, 3, 32, 32) and shapes.test_x.shape == (40, 3, 32, 32)
    assert shapes.train_x.dtype == shapes.test_x.dtype == torch.float32
    assert shapes.train_y.dtype == shapes.test_y.dtype == torch.int64
    assert shapes.train_y.bincount().tolist() == [20] * 10 and shapes.test_y.bincount().tolist() == [4] * 10
    assert len(shapes.classes) == 10 and not torch.equal(shapes.train_y, shapes.train_y.sort().values)
    pixels = shapes.pictures(shapes.train_x) * 255
    assert np.allclose(pixels, pixels.round(), atol=1e-3) and pixels.min() < 20 and pixels.max() > 235


def test_no_test_image_is_a_training_image(shapes):
    few, many = data.shapes32(50, seed=1), data.shapes32(250, seed=1)  # 50 to train on, and 50 to test with
    parts = [(shapes, "train_x"), (shapes, "test_x"), (few, "train_x"), (many, "test_x")]
    images = np.concatenate([d.pictures(getattr(d, part)) for d, part in parts])  # each is normalised in its own way
    assert len(np.unique(np.rint(images * 255).reshape(340, -1), axis=0)) == 340


def test_shapes32_takes_seconds():
    start = time.process_time()  # the processor's time, which other work on the machine does not lengthen
    assert data.shapes32().train_x.shape == (5000, 3, 32, 32)
    assert time.process_time() - start < 6


def test_shapes32_wants_five_of_each():
    with pytest.raises(ValueError, match="at least 50"):
        data.shapes32(49)


def polygon(sides, radius):
    return sides / 2 * radius**2 * np.sin(2 * np.pi / sides)


def lens(r, s, d):  # what two discs of radius r and s at distance d have in common
    a, b = (d**2 + r**2 - s**2) / (2 * d), (d**2 + s**2 - r**2) / (2 * d)
    return sum(q**2 * np.arccos(c / q) - c * np.sqrt(q**2 - c**2) for q, c in ((r, a), (s, b)))


@pytest.mark.parametrize(
    ("shape", "folds", "mirrored", "area"),
    [
        ("disc", 7, True, np.pi * 0.85**2),
        ("square", 4, True, 1.5**2),
        ("triangle", 3, True, polygon(3, 1.05)),
        ("pentagon", 5, True, polygon(5, 0.95)),
        ("hexagon", 6, True, polygon(6, 0.92)),
        ("ring", 7, True, np.pi * (0.9**2 - 0.5**2)),
        ("cross", 4, True, 2 * 1.9 * 0.54 - 0.54**2),
        ("star", 5, True, np.pi * (0.42**2 + 2 * 0.42 * 0.6 / 2.5 + 0.6**2 / 4)),
        ("crescent", 1, True, np.pi * 0.9**2 - lens(0.9, 0.65, 0.45)),
        ("bar", 2, True, 1.96 * 0.6),
    ],
)
def test_each_outline(shape, folds, mirrored, area):
    axis = (np.arange(400) + 0.5) / 400 * 2.4 - 1.2
    u, v = np.meshgrid(axis, axis)
    inside = data.depth_inside(shape, u, v) > 0
    assert inside.mean() * 2.4**2 == pytest.approx(area, rel=0.01)

    def same_when_turned(angle):
        c, s = np.cos(angle), np.sin(angle)
        return ((data.depth_inside(shape, c * u - s * v, s * u + c * v) > 0) == inside).mean() > 0.995

    assert same_when_turned(2 * np.pi / folds)
    if shape not in ("disc", "ring"):
        assert not same_when_turned(np.pi / folds)
    assert ((data.depth_inside(shape, u, -v) > 0) == inside).mean() > 0.995


def hues(images):
    """The direction of each image's mean colour on the wheel, as a complex number of length 1 or less."""
    mean = images.reshape(len(images), -1, 3).mean(1) / 255
    return mean @ np.exp(2j * np.pi * np.arange(3) / 3) / mean.max(1)


def test_colour_says_nothing_of_the_class_when_hues_are_spread():
    told = []
    for spread in (0.12, 2.0):
        images, labels = data.draw_shapes(2000, np.random.default_rng(0), 8, hue_spread=spread)
        means = np.array([hues(images[labels == label]).mean() for label in range(10)])
        told.append(np.abs(means).mean())
    assert told[0] > 4 * told[1], told
    usual, given = (data.draw_shapes(20, np.random.default_rng(0), 8, **o)[0] for o in ({}, {"hue_spread": 0.12}))
    assert (usual == given).all()


@pytest.fixture(scope="module")
def outlines():
    return data.outlines32(1000, seed=1)


def test_outlines32_is_what_its_docstring_says(outlines):
    assert outlines.train_x.shape == (1000, 3, 32, 32) and outlines.test_x.shape == (100, 3, 32, 32)
    assert outlines.train_y.bincount().tolist() == [10] * 100 and outlines.test_y.bincount().tolist() == [1] * 100
    assert outlines.name == "outlines32" and len(set(outlines.classes)) == 100
    assert outlines.classes[:5] == (*(f"outline 0, {fill}" for fill in data.FILLS), "outline 1, filled")
    assert not torch.equal(outlines.train_y, outlines.train_y.sort().values)
    pixels = outlines.pictures(outlines.train_x) * 255
    assert np.allclose(pixels, pixels.round(), atol=1e-3) and pixels.min() < 20 and pixels.max() > 235


def test_outlines32_is_deterministic_by_seed(outlines):
    again, other = data.outlines32(1000, seed=1), data.outlines32(1000, seed=2)
    assert again.digest == outlines.digest != other.digest


def test_outlines32_repeats_no_image(outlines):
    both = np.concatenate([outlines.pictures(x) for x in (outlines.train_x, outlines.test_x)])
    assert len(np.unique(np.rint(both * 255).reshape(1100, -1), axis=0)) == 1100


def test_outlines32_draws_its_parts_from_streams_of_their_own(monkeypatch):
    first = []

    def drawn(n, rng):
        first.append(rng.random())
        return np.zeros((n, 2, 2, 3), np.uint8), np.arange(n) % 100

    monkeypatch.setattr(data, "draw_outlines", drawn)
    data.outlines32(1000, seed=0), data.outlines32(1000, seed=1)
    assert len(set(first)) == 4


def test_outlines32_wants_ten_of_each():
    with pytest.raises(ValueError, match="n must be at least 1000, ten images of each class, got 999"):
        data.outlines32(999)


def still_outlines(seed):
    """Where the outlines are, (400, 64, 64), if all stand upright in the middle at one scale; and the labels."""
    n, size, seen = 400, 64, []
    with pytest.MonkeyPatch.context() as patch:
        x, y = data.pixels(size)
        still = (np.broadcast_to(x, (n, size, size)), np.broadcast_to(y, (n, size, size)), np.ones((n, 1, 1)))
        patch.setattr(data, "places", lambda n, rng, size: still)
        patch.setattr(data, "painted", lambda depth, *rest: seen.append(depth) or depth)
        _, labels = data.draw_outlines(n, np.random.default_rng(seed), size)
    return seen[0] > 0, labels


@pytest.fixture(scope="module")
def stills():
    return still_outlines(0)


def test_the_outlines_are_always_the_same(stills):
    (inside, labels), (again, others) = stills, still_outlines(1)
    for label in range(0, 100, 4):  # the filled ones
        assert (inside[labels == label][0] == again[others == label][0]).all()


def test_each_fill_of_an_outline(stills):
    inside, labels = stills
    for outline in range(25):
        of = [inside[labels == 4 * outline + fill] for fill in range(4)]
        filled, line, striped, dotted = of
        assert all((image == filled[0]).all() for image in filled)  # the outline is the class's, not the image's
        whole = filled[0]
        assert all((image == whole & image.any(0)).all() for image in striped)  # as long as the outline lets them be
        assert not any((image == whole & image.any(0)).all() for image in dotted)
        for image in (*striped, *dotted):
            assert not (image & ~whole).any() and 0.2 < image.sum() / whole.sum() < 0.8
        for image in line:
            assert (image & ~whole).any() and (image & whole).any() and not image[30:34, 30:34].all()
        assert {len(np.unique(part.reshape(4, -1), axis=0)) for part in (striped, dotted)} == {4}


def test_no_two_outlines_are_alike(stills):
    inside, labels = stills
    filled = np.stack([inside[labels == 4 * outline][0] for outline in range(25)])
    for a in range(25):
        for b in range(a):
            assert (filled[a] ^ filled[b]).sum() > 0.1 * filled[a].sum(), (a, b)


def test_every_outline_stands_out_from_its_ground():
    grounds = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "painted", lambda depth, ground, shape, *rest: grounds.append((ground, shape)))
        data.draw_outlines(300, np.random.default_rng(0))
    ground, shape = grounds[0]
    ground, shape = ground.max(-1).mean((1, 2)), shape.max(-1)[:, 0, 0]  # the value of HSV
    assert np.abs(ground - shape).min() > 0.2 and 50 < (shape > ground).sum() < 250


def test_hsv_to_rgb_at_known_colours():
    hues = np.array([0, 1 / 3, 2 / 3, 1, -1 / 3, 1 / 6], np.float32)
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]]
    ones = np.ones_like(hues)
    np.testing.assert_allclose(data.hsv_to_rgb(hues, ones, ones), expected, atol=1e-5)
    np.testing.assert_allclose(data.hsv_to_rgb(hues, 0 * ones, 0.5 * ones), 0.5, atol=1e-6)


def arrays(**changes):
    """A good set of arrays; each change is a function of the array it names."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (30, 6, 8, 3), dtype=np.uint8), np.arange(30) % 5
    good = {"train_x": x[:20], "train_y": y[:20], "test_x": x[20:] // 2, "test_y": y[20:]}
    return {key: changes.get(key, lambda a: a)(array) for key, array in good.items()}


def replaced(index, value):
    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


BAD = {
    "grey images": ({"train_x": lambda x: x[..., 0]}, r"train_x must be \(N, H, W, 3\).*got \(20, 6, 8\): .*RGB"),
    "one image": ({"test_x": lambda x: x[0]}, r"test_x must be \(N, H, W, 3\).*got \(6, 8, 3\)"),
    "channels first": ({"train_x": lambda x: x.transpose(0, 3, 1, 2)}, r"train_x .*got \(20, 3, 6, 8\): .*transpose"),
    "four channels": ({"test_x": lambda x: x[..., [0, 1, 2, 0]]}, r"test_x .*got \(10, 6, 8, 4\): .*RGB"),
    "no images": ({"test_x": lambda x: x[:0], "test_y": lambda y: y[:0]}, r"test_x .*N > 0, got \(0, 6, 8, 3\)"),
    "no pixels": ({"train_x": lambda x: x[:, :0]}, r"train_x .*got \(20, 0, 8, 3\)"),
    "float images": ({"train_x": lambda x: x / 255}, "train_x must be uint8 in 0..255, got float64: .*astype"),
    "int images": ({"test_x": lambda x: x.astype(int)}, "test_x must be uint8 in 0..255, got int64: .*astype"),
    "negative label": ({"train_y": replaced(3, -1)}, r"train_y must lie in 0..4, got -1..4: number the classes"),
    "unknown label": ({"test_y": replaced(0, 5)}, r"test_y must lie in 0..4, got 0..5: number the classes"),
    "float labels": ({"train_y": lambda y: y * 1.0}, "train_y must be 20 integers, got float64.*: .*astype"),
    "labels not a number": ({"train_y": lambda y: y * np.nan}, "train_y must be 20 integers, got float64"),
    "words": ({"train_y": lambda y: y.astype(str)}, "train_y must be 20 integers, got <U"),
    "too few labels": ({"test_y": lambda y: y[:-1]}, r"test_y must be 10 integers, got int64 of shape \(9,\): one"),
    "one-hot labels": ({"train_y": lambda y: np.eye(5, dtype=int)[y]}, r"train_y .*shape \(20, 5\): one .*image"),
    "two sizes": ({"test_x": lambda x: x[:, :4]}, r"train_x .*\(6, 8\), test_x .*\(4, 8\): resize"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays(case, tmp_path):
    changes, words = BAD[case]
    with pytest.raises(ValueError, match="mine: " + words):
        data.from_arrays("mine", **arrays(**changes))
    np.savez(tmp_path / "mine.npz", **arrays(**changes))
    with pytest.raises(ValueError, match="mine: " + words):
        data.load_npz(tmp_path / "mine.npz")


def test_sizes_of_lists_are_compared_too():
    lists = {key: value.tolist() for key, value in arrays(test_x=lambda x: x[:, :4]).items()}
    lists |= {key: np.array(lists[key], np.uint8) for key in ("train_x", "test_x")}
    with pytest.raises(ValueError, match="resize"):
        data.from_arrays("mine", **lists)


def test_a_label_beyond_the_named_classes():
    with pytest.raises(ValueError, match=r"train_y must lie in 0\.\.2"):
        data.from_arrays("mine", **arrays(), classes=("a", "b", "c"))


def test_normalised_with_the_training_images_own_statistics():
    raw = arrays()
    images = data.from_arrays("mine", **raw)
    assert images.train_x.mean((0, 2, 3)).abs().max() < 1e-5
    assert (images.train_x.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-5
    mean, std = raw["train_x"].mean((0, 1, 2)) / 255, raw["train_x"].std((0, 1, 2)) / 255
    expected = ((raw["test_x"] / 255 - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(images.test_x, expected, atol=1e-5)
    np.testing.assert_allclose(images.pictures(images.test_x) * 255, raw["test_x"], atol=1e-3)
    assert images.classes == ("0", "1", "2", "3", "4")


@pytest.mark.filterwarnings("error")
def test_unusual_arrays_are_welcome():
    def frozen(a):
        a = a[:, :, ::-1]  # negative strides, as a mirrored view has them
        a.flags.writeable = False
        return a

    odd = data.from_arrays("odd", **arrays(train_x=frozen, train_y=lambda y: y.astype(">u2")))
    usual = data.from_arrays("usual", **arrays(train_x=lambda a: a[:, :, ::-1].copy()))
    assert torch.equal(odd.train_x, usual.train_x) and odd.digest == usual.digest
    one_colour = data.from_arrays("flat", **arrays(train_x=lambda a: a * 0 + 7))
    assert one_colour.train_x.abs().max() < 1e-3 and one_colour.test_x.isfinite().all()


@pytest.mark.parametrize("key", ["train_x", "train_y", "test_x", "test_y"])
def test_digest_changes_with_one_number(key):
    index = (3, 1, 2, 0) if key.endswith("x") else 3
    changed = arrays(**{key: lambda a: replaced(index, a[index] ^ 1)(a)})
    good = data.from_arrays("a", **arrays()).digest
    assert data.from_arrays("b", **arrays()).digest == good != data.from_arrays("a", **changed).digest


def test_halved():
    images = data.from_arrays("mine", **arrays())
    small = images.halved()
    means = images.train_x.reshape(20, 3, 3, 2, 4, 2).mean((3, 5))
    torch.testing.assert_close(small.train_x, means)
    assert small.test_x.shape == (10, 3, 3, 4) and torch.equal(small.test_y, images.test_y)
    assert small.digest != images.digest and small.name != images.name
    np.testing.assert_allclose(small.pictures(small.train_x).mean(), images.pictures(images.train_x).mean(), rtol=1e-4)


def test_load_npz(tmp_path):
    np.savez_compressed(tmp_path / "pets.npz", **arrays(), extra=1)
    images = data.load_npz(str(tmp_path / "pets.npz"), classes=tuple("abcde"))
    assert images.digest == data.from_arrays("x", **arrays()).digest
    assert (images.name, images.classes) == ("pets", tuple("abcde"))


def test_an_npz_without_the_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", images=1, train_y=2)
    with pytest.raises(ValueError, match=r"no array train_x, test_x, test_y; found images, train_y.*np\.savez"):
        data.load_npz(tmp_path / "x.npz")


def content(kind):
    file = io.BytesIO()
    if kind == "an array alone":
        np.save(file, arrays()["train_x"])
    elif kind == "a pickle":
        pickle.dump(arrays(), file)
    elif kind == "a pickle in an npz":
        np.savez(file, **arrays(train_y=lambda y: np.array([Trap()] * len(y), dtype=object)))
    elif kind == "words":
        file.write(b"these are not images")
    elif kind == "cut short":
        np.savez(file, **arrays())
        return file.getvalue()[:-100]
    return file.getvalue()


class Trap:
    """Unpickling this fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("code from the file was run",))


@pytest.mark.parametrize("kind", ["nothing", "words", "an array alone", "a pickle", "a pickle in an npz", "cut short"])
def test_not_an_npz(kind, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content(kind))
    with pytest.raises(ValueError, match=r"cannot read .*x\.npz.*np\.savez") as caught:
        data.load_npz(path)
    assert "unsafely" not in str(caught.value)


def test_damage_anywhere_is_noticed_or_harmless(tmp_path):
    path, rng = tmp_path / "x.npz", np.random.default_rng(0)
    file, good = io.BytesIO(), data.from_arrays("x", **arrays()).digest
    np.savez_compressed(file, **arrays())
    whole = file.getvalue()
    for place in [*range(0, len(whole), 23), *range(len(whole) - 300, len(whole), 3)]:
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):  # any other exception would be a traceback without a cure
            assert data.load_npz(path).digest == good


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.npz.*shapes32"):
        data.load_npz(tmp_path / "gone.npz")
    with pytest.raises(ValueError, match="cannot read"):
        data.load_npz(tmp_path)


@pytest.mark.parametrize(("dtype", "pad"), [("float32", 4), ("uint8", 2), ("int64", 1), ("float32", 0)])
def test_random_crop_flip_image_by_image(dtype, pad):
    dtype = getattr(torch, dtype)
    x = torch.randint(1, 100, (40, 3, 5, 7)).to(dtype)
    before = x.clone()
    y = data.random_crop_flip(x, torch.Generator().manual_seed(3), pad)
    assert torch.equal(x, before) and y.dtype == dtype and y.shape == x.shape

    generator = torch.Generator().manual_seed(3)
    top, left = torch.randint(0, 2 * pad + 1, (2, 40), generator=generator)
    mirror = torch.rand(40, generator=generator) < 0.5
    for image, changed, i, j, m in zip(x, y, top, left, mirror, strict=True):
        padded = torch.zeros(3, 5 + 2 * pad, 7 + 2 * pad, dtype=dtype)
        padded[:, pad : pad + 5, pad : pad + 7] = image
        crop = padded[:, i : i + 5, j : j + 7]
        assert torch.equal(changed, crop.flip(2) if m else crop)
    assert 8 <= mirror.sum() <= 32 and {int(i) for i in top} == set(range(2 * pad + 1))


def test_random_crop_flip_draws_from_its_generator_alone():
    x, state = torch.rand(9, 3, 6, 6), torch.get_rng_state()
    first, again, other = (data.random_crop_flip(x, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_crop_flip_without_the_mirror():
    x = torch.randint(1, 100, (40, 3, 5, 7))
    top, left = torch.randint(0, 3, (2, 40), generator=torch.Generator().manual_seed(3))
    y = data.random_crop_flip(x, torch.Generator().manual_seed(3), 1, flip=False)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    for image, changed, i, j in zip(padded, y, top, left, strict=True):
        assert torch.equal(changed, image[:, i : i + 5, j : j + 7])


class Handler(BaseHTTPRequestHandler):
    """Serves `server.body`, or part of it, or an error, and notes what was asked for and how much was sent."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.knows_ranges else 0
        status = server.status or (416 if start and start >= len(server.body) else 206 if start else 200)
        rest = server.body[start:] if status in (200, 206) else b"an error page"
        server.log.append((wanted, len(rest[: server.cut])))
        self.send_response(status)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.log = bytes(range(256)) * 400, []
    server.cut, server.status, server.knows_ranges = None, None, True
    server.url = f"http://127.0.0.1:{server.server_port}/set.tar.gz"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetch the body into `fetch.path`; what has arrived so far is `fetch.part`."""

    def fetch(md5=None):
        data.fetch(server.url, fetch.path, md5 or hashlib.md5(server.body).hexdigest())
        assert fetch.path.read_bytes() == server.body and not fetch.part.exists()

    fetch.path = tmp_path / "new" / "set.tar.gz"
    fetch.part = tmp_path / "new" / "set.tar.gz.part"
    return fetch


@pytest.fixture
def half(server, fetch):
    """The state after a download that broke off: half of the body has arrived."""
    server.cut = len(server.body) // 2
    with pytest.raises(OSError, match=r"^the download of http.*broke off.*call again.*shapes32"):
        fetch()
    assert fetch.part.stat().st_size == server.cut and not fetch.path.exists()
    half, server.cut = server.cut, None
    server.log.clear()
    return half


def test_download(server, fetch):
    fetch()
    fetch()  # present and right: asks for nothing
    assert server.log == [(None, len(server.body))]


def test_a_broken_download_goes_on(server, fetch, half):
    fetch()
    assert server.log == [(f"bytes={half}-", len(server.body) - half)]


def test_it_breaks_off_more_than_once(server, fetch, half):
    server.cut = 1000
    with pytest.raises(OSError, match="broke off"):
        fetch()
    server.cut = None
    fetch()
    assert server.log[-1] == (f"bytes={half + 1000}-", len(server.body) - half - 1000)


def test_a_server_that_cannot_skip_sends_all(server, fetch, half):
    server.knows_ranges = False
    fetch()
    assert server.log == [(f"bytes={half}-", len(server.body))]


@pytest.mark.parametrize("so_far", [None, "half", "longer", "as long"])
def test_a_wrong_checksum_starts_afresh(server, fetch, so_far):
    fetch.path.parent.mkdir()
    size = {"half": len(server.body) // 2, "longer": len(server.body) + 9, "as long": len(server.body)}.get(so_far)
    right = hashlib.md5(server.body).hexdigest()
    if size:
        fetch.part.write_bytes(b"x" * size)
    with pytest.raises(OSError, match=r"set\.tar\.gz.*MD5.*call again.*shapes32"):
        fetch(right if size else "0" * 32)
    assert not fetch.path.exists() and not fetch.part.exists()
    server.log.clear()
    fetch()
    assert server.log == [(None, len(server.body))]


def test_all_had_arrived_before_the_kill(server, fetch):
    fetch.path.parent.mkdir()
    fetch.part.write_bytes(server.body)
    fetch()
    assert [sent for _, sent in server.log] == [len("an error page")]  # 416: nothing is left to send


def test_another_programs_unfinished_file_is_taken_up(server, fetch):
    fetch.path.parent.mkdir()
    fetch.path.write_bytes(server.body[:700])
    fetch()
    assert server.log == [("bytes=700-", len(server.body) - 700)]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_the_server_refuses(server, fetch, half, status):
    server.status = status
    with pytest.raises(OSError, match=f"^cannot download http.*{status}.*try later.*shapes32"):
        fetch()
    assert fetch.part.read_bytes() == server.body[:half]


def test_no_network(fetch, half, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("http.client.HTTPConnection.connect", raising(ConnectionRefusedError(errno.ECONNREFUSED, "no")))
        with pytest.raises(OSError, match=r"^the download of http.*no.*shapes32"):
            fetch()
    assert fetch.part.stat().st_size == half
    fetch()


def raising(error):
    def function(*_, **__):
        raise error

    return function


LOST = [TimeoutError("slow"), ConnectionResetError("reset"), OSError(errno.EHOSTUNREACH, "none"), ssl.SSLError("eof")]


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_the_network_goes_in_the_middle(fetch, half, monkeypatch, error):
    with monkeypatch.context() as patch:
        patch.setattr(http.client.HTTPResponse, "read", raising(error))
        with pytest.raises(OSError, match=r"^the download of http.*broke off.*call again.*shapes32"):
            fetch()
    assert fetch.part.stat().st_size == half
    fetch()


@contextlib.contextmanager
def room_for(size):
    """No file can grow beyond `size` bytes, as on a full disk; a write is cut in the middle."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_disk_fills_up(server, fetch, half):
    room = half + 5000
    with (
        room_for(room),
        pytest.raises(OSError, match=r"^cannot write to .*new.*free some space or give another root="),
    ):
        fetch()
    assert fetch.part.read_bytes() == server.body[:room]
    server.log.clear()
    fetch()
    assert server.log == [(f"bytes={room}-", len(server.body) - room)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_the_disk_is_full(fetch):
    fetch.path.parent.mkdir()
    fetch.part.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"^cannot write to .*new.*No space left.*free some space or give another root="):
        fetch()


@pytest.mark.parametrize("broken", ["mkdir", "open", "replace"])
def test_an_unwritable_folder(server, fetch, half, monkeypatch, broken):
    with monkeypatch.context() as patch:  # the tests may run as root, whom no mode stops
        patch.setattr(pathlib.Path, broken, raising(PermissionError(errno.EACCES, "Permission denied")))
        with pytest.raises(OSError, match=r"^cannot write to .*new.*Permission denied.*give another root="):
            fetch()
    arrived = fetch.part.stat().st_size
    assert arrived == (len(server.body) if broken == "replace" else half)
    fetch()


def test_a_file_where_the_folder_should_be(server, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"^cannot write to .*file.*give another root="):
        data.fetch(server.url, tmp_path / "file" / "x.gz", "")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def tiny_cifar(server, monkeypatch):
    """A CIFAR-10 of 20 + 10 images, in its own format, on the local server. Returns images (N, H, W, 3) and labels."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    y = np.arange(30) % 10
    flat = x.transpose(0, 3, 1, 2).reshape(30, -1)  # red, then green, then blue
    files = {
        "data_batch_1": {"data": flat[:20], "labels": y[:20].tolist()},
        "test_batch": {"data": flat[20:], "labels": y[20:].tolist()},
        "batches.meta": {"label_names": list("abcdefghij")},
    }
    archive, md5 = io.BytesIO(), {}
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, value in files.items():
            body = pickle.dumps(value)
            md5[name] = hashlib.md5(body).hexdigest()
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    server.body = archive.getvalue()
    settings = {
        "url": server.url,
        "tgz_md5": hashlib.md5(server.body).hexdigest(),
        "train_list": [["data_batch_1", md5["data_batch_1"]]],
        "test_list": [["test_batch", md5["test_batch"]]],
        "meta": {**datasets.CIFAR10.meta, "md5": md5["batches.meta"]},
    }
    for name, value in settings.items():
        monkeypatch.setattr(datasets.CIFAR10, name, value)
    return x, y


def test_cifar10_whole_way(server, tiny_cifar, tmp_path, capsys):
    x, y = tiny_cifar
    images = data.cifar10(tmp_path / "deep" / "er")
    np.testing.assert_allclose(images.pictures(images.train_x) * 255, x[:20], atol=1e-3)
    np.testing.assert_allclose(images.pictures(images.test_x) * 255, x[20:], atol=1e-3)
    assert images.train_y.tolist() == y[:20].tolist() and images.test_y.tolist() == y[20:].tolist()
    assert images.classes == tuple("abcdefghij") and images.name == "CIFAR-10"
    again = data.cifar10(str(tmp_path / "deep" / "er"), download=False)
    assert again.digest == images.digest and len(server.log) == 1
    assert capsys.readouterr().out == ""


def test_cifar10_goes_to_the_cache_of_its_user(tiny_cifar, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where a folder named ~ would do no harm
    data.cifar10()
    assert (tmp_path / ".cache" / "reslab" / "cifar-10-python.tar.gz").exists()
    data.cifar10("~/mine")
    assert (tmp_path / "mine" / "cifar-10-python.tar.gz").exists()


def test_cifar10_absent_and_not_to_be_downloaded(server, tiny_cifar, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"no CIFAR-10 in {re.escape(str(tmp_path))}.*shapes32"):
        data.cifar10(tmp_path, download=False)
    assert server.log == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", ["data_batch_1", "test_batch", "batches.meta"])
def test_a_damaged_file_comes_again_from_the_archive(server, tiny_cifar, tmp_path, damaged):
    good = data.cifar10(tmp_path).digest
    server.status = 500  # the archive is there and right: no network is needed
    for change in (lambda f: f.write_bytes(b"damaged"), lambda f: f.unlink()):
        change(tmp_path / "cifar-10-batches-py" / damaged)
        assert data.cifar10(tmp_path).digest == good
    assert len(server.log) == 1


def test_the_disk_fills_up_while_unpacking(server, tiny_cifar, tmp_path):
    message = rf"cannot unpack {re.escape(str(tmp_path))}/cifar-10-python.*free some space or give another root="
    with room_for(len(server.body) + 1000), pytest.raises(OSError, match=message):
        data.cifar10(tmp_path)
    assert len(data.cifar10(tmp_path).train_x) == 20
    assert len(server.log) == 1


# Folders of image files


def picture(seed=0, size=(20, 12)):
    """A random RGB picture of (width, height)."""
    pixels = np.random.default_rng(seed).integers(256, size=(size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path):
    """root/CLASS/..., with what people have met; the last five are no pictures."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    cat = tmp_path / "cat"
    turned = Image.Exif()
    turned[0x0112] = 6
    grey = np.asarray(picture().convert("L"))
    picture().save(cat / "a_fine.png")
    picture().convert("L").save(cat / "b_grey.png")
    picture().convert("CMYK").save(cat / "c_cmyk.jpg")
    picture().convert("P").save(cat / "d_palette.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(cat / "e_16bit.png")
    picture().save(cat / "f_animated.gif", save_all=True, append_images=[picture(1)])
    picture().save(cat / "g_turned.jpg", exif=turned)
    picture().save(tmp_path / "dog" / "fine.jpg")
    (cat / ".DS_Store").write_bytes(b"x")
    (cat / "v_empty.jpg").touch()
    (cat / "w_page.jpg").write_text("<html>")
    (cat / "x_cut.png").write_bytes((cat / "a_fine.png").read_bytes()[:200])
    (cat / "y_notes.txt").write_text("x")
    damaged = bytearray((cat / "a_fine.png").read_bytes())
    damaged[len(damaged) // 2] ^= 255
    (cat / "z_bit_flipped.png").write_bytes(damaged)
    return tmp_path


def test_a_folder_is_read_and_what_is_left_out_is_named(folder):
    images, left_out = data.image_folder(folder, lambda image: (image.mode, image.size))
    assert images.classes == ["cat", "dog"]
    assert [label for _, label in images] == [0] * 7 + [1]
    assert {mode for (mode, _), _ in images} == {"RGB"}
    names = [re.match(rf"{re.escape(str(folder))}/cat/([\w.]+): \S", line)[1] for line in left_out]
    assert names == ["v_empty.jpg", "w_page.jpg", "x_cut.png", "y_notes.txt", "z_bit_flipped.png"]
    assert left_out[0].endswith("the file is empty")


def test_hidden_folders_are_no_classes_and_have_no_images(folder):
    for place in (folder, folder / "dog"):
        (place / ".ipynb_checkpoints").mkdir()
        (place / ".ipynb_checkpoints" / "copy.png").write_bytes((folder / "cat" / "a_fine.png").read_bytes())
    images, _ = data.image_folder(folder)
    assert images.classes == ["cat", "dog"] and [label for _, label in images] == [0] * 7 + [1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, r"no folder .*nowhere: check the path"),
        (lambda root: root.mkdir(), "put the images of each class into a folder of its own"),
        (lambda root: (root / "cat").mkdir(parents=True), "cat.*put the images"),
        (lambda root: (root / ".cat").mkdir(parents=True), "put the images"),
    ],
)
def test_a_folder_without_images(tmp_path, make, words):
    make(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=words):
        data.image_folder(tmp_path / "nowhere")


def test_a_class_without_a_readable_image_tells_why(folder):
    (folder / "eel").mkdir()
    (folder / "eel" / "only.jpg").touch()
    with pytest.raises(ValueError, match=r"(?s)eel.*left out:.*only\.jpg: the file is empty"):
        data.image_folder(folder)


def test_colours_survive(folder):
    rgb = np.asarray(picture()).astype(int)
    grey = np.asarray(picture().convert("L")).astype(int)

    def read(name):
        return np.asarray(data.read_image(folder / "cat" / name)).astype(int)

    assert (read("a_fine.png") == rgb).all()
    assert (read("b_grey.png") == grey[..., None]).all()
    assert (read("e_16bit.png") == grey[..., None]).all()
    assert read("g_turned.jpg").shape == (20, 12, 3)
    assert np.abs(read("d_palette.png") - rgb).mean() < 60  # 256 colours for 240 random ones


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode):
    image = picture().convert("RGBA")
    alpha = np.zeros((12, 20), np.uint8)
    alpha[:, :10] = 255
    image.putalpha(Image.fromarray(alpha))
    if mode == "P":
        image = image.quantize(200)
        image = reopened(image, "PNG")
    image = data.to_rgb(image.convert(mode) if mode == "LA" else image)
    pixels = np.asarray(image)
    assert (pixels[:, 10:] == 255).all()
    assert (pixels[:, :10] != 255).any()


def reopened(image, format):
    """The picture after it was a file."""
    file = io.BytesIO()
    image.save(file, format)
    return Image.open(file)


@pytest.mark.parametrize("values", [np.array([[0, 257, 65535]], np.uint16), np.array([[0, 257, 65535]], np.int32)])
def test_sixteen_bits_are_scaled_not_cut(values):
    assert np.asarray(data.to_rgb(Image.fromarray(values)))[0, :, 0].tolist() == [0, 1, 255]


def test_a_picture_too_large_to_be_one(tmp_path, monkeypatch):
    picture().save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # 240 pixels: above it, below twice as many
    with pytest.raises(ValueError, match=r"bomb\.png: .*exceeds limit"):
        data.read_image(tmp_path / "bomb.png")


def test_holding_out():
    images = data.shapes32(100)
    held = images.hold_out(30, seed=1)
    assert len(held.train_x) == len(held.train_y) == 70
    assert len(held.test_x) == len(held.test_y) == 30
    together = torch.cat([held.train_x, held.test_x]).sum((1, 2, 3))
    assert torch.equal(together.sort().values, images.train_x.sum((1, 2, 3)).sort().values)
    place = (images.train_x[:, None] == held.test_x[:5]).flatten(2).all(2).int().argmax(0)
    assert torch.equal(images.train_y[place], held.test_y[:5])
    assert torch.equal(held.test_x, images.hold_out(30, seed=1).test_x)
    assert not torch.equal(held.test_x, images.hold_out(30, seed=2).test_x)
    assert held.digest != images.digest
    for n in (0, 100):
        with pytest.raises(ValueError, match=f"between 1 and 99 of the training images, got {n}"):
            images.hold_out(n)

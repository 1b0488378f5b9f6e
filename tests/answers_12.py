"""Chapter 12's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

RESIZED = """
def resized(width, height, size):
    shorter = min(width, height)
    return size * width // shorter, size * height // shorter
"""

PREPARE = """
def prepare(train, val, augment):
    train, val = train.float() / 255, val.float() / 255
    mean = train.mean(dim=(0, 2, 3), keepdim=True)
    std = train.std(dim=(0, 2, 3), keepdim=True)
    return (augment(train) - mean) / std, (val - mean) / std
"""

SPLIT = """
def split_by_group(groups, share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    chosen = set(names[:max(1, round(share * len(names)))])
    train_indices = [i for i, group in enumerate(groups) if group not in chosen]
    val_indices = [i for i, group in enumerate(groups) if group in chosen]
    return train_indices, val_indices
"""

COPIES = """
def find_copies(train, val):
    pairs = []
    for i, a in enumerate(train):
        for j, b in enumerate(val):
            for view in (b, b[:, ::-1]):
                difference = np.abs(a.astype(int) - view.astype(int))
                if difference.mean() < 15:
                    pairs.append((i, j))
    return pairs
"""

WEIGHTS = """
def draw_weights(labels):
    counts = torch.bincount(labels)
    return 1 / counts[labels]
"""

TO_RGB = """
from PIL import Image, ImageOps

def to_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        gray = np.asarray(image) / 257
        image = Image.fromarray(gray.round().astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")
"""

SOLUTIONS = {
    checks.check_resized: RESIZED,
    checks.check_prepare: PREPARE,
    checks.check_split_by_group: SPLIT,
    checks.check_find_copies: COPIES,
    checks.check_draw_weights: WEIGHTS,
    checks.check_to_rgb: TO_RGB,
}


def indented(lines):
    return "\n".join(f"    {line}" for line in lines.split("\n"))


def size(lines):
    """Answer 12.1 with other lines, or with one other expression."""
    lines = lines if "return" in lines else f"return {lines}"
    return "def resized(w, h, s):\n    lo, hi = min(w, h), max(w, h)\n" + indented(lines)


BATCHES = """
def prepare(train, val, augment):
    a, b = train.float() / 255, val.float() / 255
    axes = (0, 2, 3)
    mean = a.mean(axes, keepdim=True)
    std = a.std(axes, keepdim=True)
    return augment(Z(a)), Z(b)
"""


def each(formula, before=""):
    """Answer 12.2 with one formula in x for both."""
    lines = f"    {before}\n" if before else ""
    return BATCHES.replace("    return", f"{lines}    Z = lambda x: {formula}\n    return")


GROUPS, DRAW = "names = sorted(set(groups))", "random.Random(seed).shuffle(names)"
HOW_MANY = "max(1, round(share * len(names)))"
RETURN = "return train_indices, val_indices"


def split(lines):
    return "def split_by_group(groups, share, seed):\n" + indented(lines)


def copies(lines):
    return "def find_copies(train, val):\n" + indented(lines)


VIEWS, DIFFERENCE, IF = "(b, b[:, ::-1])", "np.abs(a.astype(int) - view.astype(int))", "difference.mean() < 15"
TABLE = """a, b = train.astype(float), val.astype(float)
plain = np.abs(a[:, None] - b[None]).mean((2, 3, 4))
mirrored = np.abs(a[:, None] - b[None, :, :, ::-1]).mean((2, 3, 4))
best = np.minimum(plain, mirrored)
"""


def weights(lines):
    lines = lines if "return" in lines else f"return {lines}"
    start = "def draw_weights(labels):\n    counts = torch.bincount(labels)\n    c, n = counts[labels], len(labels)\n"
    return start + indented(lines)


EXIF = "    image = ImageOps.exif_transpose(image)\n"
DEEP = "np.asarray(image) / 257"
CLEAR = '"A" in image.mode or "transparency" in image.info'
PAPER = 'Image.new("RGBA", image.size, "white")'
LAST = 'return image.convert("RGB")'
START = "    image = ImageOps"
LAY = "image = Image.alpha_composite(paper, image)"


def first(line):
    """to_rgb with a line before all others."""
    return {START: f"    {line}\n{START}"}


def end(expression):
    return {LAST: f'image = image.convert("RGB")\n    return {expression}'}


def afterwards(line):
    """to_rgb with a line before the return that sees the image as it was given."""
    start, convert = "def to_rgb(image):", 'image = image.convert("RGB").copy()'
    return {start: f"{start}\n    given = image", LAST: f"{convert}\n    {line}\n    return image"}


def on_array(expression):
    """to_rgb with a change of the resulting array a."""
    return {LAST: f'a = np.asarray(image.convert("RGB")).astype(int)\n    return Image.fromarray(({expression})'
            ".astype(np.uint8))"}  # fmt: skip


MISTAKES = {
    checks.check_resized: [
        (size("s, s"), "Both sides become size"),
        (size("min(w, h, s), min(w, h, s)"), "(256, 256)"),
        (size("return (s, s) if w != h else (s, s)"), "Both sides become size"),
        (size("s * w // hi, s * h // hi"), "the longer side to size"),
        (size("round(s * w / hi), round(s * h / hi)"), "the longer side to size"),
        (size("math.ceil(s * w / lo), math.ceil(s * h / lo)"), "You round up"),
        (size("-(-s * w // lo), -(-s * h // lo)"), "You round up"),
        (size("round(s * w / lo), round(s * h / lo)"), "round to the nearest"),
        (size("int(s * w / lo + 0.5), int(s * h / lo + 0.5)"), "round to the nearest"),
        (size("s * w / lo, s * h / lo"), "parts of a pixel"),
        (size("s * h // lo, s * w // lo"), "Width and height are exchanged"),
        (size("s * h / lo, s * w / lo"), "Width and height are exchanged"),
        (size("return (s * hi // lo, s) if w < h else (s, s * hi // lo)"), "Width and height are exchanged"),
        (size("s, s * h // w"), "The width becomes size"),
        (size("s, round(s * h / w)"), "The width becomes size"),
        (size("s * w // h, s"), "The height becomes size"),
        (size("return (s, int(s * lo / hi)) if w < h else (int(s * lo / hi), s)"), "ratio is upside down"),
        (size("int(min(s, s * h / w)), int(min(s, s * w / h))"), "ratio is upside down"),
        (size("int(s * (w / h) ** 0.5), int(s * (h / w) ** 0.5)"), "keep the area"),
        (size("s * (w // lo), s * (h // lo)"), "round the ratio of the sides first"),
        (size("s * int(w / lo), s * int(h / lo)"), "round the ratio of the sides first"),
        (size("w * (s // lo), h * (s // lo)"), "round the factor first"),
        (size("return (w, h) if lo < s else (s * w // lo, s * h // lo)"), "leave small pictures"),
        (size("f = min(1, s / lo)\nreturn int(w * f), int(h * f)"), "leave small pictures"),
        (size("w + s - lo, h + s - lo"), "add the same number"),
        (size("w, h"), "the old size"),
        (size("return (s, h) if w < h else (w, s) if h < w else (s, s)"), "change one side and leave the other"),
        (size("s * hi // lo, s"), "the longer side as the width"),
        (size("s, s * hi // lo"), "the shorter side as the width"),
        (size("w * lo // s, h * lo // s"), "factor is upside down"),
        (size("w * s, h * s"), "You multiply by size"),
        (size("s * w // lo + 1, s * h // lo + 1"), "you give (342, 257)"),
        (size("s * w // lo - (w > h), s * h // lo - (h > w)"), "you give (340, 256)"),
        (size("s * w // lo // 8 * 8, s * h // lo // 8 * 8"), "you give (336, 256)"),
        (size("3, 4"), "You give (3, 4), whatever the arguments are"),
        (size("w * (s / lo), h * (s / lo)"), "parts of a pixel"),
        (size("s + 3, s + 3"), "you give (259, 259)"),
        (size("s * w // lo, s * h // lo, 3"), "not one with two items"),
        (size("s * w // lo"), "gives a int"),
        (size("f'{s * w // lo} x {s * h // lo}'"), "gives a str"),
        (size("{s * w // lo, s * h // lo}"), "gives a set"),
        (size("{'width': s * w // lo, 'height': s * h // lo}"), "gives a dict"),
        (size("str(s * w // lo), str(s * h // lo)"), "must give one number, but gives a str"),
        (size("torch.tensor(3)"), "gives a Tensor"),
        (size("x = 3\nreturn"), "resized(640, 480, 256) gives None"),
        (size("s * w // lo, None"), "gives None"),
        (size("f = s / lo if w > h else s / hi\nreturn int(w * f), int(h * f)"), "The height becomes size"),
        (size("s * w // lows, s"), "stopped with NameError"),
    ],
    checks.check_prepare: [
        ({"(val - mean) / std": "(val - val.mean((0, 2, 3), keepdim=True)) / val.std((0, 2, 3), keepdim=True)"},
         "In your val: You use the statistics of val itself"),
        ({"train.mean": "val.mean", "train.std": "val.std"}, "In your train: You use the statistics of val"),
        (each("(x - m) / d", "both = torch.cat([a, b]); m, d = both.mean(axes, True), both.std(axes, keepdim=True)"),
         "train and val together"),
        (each("(x - m) / d", "both = torch.cat([a, b]); d = both.std(axes, correction=0, keepdim=True); "
              "m = both.mean(axes, True)"), "train and val together"),
        ({"    mean =": "    train = augment(train)\n    mean =", "augment(train) -": "train -"},
         "come from the augmented images"),
        (each("(x - a.mean()) / a.std()"), "one standard deviation for all channels"),
        (each("(x - a.mean(0)) / a.std(0)"), "from pixel to pixel"),
        (each("(x - a.mean((0, 2), True)) / a.std((0, 2), keepdim=True)"), "from pixel to pixel"),
        (each("(x - a.mean((0, 3), True)) / a.std((0, 3), keepdim=True)"), "from pixel to pixel"),
        (each("(x - a.mean(0)) / a.std(0, correction=0)"), "from pixel to pixel"),
        (each("(x - x.mean((2, 3), True)) / x.std((2, 3), keepdim=True)"), "each image by itself"),
        (each("(x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True)"), "each image by itself"),
        (each("F.instance_norm(x)"), "each image by itself"),
        (each("(x - x.mean(1, True)) / x.std(1, keepdim=True)"), "average over the channels of each pixel"),
        (each("(x - mean) / a.std((2, 3)).mean(0).reshape(3, 1, 1)"), "standard deviations of single images"),
        (each("x - mean"), "you do not divide"),
        (each("x / std"), "you do not subtract the mean"),
        (each("(x - mean) / a.var(axes, keepdim=True)"), "divide by the variance"),
        (each("(x - mean) / std ** 2"), "divide by the variance"),
        (each("(x - mean) * std"), "You multiply by the standard"),
        (each("(x - std) / mean"), "are exchanged"),
        (each("(x + mean) / std"), "You add the mean"),
        (each("x - mean / std"), "brackets are missing"),
        (each("(x - m) / s", "m, s = (torch.tensor(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], "
              "[0.229, 0.224, 0.225]))"), "ImageNet"),
        (each("(x - 0.5) / 0.5"), "You use 0.5"),
        (each("x"), "In your train: The images are in 0 ... 1, but not normalised"),
        (each("255 * x"), "still have their values 0 ... 255"),
        (each("(x - 255 * mean) / (255 * std)"), "once more than the statistics"),
        (each("(255 * x - mean) / std"), "but the images are not"),
        (each("(x / 255 - mean) / std"), "once more than the statistics"),
        (each("(x - a.amin(axes, True)) / (a.amax(axes, True) - a.amin(axes, True))"), "the smallest to the largest"),
        (each("(x - a.min()) / (a.max() - a.min())"), "the smallest to the largest"),
        (each("((255 * x).byte() - (255 * mean).byte()) / (255 * std)"), "wraps round"),
        (each("(x - mean) / std").replace("augment(Z(a))", "Z(a)"), "You do not augment train"),
        ({"return (augment(train)": "augment(train)\n    return (train"}, "do not use what it returns"),
        ({"augment(train)": "augment(augment(train))"}, "augment train twice"),
        (each("(x - mean) / std").replace("augment(Z(a))", "augment(augment(Z(a)))"), "augment train twice"),
        ({"(val - mean)": "(augment(val) - mean)"}, "You augment val too"),
        ({"augment(train)": "train", "(val - mean)": "(augment(val) - mean)"}, "You do not augment train"),
        ({"(val - mean) / std": "augment(augment((val - mean) / std))"}, "You augment val too"),
        ({"(val - mean) / std": "val"}, "In your val: The images are in 0 ... 1, but not normalised"),
        ({"augment(train)": "torch.stack([augment(x) for x in train])"}, "You call augment with a tensor of 3 axes"),
        ({"augment(train)": "augment(train.numpy())"}, "You call augment with a ndarray"),
        (each("(x - mean) / std").replace("return augment(Z(a))", "return torch.cat([Z(a), augment(Z(a))])"),
         "has 10 images, not 5"),
        (each("((x - mean) / std)").replace("Z(b)\n", "Z(b)[1:]\n"), "has 3 images, not 4"),
        (each("((x - mean) / std).permute(0, 2, 3, 1)").replace("augment(Z(a))", "Z(augment(a))"),
         "the channels are the last axis"),
        (each("((x - mean) / std).flatten(1)").replace("augment(Z(a))", "Z(augment(a))"), "has the shape (5, 72)"),
        (each("((x - mean) / std).mean()").replace("augment(Z(a))", "Z(augment(a))"), "has the shape (), not"),
        (each("((x - mean) / std)").replace("Z(b)\n", "Z(b).round().int()\n"), "holds whole numbers"),
        (each("((x - mean) / std).byte()"), "holds whole numbers (torch.uint8)"),
        (each("((x - mean) / std).double()"), "is torch.float64"),
        (each("((x - mean) / std).half()"), "is torch.float16"),
        (each("(x - mean) / (std - std)"), "has nan or inf"),
        (each("(x - mean) / std", "train.fill_(0)"), "After the call, train is not what it was"),
        (each("(x - mean) / std", "val.roll(1, -1); val.add_(1)"), "After the call, val is not what it was"),
        (each("(x - mean) / std").replace(", Z(b)\n", "\n"), "not one with two items"),
        (each("(x - mean) / std").replace(", Z(b)\n", ", Z(b), mean\n"), "not one with two items"),
        (each("(x - mean) / std").replace("return ", "x = "), "gives None"),
        (each("((x - mean) / std).numpy()").replace("augment(Z(a))", "Z(augment(a))"), "is a ndarray, not a tensor"),
        (each("(x - mean) / std").replace("return augment(Z(a)), Z(b)", "return Z(b), augment(Z(a))"),
         "has 4 images, not 5"),
        (each("1.05 * (x - mean) / std"), "In your train, the first pixel of the first image"),
        (each("(x - mean).abs() / std"), "In your train, the first pixel of the first image"),
        ({"(0, 2, 3), keepdim=True": "(0, 2, 3)"}, "stopped with RuntimeError"),
        ({".float() / 255": ""}, "stopped with RuntimeError"),
    ],
    checks.check_split_by_group: [
        (split("order = list(range(len(groups)))\nrandom.Random(seed).shuffle(order)\n"
               "k = round(share * len(groups))\nreturn order[k:], order[:k]"), "of the 15 groups have images on both"),
        (split("k = round((1 - share) * len(groups))\nreturn range(k), range(k, len(groups))"),
         "6 of the 15 groups have"),
        ({f"    {DRAW}\n": ""}, "You do not shuffle"),
        ({GROUPS: "names = list(dict.fromkeys(groups))", f"    {DRAW}\n": ""}, "You do not shuffle"),
        ({GROUPS: "names = list(dict.fromkeys(groups))[::-1]", f"    {DRAW}\n": ""}, "You do not shuffle"),
        ({DRAW: "names.reverse()"}, "You do not shuffle"),
        ({"Random(seed)": "Random(0)"}, "You do not use seed"),
        ({DRAW: "random.shuffle(names)"}, "same seed give two different splits"),
        ({DRAW: "names = [names[i] for i in torch.randperm(len(names))]"}, "same seed give two different splits"),
        ({GROUPS: "names = list(set(groups))"}, "the order of a set"),
        ({DRAW: "random.seed(seed); random.shuffle(names)"}, "random numbers of Python's random"),
        ({DRAW: "np.random.seed(seed); np.random.shuffle(names)"}, "random numbers of NumPy"),
        ({DRAW: "torch.default_generator.manual_seed(seed)\n"
          "    names = [names[i] for i in torch.randperm(len(names))]"}, "random numbers of PyTorch"),
        ({RETURN: "return list(range(len(groups))), val_indices"}, "are in train *and* in val"),
        ({RETURN: "return train_indices + val_indices[:1], val_indices"}, "1 images are in train *and* in val"),
        ({RETURN: "return train_indices + train_indices[:1], val_indices"}, "An index stands twice in train_indices"),
        ({RETURN: "return train_indices, val_indices * 2"}, "An index stands twice in val_indices"),
        ({RETURN: "return train_indices[:-1], val_indices"}, "1 of the 44 images are in neither"),
        ({RETURN: "return train_indices, [groups.index(g) for g in chosen]"}, "images are in neither part"),
        ({RETURN: "return val_indices, train_indices"}, "train and val are exchanged"),
        ({"share * len": "(1 - share) * len"}, "train and val are exchanged"),
        ({"share * len(names)": "0.5 * len(names)"}, "You do not use share"),
        ({HOW_MANY: "3"}, "You do not use share"),
        ({HOW_MANY: "1"}, "You do not use share"),
        ({HOW_MANY: "min(14, round(share * len(groups)))"}, "of the number of *images*"),
        ({HOW_MANY: "round(share * len(groups))"}, "of the number of *images*"),
        (split("names, val = sorted(set(groups)), []\nrandom.Random(seed).shuffle(names)\n"
               "while len(val) < share * len(groups):\n"
               "    name = names.pop()\n    val += [i for i, g in enumerate(groups) if g == name]\n"
               "return [i for i in range(len(groups)) if i not in val], val"), "its share of the *images*"),
        ({HOW_MANY: "int(share ** 2 * len(names)) + 1"}, "share = 0.2 you put 1 groups"),
        ({HOW_MANY: "4 if share < 0.5 else 12"}, "share = 0.6 you put 12 groups"),
        ({HOW_MANY: "round(share * len(names)) + 2"}, "share = 0.2 you put 5 groups"),
        ({HOW_MANY: "round(share * len(names))"}, "For 3 groups and share = 0.1, val_indices is empty"),
        ({HOW_MANY: "int(share * len(names))"}, "For 3 groups and share = 0.1, val_indices is empty"),
        ({HOW_MANY: "0"}, "share = 0.2, val_indices is empty"),
        ({RETURN: "return [g for g in names if g not in chosen], list(chosen)"}, "train_indices holds groups"),
        ({RETURN: "return train_indices, list(chosen)"}, "val_indices holds groups"),
        ({RETURN: "return [groups[i] for i in train_indices], [groups[i] for i in val_indices]"}, "holds groups"),
        ({RETURN: "return [g not in chosen for g in groups], [g in chosen for g in groups]"}, "True and False"),
        ({RETURN: "mask = torch.tensor([g in chosen for g in groups])\n    return ~mask, mask"}, "True and False"),
        ({RETURN: "return train_indices, [float(i) for i in val_indices]"}, "something of type float"),
        ({RETURN: "return train_indices, [str(i) for i in val_indices]"}, "something of type str"),
        ({"enumerate(groups)": "enumerate(groups, 1)"}, "There is no index 44"),
        ({RETURN: "return train_indices, [i - 1 for i in val_indices]"}, "are in train *and* in val"),
        ({RETURN: "return train_indices, [-1, *val_indices]"}, "an index that is not in 0 ... 43"),
        ({RETURN: "return [1000, *train_indices], val_indices"}, "an index that is not in 0 ... 43"),
        ({RETURN: "return train_indices, None"}, "val_indices is None"),
        ({RETURN: "return len(train_indices), len(val_indices)"}, "train_indices is a int"),
        ({RETURN: "return val_indices"}, "not one with two items"),
        ({RETURN: "return {'train': train_indices, 'val': val_indices}"}, "gives a dict"),
        ({f"    {RETURN}\n": ""}, "gives None"),
        ({GROUPS: "groups.sort(); names = list(dict.fromkeys(groups))"}, "the list `groups` is not what it was"),
        (split("train, val, rng = [], [], random.Random(seed)\nfor name in sorted(set(groups)):\n"
               "    own = [i for i, g in enumerate(groups) if g == name]\n    rng.shuffle(own)\n"
               "    k = min(max(1, round(share * len(own))), max(1, len(own) - 1))\n    val += own[:k]\n"
               "    train += own[k:]\nreturn train, val"), "You split each group by itself"),
        ({DRAW: "rest = names[1:]; random.Random(seed).shuffle(rest); names = names[:1] + rest"}, "always in val"),
        ({DRAW: "rest = names[1:]; random.Random(seed).shuffle(rest); names = rest + names[:1]"}, "never in val"),
        ({"group in chosen": "group is chosen"}, "in neither part"),
        ({"share * len(names)": "share * names"}, "stopped with TypeError"),
    ],
    checks.check_find_copies: [
        ({IF: "(a == view).all()"}, "You find exact copies only"),
        ({IF: "(a == view).all()", VIEWS: "[b]"}, "You find exact copies only"),
        (copies("seen = {a.tobytes(): i for i, a in enumerate(train)}\n"
                "return [(seen[b.tobytes()], j) for j, b in enumerate(val) if b.tobytes() in seen]"),
         "You find exact copies only"),
        ({IF: "difference.max() == 0"}, "You find exact copies only"),
        ({VIEWS: "[b]"}, "You do not find the mirrored"),
        ({VIEWS: "[b[:, ::-1]]"}, "the mirrored copies only"),
        ({VIEWS: "(b, b[::-1])"}, "turned upside down"),
        ({VIEWS: "(b, b[:, ::-1], b[::-1])"}, "turned upside down"),
        ({VIEWS: "(b, b[:, ::-1], b[::-1, ::-1])"}, "turned upside down"),
        ({VIEWS: "(b, b[:, :, ::-1])"}, "colours are exchanged"),
        ({DIFFERENCE: "np.abs(a - view)"}, "wrap round"),
        ({DIFFERENCE: "np.abs(view - a)"}, "wrap round"),
        ({DIFFERENCE: "np.abs(a - view)", VIEWS: "[b]"}, "wrap round"),
        ({DIFFERENCE: "np.abs(view - a)", VIEWS: "[b]"}, "wrap round"),
        ({"append((i, j))": "append((j, i))"}, "Your pairs are exchanged"),
        (copies("return [(i, i) for i, (a, b) in enumerate(zip(train, val)) for v in (b, b[:, ::-1])\n"
                "        if np.abs(a.astype(int) - v).mean() < 15]"), "only images with the same index"),
        (copies("return [(i, i) for i, (a, b) in enumerate(zip(train, val))\n"
                "        if np.abs(a.astype(int) - b).mean() < 15]"),
         "only images with the same index"),
        (copies("return [(i, i) for i, (a, b) in enumerate(zip(train, val)) if (a == b).all()]"),
         "You give one pair only"),
        ({"enumerate(val)": "enumerate(train)"}, "compare train with itself"),
        ({"enumerate(val)": "enumerate(train)", IF: f"i < j and {IF}"}, "compare train with itself"),
        (copies(TABLE + "return [(best[:, j].argmin(), j) for j in range(len(val))]"), "the most similar image"),
        (copies(TABLE + "return [(plain[:, j].argmin(), j) for j in range(len(val))]"), "the most similar image"),
        (copies(TABLE + "return [(i, best[i].argmin()) for i in range(len(train))]"), "the most similar image"),
        (copies(TABLE + "return [(i, plain[i].argmin()) for i in range(len(train))]"), "the most similar image"),
        ({IF: "difference.mean() < 300"}, "You call all pairs copies"),
        ({DIFFERENCE: "(a - view) ** 2", IF: "difference.mean() < 625"}, "You call all pairs copies"),
        ({"    return pairs": "                    return pairs"}, "You give one pair only"),
        ({IF: "abs(a.mean() - view.mean()) < 6"}, "whose pixels are shuffled"),
        ({DIFFERENCE: "a.astype(int) - view", IF: "abs(difference.mean()) < 6"}, "whose pixels are shuffled"),
        ({IF: "np.abs(np.histogram(a, 8, (0, 256))[0] - np.histogram(view, 8, (0, 256))[0]).mean() < 6"},
         "whose pixels are shuffled"),
        ({IF: "np.abs(a.mean((0, 1)) - view.mean((0, 1))).max() < 6"}, "whose pixels are shuffled"),
        ({"a.astype(int) - view.astype(int)": "a.mean(-1) - view.mean(-1)"}, "colours are exchanged"),
        ({IF: "difference.mean() < 40"}, "limit is too loose"),
        ({IF: "(difference ** 2).mean() < 50 ** 2"}, "limit is too loose"),
        (copies(TABLE + "return [(best[:, j].argmin(), j) for j in range(len(val)) if best[:, j].min() < 15]"),
         "only one image of train for each"),
        (copies(TABLE + "return [(i, best[i].argmin()) for i in range(len(train)) if best[i].min() < 15]"),
         "only one image of val for each"),
        ({"pairs.append((i, j))\n": "pairs.append((i, j))\n            if pairs and pairs[-1][0] == i: break\n"},
         "only one image of val for each"),
        (copies(TABLE + "return [(0, 13)] + [(best[:, j].argmin(), j) for j in range(1, len(val))\n"
                "        if best[:, j].min() < 15]"), "You find (0, 13)"),
        (copies(TABLE + "return [(0, 13)] + [(i, best[i].argmin()) for i in range(1, len(train))\n"
                "        if best[i].min() < 15]"), "You find (0, 13)"),
        ({IF: "difference.mean() < 1"}, "You find exact copies only"),
        ({IF: "difference.max() <= 2"}, "You do not find (1, 1)"),
        ({IF: "difference.max() <= 3"}, "You do not find (1, 1). That copy is brighter"),
        ({IF: "difference.mean() < 3"}, "You do not find (1, 1). That copy is brighter"),
        ({IF: "difference.mean() < 15 and a.mean() >= view.mean() - 1"}, "You do not find (1, 1)"),
        ({IF: "difference.mean() < 15 and a.mean() <= view.mean() + 1"}, "(4, 5). That copy is darker"),
        ({IF: "difference.mean() < (15 if view is b else 1)"}, "You do not find (2, 2). That copy is mirrored"),
        ({"    return pairs": "    return pairs + [(0, 13)]"}, "You find (0, 13). These are two pictures"),
        (copies(TABLE + "order = np.argsort(best.ravel())[:9]\nreturn [divmod(int(k), len(val)) for k in order]"),
         "You find copies where there are none"),
        ({"    return pairs": "    return [i for i, j in pairs]"}, "You give single indices"),
        ({"    return pairs": "    return np.array([i for i, j in pairs])"}, "You give single indices"),
        ({"    return pairs": "    return dict(pairs)"}, "You give single indices"),
        ({"    return pairs": "    return [p + (0,) for p in pairs]"}, "not one with two items"),
        ({"    return pairs": "    return len(pairs)"}, "gives a int, not a list of pairs"),
        ({"    return pairs": "    return []"}, "You find no copy at all"),
        ({"    return pairs\n": ""}, "gives None"),
        ({"    return pairs": "    return [(i + 1, j + 1) for i, j in pairs]"}, "is no pair"),
        ({"    return pairs": "    return [(i, j + 9) for i, j in pairs]"}, "is no pair"),
        ({"    return pairs": "    return [(i, j / 2 + 0.25) for i, j in pairs]"}, "is no pair"),
        ({"    return pairs": "    return [('train', 'val') for pair in pairs]"}, "Each index must give one number"),
        ({"    return pairs": "    return np.where(np.eye(7, 13) > 0)"}, "You give two arrays, as np.where does"),
        (copies(TABLE + "return best < 15"), "a table with a value for every pair"),
        (copies(TABLE + "return torch.tensor(best)"), "a table with a value for every pair"),
        ({"difference = ": "b[0, 0] = 0; difference = "}, "val is not what it was"),
        ({"difference = ": "a[:] = 0; difference = "}, "train is not what it was"),
        ({"view.astype(int)": "views.astype(int)"}, "stopped with NameError"),
    ],
    checks.check_draw_weights: [
        ("def draw_weights(labels):\n    return 1 / torch.bincount(labels)", "one weight for each class"),
        (weights("1 / counts[counts > 0]"), "one weight for each class"),
        (weights("[1 / len(labels)] * n"), "All weights are equal"),
        (weights("torch.ones(n)"), "All weights are equal"),
        (weights("c"), "You use the count itself"),
        (weights("c / n"), "You use the count itself"),
        (weights("1 - c / n"), "You use 1 - frequency"),
        (weights("n - c"), "You use 1 - frequency"),
        (weights("counts.max() - c"), "subtract the count from the largest"),
        (weights("counts.max() - c + 1"), "subtract the count from the largest"),
        (weights("1 / c ** 0.5"), "the root of the count"),
        (weights("c.float().rsqrt()"), "the root of the count"),
        (weights("1 / c ** 2"), "divide by the count twice"),
        (weights("1 / counts.sum() * counts.max() / c.square()"), "divide by the count twice"),
        (weights("labels"), "the class number as a weight"),
        (weights("labels + 1"), "the class number as a weight"),
        (weights("labels.sort().values"), "the class number as a weight"),
        (weights("1 / (labels + 1)"), "divide by the class number"),
        (weights("(1 / c)[labels.argsort(stable=True)]"), "in the order of the classes"),
        (weights("[1 / k for k in counts.tolist() for _ in range(k)]"), "in the order of the classes"),
        (weights("1 / counts.roll(1)[labels]"), "off by one"),
        (weights("1 / counts.roll(-1)[labels]"), "off by one"),
        (weights("1 / counts[labels - 1]"), "off by one"),
        (weights("n // c"), "You divide with //"),
        (weights("counts.max() // c"), "You divide with //"),
        (weights("1 // c"), "All weights are 0"),
        (weights("(1 / c).long()"), "All weights are 0"),
        (weights("torch.log(n / c)"), "You use a logarithm"),
        (weights("1 / torch.log(1 + c)"), "You use a logarithm"),
        (weights("1 / (1 + torch.log(c))"), "You use a logarithm"),
        (weights("torch.softmax(1 / c, 0)"), "softmax or exp"),
        (weights("torch.softmax(-c.float(), 0)"), "softmax or exp"),
        (weights("torch.exp(-c / n)"), "softmax or exp"),
        (weights("torch.softmax(c.float(), 0)"), "softmax or exp"),
        (weights("torch.exp(c / n)"), "softmax or exp"),
        (weights("torch.softmax(n / c, 0)"), "softmax or exp"),
        (weights("1 / (c + 1)"), "You add 1 to the count"),
        (weights("w = 1 / counts\nreturn (w / w.sum())[labels]"), "All weights are 0"),
        (weights("w = 1 / counts\nreturn (w / w.max())[labels]"), "All weights are 0"),
        (weights("-1 / c"), "A weight is negative"),
        (weights("w = 1 / counts\nreturn (w * (w / w))[labels] / (counts > 0).all()"), "nan or inf"),
        (weights("(1 / counts).repeat(n)"), "has the shape (64,)"),
        (weights("(1 / c)[:, None]"), "has the shape (16, 1)"),
        (weights("1 / F.one_hot(labels).sum(1)"), "All weights are equal"),
        (weights("sum(1 / c)"), "has the shape ()"),
        (weights("(1 / c) ** 0.9"), "0: 24.5%, 1: 23.5%, 2: 26.7%"),
        (weights("1 / c + 0.1"), "the classes come so often: 0:"),
        (weights("(1 / c) * torch.arange(1, n + 1)"), "images of class 0 have different weights"),
        (weights("torch.rand(n)"), "images of class 0 have different weights"),
        (weights("w = 1 / c\nw[0] *= 1.1\nreturn w"), "images of class 2 have different weights"),
        (weights("labels += 1; return 1 / c"), "labels is not what it was"),
        (weights("return"), "is None"),
        (weights("{k: 1 / v for k, v in enumerate(counts)}"), "of type dict"),
        (weights("torch.utils.data.WeightedRandomSampler(1 / c, n)"), "must be an array of real numbers"),
        (weights("c > 2"), "of type torch.bool"),
        (weights("1 / counts[labels + 1]"), "stopped with IndexError"),
    ],
    checks.check_to_rgb: [
        ('def to_rgb(image):\n    return image.convert("RGB")', "mode I;16): values above 255 are cut off"),
        ({EXIF: ""}, "RGB with EXIF orientation 6): you do not turn it"),
        ({EXIF: "", LAST: f'{LAST.replace("return ", "image = ")}\n    return ImageOps.exif_transpose(image)'},
         "RGBA with EXIF orientation 8): you do not turn it"),
        ({EXIF: "    turn = {3: 180, 6: 270, 8: 90}.get(image.getexif().get(274), 0)\n"
          "    image = image.rotate(turn, expand=True)\n"}, "RGB with EXIF orientation 7): you do not turn it"),
        ({EXIF: "    turn = {3: 180, 6: 90, 8: 270}.get(image.getexif().get(274), 0)\n"
          "    image = image.rotate(turn, expand=True)\n"}, "RGB with EXIF orientation 6): you turn it, but not as"),
        ({EXIF: "    turn = {3: 180, 6: 270, 7: 90, 8: 90}.get(image.getexif().get(274), 0)\n"
          "    image = image.rotate(turn, expand=True)\n"}, "RGB with EXIF orientation 7): you turn it, but not as"),
        ({CLEAR: "False"}, "(RGBA): transparency is dropped"),
        ({CLEAR: 'image.mode == "RGBA"'}, "(gray with alpha, mode LA): transparency is dropped"),
        ({CLEAR: '"A" in image.mode'}, "palette picture with a transparent colour): transparency is dropped"),
        ({PAPER: 'Image.new("RGBA", image.size, "black")'}, "(RGBA): the transparent parts are black"),
        ({PAPER: 'Image.new("RGBA", image.size, (0, 0, 0, 255))'}, "(RGBA): the transparent parts are black"),
        ({PAPER: 'Image.new("RGBA", image.size, "gray")'}, "(RGBA) the pixel in row"),
        ({LAY: 'paper = Image.new("RGB", image.size, "white"); '
          "paper.paste(image, mask=ImageOps.invert(image.getchannel(3))); image = paper"}, "mask is upside down"),
        ({LAY: 'paper = Image.new("RGB", image.size, "white"); '
          "paper.paste(image, mask=image.getchannel(3).point(lambda v: 255 * (v > 0))); image = paper"},
         "(RGBA): half transparent pixels must"),
        ({LAY: 'paper = Image.new("RGB", image.size, "white"); '
          "paper.paste(image, mask=image.getchannel(3).point(lambda v: 255 * (v > 127))); image = paper"},
         "(RGBA): half transparent pixels must"),
        ({LAY: 'paper = Image.new("RGB", image.size, "white"); '
          "paper.paste(image, mask=image.getchannel(3).point(lambda v: 255 * (v == 255))); image = paper"},
         "(RGBA): half transparent pixels must"),
        ({DEEP: "np.asarray(image).clip(0, 255)"}, "mode I;16): values above 255 are cut off"),
        ({DEEP: "np.asarray(image) & 255"}, "mode I;16): you keep the lower 8 bits"),
        ({DEEP: "np.asarray(image) / 65535"}, "mode I;16): it is black"),
        ({DEEP: "np.asarray(image) // 65535 * 255"}, "mode I;16): it is black"),
        ({DEEP: "np.asarray(image) * 255.0 / np.asarray(image).max()"}, "by the lightest pixel"),
        ({DEEP: "np.asarray(image) / np.asarray(image).max()"}, "it is black"),
        ({DEEP: "(np.asarray(image) - np.asarray(image).min()) * 255.0 / np.ptp(np.asarray(image))"},
         "from the darkest to the lightest"),
        ({DEEP: "np.asarray(image) / 300"}, "(16-bit gray, mode I;16) the pixel in row"),
        (end("np.asarray(image)"), "(RGB) you give a ndarray, not a Pillow image"),
        (end("torch.from_numpy(np.array(image))"), "you give a Tensor"),
        ({LAST: 'return image if image.mode in ("RGB", "P") else image.convert("RGB")'}, "has the mode P, not RGB"),
        ({LAST: 'return image if image.mode == "L" else image.convert("RGB")'}, "has the mode L, not RGB"),
        ({LAST: 'return image.convert("RGBA")'}, "has the mode RGBA, not RGB"),
        ({LAST: 'return image.convert("L").convert("RGB")'}, "(RGB): the colours are lost"),
        (on_array("a.mean(-1, keepdims=True).repeat(3, -1)"), "(RGB): the colours are lost"),
        (on_array("a[..., ::-1]"), "red and blue are exchanged"),
        (on_array("255 - a"), "light and dark are exchanged"),
        (end("image.resize((224, 224))"), "(RGB) your result has the size (224, 224), not (9, 6)"),
        (end("image.crop((0, 0, 6, 6))"), "your result has the size (6, 6)"),
        (on_array("a // 2"), "(RGB) the pixel in row"),
        (on_array("a + 3 - 6 * (a > 200)"), "(RGB) the pixel in row"),
        (first('if image.mode == "CMYK": return Image.fromarray(np.array(image)[..., :3])'), "you take ink for light"),
        (first('if image.mode == "CMYK": return Image.fromarray(255 - np.array(image)[..., :3])'),
         "leave out the black ink"),
        (first('from PIL import ImageChops\n    if image.mode == "CMYK": image = ImageChops.invert(image)'),
         "you invert the ink first"),
        (first('if image.mode == "P": image = Image.fromarray(np.asarray(image))'), "numbers of the colours in the"),
        (first('if image.mode == "1": image = Image.fromarray(np.asarray(image).astype(np.uint8))'),
         "your white is 1"),
        (first('if image.mode == "L":\n        z = Image.new("L", image.size)\n'
               '        return Image.merge("RGB", (image, z, z))'), "only the red channel"),
        (first('if image.mode == "CMYK": return'), "(CMYK) you give None"),
        ({f"    {LAST}": f"        {LAST}"}, "(RGB) you give None"),
        (first('if getattr(image, "n_frames", 1) > 1: image.seek(image.n_frames - 1)'), "a later frame"),
        (first('if getattr(image, "n_frames", 1) > 1: image.seek(1)'), "a later frame"),
        (first('if getattr(image, "n_frames", 1) > 1:\n        frames = []\n        for k in range(image.n_frames):\n'
               '            image.seek(k); frames.append(np.asarray(image.convert("RGB")).astype(float))\n'
               "        return Image.fromarray(np.mean(frames, 0).round().astype(np.uint8))"), "a later frame"),
        (first('if getattr(image, "n_frames", 1) > 1:\n        image.seek(1)\n        image.seek(0)\n'
               '        r = image.convert("RGB"); image.seek(2); return r'), "the given image (a GIF with 3 frames)"),
        (afterwards('if given.mode == "RGBA": given.putalpha(255)'), "the given image (RGBA) is not what it was"),
        ({EXIF: "    ImageOps.exif_transpose(image, in_place=True)\n"}, "(RGB with EXIF orientation 6) is not what"),
        (afterwards("given.close()"), "You close the image"),
        (afterwards("given.thumbnail((3, 3))"), "the given image (RGB) is not what it was"),
        ({'"RGBA", image.size, "white"': '"RGB", image.size, "white"'}, "stopped with ValueError"),
    ],
}  # fmt: skip


RIGHT = {
    checks.check_resized: [
        {},
        size("int(s * w / lo), int(s * h / lo)"),
        size("[int(w * (s / lo)), int(h * (s / lo))]"),
        size("return (s, int(h * s / w)) if w <= h else (int(w * s / h), s)"),
        size("return torch.tensor([w, h]) * s // lo"),
        size("return np.array([w, h]) * s // lo"),
        size("math.floor(w / lo * s), math.floor(h / lo * s)"),
        size("return tuple(int(side * s / lo) for side in (w, h))"),
        size("return (side * s // lo for side in (w, h))"),
        size("float(s * w // lo), float(s * h // lo)"),
        "def resized(width, height, size):\n"
        "    from torchvision.transforms import v2\n"
        "    image = v2.Resize(size, antialias=False)(torch.zeros(1, height, width))\n"
        "    return image.shape[2], image.shape[1]",
        "def resized(width, height, size):\n"
        "    if width == height:\n        return size, size\n"
        "    if width > height:\n        return int(size * width / height), size\n"
        "    w, h = resized(height, width, size)\n    return h, w",
    ],
    checks.check_prepare: [
        {},
        {"keepdim=True)\n    return": "correction=0, keepdim=True)\n    return"},
        {"(augment(train) - mean) / std": "augment((train - mean) / std)"},
        {" / 255": ""},
        each("(x - mean) / (std + 1e-6)"),
        each("(x - mean.round(decimals=4)) / std"),
        each("torch.stack([(x[:, c] - a[:, c].mean()) / a[:, c].std() for c in range(3)], 1)"),
        each("F.batch_norm(x, mean.flatten(), std.flatten() ** 2, eps=0)"),
        each("torch.stack([((z - mean) / std)[0] for z in x])"),
        {"    train, val": "    new = augment(train) / 255\n    train, val", "augment(train) -": "new -"},
        {"    return": "    mixed = augment(train)\n    return", "augment(train) -": "mixed -"},
        {"(augment(train) - mean) / std": "torch.cat([augment(x[None]) for x in (train - mean) / std])"},
        "def prepare(train, val, augment):\n"
        "    a = train.numpy().astype(np.float32).transpose(1, 0, 2, 3).reshape(3, -1)\n"
        "    m, s = (torch.from_numpy(v).reshape(3, 1, 1) for v in (a.mean(1), a.std(1)))\n"
        "    return [augment((train - m) / s), (val - m) / s]",
        "def prepare(train, val, augment):\n"
        "    from torchvision.transforms import v2\n"
        "    x = train.double() / 255\n"
        "    m, s = x.mean((0, 2, 3)).tolist(), x.std((0, 2, 3)).tolist()\n"
        "    pipe = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(m, s)])\n"
        "    return pipe(augment(train)), pipe(val)",
    ],
    checks.check_split_by_group: [
        {},
        {GROUPS: "names = list(dict.fromkeys(groups))"},
        {"random.Random(seed).shuffle(names)": "names = np.random.default_rng(seed).permutation(names).tolist()"},
        {DRAW: "order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()\n"
               "    names = [names[i] for i in order]"},
        {HOW_MANY: "math.ceil(share * len(names))"},
        {HOW_MANY: "max(1, int(share * len(names)))"},
        {"names[:max(1, round(share * len(names)))]": "names[-max(1, round(share * len(names))):]"},
        {RETURN: "return np.array(train_indices), torch.tensor(val_indices)"},
        {RETURN: "return set(train_indices), iter(val_indices[::-1])"},
        {RETURN: "return [torch.tensor(train_indices), [np.int64(i) for i in val_indices]]"},
        {DRAW: "state = random.getstate(); random.seed(seed); random.shuffle(names); random.setstate(state)"},
        {DRAW: "names = random.Random(seed).sample(names, len(names))"},
        {DRAW: "names.sort(key=lambda name: random.Random(f'{seed} {name}').random())"},
        split("names, inverse = np.unique(groups, return_inverse=True)\n"
              "k = max(1, round(share * len(names)))\n"
              "chosen = np.random.RandomState(seed).choice(len(names), k, replace=False)\n"
              "mask = np.isin(inverse, chosen)\nreturn np.flatnonzero(~mask), np.flatnonzero(mask)"),
        split("members = {}\nfor i, group in enumerate(groups):\n    members.setdefault(group, []).append(i)\n"
              "names, train, val = list(members), [], []\nrandom.Random(seed).shuffle(names)\n"
              "k = max(1, round(share * len(names)))\n"
              "for n, name in enumerate(names):\n    (val if n < k else train).extend(members[name])\n"
              "return train, val"),
        split("with torch.random.fork_rng():\n    torch.manual_seed(seed)\n"
              "    names = sorted(set(groups))\n    order = torch.randperm(len(names)).tolist()\n"
              "val = {names[i] for i in order[:max(1, round(share * len(names)))]}\n"
              "return ([i for i in range(len(groups)) if groups[i] not in val],\n"
              "        [i for i in range(len(groups)) if groups[i] in val])"),
    ],
    checks.check_find_copies: [
        {},
        {"return pairs": "return set(pairs)"},
        {"return pairs": "return tuple(pairs)"},
        {"return pairs": "yield from pairs"},
        {"return pairs": "return np.array(pairs).reshape(-1, 2)"},
        {"return pairs": "return torch.tensor(pairs)"},
        {"return pairs": "return [[np.int64(i), torch.tensor(j)] for i, j in reversed(pairs)]"},
        copies(TABLE + "return np.argwhere(best < 20)"),
        copies(TABLE + "return list(zip(*np.where(best < 12)))"),
        copies(TABLE + "return torch.nonzero(torch.tensor(best) < 25)"),
        {IF: "difference.max() < 25"},
        {IF: "np.sqrt((difference ** 2).mean()) < 20"},
        {IF: "(difference > 20).mean() < 0.05"},
        {DIFFERENCE: "np.maximum(a, view) - np.minimum(a, view)"},
        {DIFFERENCE: "np.abs(a.astype(np.int16) - view)"},
        {DIFFERENCE: "np.abs((a - view).astype(np.int8).astype(int))"},
        {DIFFERENCE: "np.abs(a / 255 - np.fliplr(view) / 255)", VIEWS: "[b, np.fliplr(b)]",
         IF: "difference.mean() < 0.06"},
        {IF: "np.corrcoef(a.ravel(), view.ravel())[0, 1] > 0.95"},
        copies("a, b = torch.tensor(train).float().flatten(1), torch.tensor(val).float()\n"
               "d = torch.minimum(torch.cdist(a, b.flatten(1), p=1), torch.cdist(a, b.flip(2).flatten(1), p=1))\n"
               "return torch.nonzero(d / a.shape[1] < 15).tolist()"),
        copies("a, b = train.astype(np.float32), val.astype(np.float32)\n"
               "return {(i, j) for i in range(len(a)) for j in range(len(b))\n"
               "        if min(np.abs(a[i] - b[j]).mean(), np.abs(a[i, :, ::-1] - b[j]).mean()) < 10}"),
        copies("from PIL import Image, ImageChops, ImageOps, ImageStat\n"
               "A, B = ([Image.fromarray(x) for x in part] for part in (train, val))\n"
               "def far(x, y): return sum(ImageStat.Stat(ImageChops.difference(x, y)).mean) / 3\n"
               "return [(i, j) for i, x in enumerate(A) for j, y in enumerate(B)\n"
               "        if min(far(x, y), far(x, ImageOps.mirror(y))) < 15]"),
    ],
    checks.check_draw_weights: [
        {},
        {"return 1 / counts[labels]": "return (1 / counts)[labels]"},
        {"return 1 / counts[labels]": "return (1 / counts[labels]).tolist()"},
        weights("(len(labels) / c).numpy()"),
        weights("w = 1 / c.double()\nreturn w / w.sum()"),
        weights("1 / counts.clamp(min=1)[labels] / torch.unique(labels).numel()"),
        weights("[1 / labels.tolist().count(k) for k in labels.tolist()]"),
        weights("(1 / (labels[:, None] == labels).sum(1)).half()"),
        weights("math.lcm(*c.tolist()) // c"),
        "def draw_weights(labels):\n"
        "    from collections import Counter\n"
        "    numbers = labels.tolist()\n    counts = Counter(numbers)\n"
        "    return [100 / counts[k] for k in numbers]",
        "def draw_weights(labels):\n"
        "    kinds, inverse, counts = np.unique(labels.numpy(), return_inverse=True, return_counts=True)\n"
        "    return (1 / counts)[inverse]",
        "def draw_weights(labels):\n"
        "    weights = torch.zeros(len(labels))\n"
        "    for k in labels.unique():\n        weights[labels == k] = 1 / (labels == k).sum()\n"
        "    return weights",
        "def draw_weights(labels):\n"
        "    hot = F.one_hot(labels).float()\n    return hot @ (1 / hot.sum(0).clamp(min=1))",
    ],
    checks.check_to_rgb: [
        {},
        {DEEP: "(np.asarray(image) >> 8)"},
        {DEEP: "np.asarray(image) // 256"},
        {DEEP: "np.asarray(image) / 65535 * 255"},
        {DEEP: "np.array(image, dtype=float) / 257 - 0.5"},
        {CLEAR: "image.has_transparency_data"},
        {CLEAR: 'image.mode in ("RGBA", "LA", "PA") or image.info.get("transparency") is not None'},
        {LAY: 'paper = Image.new("RGB", image.size, "white"); paper.paste(image, mask=image.getchannel("A"))'
              "; image = paper"},
        {LAY: 'paper = Image.new("RGB", image.size, (255, 255, 255)); paper.paste(image, (0, 0), image)\n'
              "        image = paper"},
        {LAY: "a = np.asarray(image).astype(float); alpha = a[..., 3:] / 255\n"
              "        image = Image.fromarray((a[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8))"},
        {'return image.convert("RGB")': 'return image if image.mode == "RGB" else image.convert("RGB")'},
        {EXIF: "    image = ImageOps.exif_transpose(image.copy())\n"},
        {EXIF: "    image = image.copy()\n    ImageOps.exif_transpose(image, in_place=True)\n"},
        {f"    {LAST}": '    if image.mode in ("L", "1"):\n        gray = image.convert("L")\n'
                        '        return Image.merge("RGB", (gray, gray, gray))\n'
                        f"    {LAST}"},
        first('if image.mode == "CMYK":\n        c = np.asarray(image).astype(float)\n'
              "        return Image.fromarray(((255 - c[..., :3]) * (255 - c[..., 3:]) / 255).astype(np.uint8))"),
        "from PIL import Image, ImageOps\n"
        "def to_rgb(image):\n"
        "    image = ImageOps.exif_transpose(image)\n"
        '    if image.mode == "I;16":\n'
        '        image = image.point(lambda v: v / 256, "L")\n'
        '    image = image.convert("RGBA")\n'
        '    paper = Image.new("RGBA", image.size, "#ffffff")\n'
        "    paper.alpha_composite(image)\n"
        '    return paper.convert("RGB")',
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_resized: ["min(", "size *", "// ", "int(", "shorter side becomes"],
    checks.check_prepare: ["(0, 2, 3)", "mean) / std", "augment(train)", ".float()", "keepdim"],
    checks.check_split_by_group: ["sorted(", "Random(seed)", "shuffle(", "max(1", "enumerate"],
    checks.check_find_copies: ["::-1", "astype", "int16", "np.abs", "< 15"],
    checks.check_draw_weights: ["1 /", "bincount", "[labels]", "clamp"],
    checks.check_to_rgb: ["exif_transpose", "257", "alpha_composite", "paste"],
}

"""Chapter 6's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

CONV_OUT = """
def conv_out(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1
"""

SHORTCUT = """
def shortcut_for(in_channels, out_channels, stride):
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )
"""

BLOCK = (
    SHORTCUT
    + '''

class ResidualBlock(nn.Module):
    """y = relu(F(x) + s(x))."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut_for(in_channels, out_channels, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))
'''
)

ZERO_PAD = """
def zero_pad(x, out_channels, stride):
    x = x[:, :, ::stride, ::stride]
    new = out_channels - x.shape[1]
    return F.pad(x, (0, 0, 0, 0, 0, new))
"""

BOTTLENECK = (
    SHORTCUT
    + '''

class Bottleneck(nn.Module):
    """y = relu(F(x) + s(x)), with F of 1x1, 3x3 and 1x1."""

    def __init__(self, in_channels, inner, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * inner, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * inner)
        self.shortcut = shortcut_for(in_channels, 4 * inner, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.shortcut(x))
'''
)

NAME = """
import copy

def name_the_bug(block):
    silent, wild = copy.deepcopy(block), copy.deepcopy(block)
    with torch.no_grad():
        for p in silent.parameters():
            p.zero_()
        for p in wild.parameters():
            p.normal_()
        x = torch.randn(16, 8, 8, 8)
        y = silent(x)
        if (y == 0).all():
            return "no skip"
        if (y < 0).any():
            return "ReLU before the sum" if (wild(x) >= x).all() else "no ReLU at the end"
    vectors = [p for p in block.parameters() if p.ndim == 1]
    return "fine" if len(vectors) == 4 else "shared norm"
"""

BROKEN = """
class BlockA(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(x))
        return F.relu(out + x)


class BlockB(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.alive = 0.0

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        self.alive = (self.relu(out) > 0).float().mean()  # for the log: the share of F(x) above zero
        return self.relu(out + x)


class BlockC(nn.Module):
    def __init__(self, channels):
        super().__init__()
        conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        norm = nn.BatchNorm2d(channels)
        self.residual = nn.Sequential(conv1, norm, nn.ReLU(), conv2, norm)

    def forward(self, x):
        return F.relu(self.residual(x) + x)

"""

REPAIR = (
    BROKEN
    + """
class RightA(BlockA):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + x)


class RightB(BlockB):
    def __init__(self, channels):
        super().__init__(channels)
        self.relu = nn.ReLU()


class RightC(BlockC):
    def __init__(self, channels):
        super().__init__(channels)
        self.residual[4] = nn.BatchNorm2d(channels)


def repair():
    return RightA, RightB, RightC
"""
)

SOLUTIONS = {
    checks.check_conv_out: CONV_OUT,
    checks.check_shortcut_for: SHORTCUT,
    checks.check_residual_block: BLOCK,
    checks.check_zero_pad: ZERO_PAD,
    checks.check_bottleneck: BOTTLENECK,
    checks.check_name_the_bug: NAME,
    checks.check_repair: REPAIR,
}


def size(expression):
    return {"(size + 2 * padding - kernel) // stride + 1": expression}


FITS = "in_channels == out_channels and stride == 1"
CONV = "nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)"
NORM = "nn.BatchNorm2d(out_channels)"
PROJECTION = SHORTCUT[SHORTCUT.index("    return nn.Seq") :]


def projecting(lines):
    """The shortcut with other lines where it projects."""
    return {PROJECTION: "".join(f"    {line}\n" for line in lines.split("\n"))}


OWN_MODULE = """
class Own(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(b)
        self.fits = a == b and stride == 1

    def forward(self, x):
        return x if self.fits else self.norm(self.conv(x))

def shortcut_for(a, b, stride):
    return nn.Sequential() if a == b and stride == 1 else Own(a, b, stride)
"""

OWN_WEIGHTS = """
class Own(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.b = nn.Parameter(torch.zeros(b))
        self.w = nn.Parameter(torch.randn(b, a))
        self.g = nn.Parameter(torch.ones(b))
        self.register_buffer("mean", torch.zeros(b))
        self.register_buffer("var", torch.ones(b))
        self.stride = stride

    def forward(self, x):
        z = torch.einsum("oi,nihw->nohw", self.w, x[:, :, ::self.stride, ::self.stride])
        return F.batch_norm(z, self.mean, self.var, self.g, self.b, self.training)

def shortcut_for(a, b, stride):
    return nn.Identity() if (a, stride) == (b, 1) else Own(a, b, stride)
"""

OPTION_A = OWN_MODULE.replace("else Own(", "else models.ZeroPadShortcut(")
POOLED = CONV.replace("1, stride", "1")


def own(old, new):
    return OWN_MODULE.replace(old, new)


NORM_OF = "self.norm(self.conv(x))"
SUM = "F.relu(out + self.shortcut(x))"
FIRST, SECOND = "F.relu(self.bn1(self.conv1(x)))", "self.bn2(self.conv2(out))"
BN1, BN2 = "self.bn1 = nn.BatchNorm2d(out_channels)", "self.bn2 = nn.BatchNorm2d(out_channels)"
TAKE = "self.shortcut = shortcut_for(in_channels, out_channels, stride)"
TWO = "out + self.shortcut(x)"


def parts_of(lines):
    return {TAKE: f"{TAKE}; {lines}"}


def gives(expression):
    return {SUM: expression}


BARE = """
class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        weight = WEIGHT
        self.w1, self.w2 = weight(torch.randn(b, a, 3, 3) * 0.1), weight(torch.randn(b, b, 3, 3) * 0.1)
        self.g1, self.b1 = weight(torch.ones(b)), weight(torch.zeros(b))
        self.g2, self.b2 = weight(torch.ones(b)), weight(torch.zeros(b))
        self.stride, self.shortcut = stride, models.make_shortcut("B", a, b, stride)
        for i in (1, 2):
            self.register_buffer(f"mean{i}", torch.zeros(b))
            self.register_buffer(f"var{i}", torch.ones(b))

    def forward(self, x):
        h = F.conv2d(x, self.w1, stride=self.stride, padding=1)
        h = F.batch_norm(h, self.mean1, self.var1, self.g1, self.b1, self.training).relu()
        h = F.conv2d(h, self.w2, padding=1)
        h = F.batch_norm(h, self.mean2, self.var2, self.g2, self.b2, self.training)
        return F.relu(h + self.shortcut(x))
"""
FUNCTIONAL = BARE.replace("WEIGHT", "nn.Parameter")
ALWAYS_BATCH = FUNCTIONAL.replace("self.mean1, self.var1", "None, None").replace(
    "self.g1, self.b1, self.training", "self.g1, self.b1, True"
)

BLOCK_B = "models.BasicBlock(a, b, stride, models.make_shortcut('B', a, b, stride))"
SEQUENTIAL = """
class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
            nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b),
        )
        self.skip = nn.Sequential()
        if a != b or stride != 1:
            self.skip.append(nn.Conv2d(a, b, 1, stride, bias=False))
            self.skip.append(nn.BatchNorm2d(b))

    def forward(self, x):
        return torch.relu(self.skip(x) + self.branch(x))
"""
OF_SEQUENTIAL = """
class Block(nn.Sequential):
    def __init__(self, a, b, stride):
        super().__init__(
            nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
            nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b),
        )
        self.ways = [models.make_shortcut("B", a, b, stride)]
        self.add_module("skip", self.ways[0])

    def forward(self, x):
        out = x
        for layer in list(self)[:5]:
            out = layer(out)
        return (out + self.skip(x)).clamp(min=0)
"""
BOOK = """
class Block(models.BasicBlock):
    def __init__(self, a, b, stride):
        super().__init__(a, b, stride, models.make_shortcut("B", a, b, stride))
"""
DOWNSAMPLE = """
class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.bn2, self.bn1 = nn.BatchNorm2d(b), nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, padding="same", bias=False)
        self.conv1 = nn.Conv2d(a, b, (3, 3), (stride, stride), (1, 1), bias=False)
        self.downsample = None
        if stride != 1 or a != b:
            self.downsample = nn.ModuleList([nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b)])
        self.stride = stride

    def forward(self, x):
        identity = x
        if self.downsample is not None:
            conv, norm = self.downsample
            identity = norm(conv(x[:, :, ::self.stride, ::self.stride]))
        out = self.conv1(x)
        out = self.bn1(out)
        out = F.relu_(out)
        out = self.conv2(out)
        out = self.bn2(out)
        out += identity
        return F.relu_(out)
"""

NECK_FIRST, NECK_MIDDLE = "F.relu(self.bn1(self.conv1(x)))", "F.relu(self.bn2(self.conv2(out)))"
NECK_LAST = "self.bn3(self.conv3(out))"
NECK_TAKE = "self.shortcut = shortcut_for(in_channels, 4 * inner, stride)"
NECK_BLOCK = """
class Block(nn.Module):
    def __init__(self, a, inner, stride):
        super().__init__()
        b = 4 * inner
        self.branch = nn.Sequential(
            nn.Conv2d(a, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, b, 1, bias=False), nn.BatchNorm2d(b),
        )
        self.skip = models.make_shortcut("B", a, b, stride)

    def forward(self, x):
        return F.relu(self.branch(x) + self.skip(x))
"""
NECK_FUNCTION = """
def layers(a, b, kernel, stride=1):
    return [nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(b)]

class Sum(nn.Module):
    def __init__(self, *ways):
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x):
        return sum(way(x) for way in self.ways)

def make(a, inner, stride):
    b, relu = 4 * inner, nn.ReLU()
    way = nn.Sequential(*layers(a, inner, 1), relu, *layers(inner, inner, 3, stride), relu, *layers(inner, b, 1))
    return nn.Sequential(Sum(way, models.make_shortcut("B", a, b, stride)), relu)
"""
NECK_FUNCTIONAL = """
class Block(nn.Module):
    def __init__(self, a, n, stride):
        super().__init__()
        shapes = [(n, a, 1, 1), (n, n, 3, 3), (4 * n, n, 1, 1)]
        self.w = nn.ParameterList([torch.randn(shape) * 0.2 for shape in shapes])
        self.norms = nn.ModuleList([nn.BatchNorm2d(shape[0]) for shape in shapes])
        self.stride, self.skip = stride, models.make_shortcut("B", a, 4 * n, stride)

    def forward(self, x):
        h = self.norms[0](F.conv2d(x, self.w[0])).relu()
        h = self.norms[1](F.conv2d(h, self.w[1], None, self.stride, 1)).relu()
        h = self.norms[2](torch.conv2d(h, weight=self.w[2]))
        total = h + self.skip(x)
        return torch.where(total > 0, total, 0)
"""
NECK_LOOP = """
class Block(nn.Module):
    def __init__(self, a, n, stride):
        super().__init__()
        sizes = [(a, n, 1, 1, 0), (n, n, 3, stride, 1), (n, 4 * n, 1, 1, 0)]
        self.convs = nn.ModuleList([nn.Conv2d(*five, bias=False) for five in sizes])
        self.norms = nn.ModuleList([nn.BatchNorm2d(five[1]) for five in sizes])
        self.skip = models.make_shortcut("B", a, 4 * n, stride)

    def forward(self, x):
        out = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            out = norm(conv(F.relu(out) if i else out))
        return F.relu(self.skip(x) + out)
"""


def pad(expression):
    return {"F.pad(x, (0, 0, 0, 0, 0, new))": expression}


SUBSAMPLE = "x[:, :, ::stride, ::stride]"


def naming(lines):
    return {NAME[NAME.index("        if (y == 0)") :]: "".join(f"    {line}\n" for line in lines.split("\n"))}


WORDS = "def name_the_bug(block):\n    return "
LAST_LINE = '    return "fine" if len(vectors) == 4 else "shared norm"\n'


def repaired(*names):
    return {"return RightA, RightB, RightC": f"return {', '.join(names)}"}


def changed(letter, old, new):
    """A repair in which one right class has other words."""
    start = REPAIR.index(f"class Right{letter}")
    end = REPAIR.index("\n\n\n", start)
    text = REPAIR[start:end]
    assert old in text
    return REPAIR[:start] + text.replace(old, new) + REPAIR[end:]


ONE = """
class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + x)
"""

ALL_BLOCKS = "\ndef repair():\n    return Block, Block, Block\n"

MISTAKES = {
    checks.check_conv_out: [
        (size("(size + 2 * padding - kernel) // stride"), "You count steps"),
        (size("(size + padding - kernel) // stride + 1"), "padding once"),
        (size("(size + 2 * padding - kernel) / stride + 1"), "parts of a pixel"),
        (size("math.ceil((size + 2 * padding - kernel) / stride) + 1"), "You round up"),
        (size("round((size + 2 * padding - kernel) / stride) + 1"), "to the nearest"),
        (size("(size + 2 * padding + kernel) // stride + 1"), "You add the kernel"),
        (size("size + 2 * padding - kernel + 1"), "ignore the stride"),
        (size("(size + 2 * padding - kernel + 1) * stride"), "multiply by the stride"),
        (size("(size + 2 * padding - kernel) * stride + 1"), "multiply by the stride"),
        (size("(size - kernel) // stride + 1"), "ignore the padding"),
        (size("size // stride"), "divide the size by the stride"),
        (size("-(-size // stride)"), "always fits the kernel"),
        (size("(size - 1) // stride + 1"), "always fits the kernel"),
        (size("(size + 2 * padding - kernel + 1) // stride"), "comes too early"),
        (size("size + 2 * padding - kernel // stride + 1"), "only the kernel by the stride"),
        (size("(size - 2 * padding - kernel) // stride + 1"), "take the padding away"),
        (size("(size + 2 * padding) // stride + 1"), "ignore the kernel"),
        (size("(size + 2 * padding) // stride"), "ignore the kernel"),
        (size("(size + 2 * padding - stride) // kernel + 1"), "exchange the kernel and the stride"),
        (size("(size - 1) * stride - 2 * padding + kernel"), "transposed"),
        (size("(size + 2 * padding - kernel + 1) // stride + 1"), "add 1 twice"),
        (size("(size + 2 * padding - kernel) // stride + 2"), "too large by 1"),
        (size("(size + 2 * padding - kernel) // stride - 1"), "sign of the 1"),
        (size("((size + 2 * padding - kernel) // stride + 1) ** 2"), "whole image"),
        (size("size"), "size of the input"),
        (size("16"), "You give 16, whatever"),
        (size("(size + 2 * padding - kernel) // stride + (stride < 5)"), "= (13, 2, 5, 1) you give 2"),
        (size("((size + 2 * padding - kernel) // stride + 1,) * 2"), "but gives a tuple"),
        (size("(size + 2 * padding - kernel) // stride + 1 == 0"), "gives a bool"),
        (size("str((size + 2 * padding - kernel) // stride + 1)"), "gives a str"),
        ({"return ": "out = "}, "gives None"),
        (size("(size + 2 * stride - kernel) // padding + 1"), "ZeroDivisionError"),
    ],
    checks.check_shortcut_for: [
        ({FITS: "False"}, "option C"),
        ({FITS: "in_channels == out_channels"}, "unchanged, though the stride is 2"),
        ({FITS: "stride == 1"}, "unchanged, though the channels differ"),
        ({FITS: "in_channels >= out_channels and stride == 1"}, "(8, 4, 1) gives x unchanged, though the channels"),
        ({FITS: "in_channels == out_channels and stride != 2"}, "unchanged, though the stride is 3"),
        ({FITS: "True"}, "unchanged, though the channels differ and the stride is 2"),
        ({f"        {NORM},\n": ""}, "Batch norm is missing after the projection"),
        ({f"        {NORM},\n": "", ", bias=False": ""}, "has a bias, and batch norm is missing"),
        ({", bias=False": ""}, "The projection has a bias"),
        ({NORM: "nn.BatchNorm2d(out_channels, affine=False)"}, "no weight and no bias"),
        ({"1, stride": "3, stride, padding=1"}, "The kernel is 3 x 3"),
        ({"1, stride": "3, stride"}, "The kernel is 3 x 3"),
        ({"1, stride": "2, stride"}, "The kernel is 2 x 2"),
        ({"1, stride": "1"}, "keeps height and width"),
        ({"1, stride": "1, 2"}, "shortcut_for(4, 8, 1) gives (4, 8, 3, 6) for"),
        ({"1, stride": "1, stride, padding=1"}, "does not fit F(x)"),
        ({CONV: f"nn.AvgPool2d(stride), {POOLED}"}, "You pool"),
        ({CONV: f"nn.MaxPool2d(stride), {POOLED}"}, "You pool"),
        ({f"{NORM},\n": f"{NORM}, nn.ReLU(),\n"}, "ends with a ReLU"),
        ({f"        {CONV},\n        {NORM},\n": f"        nn.BatchNorm2d(in_channels),\n        {CONV},\n"},
         "stands before the convolution"),
        ({CONV: CONV.replace("in_channels, out_channels", "out_channels, in_channels")}, "are exchanged"),
        ({CONV: f"{CONV}, nn.Conv2d(out_channels, out_channels, 1, bias=False)"}, "more than one convolution"),
        (OPTION_A, "option A"),
        ({FITS: FITS + " or True", "nn.Identity()": "nn.Identity() if in_channels == out_channels and stride == 1 "
          "else models.ZeroPadShortcut(in_channels, out_channels, stride)"}, "option A"),
        (own("self.conv =", "self.conv, self.norm =").replace("bias=False)\n        self.norm = nn", "bias=False), nn")
         .replace("self.conv, self.norm = nn.Conv2d", "self.both = [nn.Conv2d").replace("nn.BatchNorm2d(b)\n",
         "nn.BatchNorm2d(b)]\n").replace("self.norm(self.conv(x))", "self.both[1](self.both[0](x))"),
         "PyTorch finds no parameters"),
        (OWN_WEIGHTS.replace("nn.Parameter", ""), "PyTorch finds no parameters"),
        ({PROJECTION: "    return nn.MaxPool2d(40)\n"}, "PyTorch finds no parameters"),
        ({PROJECTION: "    return nn.AvgPool2d(stride)\n"}, "PyTorch finds no parameters"),
        ({PROJECTION: "    return nn.BatchNorm2d(in_channels)\n"}, "no convolution"),
        ({"nn.Identity()": "None"}, "shortcut_for(4, 4, 1) gives None"),
        ({PROJECTION: ""}, "shortcut_for(4, 8, 2) gives None"),
        ({"nn.Identity()": "torch.zeros(1)"}, "an object of type Tensor"),
        ({"nn.Identity()": "(lambda x: x)"}, "an object of type function"),
        ({"nn.Identity()": "nn.Identity"}, "gives a class"),
        ({"nn.Identity()": "nn.ReLU()"}, "has a ReLU, and loses"),
        ({"nn.Identity()": "nn.Dropout(1.0)"}, "gives zeros"),
        ({"nn.Identity()": "nn.Softplus()"}, "the shortcut changes it"),
        ({"nn.Identity()": "nn.ReLU(inplace=True)"}, "changes its input"),
        ({"nn.Identity()": "nn.AvgPool2d(2)"}, "the shortcut changes it"),
        ({"nn.Identity()": "nn.Flatten()"}, "has 2 axes"),
        ({"nn.Identity()": "nn.MaxPool2d(40)"}, "stopped with RuntimeError"),
        ({"def s": "shared = {}\ndef s", PROJECTION: "    key = in_channels, out_channels, stride\n"
          f"    return shared.setdefault(key, nn.Sequential({CONV}, {NORM}))\n"}, "share one set of weights"),
        (own(NORM_OF, "self.norm(self.conv(x)).detach()"), "its gradient is not"),
        (own("return x if", "return x.detach() if").replace("nn.Sequential() if a == b and stride == 1 else ", "")
         .replace("self.conv = ", "self.fits = a == b and stride == 1\n        if self.fits: return\n"
                  "        self.conv = "), "its gradient is not"),
        (own(NORM_OF, "self.norm.eval()(self.conv(x))"), "does not use the statistics of the batch"),
        (own("BatchNorm2d(b)", "BatchNorm2d(b, track_running_stats=False)"), "In eval mode"),
        (own("BatchNorm2d(b)", "BatchNorm2d(b, momentum=0.0)"), "do not move"),
        (own(NORM_OF, "self.norm(self.conv(x.roll((-1, -1), (2, 3))))"), "start at pixel 1"),
        (own(NORM_OF, "self.norm(2 * self.conv(x) ** 2)"), "are not those of a convolution"),
        (own("self.norm = nn", "self.conv.weight.requires_grad = False\n        self.norm = nn"), "is frozen"),
        (own(f"return x if self.fits else {NORM_OF}", "self.norm(self.conv(x))"), "forward gives a NoneType"),
        ({CONV: CONV.replace("in_channels,", "3,")}, "stopped with RuntimeError"),
        ({NORM: "nn.BatchNorm2d(in_channels)"}, "stopped with RuntimeError"),
        ({"1, stride, bias=False": "(1), stride, False"}, "stopped with"),
    ],
    checks.check_residual_block: [
        (gives("F.relu(out)"), "The skip is missing"),
        (gives("out"), "sum and the last ReLU are missing"),
        (gives(TWO), "ReLU after the addition is missing"),
        (gives("F.relu(out) + self.shortcut(x)"), "ReLU stands before the addition"),
        (gives("F.relu(F.relu(out) + self.shortcut(x))"), "a ReLU of its own, so the block can only add"),
        (gives("F.relu(out + F.relu(self.shortcut(x)))"), "shortcut goes through a ReLU"),
        ({FIRST: "h = self.conv1(x); out = F.relu(self.bn1(h))", SUM: "F.relu(out + h)"}, "the first convolution"),
        ({FIRST: "h = self.bn1(self.conv1(x)); out = F.relu(h)", SUM: "F.relu(out + h)"}, "the first batch norm"),
        ({SECOND: f"{SECOND} + out", SUM: "F.relu(out)"}, "after the first ReLU"),
        ({f"out = {FIRST}": f"x = {FIRST}", f"out = {SECOND}": "x = self.bn2(self.conv2(x))", SUM: "F.relu(x + x)"},
         "x was overwritten"),
        ({FIRST: "self.bn1(self.conv1(x))"}, "ReLU between the two convolutions is missing"),
        ({"3, stride, ": "3, "}, "stride is not used"),
        ({"3, stride,": "3, 1,", "3, padding": "3, stride, padding"}, "on the second convolution"),
        ({"3, padding": "3, stride, padding"}, "Both convolutions have the stride"),
        ({"padding=1": "padding=0"}, "changes height and width"),
        ({"padding=1, bias=False": "padding=1"}, "A convolution has a bias"),
        ({"1, stride, bias=False": "1, stride"}, "The projection has a bias"),
        ({f"        {NORM},\n": ""}, "Batch norm is missing after the projection"),
        ({f"        {NORM},\n": "        nn.BatchNorm2d(out_channels, affine=False),\n"},
         "shortcut's batch norm has no"),
        ({f"        {CONV},\n        {NORM},\n": f"        nn.BatchNorm2d(in_channels),\n        {CONV},\n"},
         "stands before the convolution"),
        ({FITS: "False"}, "option C"),
        ({FITS: "False", "1, stride": "3, stride, padding=1"}, "option C"),
        ({FITS: "in_channels == out_channels"}, "With 4 channels in, 4 out and stride 2"),
        ({FITS: "stride == 1"}, "With 4 channels in, 8 out and stride 1"),
        ({FITS: "in_channels >= out_channels and stride == 1"}, "With 8 channels in, 4 out and stride 1"),
        ({FITS: "in_channels == out_channels and stride != 2"}, "With 4 channels in, 4 out and stride 3"),
        ({"self.shortcut(x)": "x"}, "With 4 channels in, 8 out and stride 2, what you add"),
        ({"1, stride, bias": "1, bias"}, "result of the projection does not fit"),
        ({"1, stride": "3, stride, padding=1"}, "in the shortcut has a kernel"),
        ({CONV: f"nn.AvgPool2d(stride), {POOLED}"}, "The shortcut pools"),
        ({CONV: f"nn.MaxPool2d(stride), {POOLED}"}, "The shortcut pools"),
        ({f"{NORM},\n    )": f"{NORM}, nn.ReLU(),\n    )"}, "shortcut goes through a ReLU"),
        ({TAKE: "self.shortcut = models.make_shortcut('A', in_channels, out_channels, stride)"}, "option A"),
        (gives(f"{SUM} if x.shape == out.shape else F.relu(out)"), "you leave out the skip"),
        (gives(f"{SUM} if x.shape == out.shape else F.relu(out + 1)"), "add something else than a projection"),
        (gives(f"{SUM} if x.shape == out.shape else F.relu(out[:, :, 1:])"), "add something else than a projection"),
        ({f"out = {FIRST}": f"identity = self.shortcut(x); out = {FIRST}", "nn.Conv2d(out_channels, out":
          "nn.Conv2d(in_channels, out"}, "a layer does not fit"),
        (gives(f"F.relu(out - self.shortcut(x)) if len(list(self.parameters())) > 6 else {SUM}"), "You subtract"),
        ({TWO: "out - self.shortcut(x)"}, "You subtract x"),
        ({TWO: "(out + self.shortcut(x)) / 2"}, "You average"),
        (gives("F.relu(torch.cat([out, self.shortcut(x)], dim=1))"), "side by side"),
        ({"self.bn2(": "self.bn1("}, "Both batch norms are the same layer"),
        (parts_of("self.bn2 = self.bn1"), "Both batch norms are the same layer"),
        ({"self.conv2(out)": "self.conv1(out)"}, "Both convolutions are the same layer"),
        (parts_of("\n        if stride > 1 or in_channels != out_channels: self.shortcut[1] = self.bn2"),
         "uses a batch norm of F"),
        ({SECOND: "self.bn2(self.conv2(out) + self.shortcut(x))", SUM: "F.relu(out)"}, "comes after the addition"),
        (gives("x.add_(out).relu()"), "changes its input"),
        ({SECOND: f"{SECOND}; F.relu_(x)"}, "changes its input"),
        (gives(f"{SUM}.mul_(1)"), "gradient is not"),
        (gives("F.relu(out + self.shortcut(x).detach())"), "gradient is not"),
        (gives("F.relu(out.data + self.shortcut(x))"), "gradient is not"),
        ({"    def forward": "    @torch.no_grad()\n    def forward"}, "gradient is not"),
        ({BN2: "self.bn2 = [nn.BatchNorm2d(out_channels)]", "self.bn2(": "self.bn2[0]("}, "some are never trained"),
        (BARE.replace("WEIGHT", "(lambda t: t)"), "no parameters that PyTorch can find"),
        (parts_of("self.bn3 = nn.BatchNorm2d(out_channels)"), "never uses"),
        ({TAKE: "self.project = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), "
          "nn.BatchNorm2d(out_channels)); self.fits = in_channels == out_channels and stride == 1",
          "self.shortcut(x)": "(x if self.fits else self.project(x))"}, "never uses"),
        (parts_of("self.conv1.weight.requires_grad = False"), "frozen"),
        ({"self.bn1(": "self.bn1.eval()(", "self.bn2(": "self.bn2.eval()("},
         "does not use the statistics of the batch"),
        ({BN1: BN1[:-1] + ", track_running_stats=False)"}, "In eval mode"),
        (ALWAYS_BATCH, "In eval mode"),
        ({BN1: BN1[:-1] + ", momentum=0.0)", BN2: BN2[:-1] + ", momentum=0.0)"}, "do not move"),
        (parts_of("self.drop = nn.Dropout(0.2)") | {SECOND: f"self.drop({SECOND})"}, "at the second call"),
        ({SECOND: "out"}, "two convolutions; it has 1"),
        ({"3, padding=1": "3, padding=1, groups=2"}, "works in groups"),
        ({SUM: "F.gelu(out + self.shortcut(x))"}, "off by up to"),
        ({SUM: f"{SUM} if len(list(self.parameters())) == 6 else F.gelu({TWO})"}, "off by up to"),
        ({SUM: f"{SUM}.flatten(1)"}, "has 2 axes"),
        ({SUM: f"{SUM}[:, :, 1:] if len(list(self.parameters())) > 6 else {SUM}"}, "The block gives the shape"),
        ({"return F.relu(out": "F.relu(out"}, "forward gives a NoneType"),
        ({"(nn.Module)": "", "super().__init__()": "pass"}, "of type ResidualBlock, not an nn.Module"),
        ({"def shortcut_for": "norm = nn.BatchNorm2d(4)\ndef shortcut_for",
          BN1: "self.bn1 = norm if out_channels == 4 else nn.BatchNorm2d(out_channels)"}, "share one set of weights"),
        ("def make(a, b, stride):\n    block = models.BasicBlock(a, b)", "gives None"),
        ("def make(*given): return models.BasicBlock", "gives a class"),
        ({"        super().__init__()\n": ""}, "stopped with AttributeError"),
        ({"return F.relu(out": "torch.zeros(2) @ torch.zeros(3); return F.relu(out"}, "stopped with RuntimeError"),
        ({SUM: "1 / 0"}, "ZeroDivisionError: division by zero\n  in the line: return 1 / 0"),
    ],
    checks.check_zero_pad: [
        (pad("F.pad(x, (0, new))"), "You pad the width"),
        (pad("F.pad(x, (0, 0, 0, new))"), "You pad the height"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, 0, 0, new))"), "number of images"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, out_channels))"), "You add 8 channels"),
        (pad("x"), "You add no channels"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new), value=1.0)"), "filled with ones"),
        (pad("x.repeat(1, 3, 1, 1)[:, :out_channels]"), "repeat old ones"),
        (pad("torch.cat([x, x[:, -1:].expand(-1, new, -1, -1)], 1)"), "repeat old ones"),
        (pad("x.repeat_interleave(3, 1)[:, :out_channels]"), "repeat old ones"),
        (pad("torch.cat([x, 0.1 * torch.randn(len(x), new, *x.shape[2:], dtype=x.dtype)], 1)"), "not all zero"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).flip(1)"), "side by side in their order"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)) * 2"), "side by side in their order"),
        ({SUBSAMPLE: "F.avg_pool2d(x, stride)"}, "You average pixels"),
        ({SUBSAMPLE: "F.max_pool2d(x, stride)"}, "You take the largest pixel"),
        ({SUBSAMPLE: "x[:, :, stride - 1::stride, stride - 1::stride]"}, "You start at pixel 1"),
        ({SUBSAMPLE: "x[:, :, stride - 1::stride, ::stride]"}, "You start at pixel 1"),
        ({SUBSAMPLE: "x[:, :, ::stride, stride - 1::stride]"}, "You start at pixel 1"),
        ({SUBSAMPLE: "x[:, :, ::stride]"}, "works on the height only"),
        ({SUBSAMPLE: "x[:, :, :, ::stride]"}, "works on the width only"),
        ({SUBSAMPLE: "x"}, "the stride is not used"),
        ({SUBSAMPLE: "x[:, :, ::2, ::2] if stride > 1 else x"}, "you keep 4 x 4 pixels"),
        ({SUBSAMPLE: f"({SUBSAMPLE} if x.shape[2] % 2 == 0 else {SUBSAMPLE}.flip(2))"}, "side by side"),
        ({SUBSAMPLE: "x[:, :, ::2, ::2]"}, "you keep 2 x 3 pixels"),
        ({SUBSAMPLE: "x[:, :, :x.shape[2] // stride, :x.shape[3] // stride]"}, "You cut a piece out"),
        ({SUBSAMPLE: "x[:, :, -(x.shape[2] // stride):, -(x.shape[3] // stride):]"}, "You cut a piece out"),
        ({SUBSAMPLE: "F.interpolate(x, scale_factor=1 / stride, mode='bilinear')"}, "You average pixels"),
        ({SUBSAMPLE: "x[:, :, :x.shape[2] // stride * stride:stride, :x.shape[3] // stride * stride:stride]"},
         "you keep 2 x 3 pixels"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, max(new, 1)))"), "has the shape (2, 4, 3, 4)"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).float()"), "your result is torch.float32"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).double()"), "your result is torch.float64"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).detach()"), "gradient is not"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).data.requires_grad_()"), "gradient is not"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new))[0]"), "3 axes, not 4"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new)).detach().numpy()"), "a ndarray, not a tensor"),
        ({"return F.pad": "F.pad"}, "gives None"),
        ({"    return": "    x *= 2\n    x /= 3\n    return"}, "x is not what it was before"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new - 1)) if new else x"), "has the shape (2, 7, 4, 3)"),
        (pad("F.pad(x, (0, 0, 0, 0, 0, new), mode='wrap')"), "stopped with"),
    ],
    checks.check_bottleneck: [
        ({"inner, 4 * inner, 1": "inner, inner, 1", "BatchNorm2d(4 * inner)": "BatchNorm2d(inner)"}, "must widen"),
        ({"inner, 4 * inner, 1": "inner, inner, 1", "BatchNorm2d(4 * inner)": "BatchNorm2d(inner)",
          "in_channels, 4 * inner": "in_channels, inner"}, "must widen"),
        ({"inner, 4 * inner, 1": "inner, 2 * inner, 1", "BatchNorm2d(4 * inner)": "BatchNorm2d(2 * inner)"},
         "F ends with [8] channels"),
        ({"        super": "        inner = inner // 4\n        super"}, "divide `inner` by 4"),
        ({"inner, inner, 3": "inner, 4 * inner, 3", "bn2 = nn.BatchNorm2d(inner)": "bn2 = nn.BatchNorm2d(4 * inner)",
          "inner, 4 * inner, 1": "4 * inner, 4 * inner, 1"}, "widen too early"),
        ({"in_channels, inner, 1, bias=False": "in_channels, 4 * inner, 1, bias=False",
          "bn1 = nn.BatchNorm2d(inner)": "bn1 = nn.BatchNorm2d(4 * inner)", "inner, inner, 3": "4 * inner, inner, 3"},
         "widen too early"),
        ({"self.bn3(": "F.relu(self.bn3(", "conv3(out))": "conv3(out)))"}, "a ReLU of its own"),
        ({SUM: "F.relu(out) + self.shortcut(x)"}, "ReLU stands before the addition"),
        ({SUM: "F.relu(out) + F.relu(self.shortcut(x))"}, "both terms"),
        ({SUM: "F.relu(out + F.relu(self.shortcut(x)))"}, "shortcut goes through a ReLU"),
        ({NECK_FIRST: "self.bn1(self.conv1(x))"}, "first batch norm is missing"),
        ({NECK_MIDDLE: "self.bn2(self.conv2(out))"}, "second batch norm is missing"),
        ({NECK_FIRST: "self.bn1(self.conv1(x))", NECK_MIDDLE: "self.bn2(self.conv2(out))"}, "Both ReLUs inside F"),
        ({NECK_FIRST: "self.bn1(self.conv1(x))", NECK_MIDDLE: "self.bn2(self.conv2(out))", SUM: TWO},
         "no ReLU at all"),
        ({NECK_FIRST: "self.bn1(F.relu(self.conv1(x)))", NECK_MIDDLE: "self.bn2(F.relu(self.conv2(out)))"},
         "stand before their batch norms"),
        ({NECK_LAST: "self.bn3(self.conv3(out) + self.shortcut(x))", SUM: "F.relu(out)"},
         "last batch norm comes after"),
        ({"stride, padding=1": "stride"}, "changes height and width"),
        ({"3, stride, padding=1": "3, padding=1", "inner, 1, bias=False)\n        self.bn1":
          "inner, 1, stride, bias=False)\n        self.bn1"}, "on the first 1x1, as in the paper"),
        ({"3, stride, padding=1": "3, padding=1", "4 * inner, 1, bias": "4 * inner, 1, stride, bias"},
         "last convolution"),
        ({"3, stride, padding=1": "3, padding=1"}, "The stride is not used"),
        ({"3, stride, padding=1": "3, 2, padding=1"}, "where the block is given 1"),
        ({"inner, 1, bias=False)\n        self.bn1": "inner, 1, stride, bias=False)\n        self.bn1"},
         "More than one"),
        ({FITS: "stride == 1"}, "With 8 channels in, 16 out and stride 1"),
        ({NECK_TAKE: NECK_TAKE.replace("4 * inner", "inner")}, "The shortcut leads to another number"),
        ({NECK_TAKE: NECK_TAKE.replace("4 * inner", "inner"), f"out = {NECK_FIRST}":
          f"identity = self.shortcut(x); out = {NECK_FIRST}",
          SUM: "F.relu(out + identity)"}, "The shortcut leads to another number"),
        ({"4 * inner": "2 * inner"}, "the block gives "),
        ({NECK_MIDDLE: f"self.conv2({NECK_MIDDLE})"}, "needs three convolutions; it has 4"),
        ("def make(*given): return nn.Identity()", "needs three convolutions; it has 0"),
        ({"in_channels, inner, 1, bias=False": "in_channels, in_channels, 1, bias=False); "
          "self.conv0 = nn.Conv2d(in_channels, inner, 1, bias=False", "self.conv1(x)": "self.conv0(self.conv1(x))"},
         "You project x even"),
        ({"3, stride, padding=1": "3, stride, padding=1, groups=inner"}, "works in groups"),
        ({FITS: "in_channels >= out_channels and stride == 1"}, "With 24 channels in, 16 out and stride 1"),
        ({FITS: "in_channels == out_channels and stride != 2"}, "With 16 channels in, 16 out and stride 3"),
        ({FITS: "in_channels == out_channels"}, "With 16 channels in, 16 out and stride 2"),
        ({FITS: "False"}, "option C"),
        ({"1, stride, bias=False),\n        nn": "3, stride, 1, bias=False),\n        nn"}, "kernel larger than 1x1"),
        ({"in_channels, 4 * inner, stride)": "in_channels, 4 * inner, 1)"}, "projection does not fit"),
        ({f"        {NORM},\n": ""}, "Batch norm is missing after the projection"),
        ({"1, stride, bias=False": "1, stride"}, "The projection has a bias"),
        ({SUM: "F.relu(out)"}, "The skip is missing"),
        ({SUM: "out"}, "Both the sum and the last ReLU"),
        ({SUM: TWO}, "ReLU after the addition is missing"),
        ({SUM: "F.relu(out + out)"}, "You add F(x) to itself"),
        ({TWO: "out - self.shortcut(x)"}, "You subtract the shortcut"),
        ({TWO: "self.shortcut(x) - out"}, "You subtract F(x)"),
        ({TWO: "out * self.shortcut(x)"}, "You multiply"),
        ({TWO: "(out + self.shortcut(x)) / 2"}, "You average"),
        ({SUM: "F.relu(torch.cat([out, self.shortcut(x)], 1))"}, "side by side"),
        ({SUM: "F.gelu(out + self.shortcut(x))"}, "off by up to"),
        ({"padding=1, bias=False": "padding=1"}, "A convolution has a bias"),
        ({"self.bn2(": "self.bn1("}, "used twice"),
        ({"self.bn2 = nn.BatchNorm2d(inner)": "self.bn2 = nn.BatchNorm2d(inner, affine=False)"}, "no weight and no"),
        ({"self.bn2(self.conv2(out))": "self.conv2(out)"}, "three batch norms, one after each convolution; it has 2"),
        ({"out = F.relu(self.bn1": "x = F.relu(self.bn1", "self.conv2(out)": "self.conv2(x)"},
         "another shape, though"),
        ({NECK_MIDDLE: "out"}, "needs three convolutions; it has 2"),
        ({NECK_MIDDLE: "self.bn2(F.relu(self.bn2(self.conv2(out))))"}, "it has 4"),
        ({"inner, 1, bias=False)\n        self.bn1": "inner, 3, 1, 1, bias=False)\n        self.bn1"},
         "have the sizes [3, 3, 1]"),
        (SEQUENTIAL.replace("super", "b = 4 * b; super"), "two 3x3 convolutions"),
        ({"inner, inner, 3": "4 * inner, inner, 3"}, "A layer of F does not fit: Given groups"),
        ({NECK_FIRST: "self.conv1(F.relu(self.bn1(x)))", NECK_MIDDLE: "self.conv2(F.relu(self.bn2(out)))",
          NECK_LAST: "self.conv3(F.relu(self.bn3(out)))", "bn1 = nn.BatchNorm2d(inner)":
          "bn1 = nn.BatchNorm2d(in_channels)", "bn3 = nn.BatchNorm2d(4 * inner)": "bn3 = nn.BatchNorm2d(inner)",
          SUM: TWO}, "pre-activation"),
        ({"self.bn1(": "self.bn1.eval()(", "self.bn2(": "self.bn2.eval()(", "self.bn3(": "self.bn3.eval()("},
         "does not use the statistics of the batch"),
        ({"self.bn3 = nn.BatchNorm2d(4 * inner)": "self.bn3 = nn.BatchNorm2d(4 * inner, track_running_stats=False)"},
         "In eval mode"),
        ({"bias=False)\n        self.bn3": "bias=False); self.extra = nn.Conv2d(1, 1, 1)\n        self.bn3"},
         "never uses"),
        ({SUM: "F.relu_(x.add_(out))"}, "changes its input"),
        ({SUM: "F.relu(out.detach() + self.shortcut(x))"}, "gradient is not"),
        ({"return F.relu(out": "F.relu(out"}, "forward gives a NoneType"),
        ({TWO: "out + self.shortcut(x).relu()"}, "shortcut goes through a ReLU"),
        ({"(nn.Module)": "", "super().__init__()": "pass"}, "not an nn.Module"),
        ({NECK_LAST: "self.bn4(self.conv3(out))"}, "in the line: out = self.bn4(self.conv3(out))"),
    ],
    checks.check_name_the_bug: [
        (WORDS + "'fine'", "whatever the block is"),
        ({"return \"no skip\"": "return \"fine\""}, "bug is 'no skip' you call 'fine'"),
        ({LAST_LINE: '    return "fine"\n'}, "bug is 'shared norm' you call 'fine'"),
        ({LAST_LINE: '    return "shared norm"\n'}, "A fine block you call 'shared norm'."),
        ({LAST_LINE: "    old = isinstance(block, models.BasicBlock)\n"
          "    return 'fine' if old or len(vectors) == 4 else 'shared norm'\n"},
         "'shared norm', whose F is large, you call 'fine'"),
        ({"(wild(x) >= x).all()": "True"}, "bug is 'no ReLU at the end' you call 'ReLU before the sum'"),
        ({"(wild(x) >= x).all()": "False"}, "bug is 'ReLU before the sum' you call 'no ReLU at the end'"),
        ({"(wild(x) >= x).all()": "(wild(x) < x).any()"}, "bug is 'ReLU before the sum' you call 'no ReLU at"),
        ({"(wild(x) >= x).all()": "(block(x) >= x).all()"}, "'no ReLU at the end', whose F is zero at the start, you"),
        ({"(wild(x) >= x).all()": "(block(x) >= x - 0.01).all()"}, "at the end', whose F is small, you call 'ReLU"),
        ({'return "no skip"': 'return "fine" if block(x).any() else "no ReLU at the end"'},
         "'no skip', whose F is large, you call 'fine'"),
        ({"x = torch.randn": "x = torch.rand"}, "bug is 'ReLU before the sum' you call 'fine'"),
        ({"silent(x)": "block(x)"}, "A fine block, whose F is far below zero, you call 'no skip'"),
        ({"p.zero_()": "p.ndim == 1 and p.normal_()",
         "(y == 0).all()": "y.min() == 0 and len(set(block.parameters())) < 5"},
         "bug is 'no skip' you call 'fine'"),
        ({"(y == 0).all()": "(y == 0).any()"}, "A fine block you call 'no skip'"),
        ({"(y == 0).all()": "torch.equal(y, x)"}, "'no skip' you call 'fine'"),
        ({'"ReLU before the sum" if': '"no ReLU at the end" if',
         'else "no ReLU at the end"': 'else "ReLU before the sum"'},
         "bug is 'ReLU before the sum' you call 'no ReLU at the end'"),
        ({"block.parameters() if p.ndim == 1": "block.state_dict().values() if p.ndim == 1"}, "A fine block you call"),
        ({"len(vectors) == 4": "len(vectors) > 1"}, "'shared norm' you call 'fine'"),
        ({"    vectors =": "    assert hasattr(block, 'bn1'), 'no bn1'\n    vectors ="},
         "stopped with AssertionError: no bn1"),
        ({"return \"fine\" if": "return \"fin\" if"}, "'fin' is none of the five answers"),
        ({LAST_LINE: "    return len(vectors) == 4\n"}, "True is none of the five"),
        ({LAST_LINE: "    return ['fine']\n"}, "['fine'] is none of the five"),
        ({LAST_LINE: ""}, "you return None"),
        ({"silent, wild = copy.deepcopy(block), copy": "silent, wild = block, copy"}, "You change the weights"),
        ({"silent, wild = copy.deepcopy(block), copy.deepcopy(block)": "silent, wild = copy.deepcopy(block), block"},
         "You change the weights"),
        ({"p.zero_()": "p.fill_(0, 0)"}, "stopped with TypeError"),
        ({"x = torch.randn(16, 8, 8, 8)": "x = torch.randn(16, 4, 8, 8)"}, "stopped with RuntimeError"),
        ({"(y < 0).any()": "(y < 0).all()"}, "bug is 'ReLU before the sum' you call 'fine'"),
        (WORDS + "'fine' if (block(torch.randn(4, 8, 8, 8)) >= 0).all() else 'no ReLU at the end'",
         "bug is 'no skip' you call 'fine'"),
        (WORDS + "'fine' if block.residual else 0", "stopped with AttributeError"),
    ],
    checks.check_repair: [
        (repaired("BlockA", "BlockB", "BlockC"), "Block A is still wrong. With all parameters at zero"),
        (repaired("RightA", "BlockB", "BlockC"), "Block B is still wrong. Whatever its weights are"),
        (repaired("RightA", "RightB", "BlockC"), "Block C is still wrong. It has 2 parameters with one axis"),
        (repaired("BlockA", "RightB", "RightC"), "Block A is still wrong"),
        (repaired("RightA", "BlockB", "RightC"), "Block B is still wrong"),
        (repaired("BlockC", "RightB", "RightC"), "Block A is still wrong. It has 2 parameters"),
        (repaired("RightA", "RightB"), "gives 2 classes"),
        (repaired("RightA", "RightB", "RightC", "RightA"), "gives 4 classes"),
        (repaired("RightA"), "gives a type, not three"),
        (repaired("RightA(8), RightB(8), RightC(8)"), "In the place of block A there is no class but a RightA"),
        (repaired("RightA", "RightB", "RightC(8)"), "In the place of block C there is no class but a RightC"),
        (repaired("RightA", "None", "RightC"), "In the place of block B there is no class but a NoneType"),
        (repaired("RightA", "'BlockB'", "RightC"), "In the place of block B there is no class but a str"),
        ({"return RightA, RightB, RightC": "RightA, RightB, RightC"}, "gives None"),
        ({"return RightA, RightB, RightC": "return {'A': RightA, 'B': RightB, 'C': RightC}"}, "gives a dict"),
        (changed("A", "out + x", "out"), "Block A is still wrong. With all parameters at zero"),
        (changed("A", "F.relu(out + x)", "out + x"), "Block A is still wrong. With all parameters at zero"),
        (changed("A", "F.relu(out + x)", "F.relu(out) + F.relu(x)"), "Whatever its weights are"),
        (changed("A", "self.bn2(self.conv2(out))", "self.conv2(out)"), "What it gives is not"),
        (changed("A", "F.relu(out + x)", "F.relu(out - x)"), "With all parameters at zero"),
        (changed("A", "F.relu(out + x)", "F.relu(x + out.detach())"), "or it does not learn"),
        (changed("A", "F.relu(out + x)", "F.relu_(x.add_(out))"), "images are not what they were"),
        (changed("A", "F.relu(out + x)", "F.relu(torch.cat([out, x], 1))"), "has not the shape"),
        (changed("A", "return F", "F"), "Block A is still wrong. What comes out has not the shape"),
        (changed("A", "F.relu(out + x)", "F.relu(out + x).flatten(1)"), "has not the shape"),
        (changed("B", "nn.ReLU()", "nn.ReLU(inplace=True)"), "Block B is still wrong. Whatever"),
        (changed("B", "nn.ReLU()", "nn.Identity()"), "Block B is still wrong. With all parameters at zero"),
        (changed("B", "nn.ReLU()", "nn.GELU()"), "Block B is still wrong. With all parameters at zero"),
        (changed("C", "nn.BatchNorm2d(channels)", "nn.Identity()"), "Block C is still wrong. It has 2 parameters"),
        (changed("C", "self.residual[4] =", "self.norm3 ="), "Block C is still wrong. What it gives is not"),
        (changed("C", "nn.BatchNorm2d(channels)", "nn.BatchNorm2d(channels, affine=False)"), "It has 2 parameters"),
        (repaired("(one := RightA(6), lambda c: one)[1]", "RightB", "RightC"), "Two calls of Block A share"),
        (repaired("lambda c: None", "RightB", "RightC"), "Block A gives None"),
        (repaired("lambda c: RightA", "RightB", "RightC"), "Block A gives a class"),
        (repaired("lambda c: RightA(8)", "RightB", "RightC"), "stopped with RuntimeError"),
        (repaired("RightA", "RightD", "RightC"), "stopped with NameError"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_conv_out: [
        {},
        size("1 + (size - kernel + padding + padding) // stride"),
        size("math.floor((size + 2 * padding - kernel) / stride) + 1"),
        size("math.floor((size + 2 * padding - kernel) / stride + 1)"),
        size("int((size + 2 * padding - kernel) / stride) + 1"),
        size("len(range(-padding, size + padding - kernel + 1, stride))"),
        size("np.int64(size + 2 * padding - kernel) // stride + 1"),
        size("torch.tensor(size + 2 * padding - kernel) // stride + 1"),
        size("nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]"),
        size("(size + 2 * padding - kernel + stride) // stride"),
        size("np.floor((size + 2 * padding - kernel) / stride) + 1"),
        size("divmod(size + 2 * padding - kernel, stride)[0] + 1"),
    ],
    checks.check_shortcut_for: [
        {},
        {"nn.Identity()": "nn.Sequential()"},
        {FITS: "not (stride != 1 or in_channels != out_channels)"},
        {"1, stride": "kernel_size=(1, 1), stride=(stride, stride)"},
        {CONV: "nn.Conv2d(in_channels, out_channels, 1, stride, padding='valid', bias=False)"},
        OWN_MODULE,
        OWN_WEIGHTS,
        OWN_WEIGHTS.replace("torch.randn(b, a)", "torch.randn(b, a, 1, 1)")
        .replace('torch.einsum("oi,nihw->nohw", self.w, x[:, :, ::self.stride, ::self.stride])',
                 "F.conv2d(x, self.w, stride=self.stride)"),
        "def shortcut_for(a, b, s): return models.make_shortcut('B', a, b, s)",
        "shortcut_for = lambda *given: models.make_shortcut('B', *given)",
        "def shortcut_for(a, b, s): return nn.Identity() if (a, 1) == (b, s) else models.projection(a, b, s)",
        "same = nn.Identity()\ndef shortcut_for(a, b, s): "
        "return same if (a, 1) == (b, s) else models.projection(a, b, s)",
        OWN_MODULE.replace("nn.Conv2d(a, b, 1, stride", "nn.Conv2d(a, b, 1, 1")
        .replace("self.conv(x)", "self.conv(x[:, :, ::self.step, ::self.step])")
        .replace("self.fits =", "self.step = stride\n        self.fits ="),
    ],
    checks.check_residual_block: [
        {},
        {FIRST: "F.relu(self.bn1(self.conv1(x)), inplace=True)", SUM: "torch.add(self.shortcut(x), out).relu_()"},
        {SUM: "F.relu(out)", SECOND: f"{SECOND}\n        out += self.shortcut(x)"},
        parts_of("nn.init.zeros_(self.bn2.weight)"),
        {SUM: "F.relu(out + identity)", f"out = {FIRST}": f"identity = self.shortcut(x); out = {FIRST}"},
        FUNCTIONAL,
        SEQUENTIAL,
        OF_SEQUENTIAL,
        BOOK,
        DOWNSAMPLE,
        f"def make(a, b, stride): return {BLOCK_B}",
        f"make = lambda a, b, stride: {BLOCK_B}",
        parts_of("self.bn1.eval()"),
    ],
    checks.check_zero_pad: [
        {},
        pad("F.pad(x, (0, 0, 0, 0, new // 2, new - new // 2))"),
        pad("F.pad(x, (0, 0, 0, 0, new - new // 2, new // 2))"),
        pad("F.pad(x, (0, 0, 0, 0, new, 0))"),
        pad("torch.cat([x, x.new_zeros(len(x), new, *x.shape[2:])], dim=1)"),
        pad("torch.cat([x, torch.zeros(len(x), new, *x.shape[2:])], dim=1)"),
        pad("torch.cat([x, torch.zeros_like(x[:, :1]).expand(-1, new, -1, -1)], 1)"),
        {"    return F.pad(x, (0, 0, 0, 0, 0, new))": "    y = x.new_zeros(len(x), out_channels, *x.shape[2:])\n"
         "    y[:, :out_channels - new] = x\n    return y"},
        "def zero_pad(x, out_channels, stride): "
        "return models.ZeroPadShortcut(x.shape[1], out_channels, stride)(x)",
        {SUBSAMPLE: "x[..., ::stride, ::stride]"},
        {SUBSAMPLE: "F.max_pool2d(x, 1, stride)"},
        {SUBSAMPLE: "F.avg_pool2d(x, 1, stride)"},
        "def zero_pad(x, out_channels, stride):\n    weight = torch.eye(out_channels, dtype=x.dtype)[:, :x.shape[1]]\n"
        "    return F.conv2d(x, weight[..., None, None], stride=stride)",
    ],
    checks.check_bottleneck: [
        {},
        NECK_BLOCK,
        NECK_FUNCTION,
        NECK_FUNCTIONAL,
        NECK_LOOP,
        {SUM: "F.relu(out)", NECK_LAST: f"{NECK_LAST}\n        out += self.shortcut(x)"},
        {"F.relu(": "torch.relu("},
        {"F.relu(": "F.relu_("},
        {NECK_TAKE: "self.shortcut = models.make_shortcut('B', in_channels, 4 * inner, stride); "
                    "nn.init.zeros_(self.bn3.weight)"},
        f"{NECK_BLOCK}\nmake = lambda a, inner, stride: Block(a, inner, stride)",
        NECK_BLOCK.replace("inner, 3, stride, 1,", "inner, (3, 3), (stride, stride), (1, 1),"),
    ],
    checks.check_name_the_bug: [
        {},
        {"[p for p in block.parameters() if p.ndim == 1]":
         "[m for m in block.modules() for _ in 'ab' if isinstance(m, nn.BatchNorm2d)]"},
        {"len(vectors) == 4": "len(vectors) > 2"},
        {"if (y < 0).any()": "if (block(x) < 0).any()"},
        {"(y == 0).all()": "not y.any()", "(y < 0).any()": "y.min() < 0"},
        {"(wild(x) >= x).all()": "(wild(x) - x).min() >= -1e-6"},
        {"p.normal_()": "p.uniform_(-1, 1)"},
        {"        for p in silent.parameters():\n            p.zero_()":
         "        for m in silent.modules():\n            if isinstance(m, nn.BatchNorm2d):\n"
         "                m.weight.zero_(), m.bias.zero_()"},
        {"        if (y == 0).all()":
         "        if torch.equal(y, F.relu(x)):\n            pass\n        elif (y == 0).all()"},
        """
import copy

def name_the_bug(block):
    if len(list(block.parameters())) < 6:
        return "shared norm"
    block = copy.deepcopy(block).eval()
    x = torch.linspace(-3, 3, 512).reshape(1, 8, 8, 8)
    with torch.no_grad():
        answers = []
        for bias in (0.0, -1.0):
            for p in block.parameters():
                p.fill_(0.0)
            last = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            last.bias.fill_(bias)
            answers.append(block(x))
    if torch.allclose(answers[0], F.relu(x)):
        return "fine"
    if not answers[0].any():
        return "no skip"
    return "ReLU before the sum" if torch.allclose(answers[1], x) else "no ReLU at the end"
""",
    ],
    checks.check_repair: [
        {},
        repaired("RightC", "RightB", "RightA"),
        repaired("RightA", "RightA", "RightA"),
        {"return RightA, RightB, RightC": "return [RightA, RightB, RightC]"},
        repaired("lambda c: models.BasicBlock(c, c)", "RightB", "RightC"),
        repaired("models.BasicBlock", "models.BasicBlock", "models.BasicBlock"),
        BLOCK + "\ndef repair(): return [ResidualBlock] * 3\n",
        ONE + ALL_BLOCKS,
        changed("B", "        self.relu = nn.ReLU()",
                "        self.relu = nn.ReLU(inplace=True)\n\n    def forward(self, x):\n"
                "        out = self.relu(self.bn1(self.conv1(x)))\n        out = self.bn2(self.conv2(out))\n"
                "        self.alive = (out > 0).float().mean()\n        return self.relu(out + x)"),
        changed("C", "self.residual[4] = nn.BatchNorm2d(channels)",
                "conv1, bn1, relu, conv2, _ = self.residual\n"
                "        self.residual = nn.Sequential(conv1, bn1, relu, conv2, nn.BatchNorm2d(channels))"),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_conv_out: ["//", "2 * padding", "- kernel"],
    checks.check_shortcut_for: ["bias=False", "nn.Conv2d(", "nn.BatchNorm2d", "nn.Identity"],
    checks.check_residual_block: [
        "F.relu(",
        "bn2(",
        "self.shortcut",
        "stride=",
        "padding=1",
        "bias=False",
        "nn.Conv2d",
    ],
    checks.check_zero_pad: ["F.pad", "::stride", "new_zeros", "out_channels -"],
    checks.check_bottleneck: ["F.relu(", "bn3(", "4 * inner", "padding=1", "bias=False", "nn.Conv2d"],
    checks.check_name_the_bug: ["zero_", "deepcopy", "ndim", "parameters()"],
    checks.check_repair: ["inplace", "overwritten", "twice", "batch norm"],
}

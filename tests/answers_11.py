"""Chapter 11's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

LAYERS = """
def layers_in(blocks, bottleneck):
    per_block = 3 if bottleneck else 2
    return per_block * sum(blocks) + 2
"""

NECK = """
def bottleneck_parameters(in_channels, inner, stride):
    out = 4 * inner
    conv1 = in_channels * inner
    conv2 = 3 * 3 * inner * inner
    conv3 = inner * out
    norms = 2 * (inner + inner + out)
    total = conv1 + conv2 + conv3 + norms
    if stride != 1 or in_channels != out:
        total += in_channels * out + 2 * out
    return total
"""

FIELD = """
def receptive_field(layers):
    r, jump = 1, 1
    for kernel, stride in layers:
        r += (kernel - 1) * jump
        jump *= stride
    return r
"""

NAME = """
def our_name(their_name):
    first, rest = their_name.split(".", 1)
    if first == "conv1":
        first = "stem.0"
    elif first == "bn1":
        first = "stem.1"
    elif first == "fc":
        first = "head"
    else:
        first = first.replace("layer", "stage")
        rest = rest.replace("downsample", "shortcut")
    return first + "." + rest
"""

DIFF = """
from itertools import zip_longest

def parameter_diff(ours, theirs):
    a = [(name, tuple(p.shape)) for name, p in ours.named_parameters()]
    b = [(name, tuple(p.shape)) for name, p in theirs.named_parameters()]
    rows = []
    for (our_name, our_shape), (their_name, their_shape) in zip_longest(a, b, fillvalue=("", ())):
        if our_shape != their_shape:
            rows.append((our_name, our_shape, their_name, their_shape))
    return rows
"""

BATCH = """
def largest_batch(parameters, per_image, memory):
    fixed = 3 * 4 * parameters
    one = 4 * per_image
    return max(0, (memory - fixed) // one)
"""

SOLUTIONS = {
    checks.check_layers_in: LAYERS,
    checks.check_bottleneck_parameters: NECK,
    checks.check_receptive_field: FIELD,
    checks.check_our_name: NAME,
    checks.check_parameter_diff: DIFF,
    checks.check_largest_batch: BATCH,
}


def count(expression):
    return {"per_block * sum(blocks) + 2": expression}


TABLE = """
def layers_in(blocks, bottleneck):
    table = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 50 if bottleneck else 34, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
    return table[blocks]
"""

PROJECTION, FITS = "in_channels * out + 2 * out", "stride != 1 or in_channels != out"
CONV2, NORMS = "3 * 3 * inner * inner", "2 * (inner + inner + out)"
LAST = "    return total"


def total(expression):
    return {LAST: f"    return {expression}"}


NECK_MODULE = """
class Bottleneck(nn.Module):
    def __init__(self, a, n, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, n, 1, bias=False), nn.BatchNorm2d(n)
        self.conv2, self.bn2 = nn.Conv2d(n, n, 3, stride, 1, bias=False), nn.BatchNorm2d(n)
        self.conv3, self.bn3 = nn.Conv2d(n, 4 * n, 1, bias=False), nn.BatchNorm2d(4 * n)
        self.shortcut = models.make_shortcut("B", a, 4 * n, stride)

def bottleneck_parameters(in_channels, inner, stride):
    return sum(p.numel() for p in Bottleneck(in_channels, inner, stride).parameters())
"""
NECK_LOOP = """
def bottleneck_parameters(in_channels, inner, stride):
    layers = [(in_channels, inner, 1), (inner, inner, 3), (inner, 4 * inner, 1)]
    if stride > 1 or in_channels != 4 * inner:
        layers.append((in_channels, 4 * inner, 1))
    return sum(a * b * k ** 2 + b + b for a, b, k in layers)
"""

GROW, STRETCH = "r += (kernel - 1) * jump", "jump *= stride"


def field(expression):
    return {"return r": f"return {expression}"}


def step(line, over="layers"):
    """A walk over the layers with one other line."""
    return f"def receptive_field(layers):\n    r = 1\n    for k, s in {over}:\n        {line}\n    return r\n"


def one_line(expression):
    return f"def receptive_field(layers):\n    return {expression}\n"


def name(*lines):
    return "def our_name(their_name):\n" + "".join(f"    {line}\n" for line in lines)


REPLACE = 'their_name.replace("layer", "stage").replace("downsample", "shortcut")'
FIRST = 'key = key.replace("conv1", "stem.0", 1) if key.startswith("conv1") else key'
SECOND = 'key = key.replace("bn1", "stem.1", 1) if key.startswith("bn1") else key'
STAGE = 'first.replace("layer", "stage")'
WORD = 'rest.replace("downsample", "shortcut")'
JOIN = 'first + "." + rest'
NAMES = """
import re

def our_name(their_name):
    rules = {"^conv1": "stem.0", "^bn1": "stem.1", "^layer": "stage", "downsample": "shortcut", "^fc": "head"}
    for old, new in rules.items():
        their_name = re.sub(old, new, their_name)
    return their_name
"""
EXAMPLES = """
def our_name(their_name):
    return {
        "conv1.weight": "stem.0.weight",
        "bn1.running_mean": "stem.1.running_mean",
        "layer3.5.conv2.weight": "stage3.5.conv2.weight",
        "fc.bias": "head.bias",
    }[their_name]
"""

PAIRS = 'zip_longest(a, b, fillvalue=("", ()))'
DIFFER = "our_shape != their_shape"
ROW = "(our_name, our_shape, their_name, their_shape)"


def rows(expression):
    return {"return rows": f"return {expression}"}


def diff(*lines):
    return "def parameter_diff(ours, theirs):\n" + "".join(f"    {line}\n" for line in lines)


DICTS = [
    "a = {n: tuple(p.shape) for n, p in ours.named_parameters()}",
    "b = {n: tuple(p.shape) for n, p in theirs.named_parameters()}",
]
MODULES = diff(
    "a = [(n, tuple(m.weight.shape)) for n, m in ours.named_modules() if hasattr(m, 'weight')]",
    "b = [(n, tuple(m.weight.shape)) for n, m in theirs.named_modules() if hasattr(m, 'weight')]",
    "return [(*x, *y) for x, y in zip(a, b) if x[1] != y[1]]",
)
VALUES = """
from itertools import zip_longest

def parameter_diff(ours, theirs):
    rows = []
    none = ("", torch.zeros(()))
    for (n, p), (m, q) in zip_longest(ours.named_parameters(), theirs.named_parameters(), fillvalue=none):
        if not torch.equal(p, q):
            rows.append((n, tuple(p.shape), m, tuple(q.shape)))
    return rows
"""
INDEXED = diff(
    "a, b = list(ours.named_parameters()), list(theirs.named_parameters())",
    "rows = []",
    "for i in range(max(len(a), len(b))):",
    "    n, s = (a[i][0], a[i][1].shape) if i < len(a) else ('', ())",
    "    m, t = (b[i][0], b[i][1].shape) if i < len(b) else ('', ())",
    "    if s != t:",
    "        rows += [[n, s, m, t]]",
    "return rows",
)
PADDED = diff(
    "a, b = ([(n, p.size()) for n, p in net.named_parameters()] for net in (ours, theirs))",
    "a += [('', ())] * (len(b) - len(a))",
    "b += [('', ())] * (len(a) - len(b))",
    "return [x + y for x, y in zip(a, b) if x[1] != y[1]]",
)
ITERATORS = diff(
    "a, b = ours.named_parameters(), theirs.named_parameters()",
    "rows = []",
    "while True:",
    "    n, p = next(a, ('', None))",
    "    m, q = next(b, ('', None))",
    "    if p is None and q is None:",
    "        return tuple(rows)",
    "    s, t = (() if x is None else tuple(x.shape) for x in (p, q))",
    "    if s != t:",
    "        rows.append((n, s, m, t))",
)


def batch(expression):
    return {"max(0, (memory - fixed) // one)": expression}


FIXED, ONE = "3 * 4 * parameters", "4 * per_image"
SEARCH = """
def largest_batch(parameters, per_image, memory):
    n = 0
    while 12 * parameters + 4 * per_image * (n + 1) <= memory:
        n += 1
    return n
"""

MISTAKES = {
    checks.check_layers_in: [
        (count("per_block * sum(blocks)"), "the layers in the blocks only"),
        (count("per_block * sum(blocks) + 1"), "one layer short"),
        (count("per_block * sum(blocks) + 3"), "one layer too high"),
        (count("per_block * sum(blocks) + 4"), "two layers too high"),
        (count("per_block * sum(blocks) + 2 + len(blocks) - (not bottleneck)"), "count the projections"),
        (count("per_block * sum(blocks) + 2 + (4 if bottleneck else 3)"), "count the projections"),
        (count("per_block * sum(blocks) + 2 + len(blocks)"), "a layer for each stage."),
        (count("per_block * sum(blocks) + 1 + len(blocks)"), "for each stage but one"),
        (count("2 * per_block * sum(blocks) + 2"), "count the batch norms"),
        (count("2 * (per_block * sum(blocks) + 1) + 1"), "count the batch norms"),
        ({"3 if bottleneck else 2": "4 if bottleneck else 3"}, "too many in each block"),
        ({"3 if bottleneck else 2": "1"}, "one layer for each block"),
        (count("sum(blocks)"), "You count blocks, not layers"),
        ({"3 if bottleneck else 2": "2"}, "as basic blocks"),
        ({"3 if bottleneck else 2": "3"}, "as bottlenecks"),
        ({"3 if bottleneck else 2": "2 if bottleneck else 3"}, "exchange the two kinds"),
        ({"sum(": "len("}, "one block in each stage"),
        ({"sum(blocks)": "blocks[0]"}, "the first stage only"),
        ({"sum(blocks)": "blocks[-1]"}, "the last stage only"),
        ({"sum(blocks)": "sum(blocks[1:])"}, "leave out the first stage"),
        ({"sum(blocks)": "sum(blocks[:-1])"}, "leave out the last stage"),
        ({"sum(blocks)": "sum(b - 1 for b in blocks)"}, "leave out one block of each stage"),
        ({"sum(": "max("}, "the longest stage only"),
        ({"sum(": "math.prod("}, "multiply the stages"),
        (count("per_block * (sum(blocks) + 2)"), "mind the brackets"),
        (count("per_block + sum(blocks) + 2"), "add the layers of one block"),
        (count("50"), "You give 50, whatever"),
        ({"sum(blocks)": "sum(blocks[:4])"}, "Right for the nets of the paper, but for blocks = (4, 1, 3, 2, 7)"),
        (count("5 * sum(blocks) + 2"), "✗ Exercise 11.2. For blocks = (2, 2, 2, 2), bottleneck = False you give 42"),
        (count("per_block * sum(blocks) / 4 + 0.7"), "For blocks = (2, 2, 2, 2), bottleneck = False you give 4.7"),
        (TABLE, "no entry for (4, 1, 3, 2, 7)"),
        ({"    return": "    if blocks not in [(2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)]:\n"
          "        return\n    return"}, "as if there were only the nets of the paper"),
        ({"    return": "    if bottleneck: return"}, "layers_in(blocks, bottleneck) gives None"),
        (count("print(end='')"), "layers_in(blocks, bottleneck) gives None"),
        (count("str(per_block * sum(blocks) + 2)"), "gives a str"),
        (count("float(per_block * sum(blocks) + 2)"), "You give 18.0, of type float"),
        (count("torch.tensor(per_block * sum(blocks) + 2.0)"), "You give 18.0, of type Tensor"),
        (count("np.array(per_block * sum(blocks) + 2.0)"), "You give 18.0, of type ndarray"),
        (count("[per_block * b + 2 for b in blocks]"), "gives a list"),
        (count("per_block * blocks + 2"), "in the line: return per_block * blocks + 2"),
    ],
    checks.check_bottleneck_parameters: [
        ({NORMS: "0", PROJECTION: "in_channels * out"}, "The batch norms are missing"),
        ({NORMS: "inner + inner + out", PROJECTION: "in_channels * out + out"}, "one number for each channel"),
        ({NORMS: "4 * (inner + inner + out)", "2 * out": "4 * out"}, "running statistics"),
        (NECK_MODULE.replace(".parameters()", ".state_dict().values()"), "running statistics"),
        ({PROJECTION: "in_channels * out"}, "batch norm of the projection is missing"),
        ({NORMS: "0"}, "batch norms of F are missing"),
        ({NORMS: "3 * (inner + inner + out)", "2 * out": "3 * out"}, "biases of the convolutions"),
        (NECK_MODULE.replace(", bias=False", ""), "biases of the convolutions of F"),
        ({PROJECTION: "in_channels * out + 3 * out"}, "a bias in the projection"),
        ({NORMS: "inner + inner + out", PROJECTION: "(in_channels + 1) * out"}, "one number for each channel"),
        ({FITS: "False"}, "missing where the shape changes"),
        ({FITS: "True"}, "where x fits F(x) as it is"),
        ({FITS: "stride != 1"}, "missing where the channels change"),
        ({FITS: "in_channels != out"}, "missing where the size changes"),
        ({FITS: "stride != 1 and in_channels != out"}, "only where both"),
        ({FITS: "stride == 2"}, "only where the stride is 2"),
        ({FITS: "stride == 2 or in_channels != out"}, "for a stride of 2 only"),
        ({FITS: "stride != 1 or in_channels < out"}, "only where channels are added"),
        ({FITS: "stride != 1 or in_channels != inner"}, "compare in_channels with inner"),
        ({FITS: "stride == 1 and in_channels == out"}, "upside down"),
        ({CONV2: "inner * inner"}, "as a 1x1"),
        ({"conv1 = ": "conv1 = 9 * ", "conv3 = ": "conv3 = 9 * "}, "all convolutions of F as 3x3"),
        ({"conv1 = ": "conv1 = 9 * ", "conv3 = ": "conv3 = 9 * ", PROJECTION: f"9 * {PROJECTION}"},
         "all convolutions as 3x3"),
        ({"conv1 = ": "conv1 = 9 * ", "conv3 = ": "conv3 = 9 * ", "3 * 3 * ": ""}, "exchange the kernels"),
        ({"3 * 3 * ": "3 * "}, "more than three numbers"),
        ({PROJECTION: f"9 * {PROJECTION}"}, "the projection as a 3x3"),
        ({"4 * inner": "inner"}, "ends with inner channels"),
        ({"4 * inner": "2 * inner"}, "widens by 2 only"),
        ({NORMS: "2 * 3 * inner"}, "as narrow as the others"),
        ({NORMS: "2 * (in_channels + inner + inner)"}, "before its convolution"),
        (total("total - conv1 - 2 * inner"), "first convolution is missing"),
        (total("total - conv2 - 2 * inner"), "second convolution is missing"),
        (total("total - conv3 - 2 * out"), "third convolution is missing"),
        ({CONV2: "9 * in_channels * inner"}, "the 3x3 convolution read in_channels"),
        ({"inner * out\n": "in_channels * out\n"}, "the last convolution read in_channels"),
        ({CONV2: "9 * inner * out"}, "let the 3x3 convolution widen"),
        ("def bottleneck_parameters(a, b, s):\n    total = 9 * a * b + 9 * b * b + 4 * b\n"
         "    return total + (a * b + 2 * b if s != 1 or a != b else 0)", "the basic block"),
        ("def bottleneck_parameters(a, b, s):\n    return sum(p.numel() for p in models.BasicBlock("
         "a, 4 * b, s, models.make_shortcut('B', a, 4 * b, s)).parameters())", "the basic block"),
        ({PROJECTION: "inner * out + 2 * out"}, "projection reads inner"),
        ({PROJECTION: "in_channels * inner + 2 * inner"}, "projection is too narrow"),
        (total("total * stride"), "You multiply by the stride"),
        ({CONV2: f"stride * {CONV2}"}, "the 3x3 weights by the stride"),
        ({PROJECTION: "stride * in_channels * out + 2 * out"}, "the projection by the stride"),
        ({"    out =": "    inner //= 4\n    out ="}, "divide inner by 4"),
        ({"    out =": "    in_channels = 4 * inner\n    out ="}, "do not use in_channels"),
        (NECK_MODULE.replace("sum(p.numel() for p in", "len(list(").replace("parameters())", "parameters()))"),
         "count the tensors"),
        (total("70400"), "You give 70400, whatever"),
        (total("total + 1"), "For (in_channels, inner, stride) = (64, 64, 1) you give 75009"),
        (total("total if in_channels < 500 else 0"), "= (512, 32, 1) you give 0"),
        (total("[total]"), "gives a list"),
        (total("f'{total:,}'"), "gives a str"),
        (total("None"), "gives None"),
        ({CONV2: "3 ** 2 * inners"}, "stopped with NameError"),
    ],
    checks.check_receptive_field: [
        ({STRETCH: "pass"}, "You ignore the strides"),
        ({GROW: "pass", STRETCH: f"{STRETCH}; {GROW}"}, "one layer too early"),
        ({"* jump": "* stride"}, "only the layer's own stride"),
        ({"(kernel - 1)": "kernel"}, "adds one step too many"),
        ({"(kernel - 1)": "kernel", "r, jump = 1, 1": "r, jump = 0, 1"}, "Neighbouring kernels overlap"),
        ({"r, jump = 1, 1": "r, jump = 0, 1"}, "one pixel short"),
        (field("r + 1"), "one pixel too many"),
        (field("jump"), "total stride"),
        (field("r * jump"), "by the total stride at the end"),
        (field("r * r"), "pixels of the whole region"),
        (field("r // 2"), "half of the side"),
        (field("r / 2"), "half of the side"),
        ({"(kernel - 1)": "(kernel // 2)"}, "one side of each kernel"),
        ({"(kernel - 1)": "2"}, "all kernels as 3x3"),
        ({"(kernel - 1) * ": ""}, "ignore the sizes of the kernels"),
        (one_line("math.prod(k for k, _ in layers)"), "multiply the kernels"),
        (one_line("sum(k for k, s in layers)"), "add up the kernels"),
        (one_line("max([k for k, s in layers], default=1)"), "largest kernel"),
        (one_line("layers[0][0] if layers else 1"), "first kernel only"),
        (one_line("layers[-1][0] if layers else 1"), "last kernel only"),
        ({"in layers": "in layers[:-1]"}, "leave out the last layer"),
        ({"in layers": "in layers[1:]"}, "leave out the first layer"),
        ({"in layers": "in reversed(layers)"}, "in the wrong order"),
        (step("r = (r - 1) * s + k"), "in the wrong order"),
        (step("r = r * s + k - 1"), "stretch what it saw"),
        (step("r = r * s + k"), "stretch what it saw"),
        (step("r = (r + k - 1) * s"), "what earlier layers saw"),
        (step("r = r * s + k - 1", "layers[::-1]"), "fewer than r gaps"),
        (step("r = r * s + k", "layers[::-1]"), "overlap too little"),
        (step("r = (r + k - 1) * s", "layers[::-1]"), "widen before they stretch"),
        ({STRETCH: "jump += stride"}, "You add up the strides"),
        ({STRETCH: "jump = stride"}, "stride of the layer before"),
        ({STRETCH: "jump *= stride - 1"}, "take 1 from each stride"),
        ({"kernel, stride in": "stride, kernel in"}, "exchange the kernel and the stride"),
        (field("11"), "You give 11, whatever"),
        (field("r + 2 * (len(layers) > 2)"), "For layers = [(7, 2), (3, 2), (3, 1), (3, 1)] you give 29"),
        (field("r - (r > 40)"), "For layers = [(1, 2), (3, 4), (7, 5)] you give 52"),
        (field("r if layers else 0"), "For an empty list you give 0"),
        (field("r if layers else None"), "receptive_field([]) gives None"),
        ({"r, jump = 1, 1": "r, jump = layers[0]", "in layers": "in layers[1:]"}, "stops with IndexError"),
        ({"    return r": "        return r"}, "first kernel only"),
        ({"    return r": "    if r > 1:\n        return r"}, "receptive_field([]) gives None"),
        ({"    return r": "    if not layers: raise ValueError('no layers')\n    return r"},
         "For an empty list your code stops with ValueError"),
        ("from functools import reduce\n"
         + one_line("reduce(lambda a, b: (a[0] + (b[0] - 1) * a[1], a[1] * b[1]), layers)[0]"),
         "code stops with TypeError"),
        ({"    for": "    k, s = layers[0]\n    for"}, "For an empty list your code stops with IndexError"),
        ("def receptive_field(layers):\n    r = 1\n    while layers:\n        k, s = layers.pop()\n"
         "        r = (r - 1) * s + k\n    return r", "the list `layers` is not what"),
        ({"in layers": "in layers[::-1]", "    r, jump": "    layers.reverse()\n    r, jump"}, "`layers` is not what"),
        (field("r, jump"), "one number, but gives a tuple"),
        ({"    return r": ""}, "receptive_field(layers) gives None"),
        ({"kernel, stride in": "kernel, stride, padding in"}, "in the line: for kernel, stride, padding in layers:"),
    ],
    checks.check_our_name: [
        (name('return their_name.replace("conv1", "stem.0").replace("bn1", "stem.1").replace("layer", "stage")'),
         "rule for the stem hits inside a block, too: 'layer1.0.conv1.weight'"),
        (name("key = their_name", FIRST, f'return {REPLACE.replace("their_name", "key")}.replace("bn1", "stem.1")'),
         "rule for the stem hits inside a block, too: 'layer1.0.bn1.weight'"),
        ({f"first = {STAGE}\n": "pass\n"}, "'layer1.0.conv1.weight' as it is"),
        ({f"first = {STAGE}\n": "pass\n", WORD: 'rest.replace("conv", "layer")'}, "have no `layer`"),
        ({f"rest = {WORD}": "pass"}, "have no `downsample`"),
        ({WORD: 'rest.replace("downsample", "projection")'}, "shortcut has another name"),
        ({WORD: 'rest.replace("downsample", "skip")'}, "shortcut has another name"),
        ({WORD: 'rest.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut")'},
         "layer of the shortcut has a number"),
        ({WORD: 'rest.replace("downsample.0", "shortcut.conv")'}, "layer of the shortcut has a number"),
        ({WORD: 'rest.replace("downsample.0", "shortcut.1").replace("downsample.1", "shortcut.2")'},
         "another layer of the shortcut"),
        ({STAGE: 'f"stage{int(first[5:]) - 1}"'}, "That is another stage"),
        ({STAGE: 'f"stage{int(first[5:]) + 1}"'}, "That is another stage"),
        ({STAGE: '"stage1"'}, "'layer2.0.conv1.weight' becomes 'stage1.0.conv1.weight'. That is another stage"),
        ({STAGE: 'first.replace("layer1", "stage1")'}, "'layer2.0.conv1.weight' as it is"),
        ({STAGE: 'first.replace("layer", "stage.")'}, "the dots are not"),
        ({STAGE: '"stage"'}, "number is not in its place"),
        ({STAGE: '"stages." + first[5:]'}, "number is not in its place"),
        ({STAGE: 'first.replace("layer", "block")'}, "becomes 'block1.0.conv1.weight'. That is no name"),
        ({STAGE: '"body" + first[5:]'}, "becomes 'body1.0.conv1.weight'. That is no name"),
        ({WORD: f'"block" + {WORD}'}, "becomes 'stage1.block0.conv1.weight'. That is no name"),
        ({'"stem.0"': '"stage0"'}, "becomes 'stage0.weight'. That is no name"),
        ({'"stem.0"': '"stage.0"'}, "becomes 'stage.0.weight'. That is no name"),
        ({'"stem.0"': '"stages.0"'}, "becomes 'stages.0.weight'. That is no name"),
        ({'"stem.0"': '"head.0"'}, "becomes 'head.0.weight'. That is no name"),
        ({'"stem.0"': '"layer0"'}, "have no `layer`"),
        ({'"head"': '"stem.2"'}, "'fc.weight' becomes 'stem.2.weight'. That is no name"),
        ({'"head"': '"stem.fc"'}, "'fc.weight' becomes 'stem.fc.weight'. That is no name"),
        ({"return first": 'rest = rest.split(".", 1)[1] if first[:2] == "st" and "." not in first else rest\n'
          "    return first"}, "Which block is it?"),
        ({WORD: 'rest.replace("0.", "1.", 1)'}, "That is another block"),
        ({WORD: f'{WORD}.replace("22", "2")'}, "'layer3.22.conv1.weight' becomes 'stage3.2.conv1.weight'"),
        ({WORD: f'{WORD}.replace("conv1", "conv0")'}, "inside a block are named alike"),
        ({WORD: f'{WORD}.replace("running_", "")'}, "inside a block are named alike"),
        ({'"fc"': '"f"', "else:": 'elif first != "fc":'}, "'fc.weight' as it is"),
        ({'"head"': '"head.0"'}, "Our head is one layer"),
        ({'"head"': '"fc.head"'}, "'fc.weight' becomes 'fc.head.weight'. That is no name"),
        ({'"head"': '"linear"'}, "'fc.weight' becomes 'linear.weight'. That is no name"),
        ({'first == "fc"': '"c" in rest', '"head"': '"head"'}, "rule for the head hits inside a block"),
        ({'"stem.0"': '"stem"', '"stem.1"': '"stem"'}, "layer of our stem has a number"),
        ({'"stem.0"': '"stem.conv"'}, "layer of our stem has a number"),
        ({'"conv1"': '"x"', '"bn1"': '"conv1"', '"x"': '"bn1"'}, "'conv1.weight' becomes 'stem.1.weight'. That is"),
        ({'"stem.1"': '"stem.2"', '"stem.0"': '"stem.1"'}, "'conv1.weight' becomes 'stem.1.weight'. That is another"),
        ({'"stem.1"': '"stem.0"'}, "'bn1.weight' becomes 'stem.0.weight'. That is another"),
        ({'"stem.1"': '"stem.bn"'}, "'bn1.weight' becomes 'stem.bn.weight'. A layer of our stem has a number"),
        ({'first == "bn1"': "False"}, "'bn1.weight' as it is"),
        ({JOIN: "first"}, "Its end is lost"),
        ({JOIN: f'({JOIN}).rsplit(".", 1)[0]'}, "Its end is lost"),
        ({JOIN: f"({JOIN}).title()"}, "Capital letters count"),
        ({JOIN: f"({JOIN}).upper()"}, "Capital letters count"),
        ({JOIN: f'({JOIN}).replace(".", "_")'}, "the dots are not"),
        ({JOIN: f'{JOIN} + " "'}, "A blank is a letter"),
        ({JOIN: f'{JOIN} + "."'}, "the dots are not"),
        ({JOIN: f'"model." + {JOIN}'}, "'conv1.weight' becomes 'model.stem.0.weight'. That is no name"),
        ({JOIN: "first + rest"}, "the dots are not"),
        ({JOIN: "(first, rest)"}, "you give a tuple, not a name"),
        ({JOIN: f"{{their_name: {JOIN}}}"}, "you give a dict, not a name"),
        ({"return ": "x = "}, "For 'conv1.weight' you give None"),
        ({'        first = "head"\n': '        first = "head"\n        return\n'},
         "For 'fc.weight' you give None"),
        (name('return "stem.0.weight"'), "You give 'stem.0.weight', whatever"),
        (name("return their_name"), "'conv1.weight' as it is"),
        (EXAMPLES, "KeyError at 'bn1.weight'"),
        (name("return {k: v for k, v in their_name.items()}"), "in the line: return {k: v for k, v in their_name."),
    ],
    checks.check_parameter_diff: [
        ({PAIRS: "zip(a, b)"}, "stop where the shorter net ends"),
        ({PAIRS: 'zip(a, b + [("", ())] * len(a))'}, "what only the second net has"),
        ({PAIRS: 'zip(a + [("", ())] * len(b), b)'}, "what only the first net has"),
        ({"            rows.append(": "            return [", "their_shape))": "their_shape)]"},
         "first difference only"),
        (rows("rows[:1]"), "first difference only"),
        (rows("rows[-1:]"), "last difference only"),
        ({"            rows.append(": "            rows = [", "their_shape))": "their_shape)]"},
         "last difference only"),
        (rows("sorted(rows)"), "You sort the rows"),
        (rows("rows[::-1]"), "from the last to the first"),
        (rows("[r for r in rows if len(r[1]) > 1 or len(r[3]) > 1]"), "a row is missing"),
        ({PAIRS: PAIRS.replace("a, b", "sorted(a), sorted(b)")}, "sort the names, then pair"),
        ({DIFFER: "True"}, "a row for each place"),
        ({DIFFER: "our_shape == their_shape"}, "where the shapes agree"),
        ({DIFFER: "our_name != their_name"}, "You compare the names."),
        ({DIFFER: "(our_name, our_shape) != (their_name, their_shape)"}, "You compare the names, too"),
        (VALUES, "You compare the numbers"),
        ({DIFFER: "math.prod(our_shape) != math.prod(their_shape)"}, "how many numbers there are"),
        ({DIFFER: "sorted(our_shape) != sorted(their_shape)"}, "forget their order"),
        ({DIFFER: "len(our_shape) != len(their_shape)"}, "how many axes"),
        ({DIFFER: "our_shape[:1] != their_shape[:1]"}, "the first axis only"),
        ({DIFFER: "our_shape[-1:] != their_shape[-1:]"}, "the last axis only"),
        ({"named_parameters()": "state_dict().items()"}, "running statistics"),
        ({"named_parameters()]": "named_parameters() if p.ndim > 1]"}, "biases and batch norms"),
        ({"named_parameters()]": "named_parameters() if p.requires_grad]"}, "what is frozen"),
        (diff(*DICTS, "return [(n if n in a else '', a.get(n, ()), n if n in b else '', b.get(n, ()))",
              "        for n in [*a, *(n for n in b if n not in a)] if a.get(n) != b.get(n)]"),
         "pair what has the same name"),
        (diff(*DICTS, "return [(n, a[n], n if n in b else '', b.get(n, ())) for n in a if a[n] != b.get(n)]"),
         "look up each name of the first net"),
        (diff(*DICTS, "return [(n, a[n], n, b[n]) for n in a if n in b and a[n] != b[n]]"),
         "only what has the same name"),
        (diff(*DICTS, "return [(n, a[n], n, b[n]) for n in a if a[n] != b[n]]"), "You look for 'stem.conv.weight'"),
        ({ROW: "(their_name, their_shape, our_name, our_shape)"}, "exchange the two nets"),
        ({PAIRS: PAIRS.replace("a, b", "b, a")}, "exchange the two nets"),
        ({"ours.named_parameters()": "ours.named_parameters(recurse=False)",
          "theirs.named_parameters()": "theirs.named_parameters(recurse=False)"}, "an empty list, whatever"),
        (rows("[]"), "an empty list, whatever"),
        (MODULES, "You give the name 'stem.conv', which is no parameter"),
        ({"in ours.named_parameters()]": "in [*ours.named_parameters(), *ours.named_buffers()]]"},
         "'stem.norm.running_mean', which is no parameter"),
        (rows('[("net." + n, s, m, t) for n, s, m, t in rows]'), "'net.stem.conv.weight', which is no parameter"),
        (rows('[(n.split(".")[-1], s, m, t) for n, s, m, t in rows]'), "'weight', which is no parameter"),
        ({DIFFER: f"{DIFFER} or len(our_shape) > 3"}, "The row ('stem.conv.weight', (4, 3, 3, 3), 'conv1.wei"),
        ({DIFFER: f"{DIFFER} and len(our_shape) < 4"}, "a row is missing"),
        (rows("[r for r in rows if r[0] != 'last.weight']"), "a row is missing"),
        (rows("rows + rows"), "come twice"),
        (rows("rows[1:] + rows[:1]"), "in another order"),
        (rows("len(rows)"), "gives a int, not a list"),
        (rows("rows != []"), "gives a bool, not a list"),
        (rows("set(rows)"), "gives a set, not a list"),
        (rows("(r for r in rows)"), "gives a generator, not a list"),
        (rows("{r[0]: r[1:] for r in rows}"), "gives a dict, not a list"),
        (rows("str(rows)"), "gives a str, not a list"),
        ({"    return rows": ""}, "gives None"),
        (rows("print(end='')"), "gives None"),
        ({ROW: "(our_name, their_name)"}, "is a tuple of 2"),
        ({ROW: "our_name"}, "A row of yours is a str"),
        ({ROW: "math.prod(our_shape)"}, "A row of yours is a int"),
        ({ROW: "f'{our_name} {our_shape} {their_name} {their_shape}'"}, "A row of yours is a str"),
        ({ROW: "(len(rows), our_name, our_shape, their_name, their_shape)"}, "is a tuple of 5"),
        ({ROW: "{our_name: our_shape, their_name: their_shape}"}, "A row of yours is a dict"),
        ({ROW: "(our_name, their_name, our_shape, their_shape)"}, "in the wrong order"),
        ({ROW: "(our_shape, our_name, their_shape, their_name)"}, "in the wrong order"),
        ({ROW: "(our_name, math.prod(our_shape), their_name, math.prod(their_shape))"}, "a value of type int"),
        ({"tuple(p.shape)": "p.numel()"}, "a value of type int"),
        ({"tuple(p.shape)": "p.data", DIFFER: "our_shape is not their_shape"}, "a value of type Tensor"),
        ({'("", ())': "(None, ())"}, "you give None"),
        ({'("", ())': '("", None)'}, "you give None"),
        ({'fillvalue=("", ())': "fillvalue=(None, None)"}, "you give None"),
        ({'("", ())': '("", (0,))'}, "a shape with numbers in it"),
        ({'fillvalue=("", ())': 'fillvalue=("", torch.empty(0).shape)'}, "a shape with numbers in it"),
        ({'("", ())': '("", "")'}, "a text where a shape belongs"),
        ({"tuple(p.shape)": "str(tuple(p.shape))"}, "a text where a shape belongs"),
        ({"    return rows": "    for p in ours.parameters():\n        p.data.zero_()\n    return rows"},
         "You change a net"),
        ({"    return rows": "    list(theirs.modules())[-1].extra = nn.Parameter(torch.ones(1))\n"
          "    return rows"}, "You change a net"),
        ({"    return rows": "    if len(a) < len(b): list(theirs.modules())[-1].extra = nn.Parameter(torch.ones(1))\n"
          "    return rows"}, "You change a net"),
        ({"p.shape": "p.shapes"}, "stopped with AttributeError"),
        ({', fillvalue=("", ())': ""}, "stopped with TypeError"),
    ],
    checks.check_largest_batch: [
        ({FIXED: "3 * parameters", ONE: "per_image"}, "You count numbers, but the memory is in bytes"),
        ({FIXED: "3 * parameters"}, "for the parameters are not in bytes"),
        ({ONE: "per_image"}, "of an image are not in bytes"),
        ({FIXED: "3 * 8 * parameters", ONE: "8 * per_image"}, "float64"),
        ({FIXED: "3 * 32 * parameters", ONE: "32 * per_image"}, "You count bits"),
        ({FIXED: "3 * 2 * parameters", ONE: "2 * per_image"}, "half precision"),
        ({FIXED: "2 * 4 * parameters"}, "two numbers for each parameter"),
        ({FIXED: "4 * parameters"}, "the weights only"),
        ({FIXED: "4 * 4 * parameters"}, "as Adam keeps"),
        ({FIXED: "0"}, "leave out what the parameters take"),
        ({"memory - fixed": "memory + fixed"}, "You add what the parameters take"),
        (batch("memory // (fixed + one)"), "anew for each image"),
        ({ONE: "4 * (per_image + parameters)"}, "weights again for each image"),
        ({FIXED: "4 * parameters", ONE: "4 * per_image + 8 * parameters"}, "grow with the batch"),
        ({ONE: "2 * 4 * per_image"}, "an image twice"),
        ({ONE: "3 * 4 * per_image"}, "an image three times"),
        (batch("max(0, math.ceil((memory - fixed) / one))"), "You round up"),
        (batch("max(0, round((memory - fixed) / one))"), "to the nearest"),
        (batch("max(1, (memory - fixed) // one)"), "You give 1 where not even one image fits"),
        (batch("max(0, (memory - fixed) // one) + 1"), "one image too high"),
        (batch("max(0, (memory - fixed) // one - 1)"), "one image too low."),
        (SEARCH.replace("<=", "<"), "too low where the batch fits exactly"),
        (batch("max(0, (memory - fixed - 1) // one)"), "too low where the batch fits exactly"),
        (batch("2 ** int(math.log2((memory - fixed) // one)) if memory - fixed >= one else 0"), "power of two"),
        (batch("one // (memory - fixed) if memory > fixed else 0"), "upside down"),
        (batch("max(0, memory - fixed)"), "the bytes that are left"),
        (batch("fixed + one"), "the bytes of a batch of one image"),
        (batch("max(0, (1024 * memory - fixed) // one)"), "as KiB"),
        (batch("max(0, (2 ** 30 * memory - fixed) // one)"), "as GiB"),
        (batch("max(0, (memory / 2 ** 30 - fixed) // one)"), "You give 0, whatever"),
        (batch("(memory - fixed) // one"), "No batch is smaller than 0"),
        (batch("int((memory - fixed) / one)"), "For (900, 10, 4000) you give -170. No batch"),
        (batch("(memory - fixed) // one if memory > 0 else 0"), "(10, 1000, 100) you give -1"),
        (batch("max(0, (memory - fixed) / one)"), "A part of an image"),
        (batch("(memory - fixed) / one"), "(1000, 50, 16199) you give 20.995. A part"),
        (batch("max(0.0, np.floor((memory - fixed) / one))"), "You give 20.0, a number with a point"),
        (batch("max(0, float((memory - fixed) // one))"), "You give 20.0, a number with a point"),
        (batch("round(max(0, (memory - fixed) // one), 0) * 1.0"), "You give 20.0, a number with a point"),
        ({FIXED: "2 * 4 * parameters", "(memory - fixed) // one": "(memory - fixed) / one"}, "two numbers for each"),
        ({FIXED: "8 * parameters", "max(0, (memory - fixed) // one)": "(memory - fixed) // one"}, "two numbers for"),
        (batch("32"), "You give 32, whatever"),
        (batch("float('inf')"), "nan or inf"),
        (batch("max(0, (memory - fixed) // one) * float('nan')"), "nan or inf"),
        ({FIXED: "5 * 4 * parameters"}, "For (parameters, per_image, memory) = (1000, 50, 16000) you give 0"),
        (batch("max(0, (memory - fixed) // one) % 300"), "(25557032, 11000000, 17179869184) you give 83"),
        (batch("(memory - fixed) // one if memory > fixed + one else 0"), "= (10, 1000, 4120) you give 0"),
        (batch("max(int(memory > fixed), (memory - fixed) // one)"), "= (10, 1000, 4119) you give 1"),
        (batch("str(max(0, (memory - fixed) // one))"), "gives a str"),
        (batch("range((memory - fixed) // one)"), "gives a range"),
        (batch("memory > fixed + one"), "gives a bool"),
        ({"    return max": "    if memory > fixed: return max"}, "gives None"),
        ({"return ": "n = "}, "gives None"),
        (batch("max((memory - fixed) // one)"), "in the line: return max((memory - fixed) // one)"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_layers_in: [
        {},
        count("2 + sum(per_block for b in blocks for _ in range(b))"),
        count("1 + sum(per_block * b for b in blocks) + 1"),
        count("np.sum(per_block * np.array(blocks)) + 2"),
        count("torch.tensor(blocks).sum() * per_block + 2"),
        count("(torch.tensor(blocks).sum() * per_block + 2).item()"),
        {"3 if bottleneck else 2": "2 + bottleneck"},
        {"3 if bottleneck else 2": "[2, 3][bottleneck]"},
        "def layers_in(blocks, bottleneck):\n    n = 1\n    for stage in blocks:\n        for block in range(stage):\n"
        "            n += 1 + 1\n            if bottleneck:\n                n += 1\n    return n + 1",
        "layers_in = lambda blocks, bottleneck: 2 + sum(blocks) * {True: 3, False: 2}[bottleneck]",
        "def layers_in(blocks, bottleneck):\n    convs = np.full(sum(blocks), 3 if bottleneck else 2)\n"
        "    return np.array([convs.sum() + 2])",
        "def layers_in(blocks, bottleneck):\n"
        "    block = [nn.Conv2d(1, 1, 1) for _ in range(3 if bottleneck else 2)]\n"
        "    net = [nn.Conv2d(3, 1, 7), nn.BatchNorm2d(1)] + block * sum(blocks) + [nn.Linear(1, 2)]\n"
        "    return sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in net)",
    ],
    checks.check_bottleneck_parameters: [
        {},
        NECK_MODULE,
        NECK_LOOP,
        total("float(total)"),
        total("torch.tensor(total)"),
        total("np.int64(total)"),
        {FITS: "not (stride == 1 and in_channels == out)"},
        {FITS: "(stride, in_channels) != (1, out)"},
        "def bottleneck_parameters(c, n, s):\n"
        "    return c * n + 13 * n ** 2 + 12 * n + (s > 1 or c != 4 * n) * 4 * n * (c + 2)",
        "def bottleneck_parameters(c, n, s):\n"
        "    w = [np.zeros((n, c, 1, 1)), np.zeros((n, n, 3, 3)), np.zeros((4 * n, n, 1, 1))]\n"
        "    if s - 1 or c - 4 * n:\n        w.append(np.zeros((4 * n, c, 1, 1)))\n"
        "    return sum(x.size + 2 * len(x) for x in w)",
        "def bottleneck_parameters(c, n, s):\n"
        "    parts = nn.ModuleList([nn.Conv2d(c, n, 1, bias=False), nn.BatchNorm2d(n),\n"
        "        nn.Conv2d(n, n, 3, bias=False), nn.BatchNorm2d(n),\n"
        "        nn.Conv2d(n, 4 * n, 1, bias=False), nn.BatchNorm2d(4 * n)])\n"
        "    parts.append(models.make_shortcut('B', c, 4 * n, s))\n"
        "    return probes.parameter_count(parts)",
        "def bottleneck_parameters(c, n, s):\n    from torchvision.models.resnet import Bottleneck\n"
        "    way = models.projection(c, 4 * n, s) if s != 1 or c != 4 * n else None\n"
        "    return sum(math.prod(p.shape) for p in Bottleneck(c, n, s, way).parameters())",
    ],
    checks.check_receptive_field: [
        {},
        step("r = (r - 1) * s + k", "layers[::-1]"),
        step("r = r * s + k - s", "reversed(layers)"),
        field("float(r)"),
        field("np.int64(r)"),
        field("torch.tensor([r])"),
        {GROW: "r = r + kernel * jump - jump"},
        "def receptive_field(layers):\n    if not layers:\n        return 1\n    (k, s), *rest = layers\n"
        "    return (receptive_field(rest) - 1) * s + k",
        "def receptive_field(layers):\n    if not layers:\n        return 1\n    *rest, (k, s) = layers\n"
        "    return receptive_field(rest) + (k - 1) * math.prod(s for _, s in rest)",
        "def receptive_field(layers):\n    left, right = 0, 0\n    for k, s in list(layers)[::-1]:\n"
        "        left, right = left * s, right * s + k - 1\n    return right - left + 1",
        "def receptive_field(layers):\n    k, s = np.array(layers, int).reshape(-1, 2).T\n"
        "    return 1 + ((k - 1) * np.cumprod(np.append(1, s))[:-1]).sum()",
        "from functools import reduce\n"
        + one_line("reduce(lambda r, layer: (r - 1) * layer[1] + layer[0], reversed(layers), 1)"),
        "def receptive_field(layers):\n    size = 1\n    for i in range(len(layers) - 1, -1, -1):\n"
        "        size = layers[i][1] * (size - 1) + layers[i][0]\n    return size",
        "def receptive_field(layers):\n    pixels = {0}\n    for k, s in layers[::-1]:\n"
        "        pixels = {p * s + i for p in pixels for i in range(k)}\n"
        "    return max(pixels) - min(pixels) + 1",
    ],
    checks.check_our_name: [
        {},
        NAMES,
        {JOIN: '".".join([first, rest])'},
        name("key = their_name", 'if key.startswith("conv1."):', '    return "stem.0" + key[5:]',
             'if key.startswith("bn1."):', '    return key.replace("bn1", "stem.1")',
             'return key.replace("layer", "stage").replace("downsample", "shortcut").replace("fc", "head")'),
        name("key = their_name", FIRST, SECOND,
             f'return {REPLACE.replace("their_name", "key")}.replace("fc.", "head.")'),
        name("parts = their_name.split('.')", "words = {'conv1': 'stem.0', 'bn1': 'stem.1', 'fc': 'head'}",
             "parts[0] = words.get(parts[0], parts[0].replace('layer', 'stage'))",
             "return '.'.join('shortcut' if part == 'downsample' else part for part in parts)"),
        name('if "layer" in their_name:', f"    return {REPLACE}",
             "for old, new in (('conv1', 'stem.0'), ('bn1', 'stem.1'), ('fc', 'head')):",
             "    their_name = their_name.replace(old, new)", "return their_name"),
        name("head, dot, tail = their_name.partition('.')", "match head:", "    case 'conv1': head = 'stem.0'",
             "    case 'bn1': head = 'stem.1'", "    case 'fc': head = 'head'",
             "    case _: head = 'stage' + head[5:]",
             "return f'{head}.{tail}'.replace('downsample', 'shortcut')"),
        name("if their_name[:5] == 'layer':", "    stage, block, rest = their_name[5:].split('.', 2)",
             "    if rest.startswith('downsample'): rest = 'shortcut' + rest.removeprefix('downsample')",
             "    return f'stage{stage}.{block}.{rest}'",
             "if their_name[0] == 'f': return 'head' + their_name[2:]",
             "return ('stem.0' if 'conv' in their_name else 'stem.1') + their_name[their_name.index('.'):]"),
        name("global table", "if 'table' not in globals():", "    table = {}",
             "    for end in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'):",
             "        table['conv1.' + end] = 'stem.0.' + end", "        table['bn1.' + end] = 'stem.1.' + end",
             "        table['fc.' + end] = 'head.' + end",
             "try:", "    return table[their_name]", "except KeyError:", f"    return {REPLACE}"),
    ],
    checks.check_parameter_diff: [
        {},
        INDEXED,
        PADDED,
        ITERATORS,
        {"tuple(p.shape)": "p.shape"},
        {"tuple(p.shape)": "list(p.shape)", 'fillvalue=("", ())': 'fillvalue=["", []]'},
        {ROW: "[our_name, our_shape, their_name, their_shape]"},
        rows("tuple(rows)"),
        {"named_parameters()": "named_parameters()", DIFFER: "not our_shape == their_shape"},
        {"named_parameters()": "named_parameters(remove_duplicate=False)"},
        "from itertools import zip_longest\n"
        + diff("pairs = zip_longest(ours.named_parameters(), theirs.named_parameters())",
               "rows = []", "for a, b in pairs:", "    n, s = (a[0], a[1].shape) if a else ('', ())",
               "    m, t = (b[0], b[1].shape) if b else ('', ())",
               "    rows.append((n, s, m, t))", "return list(filter(lambda r: r[1] != r[3], rows))"),
        diff("def keys(net):", "    return [k for k in net.state_dict() if k in dict(net.named_parameters())]",
             "a, b = keys(ours), keys(theirs)", "p, q = ours.state_dict(), theirs.state_dict()",
             "rows = [(x, p[x].shape, y, q[y].shape) for x, y in zip(a, b) if p[x].shape != q[y].shape]",
             "rows += [(x, p[x].shape, '', ()) for x in a[len(b):]]",
             "rows += [('', (), y, q[y].shape) for y in b[len(a):]]", "return rows"),
    ],
    checks.check_largest_batch: [
        {},
        SEARCH,
        batch("int(max(0, math.floor((memory - fixed) / one)))"),
        batch("max((memory - fixed) // one, 0)"),
        batch("np.maximum((memory - fixed) // one, 0)"),
        batch("torch.tensor(memory - fixed).div(one, rounding_mode='floor').clamp(min=0)"),
        batch("0 if memory < fixed else int((memory - fixed) / one)"),
        batch("divmod(max(memory - fixed, 0), one)[0]"),
        batch("np.array([max(0, memory - fixed) // one])"),
        batch("len(range(fixed + one, memory + 1, one))"),
        "def largest_batch(parameters, per_image, memory):\n    numbers = memory // 4\n"
        "    numbers -= 3 * parameters\n    if numbers < 0:\n        return 0\n    return numbers // per_image",
        "def largest_batch(parameters, per_image, memory):\n    need = lambda n: 12 * parameters + 4 * n * per_image\n"
        "    low, high = 0, memory\n    while low < high:\n        middle = (low + high + 1) // 2\n"
        "        low, high = (middle, high) if need(middle) <= memory else (low, middle - 1)\n    return low",
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_layers_in: ["+ 2", "sum(", "3 if", "stem", "head", "two convolutions"],
    checks.check_bottleneck_parameters: ["4 * inner", "9 *", "in_channels *", "!= 1", "2 *", "inner *"],
    checks.check_receptive_field: ["jump", "kernel - 1", "(r - 1)", "* stride", "prod("],
    checks.check_our_name: ["startswith", "split", "partition", "removeprefix", "re.sub", '"stem', '"head'],
    checks.check_parameter_diff: ["zip_longest", "fillvalue", ".shape", "tuple(", '""'],
    checks.check_largest_batch: ["12 *", "4 *", "3 *", "//", "max(0", "4 bytes", "12 bytes"],
}

"""Plain and residual networks for small images, and ResNet-18 to ResNet-152 for large ones, in the words of He et al.
2015 (arXiv 1512.03385, sections 4.2 and 4.1); and deep nets of equal linear layers (MLP) or blocks of them, in which
the signal can be followed by a calculation.

A small net of depth 6n + 2 is a 3x3 convolution (the stem), three stages of n blocks, global average pooling and one
linear layer. A block is two 3x3 convolutions: 1 + 3 * n * 2 + 1 = 6n + 2 layers with weights.

    output      32x32     16x16     8x8
    layers     1 + 2n        2n      2n    (+ 1 linear)
    filters        16        32      64

Parameters with option-A shortcuts, plain or residual: 0.27 M (20), 0.46 M (32), 0.66 M (44), 0.85 M (56), 1.7 M (110).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {"linear": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


class ZeroPadShortcut(nn.Module):
    """Option A where the shape changes: take every second pixel, fill the new channels with zeros. No parameters.

    Shapes: (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.stride = stride
        # The paper does not say where the new channels go. Half before and half after, as most public code has it.
        before = (out_channels - in_channels) // 2
        self.new_channels = (before, out_channels - in_channels - before)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]  # (N, in, H / stride, W / stride)
        return F.pad(x, (0, 0, 0, 0, *self.new_channels))  # (N, out, H / stride, W / stride)


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Eq. 2 of the paper, W_s x: a learned 1x1 convolution, with batch normalisation. Shapes as in ZeroPadShortcut."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


def make_shortcut(option: str, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The shortcut of one block; He et al. 2015, Table 3.

    Option "A": identity, zero-padding where the shape changes. "B": identity, projection where it changes.
    "C": projection everywhere. Raises ValueError for any other option.
    """
    if option not in ("A", "B", "C"):
        raise ValueError(f"unknown shortcut {option!r}: choose 'A' (zero-padding), 'B' or 'C' (projections)")
    same_shape = stride == 1 and in_channels == out_channels
    if option == "C" or (option == "B" and not same_shape):
        return projection(in_channels, out_channels, stride)
    return nn.Identity() if same_shape else ZeroPadShortcut(in_channels, out_channels, stride)


class BasicBlock(nn.Module):
    """y = relu(F(x) + shortcut(x)); He et al. 2015, Eq. 1 and Fig. 2.

    F is two 3x3 convolutions, each followed by batch normalisation, with a ReLU between them.
    Shapes: x is (N, in_channels, H, W), y is (N, out_channels, H / stride, W / stride).
    """

    expansion = 1  # channels of y for each channel inside F

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, shortcut: nn.Module | None = None):
        super().__init__()
        # A convolution before batch normalisation needs no bias: the normalisation subtracts it again.
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut if shortcut is not None else nn.Identity()

    def residual(self, x: Tensor) -> Tensor:
        """F(x), what the block adds to its input."""
        x = F.relu(self.bn1(self.conv1(x)))  # (N, out, H / stride, W / stride)
        return self.bn2(self.conv2(x))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x) + self.shortcut(x))


class PlainBlock(BasicBlock):
    """y = relu(F(x)): the same layers and parameters, without the sum. Shapes as in BasicBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x))


class ReLUBeforeSum(BasicBlock):
    """y = relu(F(x)) + shortcut(x): the block can only add to x; He et al. 2016, Fig. 4c. Shapes as in BasicBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x)) + self.shortcut(x)


class NoReLUAfterSum(BasicBlock):
    """y = F(x) + shortcut(x): nothing follows the addition. Shapes as in BasicBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


class NoReLUInside(BasicBlock):
    """BasicBlock whose F has no ReLU between its convolutions, so that F is one linear map in eval mode."""

    def residual(self, x: Tensor) -> Tensor:
        """F(x) = bn2(conv2(bn1(conv1(x))))."""
        return self.bn2(self.conv2(self.bn1(self.conv1(x))))


class NoNormAtEnd(BasicBlock):
    """BasicBlock whose F ends with its second convolution: its parameters bn2 take no part."""

    def residual(self, x: Tensor) -> Tensor:
        """F(x) = conv2(relu(bn1(conv1(x))))."""
        return self.conv2(F.relu(self.bn1(self.conv1(x))))


class NormAfterSum(NoNormAtEnd):
    """y = relu(BN(F(x) + shortcut(x))): the norm rescales x too; He et al. 2016, Fig. 4b. Shapes as in BasicBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.residual(x) + self.shortcut(x)))


class LateSkip(BasicBlock):
    """y = relu(bn2(conv2(h)) + h), h = relu(bn1(conv1(x))): the skip starts after the first layer, not at x."""

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + h)


BLOCKS = {
    "residual": BasicBlock,
    "relu_before": ReLUBeforeSum,
    "norm_after": NormAfterSum,
    "no_relu_after": NoReLUAfterSum,
    "no_relu_inside": NoReLUInside,
    "no_last_norm": NoNormAtEnd,
    "late_skip": LateSkip,
}


class CifarNet(nn.Module):
    """Stem, three stages of `n` blocks at widths w, 2w, 4w, and a linear head; He et al. 2015, section 4.2.

    `make_block(in_channels, out_channels, stride)` builds one block.
    Shapes: images (N, 3, H, W) to class scores (N, num_classes). The paper has H = W = 32.
    """

    def __init__(self, n: int, make_block: Callable[[int, int, int], nn.Module], width: int, num_classes: int):
        super().__init__()

        def stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
            first = make_block(in_channels, out_channels, stride)
            return nn.Sequential(first, *(make_block(out_channels, out_channels, 1) for _ in range(n - 1)))

        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stage1 = stage(width, width, stride=1)
        self.stage2 = stage(width, 2 * width, stride=2)
        self.stage3 = stage(2 * width, 4 * width, stride=2)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, w, H, W)
        x = self.stage1(x)  # (N, w, H, W)
        x = self.stage2(x)  # (N, 2w, H / 2, W / 2)
        x = self.stage3(x)  # (N, 4w, H / 4, W / 4)
        x = x.mean(dim=(2, 3))  # (N, 4w), global average pooling
        return self.head(x)  # (N, num_classes)


class Bottleneck(nn.Module):
    """y = relu(F(x) + shortcut(x)), F: 1x1 to `inner` channels, 3x3, 1x1 to 4 * inner; He et al. 2015, Fig. 5, right.

    Shapes: x is (N, in_channels, H, W), y is (N, 4 * inner, H / stride, W / stride).
    """

    expansion = 4

    def __init__(self, in_channels: int, inner: int, stride: int = 1, shortcut: nn.Module | None = None):
        super().__init__()
        out_channels = self.expansion * inner
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        # The authors' models have the stride on conv1, which skips three of four pixels. Here as torchvision ("v1.5").
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut if shortcut is not None else nn.Identity()

    def residual(self, x: Tensor) -> Tensor:
        """F(x), what the block adds to its input."""
        x = F.relu(self.bn1(self.conv1(x)))  # (N, inner, H, W)
        x = F.relu(self.bn2(self.conv2(x)))  # (N, inner, H / stride, W / stride)
        return self.bn3(self.conv3(x))  # (N, 4 * inner, H / stride, W / stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x) + self.shortcut(x))


class ResNet(nn.Module):
    """Stem, four stages of blocks[0], blocks[1], ... blocks, and a linear head; He et al. 2015, Table 1, option B.

    Shapes: images (N, 3, H, W) to class scores (N, num_classes). The paper has H = W = 224.
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], blocks: Sequence[int], num_classes: int):
        super().__init__()

        def stage(in_channels: int, inner: int, n: int, stride: int) -> nn.Sequential:
            out_channels = block.expansion * inner
            first = block(in_channels, inner, stride, make_shortcut("B", in_channels, out_channels, stride))
            return nn.Sequential(first, *(block(out_channels, inner) for _ in range(n - 1)))

        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        wider = block.expansion
        self.stage1 = stage(64, 64, blocks[0], stride=1)
        self.stage2 = stage(wider * 64, 128, blocks[1], stride=2)
        self.stage3 = stage(wider * 128, 256, blocks[2], stride=2)
        self.stage4 = stage(wider * 256, 512, blocks[3], stride=2)
        self.head = nn.Linear(wider * 512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 64, H / 4, W / 4)
        x = self.stage1(x)  # (N, 64, H / 4, W / 4); four times as many channels with bottlenecks, here and below
        x = self.stage2(x)  # (N, 128, H / 8, W / 8)
        x = self.stage3(x)  # (N, 256, H / 16, W / 16)
        x = self.stage4(x)  # (N, 512, H / 32, W / 32)
        x = x.mean(dim=(2, 3))  # (N, 512), global average pooling
        return self.head(x)  # (N, num_classes)


IMAGENET_NETS = {  # He et al. 2015, Table 1
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


def imagenet_net(depth: int, num_classes: int = 1000) -> ResNet:
    """The ResNet of this depth, He-initialised. Raises ValueError unless depth is 18, 34, 50, 101 or 152."""
    if depth not in IMAGENET_NETS:
        raise ValueError(f"depth must be one of {', '.join(map(str, IMAGENET_NETS))}, got {depth}")
    model = ResNet(*IMAGENET_NETS[depth], num_classes)
    initialise(model)
    return model


def resnet18(num_classes: int = 1000) -> ResNet:
    """18 layers, basic blocks, 11.7 M parameters with 1000 classes. Shapes: (N, 3, H, W) to (N, num_classes)."""
    return imagenet_net(18, num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """34 layers, basic blocks, 21.8 M parameters with 1000 classes. Shapes: (N, 3, H, W) to (N, num_classes)."""
    return imagenet_net(34, num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """50 layers, bottlenecks, 25.6 M parameters with 1000 classes. Shapes: (N, 3, H, W) to (N, num_classes)."""
    return imagenet_net(50, num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """101 layers, bottlenecks, 44.5 M parameters with 1000 classes. Shapes: (N, 3, H, W) to (N, num_classes)."""
    return imagenet_net(101, num_classes)


def resnet152(num_classes: int = 1000) -> ResNet:
    """152 layers, bottlenecks, 60.2 M parameters with 1000 classes. Shapes: (N, 3, H, W) to (N, num_classes)."""
    return imagenet_net(152, num_classes)


THEIR_STEM_AND_HEAD = {"conv1": "stem.0", "bn1": "stem.1", "fc": "head"}  # torchvision's names, and ours


def from_torchvision(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under our names, for resnet18 to resnet152: torchvision/models/resnet.py has theirs.

        net.load_state_dict(models.from_torchvision(theirs.state_dict()))

    Raises ValueError for a key that no torchvision ResNet has.
    """
    renamed = {}
    for key, value in state_dict.items():
        in_stage = re.fullmatch(r"layer([1-4])\.(\d+)\.((?:conv|bn)\d|downsample\.[01])\.(\w+)", key)
        outside = re.fullmatch(r"(conv1|bn1|fc)\.(\w+)", key)
        if in_stage:
            stage, block, part, name = in_stage.groups()
            renamed[f"stage{stage}.{block}.{part.replace('downsample', 'shortcut')}.{name}"] = value
        elif outside:
            part, name = outside.groups()
            renamed[f"{THEIR_STEM_AND_HEAD[part]}.{name}"] = value
        else:
            cure = "give the state_dict() of torchvision's resnet18, 34, 50, 101 or 152"
            raise ValueError(f"{key!r} is no name of torchvision's ResNets: {cure}")
    return renamed


IDELBAYEVS_NAMES = {"conv1": "stem.0", "bn1": "stem.1", "linear": "head"} | {
    f"layer{k}": f"stage{k}" for k in (1, 2, 3)
}


def from_akamaster(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under our names, for cifar_net, from github.com/akamaster/pytorch_resnet_cifar10.

    `module.`, which DataParallel puts before each name, may be missing, and so may batch norm's num_batches_tracked,
    which old files lack. Raises ValueError for a key that no net of that repository has.
    """
    renamed = {}
    for key, value in state_dict.items():
        part, _, rest = key.removeprefix("module.").partition(".")
        if part not in IDELBAYEVS_NAMES:
            cure = "give the state_dict of one of its resnet20 to resnet1202"
            raise ValueError(f"{key!r} is no name of akamaster/pytorch_resnet_cifar10: {cure}")
        renamed[f"{IDELBAYEVS_NAMES[part]}.{rest}"] = value
    return renamed


def initialise(model: nn.Module) -> None:
    """He initialisation, Var(w) = 2 / n_out, of every convolution, in place; He et al., arXiv 1502.01852, Eq. 14."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def zero_init_residual(model: nn.Module) -> None:
    """Set the last batch-norm weight of every residual block to zero, in place, so that F(x) = 0 at the start.

    Goyal et al. 2017, arXiv 1706.02677, section 5.1. A plain block is left alone: it would pass nothing on.
    """
    for module in model.modules():
        if isinstance(module, BasicBlock) and not isinstance(module, PlainBlock):
            nn.init.zeros_(module.bn2.weight)
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)


def cifar_net(
    depth: int,
    *,
    residual: bool = True,
    shortcut: str = "A",
    block: str = "residual",
    width: int = 16,
    num_classes: int = 10,
) -> CifarNet:
    """The plain or residual net of the given depth, He-initialised from torch's current random state.

    With shortcut "A", the plain and the residual net of one depth have the same parameters, name by name. block: a
    key of BLOCKS, for a residual net whose layers are in another order.
    Raises ValueError unless depth = 6n + 2 with n >= 1, shortcut is "A", "B" or "C" and block is known; and for
    another block in a plain net, which has none.
    """
    if block not in BLOCKS:
        raise ValueError(f"unknown block {block!r}: choose one of {', '.join(BLOCKS)}")
    if not residual and block != "residual":
        raise ValueError(f"a plain net has no block {block!r}: leave out residual=False, or leave out block")
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        near = max(8, 6 * round((depth - 2) / 6) + 2)
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 26, 32, ...), got {depth}: the nearest is {near}")

    def make_block(in_channels: int, out_channels: int, stride: int) -> BasicBlock:
        bypass = make_shortcut(shortcut, in_channels, out_channels, stride)  # a plain net refuses an unknown one too
        if not residual:
            return PlainBlock(in_channels, out_channels, stride)
        return BLOCKS[block](in_channels, out_channels, stride, bypass)

    model = CifarNet(n, make_block, width, num_classes)
    initialise(model)
    return model


class MLPLayer(nn.Module):
    """h = shortcut * x + phi(N(W x + b)), where N is batch normalisation or nothing. Shapes: (N, n_in) to (N, n_out).

    Var(W) = gain^2 / n_in and b = 0 at the start. The shortcut is left out where the shapes differ.
    """

    def __init__(self, n_in: int, n_out: int, activation: str, gain: float, normalise: bool, shortcut: float):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.norm = nn.BatchNorm1d(n_out) if normalise else nn.Identity()
        self.activation = ACTIVATIONS[activation]()
        self.shortcut = shortcut if n_in == n_out else 0.0
        nn.init.normal_(self.linear.weight, std=gain / n_in**0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.norm(self.linear(x)))
        return h + self.shortcut * x if self.shortcut else h


class MLP(nn.Module):
    """A multi-layer perceptron: hidden layers of one width, a linear head. Shapes: (N, ...) to (N, num_classes)."""

    def __init__(self, layers: list[MLPLayer], num_classes: int):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(layers[-1].linear.out_features, num_classes)
        nn.init.normal_(self.head.weight, std=self.head.in_features**-0.5)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x.flatten(1)))


def mlp(
    depth: int,
    inputs: int,
    width: int = 64,
    *,
    num_classes: int = 10,
    activation: str = "relu",
    gain: float = 1.0,
    normalise: bool = False,
    shortcut: float = 0.0,
) -> MLP:
    """A net of `depth` layers with weights, drawn from torch's current random state: depth - 1 hidden ones and a head.

    activation: "linear", "sigmoid", "tanh" or "relu". gain: the weights of a hidden layer have standard deviation
    gain / sqrt(n_in); sqrt(2) is He's start for "relu". Raises ValueError, with what is possible, for anything else.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
    if depth < 2:
        raise ValueError(f"depth must be 2 or more (a hidden layer and the head), got {depth}")
    sizes = [inputs] + [width] * (depth - 1)
    layers = [MLPLayer(*pair, activation, gain, normalise, shortcut) for pair in pairwise(sizes)]
    return MLP(layers, num_classes)


class MLPBlock(nn.Module):
    """y = shortcut * x + scale * F(x), F(x) = W2 relu(W1 x); nothing follows the addition. Shapes: (N, n) to (N, n).

    At the start Var(W1) = 2 / n and Var(W2) = 1 / n, so that F(x) has the mean square of x, and the biases are 0.
    normalise: batch normalisation after each of the two linear layers, as in BasicBlock.
    """

    def __init__(self, width: int, shortcut: float, scale: float, normalise: bool):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, width), nn.Linear(width, width)
        self.norm1, self.norm2 = (nn.BatchNorm1d(width) if normalise else nn.Identity() for _ in range(2))
        self.shortcut, self.scale = shortcut, scale
        for linear, gain in ((self.linear1, 2**0.5), (self.linear2, 1.0)):
            nn.init.normal_(linear.weight, std=gain / width**0.5)
            nn.init.zeros_(linear.bias)

    def residual(self, x: Tensor) -> Tensor:
        """What the block adds, scale * F(x)."""
        h = F.relu(self.norm1(self.linear1(x)))
        return self.scale * self.norm2(self.linear2(h))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut * x + self.residual(x)


class PlainMLPBlock(MLPBlock):
    """y = relu(scale * F(x)): the same layers and parameters, without the sum. Shapes as in MLPBlock."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x))


class BlockMLP(nn.Module):
    """A linear stem, equal blocks, a linear head. Shapes: (N, ...) to (N, num_classes)."""

    def __init__(self, blocks: list[MLPBlock], inputs: int, num_classes: int):
        super().__init__()
        width = blocks[0].linear1.in_features
        self.stem, self.head = nn.Linear(inputs, width), nn.Linear(width, num_classes)
        self.blocks = nn.Sequential(*blocks)
        for linear in (self.stem, self.head):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x.flatten(1))))


def block_mlp(
    blocks: int,
    inputs: int,
    width: int = 64,
    *,
    num_classes: int = 10,
    residual: bool = True,
    shortcut: float = 1.0,
    scale: float = 1.0,
    normalise: bool = False,
) -> BlockMLP:
    """A stem, `blocks` residual or plain blocks and a head: 2 * blocks + 2 layers, from torch's current random state.

    shortcut multiplies what a residual block passes on (a plain block has none), scale what its branch adds.
    Raises ValueError for fewer than one block.
    """
    if blocks < 1:
        raise ValueError(f"blocks must be 1 or more, got {blocks}")
    kind = MLPBlock if residual else PlainMLPBlock
    return BlockMLP([kind(width, shortcut, scale, normalise) for _ in range(blocks)], inputs, num_classes)

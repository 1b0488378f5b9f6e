"""The networks: the paper's counts, the block's equation, and a peer's trained weights as an outside reference."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision

from reslab import models, probes
from reslab.models import BasicBlock, PlainBlock, ZeroPadShortcut, cifar_net

PAPER = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}  # 0.27 M ... 1.7 M, exactly
DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"  # real images, beside the checkout or absent


def numbers(model):
    return sum(p.numel() for p in model.parameters())


def layout(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


@pytest.mark.parametrize("depth", PAPER)
def test_parameters_equal_the_papers_table(depth):
    plain, residual = cifar_net(depth, residual=False), cifar_net(depth)
    assert numbers(plain) == numbers(residual) == PAPER[depth]
    assert layout(plain) == layout(residual)


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_projections_add_what_they_must(depth):
    def conv_and_bn(inputs, outputs):
        return inputs * outputs + 2 * outputs

    n = (depth - 2) // 6
    widening = conv_and_bn(16, 32) + conv_and_bn(32, 64)
    same = n * conv_and_bn(16, 16) + (n - 1) * (conv_and_bn(32, 32) + conv_and_bn(64, 64))
    a, b, c = (numbers(cifar_net(depth, shortcut=option)) for option in "ABC")
    assert (b - a, c - b) == (widening, same)


@pytest.mark.parametrize(("residual", "shortcut"), [(False, "A"), (True, "A"), (True, "B"), (True, "C")])
@pytest.mark.parametrize(("size", "sizes"), [(32, (32, 16, 8)), (16, (16, 8, 4)), (15, (15, 8, 4))])
def test_stage_shapes(residual, shortcut, size, sizes):
    model, seen = cifar_net(14, residual=residual, shortcut=shortcut, num_classes=7), {}
    for name, module in model.named_children():
        module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: tuple(y.shape)}))
    model(torch.randn(2, 3, size, size))
    expected = {f"stage{k}": (2, 16 * 2 ** (k - 1), s, s) for k, s in enumerate(sizes, 1)}
    assert seen == {"stem": (2, 16, size, size), **expected, "head": (2, 7)}
    assert [len(stage) for stage in (model.stage1, model.stage2, model.stage3)] == [2, 2, 2]


@pytest.mark.parametrize(("depth", "nearest"), [(-4, 8), (0, 8), (2, 8), (7, 8), (18, 20), (21, 20), (57, 56)])
def test_a_depth_that_is_not_6n_plus_2(depth, nearest):
    with pytest.raises(ValueError, match=rf"6n \+ 2.*got {depth}.*nearest is {nearest}$"):
        cifar_net(depth)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("shortcut", ["D", "a", "", "AB", None])
def test_an_unknown_shortcut(residual, shortcut):
    with pytest.raises(ValueError, match=f"unknown shortcut {shortcut!r}.*'A'.*'B'.*'C'"):
        cifar_net(8, residual=residual, shortcut=shortcut)


def normalised(x, bn, train):
    dims = (0, 2, 3)
    mean, var = (x.mean(dims), x.var(dims, unbiased=False)) if train else (bn.running_mean, bn.running_var)
    x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    return x * bn.weight[:, None, None] + bn.bias[:, None, None]


@pytest.mark.parametrize("kind", ["identity", "A", "B", "plain", "plain wider"])
@pytest.mark.parametrize("train", [True, False])
def test_a_block_is_its_equation(kind, train):
    inputs, outputs, stride = (4, 4, 1) if kind in ("identity", "plain") else (4, 6, 2)
    make = PlainBlock if kind.startswith("plain") else BasicBlock
    block = make(inputs, outputs, stride)
    if kind in "AB":
        block.shortcut = models.make_shortcut(kind, inputs, outputs, stride)
    block = block.double().train(train)
    for name, value in block.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            value.copy_(torch.rand(value.shape) + 0.1 if "var" in name else torch.randn(value.shape))
    x = torch.randn(5, 4, 9, 9, dtype=torch.float64)

    h = F.conv2d(x, block.conv1.weight, stride=stride, padding=1)
    h = normalised(h, block.bn1, train).clamp(min=0)
    h = normalised(F.conv2d(h, block.conv2.weight, padding=1), block.bn2, train)
    if kind == "identity":
        h = h + x
    if kind == "A":
        h[:, 1:5] += x[:, :, ::2, ::2]
    if kind == "B":
        convolution, bn = block.shortcut
        h = h + normalised(F.conv2d(x, convolution.weight, stride=2), bn, train)
    torch.testing.assert_close(block(x), h.clamp(min=0))


def test_plain_and_residual_blocks_differ_by_the_input_alone():
    residual, plain, x = BasicBlock(3, 3), PlainBlock(3, 3), torch.randn(4, 3, 5, 5)
    plain.load_state_dict(residual.state_dict())
    torch.testing.assert_close(plain.residual(x), residual.residual(x))
    torch.testing.assert_close(plain(x), residual.residual(x).relu())
    torch.testing.assert_close(residual(x), (plain.residual(x) + x).relu())


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(4, 8, 2), (3, 8, 2), (2, 3, 1), (3, 3, 3)])
def test_zero_padding_index_by_index(inputs, outputs, stride):
    x = torch.randn(2, inputs, 7, 6)
    expected = torch.zeros(2, outputs, -(-7 // stride), -(-6 // stride))
    for n, c, i, j in itertools.product(*map(range, (2, inputs, *expected.shape[2:]))):
        expected[n, (outputs - inputs) // 2 + c, i, j] = x[n, c, i * stride, j * stride]
    shortcut = ZeroPadShortcut(inputs, outputs, stride)
    assert torch.equal(shortcut(x), expected) and numbers(shortcut) == 0


@pytest.mark.parametrize("shortcut", "ABC")
def test_zero_init_makes_each_block_its_shortcut(shortcut):
    model = cifar_net(14, shortcut=shortcut, width=4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    models.zero_init_residual(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"stage{k}.{i}.bn2.weight" for k in (1, 2, 3) for i in (0, 1)}
    for block in (m for m in model.modules() if isinstance(m, BasicBlock)):
        x = torch.randn(3, block.conv1.in_channels, 8, 8)
        if isinstance(block.shortcut, torch.nn.Identity):
            assert torch.equal(block(x), x.relu())
        assert torch.equal(block.eval()(x), block.shortcut(x).relu())


def test_zero_init_leaves_a_plain_net_alone():
    model = cifar_net(14, residual=False, width=4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    models.zero_init_residual(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_he_initialisation():
    torch.manual_seed(0)
    for name, module in cifar_net(20, shortcut="C").named_modules():
        if isinstance(module, torch.nn.Conv2d):
            weight, outgoing = module.weight.detach(), module.out_channels * module.kernel_size[0] ** 2
            spread, n = (2 / outgoing) ** 0.5, weight.numel()
            # five standard errors: fan_in instead of fan_out is far outside wherever the two differ
            assert abs(weight.std() / spread - 1) < 5 / (2 * n) ** 0.5, name
            assert abs(weight.mean()) < 5 * spread / n**0.5, name


def test_the_same_seed_gives_the_same_net():
    def build(seed):
        torch.manual_seed(seed)
        return cifar_net(8, width=2).state_dict()

    assert all(map(torch.equal, build(0).values(), build(0).values()))
    assert not torch.equal(build(0)["stem.0.weight"], build(1)["stem.0.weight"])


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("shortcut", [0.0, 0.5])
def test_an_mlp_is_its_equation(activation, normalise, shortcut):
    torch.manual_seed(0)
    net = models.mlp(4, 12, 5, num_classes=3, activation=activation, normalise=normalise, shortcut=shortcut)
    phi = {"linear": lambda z: z, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": lambda z: z.clamp(min=0)}
    x = torch.randn(7, 3, 2, 2)
    h = x.reshape(7, 12)
    for i, layer in enumerate(net.layers):
        z = h @ layer.linear.weight.T
        if normalise:
            z = (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()
        h = phi[activation](z) + (shortcut * h if i > 0 else 0)
    assert torch.allclose(net(x), h @ net.head.weight.T, atol=1e-5)
    assert len(net.layers) == 3


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_the_gain_of_an_mlp(gain):
    torch.manual_seed(0)
    net = models.mlp(5, 300, 200, gain=gain)
    for layer in net.layers:
        weight = layer.linear.weight
        expected = gain / weight.shape[1] ** 0.5
        assert abs(weight.std() / expected - 1) < 5 / (2 * weight.numel()) ** 0.5 and not layer.linear.bias.any()
    assert abs(net.head.weight.std() * 200**0.5 - 1) < 5 / (2 * net.head.weight.numel()) ** 0.5


def test_the_same_seed_gives_the_same_directions_at_each_gain():
    def build(gain):
        torch.manual_seed(3)
        return [layer.linear.weight / gain for layer in models.mlp(4, 6, 5, gain=gain).layers]

    assert all(map(torch.allclose, build(1.0), build(3.0)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "gelu"}, "unknown activation 'gelu': choose one of linear, sigmoid, tanh, relu"),
        ({"depth": 1}, "depth must be 2 or more .* got 1"),
    ],
)
def test_what_an_mlp_refuses(options, words):
    with pytest.raises(ValueError, match=words):
        models.mlp(**({"depth": 3, "inputs": 4} | options))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_a_net_of_mlp_blocks_is_its_equation(residual, normalise):
    torch.manual_seed(0)
    net = models.block_mlp(
        3, 12, 5, num_classes=4, residual=residual, shortcut=0.7, scale=0.3, normalise=normalise
    ).double()
    x = torch.randn(9, 3, 2, 2, dtype=torch.float64)

    def norm(z):
        return (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() if normalise else z

    h = x.reshape(9, 12) @ net.stem.weight.T
    for block in net.blocks:
        branch = 0.3 * norm(norm(h @ block.linear1.weight.T).clamp(min=0) @ block.linear2.weight.T)
        assert torch.allclose(block.residual(h), branch)
        h = 0.7 * h + branch if residual else branch.clamp(min=0)
    assert torch.allclose(net(x), h @ net.head.weight.T) and len(net.blocks) == 3


def test_a_branch_starts_as_large_as_its_input():
    torch.manual_seed(0)
    net = models.block_mlp(2, 300, 400)
    x = torch.randn(2000, 400)
    assert abs(net.blocks[0].residual(x).square().mean() / x.square().mean() - 1) < 0.1
    for linear, gain in ((net.stem, 1), (net.blocks[1].linear1, 2**0.5), (net.blocks[1].linear2, 1)):
        spread = linear.weight.std() * linear.in_features**0.5 / gain
        assert abs(spread - 1) < 5 / (2 * linear.weight.numel()) ** 0.5 and not linear.bias.any()


def test_plain_and_residual_mlp_blocks_start_alike():
    nets = []
    for residual in (False, True):
        torch.manual_seed(4)
        nets.append(models.block_mlp(2, 3, 4, residual=residual))
    assert all(map(torch.equal, nets[0].state_dict().values(), nets[1].state_dict().values()))


def test_no_net_without_blocks():
    with pytest.raises(ValueError, match="blocks must be 1 or more, got 0"):
        models.block_mlp(0, 3)


def expected_of(name, b, x):
    """What a block of another order computes, from the parts of `b` and nothing else."""
    hidden = b.bn1(b.conv1(x))
    if name != "no_relu_inside":
        hidden = hidden.clamp(min=0)
    end = b.conv2(hidden)
    skip = b.shortcut(x)
    return {
        "residual": lambda: (b.bn2(end) + skip).clamp(min=0),
        "relu_before": lambda: b.bn2(end).clamp(min=0) + skip,
        "norm_after": lambda: b.bn2(end + skip).clamp(min=0),
        "no_relu_after": lambda: b.bn2(end) + skip,
        "no_relu_inside": lambda: (b.bn2(end) + skip).clamp(min=0),
        "no_last_norm": lambda: (end + skip).clamp(min=0),
        "late_skip": lambda: (b.bn2(end) + hidden).clamp(min=0),
    }[name]()


@pytest.mark.parametrize("name", models.BLOCKS)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_of_another_order_is_its_equation(name, stride):
    torch.manual_seed(0)
    block = models.BLOCKS[name](4, 4 * stride, stride, models.make_shortcut("A", 4, 4 * stride, stride))
    x = torch.randn(6, 4, 8, 8)
    assert torch.allclose(block(x), expected_of(name, block, x), atol=1e-6)


def test_the_other_orders_have_the_same_first_weights():
    def build(block):
        torch.manual_seed(2)
        return cifar_net(14, block=block, width=4).state_dict()

    right = build("residual")
    for name in models.BLOCKS:
        other = build(name)
        assert list(other) == list(right) and all(torch.equal(right[key], other[key]) for key in right)


def test_an_unknown_block():
    with pytest.raises(ValueError, match="unknown block 'reversed': choose one of residual, relu_before"):
        cifar_net(20, block="reversed")
    with pytest.raises(ValueError, match="a plain net has no block 'late_skip': leave out residual=False"):
        cifar_net(20, residual=False, block="late_skip")


def test_a_peers_trained_weights_reach_their_accuracy():
    weights, images = DATA / "peer-resnet20-cifar10.th", DATA / "cifar10-mini.npz"
    if not (weights.exists() and images.exists()):
        pytest.skip(f"{weights.name} and {images.name} are not in ../shared/data")
    saved = models.from_akamaster(torch.load(weights, map_location="cpu", weights_only=True)["state_dict"])
    with np.load(images) as file:
        x = torch.from_numpy(file["test_x"]).permute(0, 3, 1, 2) / 255
        y = torch.from_numpy(file["test_y"])
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    x = (x - mean) / std

    def accuracy(model, n):
        missing, unexpected = model.load_state_dict(saved, strict=False)
        assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
        with torch.no_grad():
            scores = torch.cat([model.eval()(part) for part in x[:n].split(250)])
        return (scores.argmax(1) == y[:n]).double().mean()

    assert accuracy(cifar_net(20), 1000) >= 0.91
    assert accuracy(cifar_net(20, residual=False), 250) < 0.5  # the same weights without the shortcuts


# The ImageNet nets. torchvision's own modules are the outside reference.

TORCHVISION = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
MACS = {18: 1.814, 34: 3.664, 50: 4.089, 101: 7.801, 152: 11.514}  # 10^9, as torchvision publishes them


def shaken(net):
    """Random numbers in every parameter and statistic, so that no two can be exchanged unseen."""
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.ndim > 1:
                value.normal_(std=(2 / value[0].numel()) ** 0.5)
            elif name.endswith(("running_var", "weight")):
                value.uniform_(0.3, 1.0)
            elif value.is_floating_point():
                value.normal_(std=0.3)
    return net


@pytest.mark.parametrize("depth", TORCHVISION)
def test_an_imagenet_net_is_torchvisions(depth):
    torch.manual_seed(0)
    theirs = shaken(getattr(torchvision.models, f"resnet{depth}")())
    ours = getattr(models, f"resnet{depth}")()
    ours.load_state_dict(models.from_torchvision(theirs.state_dict()))
    assert numbers(ours) == TORCHVISION[depth]
    assert len(probes.weighted_layers(ours)) == depth
    assert round(probes.mac_count(ours, (3, 224, 224)) / 1e9, 3) == MACS[depth]
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for mode in (False, True):
            a, b = ours.train(mode)(x), theirs.train(mode)(x)
            assert (a - b).abs().max() <= 1e-5 * b.abs().max()
    after = models.from_torchvision(theirs.state_dict())
    assert all(torch.equal(value, after[name]) for name, value in ours.state_dict().items())


def test_trained_weights_give_torchvisions_scores():
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not cached.exists():
        pytest.skip(f"no {cached.name} in torch's cache; chapter 11 downloads it where there is a network")
    state = torch.load(cached, weights_only=True)
    theirs, ours = torchvision.models.resnet18(), models.resnet18()
    theirs.load_state_dict(state)
    ours.load_state_dict(models.from_torchvision(state))
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(x), theirs.eval()(x), atol=1e-5)


def idelbayevs_names(state):
    """Our names of a cifar_net as akamaster/pytorch_resnet_cifar10 has them."""
    theirs = {"stem.0": "conv1", "stem.1": "bn1", "head": "linear"} | {f"stage{k}": f"layer{k}" for k in (1, 2, 3)}
    renamed = {}
    for name, value in state.items():
        ours = next(part for part in theirs if name.startswith(part + "."))
        renamed[f"module.{theirs[ours]}{name.removeprefix(ours)}"] = value
    return renamed


def test_names_of_akamaster():
    net = cifar_net(14, width=4)
    state = net.state_dict()
    theirs = idelbayevs_names(state)
    assert {"module.conv1.weight", "module.bn1.running_var", "module.layer3.1.conv2.weight"} < set(theirs)
    for given in (theirs, {key.removeprefix("module."): value for key, value in theirs.items()}):
        kept = dict(given)
        assert all(value is state[name] for name, value in models.from_akamaster(given).items())
        assert models.from_akamaster(given).keys() == state.keys() and given == kept
    old = {key: value for key, value in theirs.items() if not key.endswith("num_batches_tracked")}
    assert len(models.from_akamaster(old)) == len(old)


@pytest.mark.parametrize("key", ["module.fc.weight", "layer4.0.conv1.weight", "module.module.conv1.weight", "conv"])
def test_a_name_that_akamaster_has_not(key):
    with pytest.raises(ValueError, match=f"'{key}' is no name of akamaster.*: give the state_dict"):
        models.from_akamaster({key: torch.zeros(1)})


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_is_its_equation(stride):
    torch.manual_seed(0)
    block = models.Bottleneck(8, 4, stride, models.make_shortcut("B", 8, 16, stride)).double()
    shaken(block)
    x = torch.randn(4, 8, 6, 6, dtype=torch.float64)

    def norm(z, bn):
        return F.batch_norm(z, None, None, bn.weight, bn.bias, training=True)

    h = F.relu(norm(F.conv2d(x, block.conv1.weight), block.bn1))
    h = F.relu(norm(F.conv2d(h, block.conv2.weight, stride=stride, padding=1), block.bn2))
    h = norm(F.conv2d(h, block.conv3.weight), block.bn3)
    skip = norm(F.conv2d(x, block.shortcut[0].weight, stride=stride), block.shortcut[1])
    assert torch.allclose(block(x), F.relu(h + skip))


def test_other_numbers_of_classes_and_other_depths():
    assert models.resnet18(7)(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(ValueError, match="18, 34, 50, 101, 152, got 20"):
        models.imagenet_net(20)


def test_a_zero_initialised_bottleneck_passes_its_shortcut():
    torch.manual_seed(0)
    net = models.ResNet(models.Bottleneck, (1, 1, 1, 1), 10)
    models.zero_init_residual(net)
    x = torch.randn(2, 64, 8, 8)
    assert torch.equal(net.stage1[0](x), F.relu(net.stage1[0].shortcut(x)))


@pytest.mark.parametrize(
    "key", ["layer5.0.conv1.weight", "module.conv1.weight", "layer1.0.conv1", "classifier.0.weight"]
)
def test_a_foreign_name(key):
    with pytest.raises(ValueError, match=f"{re.escape(repr(key))} is no name of torchvision"):
        models.from_torchvision({key: torch.zeros(1)})

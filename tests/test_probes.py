"""The probes: each number against plain autograd or arithmetic, and nothing in the probed network is changed."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reslab import probes
from reslab.models import PlainBlock, cifar_net, mlp


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, 16, 16, generator=generator), torch.randint(0, 10, (8,), generator=generator)


def everything(model):
    """All that a probe could disturb: numbers, gradients, modes, which layers are frozen, and torch's random state."""
    return [
        *(value.clone() for value in model.state_dict().values()),
        *(torch.zeros(()) if p.grad is None else p.grad.clone() for p in model.parameters()),
        torch.tensor([m.training for m in model.modules()]),
        torch.tensor([p.requires_grad for p in model.parameters()]),
        torch.tensor([len(m._forward_hooks) for m in model.modules()]),
        torch.get_rng_state(),
    ]


def used_net(**options):
    """A net in the middle of its life: with gradients, moved statistics, one stage in eval mode, one layer frozen."""
    torch.manual_seed(0)
    model = cifar_net(8, width=4, **options)
    model(torch.randn(4, 3, 16, 16)).sum().backward()
    model.stage2.eval()
    model.stage1[0].conv1.requires_grad_(False)
    return model


@pytest.mark.parametrize("residual", [True, False])
def test_gradient_norms_are_autograds(batch, residual):
    model = used_net(residual=residual)
    norms = probes.gradient_norms(model, *batch)
    twin = copy.deepcopy(model).train().requires_grad_(True)
    twin.zero_grad()
    F.cross_entropy(twin(batch[0]), batch[1]).backward()
    expected = {
        name.removesuffix(".weight"): p.grad.square().sum().sqrt().item()
        for name, p in twin.named_parameters()
        if p.ndim > 1
    }
    assert list(norms) == list(expected) and norms == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("probe", ["gradient_norms", "mac_count", "capture", "weighted_layers", "parameter_count"])
def test_a_probe_changes_nothing(batch, probe):
    model = used_net()
    model.head = nn.Sequential(nn.Dropout(0.5), model.head)  # draws random numbers in train mode
    before = everything(model)
    if probe == "gradient_norms":
        probes.gradient_norms(model, *batch)
    elif probe == "mac_count":
        probes.mac_count(model, (3, 16, 16))
    elif probe == "capture":
        with probes.capture(model, ["stage1"]):
            pass
    else:
        getattr(probes, probe)(model)
    assert all(map(torch.equal, everything(model), before))


@pytest.mark.parametrize("container", [list, tuple, iter])
@pytest.mark.parametrize("names", [["stem"], ["stage1.0", "head"], ["stage2", "stage3.0.conv1"]])
def test_capture_keeps_what_the_modules_gave(batch, names, container):
    model, seen = cifar_net(8, width=4).eval(), {}
    with probes.capture(model, container(names)) as activations:
        scores = model(batch[0])
    x = batch[0]
    for name, module in model.named_children():
        x = module(x.mean((2, 3)) if name == "head" else x)
        seen[name] = x
    seen |= {"stage1.0": seen["stage1"], "stage3.0.conv1": model.stage3[0].conv1(seen["stage2"])}
    assert torch.equal(seen["head"], scores) and list(activations) == names
    for name, value in activations.items():
        assert torch.equal(value, seen[name]) and not value.requires_grad


def test_capture_takes_its_hooks_away(batch):
    model = cifar_net(8, width=4)
    with probes.capture(model, ["stage1", "stage2.0"]) as activations:
        assert sum(len(m._forward_hooks) for m in model.modules()) == 2
    model(batch[0])
    assert activations == {}
    with pytest.raises(ZeroDivisionError), probes.capture(model, ["stage1"]):
        raise ZeroDivisionError
    assert not any(m._forward_hooks for m in model.modules())


def test_capture_of_an_unknown_name():
    model = cifar_net(8, width=4)
    words = r"no module named stage4, layer1; there are stem.*stage3\.0\.bn2.*head"
    with pytest.raises(ValueError, match=words), probes.capture(model, ["stem", "stage4", "layer1"]):
        pytest.fail("the context was entered")
    assert not any(m._forward_hooks for m in model.modules())


def test_signals_against_plain_autograd(batch):
    model = used_net()
    model.stage2.train()  # signals measures in train mode, so the comparison must too
    names = ["stage1", "stage3.0", "stem"]
    net, (x, y) = copy.deepcopy(model).train(), batch
    h0 = net.stem(x)
    h1 = net.stage1(h0)
    h2 = net.stage3[0](net.stage2(h1))
    loss = F.cross_entropy(net.head(h2.mean(dim=(2, 3))), y)
    gradients = torch.autograd.grad(loss, [h1, h2, h0])
    forward, back = probes.signals(model, names, *batch)
    assert list(forward) == list(back) == names
    for name, h, gradient in zip(names, (h1, h2, h0), gradients, strict=True):
        assert forward[name] == pytest.approx(h.square().mean().sqrt().item(), rel=1e-5)
        assert back[name] == pytest.approx(gradient.square().sum().sqrt().item(), rel=1e-4)


def test_signals_disturb_nothing(batch):
    model = used_net()
    before = everything(model)
    probes.signals(model, ["stem", "stage3"], *batch)
    assert all(map(torch.equal, before, everything(model)))
    with pytest.raises(ValueError, match="no module named stage4; there are stem"):
        probes.signals(model, ["stage4"], *batch)


def test_a_skip_of_one_keeps_the_gradient_of_a_sigmoid_net(batch):
    """The plain net's gradient loses at least a factor 4 in each layer; h + x has the identity in its Jacobian."""
    ratios = {}
    for shortcut in (0.0, 1.0):
        torch.manual_seed(0)
        net = mlp(12, 768, 32, activation="sigmoid", shortcut=shortcut).double()
        _, back = probes.signals(net, ["layers.0", "layers.10"], batch[0].double(), batch[1])
        ratios[shortcut] = back["layers.0"] / back["layers.10"]
    assert ratios[0.0] < 0.3**10 and 0.3 < ratios[1.0] < 3


def conv_macs(inputs, outputs, size, kernel=3):
    return inputs * outputs * kernel**2 * size**2


@pytest.mark.parametrize("depth", [20, 56])
def test_macs_of_the_papers_nets(depth):
    n = (depth - 2) // 6
    a = conv_macs(3, 16, 32) + 64 * 10
    a += 2 * n * conv_macs(16, 16, 32)  # each stage halves the side and doubles the channels: the same work
    a += conv_macs(16, 32, 16) + (2 * n - 1) * conv_macs(32, 32, 16)
    a += conv_macs(32, 64, 8) + (2 * n - 1) * conv_macs(64, 64, 8)
    b = a + conv_macs(16, 32, 16, kernel=1) + conv_macs(32, 64, 8, kernel=1)
    for options, expected in (({}, a), ({"residual": False}, a), ({"shortcut": "B"}, b)):
        assert probes.mac_count(cifar_net(depth, **options), (3, 32, 32)) == expected
    assert (a, b) == {20: (40_551_040, 40_813_184), 56: (125_485_696, 125_747_840)}[depth]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv2d(3, 5, 3), (3, 10, 8), 3 * 9 * 5 * 8 * 6),
        (nn.Conv2d(3, 5, 3, padding=1), (3, 10, 8), 3 * 9 * 5 * 10 * 8),
        (nn.Conv2d(3, 5, 3, stride=2, padding=1), (3, 9, 8), 3 * 9 * 5 * 5 * 4),
        (nn.Conv2d(4, 6, (1, 3), groups=2), (4, 7, 7), 2 * 3 * 6 * 7 * 5),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 7)), (3, 2, 2), 12 * 7),
        (nn.Sequential(*[nn.Conv2d(2, 2, 1)] * 3), (2, 4, 4), 3 * 4 * 16),  # one layer, used three times
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), (3, 4, 4), 0),
    ],
)
def test_macs_of_a_layer(layer, shape, expected):
    assert probes.mac_count(layer, shape) == expected
    assert probes.mac_count(layer.double(), shape) == expected


def test_parameters_that_training_can_change():
    model = cifar_net(20)
    assert probes.parameter_count(model) == 269_722
    model.head.requires_grad_(False)
    assert probes.parameter_count(model) == 269_722 - 650


@pytest.mark.parametrize(("residual", "shortcut"), [(False, "A"), (True, "A"), (True, "B"), (True, "C")])
@pytest.mark.parametrize("depth", [8, 20, 56])
def test_as_many_weighted_layers_as_the_depth_says(depth, residual, shortcut):
    model = cifar_net(depth, residual=residual, shortcut=shortcut, width=2)
    layers = probes.weighted_layers(model)
    called = []
    for name, layer in layers.items():
        layer.register_forward_hook(lambda *_, name=name: called.append(name))
    model(torch.randn(2, 3, 8, 8))
    assert len(layers) == depth and called == list(layers)  # in the order in which an image meets them


@pytest.mark.parametrize(("residual", "shortcut"), [(False, "A"), (True, "A"), (True, "C")])
def test_responses_by_hand(batch, residual, shortcut):
    model = used_net(residual=residual, shortcut=shortcut)
    before, x = everything(model), batch[0]
    found = probes.response_std(model, x)
    assert all(map(torch.equal, before, everything(model)))
    model.eval()
    with torch.no_grad():
        stem = model.stem[1](model.stem[0](x))
        h, expected = F.relu(stem), [stem.std()]
        for block in (model.stage1[0], model.stage2[0], model.stage3[0]):
            first = block.bn1(block.conv1(h))
            second = block.bn2(block.conv2(F.relu(first)))
            expected += [first.std(), second.std()]
            h = F.relu(second + block.shortcut(h)) if residual else F.relu(second)
    assert found == pytest.approx([value.item() for value in expected], rel=1e-5)


def test_a_net_without_a_block(batch):
    model, x = used_net(), batch[0]
    before = everything(model)
    assert probes.block_names(model) == ["stage1.0", "stage2.0", "stage3.0"]
    model.eval()
    with torch.no_grad():
        for name in probes.block_names(model):
            h = model.stem(x)
            for stage in ("stage1.0", "stage2.0", "stage3.0"):
                block = model.get_submodule(stage)
                h = F.relu(block.shortcut(h)) if stage == name else block(h)
            assert torch.allclose(probes.without_block(model, name)(x), model.head(h.mean((2, 3))))
    model.train()
    model.stage2.eval()
    assert all(map(torch.equal, before, everything(model)))


def test_a_plain_net_without_a_block(batch):
    model = cifar_net(14, residual=False, width=4).eval()
    without = probes.without_block(model, "stage2.1")
    model.stage2[1] = nn.Identity()
    assert torch.equal(without(batch[0]), model(batch[0]))
    with pytest.raises(ValueError, match=r"stage2.0 changes the shape and has no shortcut: leave out a block that"):
        probes.without_block(model, "stage2.0")
    halving = nn.Sequential(PlainBlock(4, 4, stride=2), nn.Flatten())
    with pytest.raises(ValueError, match="0 changes the shape"):
        probes.without_block(halving, "0")
    with pytest.raises(ValueError, match="no module named stage9; there are"):
        probes.without_block(model, "stage9")

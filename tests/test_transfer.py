"""Transfer: heads, frozen parts, rates by depth, the linear probe, few images, and nets in files."""

import errno
import itertools
import json
import os
import pathlib

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

from reslab import models, transfer

CARD = transfer.Card("cifar8", ("cat", "dog", "größe 3"), 8, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25), "made by hand")


@pytest.fixture
def net():
    """A small net with statistics of its own, so that train and eval mode differ."""
    torch.manual_seed(0)
    model = CARD.build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


@pytest.fixture
def images():
    x = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    y = torch.arange(24) % 3
    x[range(24), y] += 0.7
    return x, y


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(model, before):
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


# Cards and files


@pytest.mark.parametrize(
    ("kind", "made", "blocks"), [("cifar20", models.CifarNet, 9), ("resnet18", models.ResNet, 8)], ids=["cifar", "18"]
)
def test_a_card_builds_its_kind(kind, made, blocks):
    model = transfer.Card(kind, tuple("abcde"), 8, (0,) * 3, (1,) * 3).build()
    assert isinstance(model, made) and model.head.out_features == 5
    assert sum(isinstance(module, models.BasicBlock) for module in model.modules()) == blocks


@pytest.mark.parametrize("kind", ["", "vgg16", "resnet", "my resnet18", "resnet18b"])
def test_a_card_of_an_unknown_kind(kind):
    with pytest.raises(ValueError, match=f"unknown net '{kind}': cifar20, for example, or resnet18"):
        transfer.Card(kind, ("a", "b"), 8, (0,) * 3, (1,) * 3).build()


def test_a_card_normalises_each_channel():
    x = torch.rand(2, 3, 4, 5)
    expected = np.moveaxis((np.moveaxis(x.numpy(), 1, -1) - CARD.mean) / CARD.std, -1, 1)
    assert np.allclose(CARD.normalised(x), expected, atol=1e-6) and CARD.normalised(x).dtype == torch.float32


def test_a_net_comes_back_from_its_file(net, images, tmp_path):
    x, _ = images
    transfer.save_net(tmp_path / "net.safetensors", net.train(), CARD)
    back, card = transfer.load_net(str(tmp_path / "net.safetensors"))
    assert card == CARD and not back.training and not changed(back, net.state_dict())
    assert torch.equal(back(x), net.eval()(x))
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]


def test_weights_in_another_memory_format_are_saved(net, images, tmp_path):
    transfer.save_net(tmp_path / "net.safetensors", net.to(memory_format=torch.channels_last), CARD)
    back, _ = transfer.load_net(tmp_path / "net.safetensors")
    assert not changed(back, net.state_dict())


@pytest.mark.parametrize("broken", ["fsync", "replace", "open"])
def test_a_net_that_cannot_be_written_leaves_the_old_one(net, tmp_path, monkeypatch, broken):
    path = tmp_path / "net.safetensors"
    transfer.save_net(path, net, CARD)
    old = path.read_bytes()
    nn.init.ones_(net.head.weight)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if broken == "fsync" else pathlib.Path, broken, full)
        with pytest.raises(
            OSError, match=r"cannot write .*net\.safetensors \(.*No space left.*\): free some space or"
        ):
            transfer.save_net(path, net, CARD)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_a_kill_while_writing_leaves_the_old_net(net, tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    transfer.save_net(path, net, CARD)
    old = path.read_bytes()
    nn.init.ones_(net.head.weight)

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            transfer.save_net(path, net, CARD)
    assert path.read_bytes() == old
    transfer.save_net(path, net, CARD)
    assert torch.equal(transfer.load_net(path)[0].head.weight, torch.ones(3, 64)) and list(tmp_path.iterdir()) == [
        path
    ]


def test_who_may_read_a_net_is_as_for_any_file(net, tmp_path):
    (tmp_path / "any").touch()
    transfer.save_net(tmp_path / "net.safetensors", net, CARD)
    assert (tmp_path / "net.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_no_file_of_a_net(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match=rf"no file {path}: check the path, or make it with python -m res"):
            transfer.load_net(path)


def test_weights_without_a_card(net, tmp_path):
    path = tmp_path / "theirs.safetensors"
    for metadata in (None, {"format": "pt"}):
        safetensors.torch.save_file(state_of(net), path, metadata)
        with pytest.raises(ValueError, match=r"theirs.* has no card of reslab in it, only weights: make it anew"):
            transfer.load_net(path)


def cut(content):
    return content[: len(content) // 2]


def with_card(**changes):
    """Bytes of a file whose card is not that of its weights."""

    def write(content):
        values = json.loads(json.dumps(CARD.__dict__)) | changes
        return safetensors.torch.save(safetensors.torch.load(content), {"reslab": json.dumps(values)})

    return write


DAMAGED = {
    "empty": lambda content: b"",
    "words": lambda content: b"<html> not found",
    "cut short": cut,
    "header": lambda content: content[:8] + b"[" + content[9:],
    "no JSON": lambda content: safetensors.torch.save(safetensors.torch.load(content), {"reslab": "x"}),
    "other net": with_card(net="cifar14"),
    "unknown net": with_card(net="vgg16"),
    "other classes": with_card(classes=["a"]),
    "unknown entry": with_card(colour="red"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_of_a_net(net, tmp_path, damage):
    path = tmp_path / "net.safetensors"
    transfer.save_net(path, net, CARD)
    path.write_bytes(DAMAGED[damage](path.read_bytes()))
    with pytest.raises(
        ValueError, match=r"^cannot read a net from .*net\.safetensors \(\S.*\): make it anew with"
    ) as e:
        transfer.load_net(path)
    assert "\n" not in str(e.value)


def test_an_error_without_words_is_named(net, tmp_path, monkeypatch):
    transfer.save_net(tmp_path / "net.safetensors", net, CARD)
    monkeypatch.setattr(transfer.Card, "build", lambda card: next(iter(())))
    with pytest.raises(ValueError, match=r"\(StopIteration\): make it anew"):
        transfer.load_net(tmp_path / "net.safetensors")


def test_the_books_own_net():
    model, card = transfer.outlines_net()
    assert card.net == "cifar20" and len(card.classes) == 100 and card.size == 16 and not model.training
    assert "reslab.fewshot pretrain" in card.story


# Parts of a net


def test_a_new_head(net):
    before, head = state_of(net), net.head
    assert transfer.new_head(net.double(), 7) is net and net.head is not head
    assert net.head.weight.shape == (7, 64) and net.head.weight.dtype == torch.float64 and net.head.bias is not None
    assert [name for name, _ in net.named_children()][-1] == "head"
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items() if "head" not in name)


def test_a_frozen_body_gets_no_gradients(net, images):
    transfer.freeze_body(net.requires_grad_(False))
    F.cross_entropy(net(images[0]), images[1]).backward()
    assert {name for name, p in net.named_parameters() if p.grad is not None} == {"head.weight", "head.bias"}


def test_train_mode_keeps_the_statistics(net, images):
    net.insert = nn.Dropout()
    before, expected = state_of(net), net(images[0])
    transfer.train_mode(net)
    assert torch.equal(net(images[0]), expected) and not changed(net, before)
    assert net.training and net.insert.training and net.head.training
    net.train()
    assert not torch.equal(net(images[0]), expected) and changed(net, before)


def test_rates_by_depth(net):
    groups = transfer.parameter_groups(net, 0.5, 0.1)
    children = dict(net.named_children())
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(list(net.parameters())) == sum(len(group["params"]) for group in groups)
    assert rates[id(net.head.bias)] == 0.5
    order = ["head", "stage3", "stage2", "stage1"]
    found = [{rates[id(p)] for p in children[name].parameters()} for name in order]
    assert all(len(rate) == 1 for rate in found)
    found = [rate.pop() for rate in found]
    assert found == sorted(found, reverse=True)
    assert [b / a for a, b in itertools.pairwise(found)] == pytest.approx([0.1] * 3)
    assert {group["lr"] for group in transfer.parameter_groups(net, 0.5, 1.0)} == {0.5}


def test_features_are_what_the_head_gets(net, images):
    x, _ = images
    net.stage3.train()
    modes = [module.training for module in net.modules()]
    found = transfer.features(net, x, batch_size=7)
    assert [module.training for module in net.modules()] == modes and not found.requires_grad
    assert found.shape == (24, 64) and torch.allclose(net.head(found), net.eval()(x), atol=1e-5)
    assert not net.head._forward_pre_hooks


def test_features_take_their_hook_away_after_an_error(net):
    with pytest.raises(RuntimeError):
        transfer.features(net, torch.zeros(2, 5, 8, 8))
    assert not net.head._forward_pre_hooks


@pytest.mark.parametrize("decay", [1e-2, 0.3])
def test_the_probe_is_logistic_regression(net, images, decay):
    x, y = images
    before = state_of(net)
    transfer.fit_head(net, x, y, decay)
    assert changed(net, before) == {"head.weight", "head.bias"}
    found = transfer.features(net, x).double().numpy()
    standard = (found - found.mean(0)) / (found.std(0) + 1e-2)
    theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-9, max_iter=5000).fit(standard, y)
    scores = net(x).detach().double().numpy()
    centred = scores - scores.mean(1, keepdims=True)  # a shift of all scores changes nothing
    expected = theirs.decision_function(standard)
    assert np.abs(centred - (expected - expected.mean(1, keepdims=True))).max() < 0.02


def test_a_feature_that_never_changes_does_no_harm(net):
    transfer.fit_head(net, torch.zeros(6, 3, 8, 8), torch.arange(6) % 3)
    assert all(value.isfinite().all() for value in net.head.parameters())


def test_the_probe_starts_from_nothing_random(net, images):
    transfer.fit_head(net, *images)
    first = net.head.weight.clone()
    torch.manual_seed(9)
    transfer.new_head(net, 3)
    transfer.fit_head(net, *images)
    assert torch.equal(net.head.weight, first)


# Fine-tuning


def test_tuning_lowers_the_loss_and_is_repeatable(net, images):
    start = state_of(net)

    def run(**options):
        net.load_state_dict(start)
        return transfer.tune(net, *images, 12, lr=0.05, batch_size=16, **options), state_of(net)

    losses, state = run(generator=torch.Generator().manual_seed(0))
    again, same = run(generator=torch.Generator().manual_seed(0))
    other, _ = run(generator=torch.Generator().manual_seed(1))
    assert losses == again != other and all(torch.equal(state[name], same[name]) for name in state)
    assert len(losses) == 12 and np.mean(losses[-4:]) < np.mean(losses[:4])


def test_tuning_leaves_frozen_parts_alone(net, images):
    before = state_of(net)
    transfer.freeze_body(net)
    transfer.tune(net, *images, 2, lr=0.1, freeze_norms=True)
    assert changed(net, before) == {"head.weight", "head.bias"}
    transfer.tune(net, *images, 2, lr=0.1)
    assert any("running_mean" in name for name in changed(net, before))


def test_tuning_uses_rates_by_depth_in_one_cycle(net, images, monkeypatch):
    seen = []

    def step(model, optimizer, x, y):
        seen.append([group["lr"] for group in optimizer.param_groups])
        return 1.0, None

    monkeypatch.setattr(transfer.train, "train_step", step)
    transfer.tune(net, *images, 20, lr=0.4, factor=0.5)
    heads = [rates[0] for rates in seen]
    assert max(heads) == 0.4 and heads[0] < 0.4 and heads[-1] < 0.1 and heads.index(0.4) < 10
    assert all(b == pytest.approx(a / 2) for rates in seen for a, b in itertools.pairwise(rates))


def test_tuning_augments_what_it_trains_on(net, images, monkeypatch):
    monkeypatch.setattr(transfer.train, "train_step", lambda model, optimizer, x, y: (float(x.abs().max()), None))
    generator = torch.Generator()
    given = []
    losses = transfer.tune(
        net,
        *images,
        2,
        lr=0.1,
        batch_size=5,
        generator=generator,
        augment=lambda x, g: given.append((len(x), g)) or 0 * x,
    )
    assert losses == [0, 0] and given == [(5, generator)] * 2


def test_few_of_each_class():
    labels = torch.tensor([3, 0, 3, 3, 0, 7, 7, 0, 7, 3])
    few, again, other = (transfer.few_per_class(labels, 2, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert labels[few].bincount().tolist() == [2, 0, 0, 2, 0, 0, 0, 2] and len(few.unique()) == 6
    assert torch.equal(few, again) and not torch.equal(few, other)
    with pytest.raises(ValueError, match=r"class 0 has 3 images, fewer than 4: ask for fewer, or leave it out"):
        transfer.few_per_class(labels, 4, torch.Generator())


def test_between_two_nets():
    a = {"w": torch.tensor([0.0, 4.0]), "count": torch.tensor(3)}
    b = {"w": torch.tensor([8.0, 8.0]), "count": torch.tensor(5)}
    middle = transfer.interpolated(a, b, 0.25)
    assert middle["w"].tolist() == [2.0, 5.0] and middle["count"] == 5 and middle["count"].dtype == torch.int64
    assert torch.equal(transfer.interpolated(a, b, 0.0)["w"], a["w"])
    assert torch.equal(transfer.interpolated(a, b, 1.0)["w"], b["w"])
    middle["count"] += 1
    assert b["count"] == 5


@pytest.mark.parametrize("name", transfer.METHODS)
def test_each_method_leaves_its_base_alone(net, images, name, monkeypatch):
    steps, options = transfer.METHODS[name]
    monkeypatch.setitem(transfer.METHODS, name, (min(steps, 2), options))
    before = state_of(net)
    made, again = (transfer.method(name, net, 4, *images, seed=5) for _ in range(2))
    assert not changed(net, before) and not changed(made, state_of(again))
    assert made.head.out_features == 4 and not made.training
    body = {n for n in changed(made, before | {k: v for k, v in made.state_dict().items() if "head" in k})}
    weights = {n for n in body if "running" not in n and "num_batches" not in n}
    assert bool(weights) == (name != "linear probe")
    assert bool(body - weights) == (name not in ("linear probe", "frozen batch norm"))


def test_from_scratch_forgets_the_base(net, images, monkeypatch):
    monkeypatch.setitem(transfer.METHODS, "from scratch", (0, {}))
    scratch = transfer.method("from scratch", net, 3, *images, seed=1)
    weights = {n for n, value in net.state_dict().items() if value.ndim == 4 or "running" in n}
    assert weights <= changed(scratch, state_of(net))

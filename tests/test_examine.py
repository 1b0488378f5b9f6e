"""Chapter 14's measurements of trained nets: against numbers by hand, from files of both kinds, and the book's own."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_models import idelbayevs_names

from reslab import data, examine, models, probes, runs, train, transfer

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8), np.arange(60) % 10
    np.savez(tmp_path / "mine.npz", train_x=x[:30], train_y=y[:30], test_x=x[30:], test_y=y[30:])
    return tmp_path / "mine.npz"


def used_net(residual=True):
    torch.manual_seed(0)
    net = models.cifar_net(20, residual=residual)
    with torch.no_grad():
        net(torch.randn(8, 3, 32, 32))  # batch norm's statistics are no longer 0 and 1
    return net.eval()


@pytest.fixture
def published(tmp_path):
    """A file as akamaster/pytorch_resnet_cifar10 has them, of an old PyTorch."""
    state = idelbayevs_names(used_net().state_dict())
    state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save({"state_dict": state, "best_prec1": 91.0}, tmp_path / "theirs.th")
    return tmp_path / "theirs.th"


def command(*files, npz, results, images=20):
    return examine.main([*map(str, files), "--data", str(npz), "--images", str(images), "--results", str(results)])


def test_what_is_measured_of_a_published_net(published, npz, tmp_path):
    assert command(published, npz=npz, results=tmp_path) == 0
    record = json.loads((tmp_path / "examined" / "mine" / "theirs.json").read_text())
    with np.load(npz) as file:
        x, y = torch.from_numpy(file["test_x"]).permute(0, 3, 1, 2) / 255, torch.from_numpy(file["test_y"])
    mean, std = (torch.tensor(values)[:, None, None] for values in IMAGENET.values())
    x, net = (x - mean) / std, used_net()
    assert record["test_error"] == train.evaluate(net, x, y)["error"] and record["images"] == 20
    assert record["error"] == train.evaluate(net, x[:20], y[:20])["error"]
    assert record["response_std"] == pytest.approx(probes.response_std(net, x[:20]), rel=1e-3, abs=1e-4)
    assert record["lesions"].keys() == record["residual_share"].keys() and len(record["lesions"]) == 9
    lesioned = train.evaluate(probes.without_block(net, "stage2.0"), x[:20], y[:20])
    assert record["lesions"]["stage2.0"] == lesioned["error"]
    with torch.no_grad():
        h, block = net.stage1(net.stem(x[:20])), net.stage2[0]
        share = (block.residual(h).square().mean() / block.shortcut(h).square().mean()).sqrt()
    assert record["residual_share"]["stage2.0"] == pytest.approx(share.item(), rel=1e-3)
    assert "Idelbayev" in record["story"] and record["data"]["sha256"] == data.load_npz(npz).digest


def test_the_depth_of_a_published_net_is_in_its_names(tmp_path):
    for depth in (8, 26):
        torch.save({"state_dict": idelbayevs_names(models.cifar_net(depth).state_dict())}, tmp_path / "a.th")
        net, card = examine.published_net(tmp_path / "a.th")
        assert card.net == f"cifar{depth}" and len(probes.weighted_layers(net)) == depth and not net.training


def test_shares_leave_the_net_as_it_was():
    net = used_net().train()
    net.stage2.eval()
    modes = [module.training for module in net.modules()]
    examine.residual_shares(net, torch.randn(4, 3, 32, 32))
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_a_plain_net_of_the_book(npz, tmp_path):
    card = transfer.Card("plain20", tuple("0123456789"), 32, story="a test", **IMAGENET)
    transfer.save_net(tmp_path / "ours.safetensors", used_net(residual=False), card)
    assert command(tmp_path / "ours.safetensors", npz=npz, results=tmp_path) == 0
    record = json.loads((tmp_path / "examined" / "mine" / "ours.json").read_text())
    assert record["residual_share"] == {} and len(record["response_std"]) == 19
    keeping = {"stage1.0", "stage1.1", "stage1.2", "stage2.1", "stage2.2", "stage3.1", "stage3.2"}
    assert set(record["lesions"]) == keeping, "the blocks that change the shape have no shortcut to leave"


def test_what_is_done_is_not_done_again_and_other_weights_replace_nothing(published, npz, tmp_path, capsys):
    assert command(published, npz=npz, results=tmp_path, images=0) == 0
    file = tmp_path / "examined" / "mine" / "theirs.json"
    before = file.read_bytes()
    assert "lesions" not in json.loads(before)
    assert command(published, npz=npz, results=tmp_path) == 0 and "theirs.th: done" in capsys.readouterr().out
    state = torch.load(published, weights_only=True)
    state["state_dict"]["module.linear.bias"] += 1
    torch.save(state, published)
    assert command(published, npz=npz, results=tmp_path) == 1
    assert "measured on other weights: move it away first" in capsys.readouterr().err and file.read_bytes() == before


def test_files_that_will_not_do(npz, tmp_path, capsys):
    damaged, missing = tmp_path / "damaged.th", tmp_path / "missing.th"
    damaged.write_bytes(b"no weights")
    for path, words in ((damaged, "give a .th file of that repository"), (missing, "get it from github.com")):
        assert command(path, npz=npz, results=tmp_path) == 1
        said = capsys.readouterr().err
        assert path.name in said and words in said and "Traceback" not in said
    card = transfer.Card("cifar20", ("a", "b"), 32, story="two classes", **IMAGENET)
    transfer.save_net(tmp_path / "two.safetensors", models.cifar_net(20, num_classes=2), card)
    assert command(tmp_path / "two.safetensors", npz=npz, results=tmp_path) == 1
    assert "2 classes, 32 pixels" in capsys.readouterr().err
    card = transfer.Card("cifar20", tuple("0123456789"), 16, story="small images", **IMAGENET)
    transfer.save_net(tmp_path / "small.safetensors", models.cifar_net(20), card)
    assert command(tmp_path / "small.safetensors", npz=npz, results=tmp_path) == 1
    assert "10 classes, 16 pixels" in capsys.readouterr().err


def test_the_books_measurements_are_of_the_nets_it_names():
    for file in sorted((runs.results_folder() / "examined").rglob("*.json")):
        record = json.loads(file.read_text())
        kept = runs.results_folder() / "cifar10" / f"{file.stem}.safetensors"
        if file.stem.startswith("peer-"):
            kept = DATA / f"{file.stem}.th"
            if not kept.exists():  # a reader has no ../shared/data; the book's own nets are checked all the same
                continue
        assert record["sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest(), file.name


def test_a_published_net_reaches_its_recorded_error():
    weights, images = DATA / "peer-resnet20-cifar10.th", DATA / "cifar10-mini.npz"
    if not (weights.exists() and images.exists()):
        pytest.skip(f"{weights.name} and {images.name} are not in ../shared/data")
    found = examine.examine(weights, data.load_npz(images), 0)
    assert found["test_error"] == pytest.approx(
        runs.read("examined/cifar10-mini")[weights.stem]["test_error"], abs=0.002
    )

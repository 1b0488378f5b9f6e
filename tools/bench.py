"""Images a second of three training loops on the same networks: this is `make bench`. Printed, not asserted.

    python tools/bench.py                # ResNet-20 on 32x32, ResNet-18 on 224x224
    python tools/bench.py --steps 4      # a quick look

Each loop trains a fresh net of the same kind with SGD on the same labelled images, in one process, one loop
after the other, several rounds; the median round counts. Ratios are to the plain loop.

- plain: a DataLoader over stored uint8 images, transformed one by one (crop, flip, normalise), float32.
- reference: in the style of torchvision's references/classification/train.py: Pillow images, transforms.v2 with
  two workers, cross-entropy with label smoothing, top-1 and top-5 accuracy and a smoothed log after each step.
- ours: reslab.train's step on tensors in memory, augmentation by batch, the fastest execution on this machine.
"""

import argparse
import collections
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from reslab import data, models, runs, train


class Stored(Dataset):
    """uint8 images and labels in memory, transformed one by one; as Pillow images for the reference loop."""

    def __init__(self, images, labels, transform, pillow):
        self.images, self.labels, self.transform, self.pillow = images, labels, transform, pillow

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = Image.fromarray(self.images[i]) if self.pillow else torch.from_numpy(self.images[i]).permute(2, 0, 1)
        return self.transform(image), int(self.labels[i])


def transforms(size, pillow):
    """Crop with a margin, mirror, normalise."""
    steps = [v2.RandomCrop(size, padding=size // 8), v2.RandomHorizontalFlip()]
    steps += [v2.PILToTensor()] if pillow else []
    return v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)])


def plain_loop(net, batches):
    """Nothing but the four lines."""
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    net.train()
    for x, y in batches:
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield len(y)


def reference_loop(net, batches):
    """In the manner of torchvision's train_one_epoch."""
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    criterion, logged = torch.nn.CrossEntropyLoss(label_smoothing=0.1), collections.deque(maxlen=20)
    net.train()
    for x, y in batches:
        scores = net(x)
        loss = criterion(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.inference_mode():
            right = scores.topk(5, 1).indices.eq(y[:, None])
            logged.append((loss.item(), right[:, 0].float().mean().item(), right.any(1).float().mean().item()))
        yield len(y)


def our_loop(net, x, y, batch_size, execution):
    """reslab.train's step, on tensors."""
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    memory_format = train.EXECUTIONS[execution][1]
    net.to(memory_format=memory_format).train()
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(len(x), generator=generator)
        for i in range(len(x) // batch_size):
            chosen = order[i * batch_size : (i + 1) * batch_size]
            images = data.random_crop_flip(x[chosen], generator, pad=x.shape[2] // 8)
            train.train_step(net, optimizer, images.contiguous(memory_format=memory_format), y[chosen], execution)
            yield len(chosen)


def forever(loader):
    """Epoch after epoch."""
    while True:
        yield from loader


def speed(loop, steps):
    """Images a second over `steps` steps, after one that does not count."""
    next(loop)
    start = time.perf_counter()
    images = sum(next(loop) for _ in range(steps))
    return images / (time.perf_counter() - start)


def compare(name, make_net, size, batch_size, steps, rounds):
    """Print a line for each loop."""
    pictures, labels = data.draw_shapes(4 * batch_size, np.random.default_rng(0), size=size)
    x = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
    y = torch.from_numpy(labels)
    execution = train.fastest_execution(make_net(), x[:batch_size], y[:batch_size])

    def loader(pillow, workers):
        images = Stored(pictures, labels, transforms(size, pillow), pillow)
        options = {"num_workers": workers, "persistent_workers": workers > 0, "drop_last": True}
        return forever(DataLoader(images, batch_size, shuffle=True, **options))

    loops = {
        "plain DataLoader, float32": lambda: plain_loop(make_net(), loader(False, 0)),
        "torchvision's reference style": lambda: reference_loop(make_net(), loader(True, 2)),
        f"reslab, {execution}": lambda: our_loop(make_net(), x, y, batch_size, execution),
        "reslab, float32": lambda: our_loop(make_net(), x, y, batch_size, "float32"),
    }
    found = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop, start in loops.items():
            found[loop].append(speed(start(), steps))
    base = statistics.median(found["plain DataLoader, float32"])
    print(f"\n{name}, {size}x{size}, batches of {batch_size}, {steps} steps, median (lowest to highest) of {rounds}")
    for loop, speeds in found.items():
        middle = statistics.median(speeds)
        print(
            f"  {loop:32} {middle:7.1f} images/s ({min(speeds):.1f} to {max(speeds):.1f}), {middle / base:.2f} x plain"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print({**runs.machine(), **runs.versions()})
    compare("ResNet-20", lambda: models.cifar_net(20), 32, 128, options.steps, options.rounds)
    compare("ResNet-18", lambda: models.resnet18(10), 224, 16, max(1, options.steps // 3), options.rounds)


if __name__ == "__main__":
    main()

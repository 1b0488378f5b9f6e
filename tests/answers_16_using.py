"""Chapter 16's exercises 5 to 8: solutions, planted mistakes with the phrase that names each, other right answers."""

from reslab import checks

FEATURES = """
def features(model, x, batch_size):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    parts = []
    hook = model.head.register_forward_pre_hook(lambda head, inputs: parts.append(inputs[0]))
    with torch.no_grad():
        for batch in x.split(batch_size):
            model(batch)
    hook.remove()
    for module, mode in modes:
        module.training = mode
    return torch.cat(parts)
"""

FEW = """
def few_per_class(labels, n, generator):
    chosen = []
    for label in labels.unique():
        places = (labels == label).nonzero().flatten()
        if len(places) < n:
            raise ValueError(f"class {label} has only {len(places)} images")
        order = torch.randperm(len(places), generator=generator)
        chosen.append(places[order[:n]])
    return torch.cat(chosen)
"""

STOP = """
def early_stop(errors, patience):
    lowest, best, waited = math.inf, 0, 0
    for epoch, error in enumerate(errors, 1):
        if error < lowest:
            lowest, best, waited = error, epoch, 0
        else:
            waited += 1
            if waited == patience:
                return best, epoch
    return best, len(errors)
"""

BETWEEN = """
def interpolated(a, b, alpha):
    mixed = {}
    for key in a:
        if a[key].is_floating_point():
            mixed[key] = (1 - alpha) * a[key] + alpha * b[key]
        else:
            mixed[key] = b[key].clone()
    return mixed
"""

SOLUTIONS = {
    checks.check_features: FEATURES,
    checks.check_few_per_class: FEW,
    checks.check_early_stop: STOP,
    checks.check_interpolated: BETWEEN,
}

MODES = "    modes = [(module, module.training) for module in model.modules()]\n"
BACK = "    for module, mode in modes:\n        module.training = mode\n"
END = "return torch.cat(parts)"
KEEP = "parts.append(inputs[0])"
BATCHES = "x.split(batch_size)"


def ends(expression):
    """Features with another last line: f are the right features."""
    return {END: f"f = torch.cat(parts)\n    return {expression}"}


def after(line):
    """Features with one more line before the last."""
    return {END: f"{line}\n    {END}"}


def by_hand(line, parts=""):
    """Features without a hook: `line` makes the maps z of one batch into a part."""
    return (
        "def features(model, x, batch_size):\n"
        "    modes = [(module, module.training) for module in model.modules()]\n"
        "    model.eval()\n"
        "    *body, head = model.children()\n"
        "    parts = []\n"
        "    with torch.no_grad():\n"
        "        for z in x.split(batch_size):\n"
        f"            {parts or 'for part in body: z = part(z)'}\n"
        f"            parts.append({line})\n"
        "    for module, mode in modes: module.training = mode\n"
        "    return torch.cat(parts)\n"
    )


def last_block(line):
    """Features by hand, with the parts of the last block: its input z gives branch f and shortcut s."""
    return by_hand(
        line,
        "for part in body[:-1]: z = part(z)\n            f, s = body[-1][0].residual(z), body[-1][0].shortcut(z)",
    )


IDENTITY = """
def features(model, x, batch_size):
    modes = [(module, module.training) for module in model.modules()]
    head, model.head = model.head, nn.Identity()
    model.eval()
    with torch.no_grad():
        f = torch.cat([model(batch) for batch in x.split(batch_size)])
    model.head = head
    for module, mode in modes:
        module.training = mode
    return f
"""
COPY = """
def features(model, x, batch_size):
    import copy
    body = copy.deepcopy(model).eval().requires_grad_(False)
    body.head = nn.Identity()
    return torch.cat([body(x[i:i + batch_size]) for i in range(0, len(x), batch_size)])
"""

PLACES = "(labels == label).nonzero().flatten()"
DRAW = "torch.randperm(len(places), generator=generator)"
TAKE = "places[order[:n]]"
SHORT = '        if len(places) < n:\n            raise ValueError(f"class {label} has only {len(places)} images")\n'
START = "    chosen = []"
ALL = "return torch.cat(chosen)"


def few(*lines):
    """An answer of its own to 16.5; g is the generator, K the number of classes."""
    first = ("g, classes = generator, labels.unique().tolist()", "K = len(classes)")
    lines = (*first, *lines)
    return "def few_per_class(labels, n, generator):\n" + "".join(f"    {line}\n" for line in lines)


def drawn(expression, start=""):
    """few_per_class with another way to choose n of the places of a class."""
    new = {f"        order = {DRAW}\n": "", TAKE: expression}
    return new | ({"    chosen = []\n": f"    chosen = []\n    {start}\n"} if start else {})


EACH = "for c in classes for i in "
WHERE = "np.flatnonzero(labels.numpy() == c)"

LOOP = "for epoch, error in enumerate(errors, 1):"
LOWER = "error < lowest"
SUCCESS = "lowest, best, waited = error, epoch, 0"
STOPS = "return best, epoch"
NEVER = "return best, len(errors)"
WAIT = "            waited += 1\n            if waited == patience:\n                return best, epoch\n"


def result(change):
    """early_stop with another pair made from the right one, best and last."""
    inner = STOP.replace("early_stop", "right").strip()
    indented = "".join(f"    {line}\n" for line in inner.split("\n"))
    end = f"    best, last = right(errors, patience)\n    return {change}\n"
    return f"def early_stop(errors, patience):\n{indented}{end}"


def stop(*lines):
    return "def early_stop(errors, patience):\n" + "".join(f"    {line}\n" for line in lines)


MIX = "(1 - alpha) * a[key] + alpha * b[key]"
CLONE = "b[key].clone()"
FLOAT = "a[key].is_floating_point()"
RETURN = "return mixed"
FOR = "    for key in a:\n"


def mix(expression):
    return {MIX: expression}


def only(condition, other="a[key].clone()"):
    """Interpolated where only some of the floats are mixed."""
    return {MIX: f"{MIX} if {condition} else {other}"}


def skip(condition):
    return {FOR: f"{FOR}        if {condition}: continue\n"}


MISTAKES = {
    checks.check_features: [
        ({KEEP: "parts.append(scores)", "pre_hook": "hook", "head, inputs:": "head, inputs, scores:"},
         "You give the scores"),
        ({"            model(batch)": "            parts.append(model(batch))", KEEP: "None"}, "You give the scores"),
        (ends("model.head(f).softmax(1).detach()"), "You give the scores"),
        (ends("model.head(f).log_softmax(1).detach()"), "You give the scores"),
        (ends("f @ model.head.weight.detach().T"), "You give the scores"),
        ({"    model.eval()\n": ""}, "runs in train mode"),
        ({"model.eval()": "model.train()"}, "runs in train mode"),
        ({"model.eval()": "model.stem.eval()"}, "runs in train mode"),
        ({"    model.eval()\n": "    import copy\n    model = copy.deepcopy(model)\n"}, "come from train mode"),
        ({"    model.eval()\n": "    import copy\n    model = copy.deepcopy(model).train()\n", BATCHES: "[x]"},
         "come from train mode"),
        ({"with torch.no_grad():": "if True:"}, "still hang on the graph"),
        ({"with torch.no_grad():": "if True:", KEEP: "parts.append(inputs[0].detach())"},
         "cut the graph off too late"),
        ({"with torch.no_grad():": "if True:", END: "return torch.cat(parts).detach()"}, "cut the graph off too late"),
        ({"    with torch.no_grad():": "    torch.set_grad_enabled(False)\n    if True:"}, "gradients are off"),
        ({"    with torch.no_grad():": "    model.requires_grad_(False)\n    if True:"}, "other weights are frozen"),
        (
            {
                "    with torch.no_grad():": "    model.requires_grad_(False)\n    if True:",
                "    hook.remove()": "    model.requires_grad_(True)\n    hook.remove()",
            },
            "other weights are frozen than before",
        ),
        ({BACK: ""}, "The model was in train mode. After the call it is not."),
        ({BACK: "    model.train()\n"}, "The model was in eval mode. After the call it is not."),
        ({MODES: "    training = model.training\n", BACK: "    model.train(training)\n"},
         "A frozen batch norm was in"),
        ({MODES: "    training = model.training\n", BACK: "    model.training = training\n"},
         "The model was in train mode. After the call it is not."),
        ({BACK: "    for module, mode in reversed(modes): module.train(mode)\n"}, "A frozen batch norm"),
        ({"    hook.remove()\n": ""}, "Your hook is still in the model"),
        (IDENTITY.replace("    model.head = head\n", ""), "model.head is another Identity"),
        (IDENTITY.replace("model.head = head\n", "model.head = nn.Linear(head.in_features, head.out_features)\n"),
         "model.head is another Linear"),
        (IDENTITY.replace("    model.head = head\n", "    del model.head\n"), "the model has no head"),
        (after("model.pool = nn.Identity()"), "built in another way"),
        (after("model.stage1 = nn.Sequential(*model.stage1)"), "built in another way"),
        (after("model.forward = lambda x: x"), "built in another way"),
        (after("model.head.weight.data *= 0.9"), "the weights are not what they were"),
        (after("model.stem[1].reset_running_stats()"), "runs in train mode"),
        (ends("f[:batch_size]"), "features of the first batch only"),
        ({"            model(batch)": "            model(batch)\n            break"},
         "features of the first batch only"),
        ({END: "return parts[-1]"}, "features of the last batch only"),
        ({KEEP: "parts.__setitem__(slice(None), inputs)"}, "features of the last batch only"),
        ({BATCHES: "(x[i * batch_size:(i + 1) * batch_size] for i in range(len(x) // batch_size))"},
         "last, smaller batch is lost"),
        ({BATCHES: "(x[i:i + batch_size] for i in range(0, len(x) - batch_size + 1, batch_size))"},
         "last, smaller batch is lost"),
        ({BATCHES: "torch.utils.data.DataLoader(x, batch_size, drop_last=True)"}, "last, smaller batch is lost"),
        ({BATCHES: "(x[i:i + batch_size] for i in range(1, len(x), batch_size))"}, "The model sees 9 of 10 images"),
        ({BATCHES: "torch.utils.data.DataLoader(x, batch_size, shuffle=True)"}, "not in the order of the images"),
        ({BATCHES: "x[torch.randperm(len(x))].split(batch_size)"}, "not in the order of the images"),
        ({"parts.append(inputs[0])": "parts.insert(0, inputs[0])"}, "not in the order of the images"),
        (ends("f.sort(0).values"), "That is not what the head gets"),
        (ends("f + 0.01"), "That is not what the head gets"),
        ({END: "return torch.cat(parts, 1)"}, "side by side"),
        ({END: "return torch.stack(parts)"}, "an axis of their own"),
        ({END: "return parts"}, "You give a list of 2, not one tensor"),
        ({END: "return tuple(parts)"}, "You give a tuple of 2, not one tensor"),
        ({END: "return torch.cat(parts).numpy()"}, "You give a ndarray, not a tensor"),
        ({END: "return torch.cat(parts).tolist()"}, "You give a list of 10"),
        ({END: "torch.cat(parts)"}, "features gives None"),
        ({END: "return torch.cat(parts).long()"}, "all that stands after the point is lost"),
        ({BATCHES: "[x]"}, "10 images through the body at once"),
        ({BATCHES: "x.split(32)"}, "10 images through the body at once"),
        ({BATCHES: "x.split(1)"}, "Your batches have 1 images"),
        ({BATCHES: "x.chunk(batch_size)"}, "number of images in a batch"),
        ({BATCHES: "x.split(batch_size) * 2"}, "Each image stands in your result twice"),
        (ends("f.mean(0)"), "You average over the images"),
        (ends("f.T"), "Your axes are exchanged"),
        (ends("f[:, :, None, None]"), "axes of length 1"),
        (ends("f[:, None]"), "axes of length 1"),
        (ends("f[:, :3]"), "Your result has the shape (10, 3)"),
        (by_hand("z"), "still has the axes H and W"),
        (by_hand("z.flatten(1)"), "You flatten the maps"),
        (by_hand("z.amax((2, 3))"), "the largest value of each map"),
        (by_hand("z.sum((2, 3))"), "You add up each map"),
        (by_hand("z[:, :, 0, 0]"), "one corner of each map"),
        (by_hand("z.mean(2)"), "one of the axes H and W only"),
        (by_hand("z.mean(-1)"), "one of the axes H and W only"),
        (by_hand("z.mean(1)"), "You average over the channels. "),
        (by_hand("z.mean(1).flatten(1)"), "You average over the channels. "),
        (by_hand("z.mean((1, 2, 3))"), "You average over the channels too"),
        (by_hand("z.mean((2, 3), keepdim=True)"), "axes of length 1"),
        (by_hand("F.adaptive_avg_pool2d(z, 1)"), "axes of length 1"),
        (by_hand("z.mean((2, 3)).squeeze()"), "has lost its axis of images"),
        (by_hand("z.mean((2, 3))", "for part in body[:-1]: z = part(z)"), "Your features come from stage2"),
        (by_hand("z", "for part in body[:-1]: z = part(z)"), "Your features come from stage2"),
        (by_hand("z.flatten(1)", "z = model.stage1(model.stem(z))"), "Your features come from stage1"),
        (by_hand("z.mean((2, 3))", "z = model.stem(z)"), "Your features come from stem"),
        (by_hand("z.mean((2, 3))", "z = model.stage3(model.stage2(model.stage1(model.stem(z))))"),
         "Your features come from stage3"),
        (last_block("(f + s).mean((2, 3))"), "leave out the last ReLU"),
        (last_block("F.relu((f + s).mean((2, 3)))"), "leave out the last ReLU"),
        (last_block("f.mean((2, 3))"), "branch F of the last block"),
        (last_block("F.relu(f).mean((2, 3))"), "branch F of the last block"),
        (ends("f.softmax(1)"), "the softmax of the features"),
        (ends("F.normalize(f)"), "length or sum 1"),
        (ends("f / f.sum(1, keepdim=True)"), "length or sum 1"),
        (ends("(f - f.mean(0)) / f.std(0)"), "normalise the features over the images"),
        (ends("(f - f.mean(0)) / f.std(0, correction=0)"), "normalise the features over the images"),
        (ends("f - f.mean(0)"), "normalise the features over the images"),
        (ends("F.layer_norm(f, f.shape[1:])"), "normalise the features of each image"),
        (ends("f.round()"), "You round"),
        ({"    modes": "    x -= x.mean()\n    modes"}, "x is not what it was"),
        ("def features(model, x, batch_size):\n    return torch.zeros(len(x), model.head.in_features)",
         "never gets the images"),
    ],
    checks.check_few_per_class: [
        (drawn("places[:n]"), "You take the first n images of each class"),
        (drawn("places[-n:]"), "You take the last n images of each class"),
        (few("order = labels.argsort(stable=True)",
             "return torch.cat([order[labels[order] == c][:n] for c in classes])"), "the first n images"),
        (drawn("places[:: len(places) // n][:n]"), "its seed changes nothing"),
        ({DRAW: "torch.randperm(len(places), generator=torch.Generator().manual_seed(0))"},
         "its seed changes nothing"),
        ({START: "    generator = torch.Generator().manual_seed(0)\n    chosen = []"},
         "its seed changes nothing"),
        ({START: "    generator.manual_seed(0)\n    chosen = []"}, "its seed changes nothing"),
        ({START: "    torch.manual_seed(0)\n    chosen = []", ", generator=generator": ""},
         "its seed changes nothing"),
        ({DRAW: "np.random.default_rng(0).permutation(len(places))"}, "its seed changes nothing"),
        ({DRAW: "torch.randperm(len(places))"}, "something else draws them"),
        ({DRAW: "np.random.permutation(len(places))"}, "something else draws them"),
        (drawn("torch.tensor(random.sample(places.tolist(), n))"), "something else draws them"),
        ({DRAW: "torch.randperm(len(places), generator=generator if label else None)"}, "something else draws them"),
        ({START: "    torch.manual_seed(generator.initial_seed())\n    chosen = []", ", generator=generator": ""},
         "A second call with the same generator"),
        ({START: "    generator = torch.Generator().manual_seed(generator.initial_seed())\n    chosen = []"},
         "A second call with the same generator"),
        (drawn("torch.tensor(rng.sample(places.tolist(), n))", "rng = random.Random(generator.initial_seed())"),
         "A second call with the same generator"),
        ({START: "    generator = generator.clone_state()\n    chosen = []"},
         "A second call with the same generator"),
        ({START: "    torch.manual_seed(torch.randint(2**31, (), generator=generator).item())\n    chosen = []",
          "randperm(len(places), generator=generator)": "randperm(len(places))"}, "random numbers of PyTorch are not"),
        ({START: "    random.seed(torch.randint(2**31, (), generator=generator).item())\n    chosen = []",
          TAKE: "torch.tensor(random.sample(places.tolist(), n))"}, "random numbers of Python's random are not"),
        ({ALL: "c = torch.cat(chosen)\n    np.random.shuffle(c.numpy())\n    return c"},
         "random numbers of NumPy are not"),
        ({ALL: "c = torch.cat(chosen)\n    return c[torch.randperm(len(c))]"}, "random numbers of PyTorch are not"),
        (drawn("places[torch.randint(len(places), (n,), generator=generator)]"), "An image comes twice"),
        (drawn("places[torch.ones(len(places)).multinomial(n, True, generator=generator)]"), "An image comes twice"),
        (drawn("torch.cat([places[:1], places[:1], places[:n - 2]])"), "An image comes twice"),
        ({ALL: "return torch.cat(chosen * 2)"}, "An image comes twice"),
        ({TAKE: "order[:n]"}, "count within each class"),
        ({TAKE: "torch.arange(len(places))[order[:n]]"}, "count within each class"),
        ({TAKE: "labels[places[order[:n]]]"}, "You give the labels of the images"),
        ({ALL: "return labels[torch.cat(chosen)]"}, "You give the labels of the images"),
        ({ALL: "mask = torch.zeros(len(labels), dtype=bool)\n    mask[torch.cat(chosen)] = True\n    return mask"},
         "You give a mask"),
        ({TAKE: "places[order]"}, "You give all images"),
        (few("return torch.randperm(len(labels), generator=g)"), "You give all images"),
        (few("return torch.randperm(len(labels), generator=g)[:n]"), "You give n = 4 images in all"),
        (few("return torch.randperm(len(labels), generator=g)[:n * K]"), "not for each class"),
        (few("return torch.ones(len(labels)).multinomial(n * K, generator=g)"), "not for each class"),
        (few("weights = 1 / labels.bincount()[labels]", "return weights.multinomial(n * K, generator=g)"),
         "not for each class"),
        (few("import torch.utils.data as d", "parts = d.random_split(labels, [n * K, len(labels) - n * K], g)",
             "return parts[0].indices"), "not for each class"),
        ({"order[:n]": "order[:n * len(places) // 6]"}, "It should be n = 4 each"),
        ({"order[:n]": "order[:int(0.5 * len(places))]"}, "It should be n = 4 each"),
        ({"order[:n]": "order[:n - 1]"}, "You give 3 of each class"),
        ({"order[:n]": "order[:n + 1]"}, "You give 5 of each class"),
        ({"order[:n]": "order[1:n]"}, "You give 3 of each class"),
        ({"order[:n]": "order[:n // len(labels.unique())]"}, "You give 1 of each class"),
        ({ALL: "return chosen[0]"}, "You give images of one class only"),
        ({ALL: "return chosen[-1]"}, "You give images of one class only"),
        ({f"    {ALL}": f"        {ALL}"}, "You give images of one class only"),
        ({"in labels.unique()": "in range(labels.max())"}, "Class 3 gets no image"),
        ({"in labels.unique()": "in range(1, labels.max() + 1)"}, "Class 0 gets no image"),
        ({"in labels.unique()": "in range(labels.max() + 1)"}, "as if 0, 1, 3 and others had to be there"),
        ({"in labels.unique()": "in range(10)"}, "ValueError: class 4 has only 0 images"),
        ({"in labels.unique()": "in range(len(labels.unique()))"}, "as if 0, 1, 3 and others had to be there"),
        ({"in labels.unique()": "in range(len(labels.unique()))", "if len(places) < n": "if 0 < len(places) < n"},
         "You give 3 of 2, 0 of 5, 0 of 9"),
        ({START: "    labels = labels.sort().values\n    chosen = []"}, "belong to the sorted labels"),
        ({START: "    labels = labels[torch.randperm(len(labels), generator=generator)]\n    chosen = []"},
         "belong to the shuffled labels"),
        ({START: "    labels.copy_(labels.sort().values)\n    chosen = []"}, "labels is not what it was"),
        ({ALL: "return chosen"}, "You give 4 rows or lists"),
        ({ALL: "return torch.stack(chosen)"}, "You give 4 rows or lists"),
        ({ALL: "return {c: places.tolist() for c, places in enumerate(chosen)}"}, "You give a dict"),
        ({ALL: "torch.cat(chosen)"}, "few_per_class gives None"),
        ({ALL: "return torch.cat(chosen)[None]"}, "a list inside a list"),
        ({ALL: "return (torch.cat(chosen),)"}, "a list inside a list"),
        ({ALL: "return len(chosen)"}, "You give a int, not a list of indices"),
        ({ALL: "return torch.tensor(3)"}, "You give one number"),
        ({ALL: "return torch.cat(chosen).float()"}, "no whole numbers"),
        ({ALL: "return torch.cat(chosen) + 1"}, "not in 0 ... 30"),
        ({ALL: "return torch.cat(chosen) - len(labels)"}, "not in 0 ... 30"),
        ({SHORT: ""}, "Class 2 has 3 images and n = 4. You give 11 images and raise no error"),
        ({"raise ValueError(f": "str(f"}, "raise no error"),
        ({"if len(places) < n": "if len(labels) < n * len(labels.unique())"}, "You give 11 images and raise no error"),
        ({"if len(places) < n": "if len(places) < n and label > 0"}, "Class 0 has 3 images and n = 4. You give 11"),
        ({SHORT: "        if len(places) < n: continue\n"}, "You leave the class out and raise no error"),
        ({SHORT: "        if len(places) < n: places = places.repeat(n)\n"}, "You repeat images and raise no error"),
        ({SHORT: "        if len(places) < n: return None\n"}, "You give None and raise no error"),
        ({SHORT: "        if len(places) < n: return []\n"}, "You leave the class out"),
        ({SHORT: "        if len(places) < n: return torch.cat(chosen + [places])\n"}, "raise no error"),
        ({"if len(places) < n:\n            raise ValueError(f": "assert len(places) >= n, (f"},
         "You raise AssertionError, not ValueError"),
        ({SHORT: "", "order[:n]": "torch.stack([order[i] for i in range(n)])"},
         "You raise IndexError, not ValueError"),
        (drawn("places[torch.ones(len(places)).multinomial(n, generator=generator)]") | {SHORT: ""},
         "You raise RuntimeError, not ValueError"),
        ({"if len(places) < n": "if len(places) <= n"}, "exactly n images (n = 3)"),
        ({"if len(places) < n": "if len(places) < max(n, 2)"}, "exactly n images (n = 1)"),
        ({"order[:n]": "order[:min(n, len(places) - 1)]"}, "You give 2 of class 0, 3 of class 1, 3 of class 2"),
        ({"nonzero().flatten()": "nonzero().squeeze()"}, "For a class with one image your code stops with TypeError"),
        (drawn("places[torch.randperm(n, generator=generator)]"), "You take the first n images"),
        (drawn("places[torch.randperm(n + 1, generator=generator)[:n] % len(places)]"), "can be drawn"),
        (drawn("places[1 + torch.randperm(len(places) - 1, generator=generator)[:n]]"), "can be drawn"),
        (drawn("places[torch.cat([zero, 1 + torch.randperm(len(places) - 1, generator=generator)[:n - 1]])]",
               "zero = torch.tensor([0])"),
         "a higher chance than others"),
        (drawn("places[(torch.rand(len(places), generator=generator) * (1 + torch.arange(len(places)))).topk(n)[1]]"),
         "a higher chance than others"),
        (drawn("(lambda s: places[s:s + n])(torch.randint(len(places) - n + 1, (), generator=generator))"),
         "You draw a start only"),
        (drawn("places.roll(int(torch.randint(len(places), (), generator=generator)))[:n]"), "You draw a start only"),
        (drawn("places[order]", "order = torch.randperm(labels.bincount().min(), generator=generator)[:n]"),
         "the same places in each class"),
    ],
    checks.check_early_stop: [
        ({"enumerate(errors, 1)": "enumerate(errors)", NEVER: "return best, len(errors) - 1"},
         "You count epochs from 0"),
        ({SUCCESS: "lowest, best, waited = error, epoch - 1, 0"}, "Your best epoch is counted from 0"),
        (result("best - 1, last"), "Your best epoch is counted from 0"),
        (result("best, last - 1"), "one too early"),
        ({"enumerate(errors, 1)": "enumerate(errors)"}, "You count epochs from 0"),
        ({STOPS: "return epoch, best", NEVER: "return len(errors), best"}, "in the wrong order"),
        ({STOPS: "return epoch, epoch", NEVER: "return len(errors), len(errors)"}, "the weights of the last epoch"),
        ({STOPS: "return lowest, epoch", NEVER: "return lowest, len(errors)"}, "You return an error"),
        (result("min(errors), last"), "You return an error"),
        (result("errors[best - 1], errors[last - 1]"), "You return an error"),
        (result("best, last - best"), "how many epochs brought no gain"),
        (result("errors.index(min(errors)) + 1, last"), "that of the whole list"),
        (result("int(np.argmin(errors)) + 1, last"), "that of the whole list"),
        (stop("return int(np.argmin(errors)) + 1, len(errors)"), "You never stop"),
        ({WAIT: "            waited += 1\n"}, "You never stop"),
        ({WAIT: "            waited += 1\n", LOWER: "error <= lowest"}, "You never stop"),
        (stop("best = errors.index(min(errors)) + 1", "return best, min(best + patience, len(errors))"),
         "into the future"),
        (stop("best = errors.index(min(errors)) + 1", "return best, best + patience"), "into the future"),
        (result("best, best + patience"), "behind the end of the list"),
        (result("last - patience, last"), "You go back from the end"),
        ({LOWER: "error <= lowest"}, "You take an equal error as a better one"),
        ({LOWER: "error <= lowest", SUCCESS: "best, lowest, waited = (best if error == lowest else epoch), error, 0"},
         "You take an equal error as a better one"),
        ({"        else:": "        elif error > lowest:"}, "does not count as waiting"),
        ({"waited == patience": "waited > patience"}, "one epoch too late"),
        ({"            if waited == patience:": "            if epoch - best > patience:"}, "one epoch too late"),
        ({"waited == patience": "waited >= patience - 1"}, "one epoch too early"),
        ({"waited == patience": "waited + 1 >= patience"}, "one epoch too early"),
        ({SUCCESS: "lowest, best, waited = error, epoch, 1", "waited == patience": "waited >= patience"},
         "one epoch too early"),
        (result("best, min(last + 1, len(errors))"), "one too late"),
        ({STOPS: "return best, epoch + 1"}, "one too late"),
        ({STOPS: "return best, epoch + 1", NEVER: "return best, len(errors) + 1"}, "one too late"),
        ({STOPS: "return best, epoch - 1"}, "one too early"),
        ({STOPS: "return best, len(errors)"}, "always the end of the list"),
        ({WAIT: "            lowest = error\n" + WAIT}, "You compare with the epoch before"),
        (stop("best, waited = 1, 0", "for i in range(1, len(errors)):",
              "    if errors[i] < errors[i - 1]: best, waited = i + 1, 0", "    else: waited += 1",
              "    if waited == patience: return best, i + 1", "return best, len(errors)"),
              "You compare with the epoch before"),
        (stop("waited = 0", "for i in range(1, len(errors)):",
              "    waited = waited + 1 if errors[i] >= errors[i - 1] else 0",
              "    if waited == patience: return int(np.argmin(errors[:i + 1])) + 1, i + 1",
              "return int(np.argmin(errors)) + 1, len(errors)"), "You compare with the epoch before"),
        (stop("waited = 0", "for i in range(1, len(errors)):",
              "    waited = waited + 1 if errors[i] > errors[i - 1] else 0",
              "    if waited == patience: return int(np.argmin(errors[:i + 1])) + 1, i + 1",
              "return int(np.argmin(errors)) + 1, len(errors)"), "You compare with the epoch before"),
        (stop("best, waited = 1, 0", "for i in range(1, len(errors)):",
              "    if errors[i] <= errors[i - 1]: best, waited = i + 1, 0", "    else: waited += 1",
              "    if waited == patience: return best, i + 1", "return best, len(errors)"),
              "You compare with the epoch before"),
        ({"        else:\n": "        elif epoch > 1 and error > errors[epoch - 2]:\n"},
         "You compare with the epoch before"),
        (stop("for last in range(patience + 1, len(errors) + 1):",
              "    if errors[last - 1] >= errors[last - 1 - patience]:",
              "        return int(np.argmin(errors[:last])) + 1, last",
              "return int(np.argmin(errors)) + 1, len(errors)"), "the error patience epochs ago"),
        (stop("for last in range(patience + 1, len(errors) + 1):",
              "    if errors[last - 1] >= np.mean(errors[last - 1 - patience:last - 1]):",
              "        return int(np.argmin(errors[:last])) + 1, last",
              "return int(np.argmin(errors)) + 1, len(errors)"), "the mean of the last errors"),
        (stop("waited = 0", "for last in range(2, len(errors) + 1):",
              "    waited = waited + 1 if errors[last - 1] >= errors[0] else 0",
              "    if waited == patience: return int(np.argmin(errors[:last])) + 1, last",
              "return int(np.argmin(errors)) + 1, len(errors)"), "with the first epoch all the time"),
        ({SUCCESS: "lowest, best = error, epoch", "waited == patience": "waited >= patience"},
         "does not set your counter back"),
        ({"            if waited == patience:": "            if True:"},
         "You stop at the first epoch that is no better"),
        ({"waited == patience": "waited == 1"}, "You stop at the first epoch that is no better"),
        (stop("for i in range(1, len(errors)):", "    if errors[i] > errors[i - 1]:",
              "        return int(np.argmin(errors[:i + 1])) + 1, i + 1",
              "return int(np.argmin(errors)) + 1, len(errors)"), "You stop at the first epoch that is no better"),
        ({LOWER: "error > lowest", "math.inf": "-math.inf"}, "You keep the largest error"),
        ({LOWER: "error < lowest - 0.001"}, "minimal gain"),
        (
            {
                "waited += 1": "waited += 1\n            best = epoch if error == lowest else best",
            },
            "You take an equal error as a better one",
        ),
        (result("errors[best - 1], last"), "You return an error"),
        ({LOWER: "error < lowest - 0.01"}, "minimal gain"),
        ({LOWER: "error < lowest - 1e-4"}, "minimal gain"),
        ({LOWER: "error < 0.99 * lowest"}, "minimal gain"),
        ({LOOP: "for epoch, error in enumerate([round(e, 2) for e in errors], 1):"}, "minimal gain"),
        ({LOOP: "for epoch, error in enumerate([round(e, 3) for e in errors], 1):"}, "minimal gain"),
        ({STOPS: "return errors.index(min(errors)) + 1, epoch + 1"},
         "0.2, 0.1] and patience = 3 you give (8, 7)"),
        ({LOWER: "error < lowest + 0.015"}, "For errors ="),
        ({NEVER: "best, len(errors)"}, "gives None"),
        ({STOPS: "return best"}, "a pair"),
        ({NEVER: "return best"}, "a pair"),
        ({STOPS: "return {best, epoch}"}, "a pair"),
        ({STOPS: "return best, epoch, lowest"}, "a pair"),
        ({STOPS: "return best, f'epoch {epoch}'"}, "must give one number"),
        ({"    lowest, best, waited = math": "    errors.sort()\n    lowest, best, waited = math"},
         "`errors` is not what it was"),
        (stop("lowest, best, waited, epoch = 1, 0, 0, 0", "while errors:",
              "    error, epoch = errors.pop(0), epoch + 1",
              "    if error < lowest: lowest, best, waited = error, epoch, 0", "    else: waited += 1",
              "    if waited == patience: break", "return best, epoch"), "`errors` is not what it was"),
    ],
    checks.check_interpolated: [
        (mix("alpha * a[key] + (1 - alpha) * b[key]"), "a and b are exchanged"),
        (mix("torch.lerp(b[key], a[key], alpha)"), "a and b are exchanged"),
        (mix("a[key] + b[key]"), "You add a and b"),
        (mix("(a[key] + b[key]) / 2"), "You take the mean of a and b"),
        (mix("torch.stack([a[key], b[key]]).mean(0)"), "You take the mean of a and b"),
        (mix("torch.lerp(a[key], b[key], min(max(alpha, 0), 1))"), "You cut alpha off"),
        ({"    mixed = {}": "    alpha = min(1, max(0, alpha))\n    mixed = {}"}, "You cut alpha off"),
        ({"    mixed = {}": "    assert 0 <= alpha <= 1\n    mixed = {}"}, "you raise AssertionError"),
        ({"    mixed = {}": "    if not 0 <= alpha <= 1: raise ValueError\n    mixed = {}"}, "you raise ValueError"),
        (mix("a[key].clone()"), "You give the values of a"),
        ("def interpolated(a, b, alpha):\n    return {key: b[key].clone() for key in b}", "You give the values of b"),
        (mix("a[key] + alpha * b[key]"), "You add a part of b to all of a"),
        (mix("(1 - alpha) * a[key] + b[key]"), "You add all of b"),
        (mix("alpha * (a[key] + b[key])"), "Both nets get the weight alpha"),
        (mix("(1 - alpha) * (a[key] + b[key])"), "Both nets get the weight 1 - alpha"),
        (mix("(1 - alpha) * a[key] - alpha * b[key]"), "You subtract b's part"),
        (mix("a[key] - alpha * (b[key] - a[key])"), "sign of the difference"),
        (mix("a[key] + alpha * (a[key] - b[key])"), "sign of the difference"),
        (mix("alpha * (b[key] - a[key])"), "You give the difference of the nets"),
        (mix("b[key] - a[key]"), "You give the difference of the nets"),
        (mix("(1 - alpha) * a[key]"), "the part of one net only"),
        (mix("alpha * b[key]"), "the part of one net only"),
        (mix("1 - alpha * a[key] + alpha * b[key]"), "Brackets are missing"),
        (mix("((1 - alpha) * a[key] + alpha * b[key]) / 2"), "You divide by 2"),
        (mix("(1 - alpha) ** 2 * a[key] + alpha ** 2 * b[key]"), "You square alpha"),
        (mix("(1 - alpha ** 2) * a[key] + alpha ** 2 * b[key]"), "You square alpha"),
        (mix("abs(1 - alpha) ** 0.5 * a[key] + abs(alpha) ** 0.5 * b[key]"), "Your weights are bent"),
        (mix("(1 - abs(alpha) ** 0.5) * a[key] + abs(alpha) ** 0.5 * b[key]"), "Your weights are bent"),
        (mix("math.cos(alpha * math.pi / 2) * a[key] + math.sin(alpha * math.pi / 2) * b[key]"),
         "Your weights are bent"),
        ({"    mixed = {}": "    alpha = alpha * alpha * (3 - 2 * alpha)\n    mixed = {}"}, "Your weights are bent"),
        (mix("a[key].abs() ** (1 - alpha) * b[key].abs() ** alpha"), "You multiply powers"),
        (mix("a[key].sign() * a[key].abs() ** (1 - alpha) * b[key].abs() ** alpha"), "You multiply powers"),
        (mix(f"{MIX} + 0.01"), "At alpha = 0.3 your stem.0.weight has"),
        (mix(f"({MIX}).norm() / a[key].norm() * a[key]"), "your stem.0.weight has"),
        (mix("a[key].mul_(1 - alpha).add_(alpha * b[key]).clone()"), "a is not what it was"),
        (mix("b[key].mul_(alpha).add_((1 - alpha) * a[key]).clone()"), "b is not what it was"),
        (mix("a[key].lerp_(b[key], alpha)"), "a is not what it was"),
        ({"mixed = {}": "mixed = a"}, "a is not what it was"),
        ({"mixed = {}": "mixed = dict(a)", f"mixed[key] = {MIX}": "mixed[key].lerp_(b[key], alpha)"},
         "a is not what it was"),
        ({RETURN: "del b[key]\n    return mixed"}, "b is not what it was"),
        ({"    mixed = {}": "    if alpha == 0: return a\n    mixed = {}"}, "You give a itself"),
        ({"    mixed = {}": "    if alpha == 1: return b\n    mixed = {}"}, "You give b itself"),
        ({"    mixed = {}": "    if alpha == 0: return dict(a)\n    mixed = {}"}, "are a's"),
        ({"    mixed = {}": "    if alpha == 1: return dict(b)\n    mixed = {}"}, "lies in the memory of b's"),
        ({CLONE: "b[key]"}, "lies in the memory of b's"),
        ({CLONE: "b[key].detach()"}, "lies in the memory of b's"),
        ({"        if a": "        if alpha == 1: mixed[key] = b[key]\n        elif a"}, "lies in the memory of b's"),
        (mix(f"a[key] if alpha == 0 else {MIX}"), "lies in the memory of a's"),
        ({CLONE: "a[key].clone()"}, "are a's. They must be b's"),
        ({CLONE: f"({MIX}).round().long()"}, "You mix whole numbers, and round"),
        ({CLONE: f"({MIX}).long()"}, "You mix whole numbers, and round"),
        ({CLONE: MIX}, "holds whole numbers. In your result they are torch.float32"),
        ({CLONE: "b[key].float()"}, "holds whole numbers. In your result they are torch.float32"),
        ("def interpolated(a, b, alpha):\n    return {k: torch.lerp(a[k].float(), b[k].float(), alpha) for k in a}",
         "holds whole numbers"),
        ({FLOAT: "'num_batches' not in key"}, "The entry places holds whole numbers"),
        ({FLOAT: "a[key].ndim > 0"}, "The entry places holds whole numbers"),
        ({FLOAT: "a[key].dtype == torch.float32"}, "The running statistics are those of b"),
        ({CLONE: "a[key] + b[key]"}, "You add the whole numbers"),
        ({CLONE: "torch.maximum(a[key], b[key])"}, "You take the larger"),
        ({CLONE: "torch.minimum(a[key], b[key])"}, "You take the smaller"),
        ({CLONE: "torch.zeros_like(b[key])"}, "num_batches_tracked to 0"),
        ({CLONE: "b[key] + 1"}, "They are not b's"),
        ({CLONE: "torch.cat([b[key].flatten()])"}, "has the shape (1,)"),
        ({CLONE: "b[key].item()"}, "is a int, not a tensor"),
        ({CLONE: "b[key].int()"}, "is torch.int32"),
        (mix(f"({MIX}).double()"), "is torch.float64, and a's is torch.float32"),
        (mix(f"({MIX}).float()"), "is torch.float32, and a's is torch.float64"),
        (mix(f"({MIX}).half()"), "is torch.float16"),
        (mix(f"({MIX}).mean()"), "has the shape ()"),
        (mix(f"({MIX}).flatten()"), "has the shape (81,)"),
        (mix(f"({MIX}).numpy()"), "is a ndarray, not a tensor"),
        (only("'running_' not in key"), "The running statistics are those of a"),
        (only("'running_' not in key", "b[key].clone()"), "The running statistics are those of b"),
        (only("'running_' not in key", "torch.full_like(a[key], 'var' in key)"), "back to 0 and 1"),
        (only("'running_var' not in key", "((1 - alpha) * a[key].sqrt() + alpha * b[key].sqrt()) ** 2"),
         "You mix standard deviations"),
        (only("'running_var' not in key", f"{MIX} + alpha * (1 - alpha)"
              " * (a[key.replace('var', 'mean')] - b[key.replace('var', 'mean')]) ** 2"),
              "what the two means differ by"),
        (only("'running_var' not in key"), "entries of floats are those of a"),
        (only("'head' in key"), "You mix the head only. The body is that of a"),
        (only("'head' in key", "b[key].clone()"), "You mix the head only. The body is that of b"),
        (only("'head' not in key"), "You leave the head as it is in a"),
        (only("'head' not in key", "b[key].clone()"), "You leave the head as it is in b"),
        (only("a[key].ndim > 1"), "You mix only what has more than one axis"),
        (only("key.endswith('weight')"), "entries of floats are those of a"),
        (only("'running_' in key"), "You mix the running statistics only"),
        (only("'stem' in key", "b[key].clone()"), "entries of floats are those of b"),
        (skip("'running_' in key or 'num_' in key"), "The statistics of batch norm are missing"),
        (skip("'running_' in key"), "The running statistics of batch norm are missing"),
        (skip("'num_batches' in key"), "The entries of whole numbers are missing"),
        (skip("not a[key].is_floating_point()"), "The entries of whole numbers are missing"),
        (skip("'head' not in key"), "keys are missing"),
        (skip("a[key].ndim < 2"), "keys are missing"),
        ({"mixed[key]": "mixed['net.' + key]"}, "have other names"),
        ({RETURN: "return {key.replace('stem', 'conv1'): mixed[key] for key in mixed}"}, "have other names"),
        ({RETURN: "return mixed | {'alpha': torch.tensor(alpha)}"}, "a key that a has not"),
        ({RETURN: "return list(mixed.values())"}, "You give a list, not a state dict"),
        ({RETURN: "return mixed.items()"}, "You give a dict_items, not a state dict"),
        ({RETURN: "net = models.cifar_net(8, width=3, num_classes=4)\n    net.load_state_dict(mixed)\n    return net"},
         "You give a CifarNet, not a state dict"),
        ({RETURN: "dict(mixed)"}, "interpolated gives None"),
        ({RETURN: "return mixed[key]"}, "You give a Tensor, not a state dict"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_features: [
        {},
        {"register_forward_pre_hook(lambda head, inputs: ": "register_forward_hook(lambda head, inputs, scores: "},
        {"lambda head, inputs: parts.append(inputs[0])": "lambda head, inputs: parts.append(inputs[0].clone())"},
        {BATCHES: "(x[i:i + batch_size] for i in range(0, len(x), batch_size))"},
        {BATCHES: "torch.utils.data.DataLoader(x, batch_size)"},
        {BATCHES: "x.chunk(math.ceil(len(x) / batch_size))"},
        {BATCHES: "np.array_split(x, math.ceil(len(x) / batch_size))"},
        {END: "return torch.cat(parts).double()"},
        {BACK: "    for module, mode in modes: module.train(mode)\n"},
        {"    modes": "    modes = None\n    was = model.training\n    modes"},
        {"torch.no_grad()": "torch.inference_mode()"},
        {"torch.no_grad()": "torch.set_grad_enabled(False)"},
        IDENTITY,
        COPY,
        IDENTITY.replace("    model.head = head\n", "    del model.head\n    model.head = head\n"),
        by_hand("z.mean((2, 3))"),
        by_hand("z.flatten(2).mean(-1)"),
        by_hand("F.adaptive_avg_pool2d(z, 1).flatten(1)"),
        by_hand("z.mean(dim=3).mean(dim=2)", "z = nn.Sequential(*body)(z)"),
        "@torch.no_grad()\n" + FEATURES.strip().replace("with torch.no_grad():", "if True:"),
        "def features(model, x, batch_size):\n"
        "    modes = {module: module.training for module in model.modules()}\n"
        "    last = [name for name, _ in model.named_children()][-2]\n"
        "    f = torch.empty(len(x), model.head.in_features)\n"
        "    try:\n"
        "        model.eval()\n"
        "        for i in range(0, len(x), batch_size):\n"
        "            with torch.no_grad(), probes.capture(model, [last]) as maps:\n"
        "                model(x[i:i + batch_size])\n"
        "            f[i:i + batch_size] = maps[last].mean((2, 3)).squeeze()\n"
        "    finally:\n"
        "        for module, mode in modes.items(): module.training = mode\n"
        "    return f",
        "def features(model, x, batch_size):\n"
        "    class Done(Exception): pass\n"
        "    def grab(head, inputs): raise Done(inputs[0])\n"
        "    modes = {name: module.training for name, module in model.named_modules()}\n"
        "    model.eval()\n"
        "    hook, rows = model.head.register_forward_pre_hook(grab), []\n"
        "    for batch in x.split(batch_size):\n"
        "        try:\n"
        "            with torch.no_grad(): model(batch)\n"
        "        except Done as done:\n"
        "            rows += list(done.args[0])\n"
        "    hook.remove()\n"
        "    for name, module in model.named_modules(): module.training = modes[name]\n"
        "    return torch.stack(rows)",
    ],
    checks.check_few_per_class: [
        {},
        {ALL: "return torch.cat(chosen).tolist()"},
        {ALL: "return torch.cat(chosen).numpy()"},
        {ALL: "return torch.cat(chosen).int().sort().values"},
        {ALL: "return list(torch.cat(chosen))"},
        {ALL: "return tuple(np.int64(i) for i in torch.cat(chosen))"},
        {ALL: "return set(torch.cat(chosen).tolist())"},
        {ALL: "return (i for part in chosen for i in part.tolist())"},
        {ALL: "chosen = torch.cat(chosen)\n    return chosen[torch.randperm(len(chosen), generator=generator)]"},
        {"nonzero().flatten()": "nonzero(as_tuple=True)[0]"},
        {"nonzero().flatten()": "nonzero().squeeze(1)"},
        {PLACES: "torch.where(labels == label)[0]"},
        {PLACES: "torch.arange(len(labels))[labels == label]", "labels.unique()": "sorted(set(labels.tolist()))"},
        {"order[:n]": "order[-n:]"},
        {SHORT: "", START: "    if labels.unique(return_counts=True)[1].min() < n: raise ValueError\n    chosen = []"},
        {"in labels.unique()": "in range(labels.max() + 1)", "        if len(places) < n":
         "        if len(places) == 0: continue\n        if len(places) < n"},
        drawn("places[torch.rand(len(places), generator=generator).argsort()[:n]]"),
        drawn("places[torch.ones(len(places)).multinomial(n, generator=generator)]"),
        drawn("torch.tensor(rng.sample(places.tolist(), n))",
              "rng = random.Random(torch.randint(2**31, (), generator=generator).item())") | {SHORT: ""},
        drawn("torch.tensor(rng.choice(places.numpy(), n, replace=False))",
              "rng = np.random.default_rng(torch.randint(2**31, (), generator=generator).item())") | {SHORT: ""},
        few("left = {c: n for c in classes}", "chosen = []",
            "for i in torch.randperm(len(labels), generator=g).tolist():",
            "    c = labels[i].item()", "    if left[c]:", "        left[c] -= 1", "        chosen.append(i)",
            "if any(left.values()):", "    raise ValueError('a class is too small')", "return chosen"),
        few("order = torch.randperm(len(labels), generator=g)", "chosen = []", "for c in classes:",
            "    mine = order[labels[order] == c]", "    if len(mine) < n: raise ValueError(c)",
            "    chosen += mine[:n].tolist()", "return chosen"),
        few("class TooFew(ValueError): pass", "chosen = []", "for c in classes:",
            "    pool = [i for i, label in enumerate(labels.tolist()) if label == c]",
            "    if len(pool) < n: raise TooFew(c)",
            "    for _ in range(n):",
            "        chosen.append(pool.pop(torch.randint(len(pool), (1,), generator=g).item()))",
            "return chosen"),
    ],
    checks.check_early_stop: [
        {},
        {"waited == patience": "waited >= patience"},
        {"            waited += 1\n            if waited == patience": "            if epoch - best == patience"},
        {"math.inf, 0, 0": "1.0, 0, 0"},
        {LOWER: "not error >= lowest"},
        {STOPS: "return [best, epoch]", NEVER: "return torch.tensor([best, len(errors)])"},
        {STOPS: "return np.array([best, epoch])", NEVER: "return float(best), np.int64(len(errors))"},
        {STOPS: "break", NEVER: "return best, epoch"},
        stop("best = last = 0", "while last < len(errors) and last - best < patience:",
             "    if best == 0 or errors[last] < errors[best - 1]: best = last + 1", "    last += 1",
             "return best, last"),
        stop("best = last = 0", "while last < len(errors) - 1 and last - best < patience:", "    last += 1",
             "    if errors[last] < errors[best]: best = last", "return best + 1, last + 1"),
        stop("for last in range(1, len(errors) + 1):", "    best = errors.index(min(errors[:last])) + 1",
             "    if last - best >= patience: break", "return best, last"),
        stop("for last in range(patience + 1, len(errors) + 1):",
             "    if min(errors[last - patience:last]) >= min(errors[:last - patience]): break",
             "else: last = len(errors)", "return int(np.argmin(errors[:last])) + 1, last"),
        stop("lows = np.minimum.accumulate(errors)",
             "best = [int(np.argmin(errors[:k + 1])) for k in range(len(errors))]",
             "ends = [k for k in range(len(errors)) if k - best[k] >= patience]",
             "k = ends[0] if ends else len(errors) - 1", "return best[k] + 1, k + 1"),
        stop("from itertools import accumulate",
             "bests = list(accumulate(range(len(errors)), lambda i, j: j if errors[j] < errors[i] else i))",
             "last = next((i for i, best in enumerate(bests) if i - best == patience), len(errors) - 1)",
             "return bests[last] + 1, last + 1"),
        stop("best, left = 1, patience", "for epoch in range(2, len(errors) + 1):",
             "    left -= 1", "    if errors[epoch - 1] < errors[best - 1]: best, left = epoch, patience",
             "    if left == 0: return (best, epoch)", "return (best, len(errors))"),
        stop("def go(best, last):", "    if last == len(errors) or last - best == patience: return best, last",
             "    return go(last + 1 if errors[last] < errors[best - 1] else best, last + 1)", "return go(1, 1)"),
    ],
    checks.check_interpolated: [
        {},
        mix("torch.lerp(a[key], b[key], alpha)"),
        mix("a[key].lerp(b[key], alpha)"),
        mix("a[key] + alpha * (b[key] - a[key])"),
        mix("b[key] + (1 - alpha) * (a[key] - b[key])"),
        mix("a[key].mul(1 - alpha).add(b[key], alpha=alpha)"),
        mix("a[key].clone().mul_(1 - alpha).add_(b[key] * alpha)"),
        mix("((1 - alpha) * a[key].double() + alpha * b[key].double()).to(a[key].dtype)"),
        mix("torch.from_numpy(np.array((1 - alpha) * a[key].numpy() + alpha * b[key].numpy())).to(a[key])"),
        mix("nn.Parameter((1 - alpha) * a[key] + alpha * b[key])"),
        {CLONE: "torch.tensor(b[key].tolist())"},
        {CLONE: "b[key] + 0"},
        {FLOAT: "torch.is_floating_point(a[key])"},
        {FLOAT: "a[key].dtype != torch.int64"},
        {FLOAT: "a[key].dtype in (torch.float32, torch.float64)"},
        {RETURN: "from collections import OrderedDict\n    return OrderedDict(mixed)"},
        "def interpolated(a, b, alpha):\n"
        "    import copy\n"
        "    mixed = copy.deepcopy(b)\n"
        "    for key, value in mixed.items():\n"
        "        if value.is_floating_point():\n"
        "            value.mul_(alpha).add_((1 - alpha) * a[key])\n"
        "    return mixed",
        "def interpolated(a, b, alpha):\n"
        "    return {\n"
        "        key: (1 - alpha) * x + alpha * y if x.is_floating_point() else y.clone()\n"
        "        for (key, x), y in zip(a.items(), b.values())\n"
        "    }",
        "def interpolated(a, b, alpha):\n"
        "    mixed = {key: value.clone() for key, value in reversed(b.items())}\n"
        "    for key in a.keys() & b.keys():\n"
        "        if a[key].is_floating_point():\n"
        "            mixed[key] = sum(w * s[key] for w, s in ((1 - alpha, a), (alpha, b)))\n"
        "    return mixed",
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_features: ["no_grad", "eval()", "pre_hook", "remove()", "torch.cat", "split(", "mean((2"],
    checks.check_few_per_class: ["randperm", "nonzero", "unique", "[:n]", "generator=", "labels =="],
    checks.check_early_stop: ["math.inf", "enumerate", "waited", "best +", "error <", "len("],
    checks.check_interpolated: ["(1 - alpha) *", "is_floating_point", "clone", "b[key]", "lerp"],
}

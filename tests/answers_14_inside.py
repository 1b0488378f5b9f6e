"""Chapter 14's exercises 2 and 5: solutions, planted mistakes with the phrase that names each, other right answers."""

from reslab import checks

AKAMASTER = """
def from_akamaster(state_dict):
    ours = {"conv1": "stem.0", "bn1": "stem.1", "linear": "head"}
    ours |= {f"layer{k}": f"stage{k}" for k in (1, 2, 3)}
    renamed = {}
    for key, value in state_dict.items():
        first, _, rest = key.removeprefix("module.").partition(".")
        if first not in ours:
            raise ValueError(f"unknown name {key}")
        renamed[f"{ours[first]}.{rest}"] = value
    return renamed
"""

RESPONSE = """
def response_std(model, x):
    modes = [(module, module.training) for module in model.modules()]
    outputs, hooks = [], []
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d) and "shortcut" not in name:
            hooks.append(module.register_forward_hook(lambda module, inputs, y: outputs.append(y)))
    model.eval()
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    for module, mode in modes:
        module.training = mode
    return [y.std().item() for y in outputs]
"""

SOLUTIONS = {checks.check_from_akamaster: AKAMASTER, checks.check_response_std: RESPONSE}

WORD = 'key.removeprefix("module.")'
UNKNOWN = '        if first not in ours:\n            raise ValueError(f"unknown name {key}")\n'
PUT = 'renamed[f"{ours[first]}.{rest}"] = value'
DONE = "return renamed"
OURS = '{"conv1": "stem.0", "bn1": "stem.1", "linear": "head"}'
STAGES = 'f"stage{k}"'


def only(condition):
    """from_akamaster that passes over the keys for which the condition is false."""
    return {PUT: f"if {condition}:\n            {PUT}"}


def value(expression):
    """from_akamaster that changes each tensor."""
    return {PUT: PUT.replace("= value", f"= {expression}")}


def end(*lines):
    """from_akamaster with other lines in place of the last."""
    return {DONE: "\n    ".join(lines)}


def replaced(*pairs, start=WORD):
    """from_akamaster as a chain of str.replace, with a check of the result."""
    chain = "".join(f".replace({old!r}, {new!r})" for old, new in pairs)
    return (
        "def from_akamaster(state_dict):\n"
        "    renamed = {}\n"
        "    for key, value in state_dict.items():\n"
        f"        name = {start}{chain}\n"
        '        if not name.startswith(("stem.", "stage1.", "stage2.", "stage3.", "head.")):\n'
        "            raise ValueError(key)\n"
        "        renamed[name] = value\n"
        "    return renamed\n"
    )


FOUR = [("layer", "stage"), ("linear", "head")]
ZIP = """
def from_akamaster(state_dict):
    n = max(int(key.split(".")[-3]) for key in state_dict if "layer3" in key) + 1
    names = [name for name in models.cifar_net(6 * n + 2).state_dict()
             if "num_batches" not in name or any("num_batches" in key for key in state_dict)]
    return dict(zip(names, state_dict.values()))
"""
SHAPES = """
def from_akamaster(state_dict):
    left, renamed = list(state_dict.values()), {}
    n = max(int(key.split(".")[-3]) for key in state_dict if "layer3" in key) + 1
    for name, ours in models.cifar_net(6 * n + 2, width=4, num_classes=5).state_dict().items():
        if "num_batches" in name and all(value.is_floating_point() for value in left): continue
        i = next(i for i, value in enumerate(left) if value.shape == ours.shape)
        renamed[name] = left.pop(i)
    return renamed
"""
HIDDEN = """
def from_akamaster(state_dict):
    net = models.cifar_net(8)
    net.load_state_dict(state_dict, strict=False)
    return net.state_dict()
"""
IN_PLACE = """
def from_akamaster(state_dict):
    for key in list(state_dict):
        first, _, rest = key.removeprefix("module.").partition(".")
        ours = {"conv1": "stem.0", "bn1": "stem.1", "linear": "head"}.get(first, first.replace("layer", "stage"))
        state_dict[f"{ours}.{rest}"] = state_dict.pop(key)
    return state_dict
"""
PATTERN = """
def from_akamaster(state_dict):
    import re
    renamed = {}
    for key, value in state_dict.items():
        stage = re.fullmatch(r"(?:module\\.)?layer([1-3])\\.(\\d+\\.(?:conv|bn)[12]\\.\\w+)", key)
        other = re.fullmatch(r"(?:module\\.)?(conv1|bn1|linear)\\.(\\w+)", key)
        if stage:
            renamed[f"stage{stage[1]}.{stage[2]}"] = value
        elif other:
            renamed[{"conv1": "stem.0.", "bn1": "stem.1.", "linear": "head."}[other[1]] + other[2]] = value
        else:
            raise ValueError(f"{key} is no name of his")
    return renamed
"""

HOOK = "module.register_forward_hook(lambda module, inputs, y: outputs.append(y))"
WHICH = 'isinstance(module, nn.BatchNorm2d) and "shortcut" not in name'
STD = "[y.std().item() for y in outputs]"
MODES = "    modes = [(module, module.training) for module in model.modules()]\n"
BACK = "    for module, mode in modes:\n        module.training = mode\n"
REMOVE = "    for hook in hooks:\n        hook.remove()\n"
CLONED = {"    outputs, hooks": "    import copy\n    model = copy.deepcopy(model)\n    outputs, hooks"}


def each(expression):
    """response_std with another number for each output y."""
    return {STD: f"[float({expression}) for y in outputs]"}


def where(condition):
    """response_std with hooks on other modules."""
    return {WHICH: condition}


def ends(expression):
    """response_std with another list made of the right one, s."""
    return {f"return {STD}": f"s = {STD}\n    return {expression}"}


def keep(expression):
    """response_std that keeps something else than the output y; m is the module and inputs what it gets."""
    return {HOOK: f"module.register_forward_hook(lambda m, inputs, y: outputs.append({expression}))"}


CAPTURE = """
def response_std(model, x):
    from reslab import train
    names = [n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d) and "shortcut" not in n]
    with train.evaluating(model), probes.capture(model, names) as outputs:
        model(x)
    return [outputs[name].std().item() for name in names]
"""
BY_HAND = """
@torch.no_grad()
def response_std(model, x):
    import copy
    net = copy.deepcopy(model).eval()
    conv, bn, relu = net.stem
    y = bn(conv(x))
    found, x = [y.std()], relu(y)
    for block in [*net.stage1, *net.stage2, *net.stage3]:
        a = block.bn1(block.conv1(x))
        b = block.bn2(block.conv2(F.relu(a)))
        found += [a.std(), b.std()]
        x = F.relu(b) if isinstance(block, models.PlainBlock) else F.relu(b + block.shortcut(x))
    return found
"""

MISTAKES = {
    checks.check_from_akamaster: [
        (replaced(("conv1", "stem.0"), ("bn1", "stem.1"), *FOUR), "Your rule for the stem hits inside a block"),
        (replaced(("bn1", "stem.1"), ("conv1.", "stem.0."), *FOUR), "Your rule for the stem hits inside a block"),
        (replaced(("bn1", "stem.1"), *FOUR).replace("name =", "key = key.replace('module.conv1', 'stem.0')\n        "
         "key = 'stem.0.weight' if key == 'conv1.weight' else key\n        name ="), "hits inside a block, too"),
        ({WORD: 'key.lstrip("module.")'}, "You raise ValueError for 'module.layer1.0.conv1.weight'"),
        ({WORD: 'key.lstrip("module.")', "{key}": "{first}.{rest}"}, "You strip letters, not a word"),
        ({WORD: 'key.lstrip("module.")', UNKNOWN: "        ours.setdefault(first, first)\n"},
         "You strip letters, not a word: 'module.layer1"),
        ({WORD: "key[7:]"}, "The word `module.` may be missing"),
        ({WORD: "key[7:]", UNKNOWN: "        ours.setdefault(first, first)\n"}, "Nothing of it may be cut off"),
        ({WORD: 'key.split(".", 1)[1]'}, "The word `module.` may be missing"),
        ({WORD: "key"}, "You raise ValueError for 'module.conv1.weight', which is one of his names"),
        ({'"bn1"': '"bn"', "{key}": "{first}.{rest}"}, "You raise ValueError for 'module.bn1.weight', which is one"),
        ({STAGES: 'f"layer{k}"'}, "'module.layer1.0.conv1.weight' becomes 'layer1.0.conv1.weight'. Our nets have"),
        ({STAGES: 'f"stages.{k}"'}, "That is no name in our net"),
        ({STAGES: 'f"stage{k - 1}"'}, "becomes 'stage0.0.conv1.weight'. That is another stage"),
        ({STAGES: 'f"stage{4 - k}"'}, "That is another stage"),
        ({STAGES: 'f"Stage{k}"'}, "Capital letters count"),
        ({STAGES: 'f"stage_{k}"'}, "Mind the dots"),
        ({STAGES: 'f"stem.{k}"'}, "Your rule for the stem hits inside a block"),
        ({STAGES: 'f"head{k}"'}, "Your rule for the head hits inside a block"),
        ({'"linear": "head"': '"linear": "fc"'}, "becomes 'fc.weight'. Our last layer is called head"),
        ({'"linear": "head"': '"linear": "linear"'}, "Our last layer is called head"),
        ({'"linear": "head"': '"fc": "head"'}, "You raise ValueError for 'module.linear.weight'"),
        ({'"conv1": "stem.0", "bn1": "stem.1"': '"conv1": "stem.1", "bn1": "stem.0"'},
         "That is another layer of the stem, or none"),
        ({'"stem.0", "bn1": "stem.1"': '"stem.1", "bn1": "stem.2"'}, "That is another layer of the stem, or none"),
        ({'"stem.0", "bn1": "stem.1"': '"stem.conv", "bn1": "stem.bn"'}, "That is another layer of the stem"),
        ({'"stem.0", "bn1": "stem.1"': '"stem0", "bn1": "stem1"'}, "Mind the dots"),
        ({'"stem.0", "bn1": "stem.1"': '"conv1", "bn1": "bn1"'}, "That is no name in our net"),
        ({PUT: 'renamed[f"{ours[first]}{rest}"] = value'}, "Mind the dots"),
        ({PUT: 'renamed[f"module.{ours[first]}.{rest}"] = value'}, "The word `module` is no part of our names"),
        ({PUT: 'renamed[f".{ours[first]}.{rest}"] = value'}, "Mind the dots"),
        ({PUT: PUT.replace('"]', '".replace(".0.", ".1.")]')}, "conv1.weight' is lost, and 30 more"),
        ({PUT: 'rest = rest.replace("1.", "2.")\n        ' + PUT}, "becomes 'stage1.2.conv2.weight'. That is another"),
        ({PUT: 'renamed[ours[first] + "." + rest.split(".")[-1]] = value'}, "Which block is it?"),
        ({PUT: 'rest = rest.replace("conv", "c")\n        ' + PUT}, "Inside a block the names are alike"),
        ({PUT: "renamed[key] = value"}, "You leave 'module.conv1.weight' as it is"),
        (only('"running" not in rest'), "The running statistics are lost"),
        (only('rest.split(".")[-1] in ("weight", "bias")'), "The running statistics are lost"),
        (only('"bias" not in rest'), "The biases are lost"),
        (only('"num_batches" not in rest'), "The entries num_batches_tracked are lost"),
        (only('first != "linear"'), "His linear layer is lost"),
        (only('"layer" not in first'), "The blocks are lost"),
        (only('first != "bn1"'), "The tensor 'module.bn1.weight' is lost, and 3 more of 67"),
        (only('first != "conv1"'), "The tensor 'module.conv1.weight' is lost."),
        (only("False"), "Your dict is empty"),
        (value("value.half()"), "is torch.float16, and his tensor is torch.float32"),
        (value("value.float()"), "is torch.float32, and his tensor is torch.float64"),
        (value("value.T if value.ndim == 2 else value"), "Your head.weight has the shape (16, 5)"),
        (value("value.flatten()"), "has the shape (108,)"),
        (value("value * 0.5 if value.ndim > 1 else value"), "stands a tensor with other numbers"),
        (value("torch.zeros_like(value)"), "stands a tensor with other numbers"),
        (value("value.numpy()"), "your dict has a ndarray, not a tensor"),
        (value("value.shape"), "your dict has a Size, not a tensor"),
        (value("key"), "your dict has a str, not a tensor"),
        (value("state_dict[key].mul_(2)"), "the tensors in the given dict have other values"),
        (IN_PLACE, "After the call the given dict has other keys"),
        (end("state_dict.clear()", DONE), "After the call the given dict has other keys"),
        (end("state_dict.update(renamed)", "return state_dict"), "After the call the given dict has other keys"),
        (end("return state_dict"), "You give his dict back"),
        (end("return state_dict | renamed"), "is in your dict, beside ours"),
        (end('renamed["stem.1.num_batches_tracked"] = torch.tensor(0)', DONE), "You add 'stem.1.num_batches_tracked'"),
        (end('renamed["epoch"] = torch.tensor(200)', DONE), "Your dict has 'epoch' too"),
        (end("return list(renamed)"), "You give a list, not a dict"),
        (end("return renamed.items()"), "You give a dict_items, not a dict"),
        (end("renamed"), "from_akamaster gives None"),
        (end("net = models.cifar_net(14, width=4, num_classes=5)", "net.load_state_dict(renamed, strict=False)",
             "return net"), "You give a net (CifarNet)"),
        (end("net = models.cifar_net(20)", "net.load_state_dict(renamed)", "return net.state_dict()"),
         "You load the weights into a net inside the function"),
        (HIDDEN, "None of his tensors is in your result"),
        (ZIP, "You pair names and tensors by their places"),
        (SHAPES, "That is the name of another tensor"),
        (end("return dict(zip(sorted(renamed), renamed.values()))"), "You pair names and tensors by their places"),
        (end("return dict(zip(renamed, reversed(renamed.values())))"), "That is the name of another tensor"),
        ({"state_dict.items()": 'state_dict["state_dict"].items()'}, "You look for a key 'state_dict'"),
        ({UNKNOWN: ""}, "At the key 'module.fc.weight' your code stops with KeyError"),
        ({UNKNOWN: "        assert first in ours, key\n"}, "your code stops with AssertionError"),
        ({UNKNOWN: "        if first not in ours: continue\n"}, "you raise no error. Its tensor is left out"),
        ({UNKNOWN: "        ours.setdefault(first, first)\n"}, "you raise no error. It becomes 'fc.weight'"),
        ({"{key}": "here"}, "does not say which key it is"),
        ({"(1, 2, 3)": "(1, 2, 3, 4)"}, "The key 'module.layer4.0.conv1.weight' is none of his"),
        ({"first not in ours": 'first not in ours and not first.startswith("conv")'},
         "At the key 'module.conv2.weight' your code stops with KeyError"),
        ({"first not in ours": 'first not in ours or "num_batches" in rest'}, "Files of a newer PyTorch"),
    ],
    checks.check_response_std: [
        (where('isinstance(module, nn.Conv2d) and "shortcut" not in name'), "what goes into batch norm"),
        (where("name in probes.weighted_layers(model)"), "what goes into batch norm"),
        (keep("inputs[0]"), "what goes into batch norm"),
        (each("F.relu(y).std()"), "You measure after the ReLU"),
        (each("y.clamp(min=0).std()"), "You measure after the ReLU"),
        (where("isinstance(module, models.BasicBlock)"), "You measure where a block ends"),
        (where('isinstance(module, models.BasicBlock) or name == "stem.1"'), "You measure where a block ends"),
        (where('isinstance(module, models.BasicBlock) or name == "stem"'), "You measure where a block ends"),
        (where('name == "stem.1" or name.endswith("bn1") or isinstance(module, models.BasicBlock)'),
         "You measure where a block ends"),
        (where('name == "stem" or name.endswith(("bn1", "bn2"))'), "that of the stem after its ReLU"),
        ({"    model.eval()\n": ""}, "You run the net in train mode"),
        ({"model.eval()": "model.train()"}, "You run the net in train mode"),
        ({"    model.eval()\n": "", **CLONED}, "Your numbers come from train mode"),
        ({"model.eval()": "model.train()", **CLONED}, "Your numbers come from train mode"),
        (each("y.square().mean().sqrt()"), "You give the root mean square"),
        (each("y.norm() / y.numel() ** 0.5"), "You give the root mean square"),
        (each("y.var()"), "You give the variance"),
        (each("y.square().mean()"), "You give the mean of the squares"),
        (each("(y - y.mean()).abs().mean()"), "the mean distance from the mean"),
        (each("y.std((0, 2, 3)).mean()"), "You give the mean of the channels' stds"),
        (each("y.std(0).mean()"), "Your std runs over the images alone"),
        (each("y.std(0, correction=0).mean()"), "Your std runs over the images alone"),
        (each("y.std((2, 3)).mean()"), "You average the stds of single maps"),
        (each("y.flatten(1).std(1).mean()"), "You average the stds of single images"),
        (each("y.std(1).mean()"), "Your std runs over the channels alone"),
        (each("y.mean((0, 2, 3)).std()"), "You average first"),
        (each("y.mean((2, 3)).std()"), "You average first"),
        (each("y.mean(0).std()"), "You average first"),
        (each("y[0].std()"), "You look at the first image only"),
        (each("y[-1].std()"), "You look at the last image only"),
        ({"model(x)": "model(x[:1])"}, "You look at the first image only"),
        (each("y[:, 0].std()"), "You look at the first channel only"),
        (each("y.mean()"), "You give the mean of each response"),
        (each("y.abs().std()"), "You take absolute values first"),
        (each("y.abs().mean()"), "You take absolute values first"),
        (each("y.norm()"), "You give the length (the norm)"),
        (keep("m.weight.abs().mean()") | {STD: "[y.item() for y in outputs]"},
         "the parameters or statistics of batch norm"),
        (keep("m.running_var.sqrt().mean()") | {STD: "[y.item() for y in outputs]"},
         "the parameters or statistics of batch norm"),
        (keep("m.weight"), "the parameters or statistics of batch norm"),
        ({STD: "[m.weight.std().item() for m in probes.weighted_layers(model).values()]"},
         "You give the std of the weights"),
        ({' and "shortcut" not in name': ""}, "the batch norms on the shortcuts, too"),
        (where('isinstance(module, nn.BatchNorm2d) and "stage" in name and "shortcut" not in name'),
         "The stem is missing"),
        (where('name.split(".")[-1].startswith("bn")'), "The stem is missing"),
        (where('name.endswith("bn2")'), "You leave out the first layer of each block, and the stem"),
        (where('name.endswith("bn2") or name == "stem.1"'), "You leave out the first layer of each block."),
        (where('name.endswith("bn1")'), "You leave out the second layer of each block, and the stem"),
        (where('name.endswith("bn1") or name == "stem.1"'), "You leave out the second layer of each block."),
        (ends("[0.1, 0.2, 0.3]"), "You give 3 numbers. The net has 7"),
        (ends("s[:-1]"), "stage3.0.bn2 is missing."),
        (ends("s[2:]"), "stem.1 is missing, and 1 more"),
        (ends("[*s, 0.5]"), "You give 8 numbers. The net has 7 layers of 3x3"),
        (where(f"({WHICH}) or name == 'head'"), "You give 8 numbers. The net has 7 layers of 3x3"),
        (where('name in ("stem", "stage1", "stage2", "stage3")'), "You measure where a block ends"),
        (where('"bn3" in name'), "Your list is empty"),
        ({"        model(x)\n": "        pass\n"}, "Your list is empty"),
        ({"        model(x)\n": "        model(x)\n        model(x)\n"}, "Each layer stands in your list twice"),
        (CAPTURE.replace("names = [", "names = sorted([").replace("not in n]", "not in n])"),
         "Your list is sorted by name"),
        (ends("s[::-1]"), "from the head to the stem"),
        ({"outputs.append(y)": "outputs.insert(0, y)"}, "from the head to the stem"),
        (ends("sorted(s)"), "Your list is sorted by size"),
        (ends("s[1:] + s[:1]"), "Your list is sorted by name"),
        (ends("[s[0], *s[1::2], *s[2::2]]"), "not in order of depth"),
        ({REMOVE: ""}, "Your hook is still in the model"),
        ({REMOVE: "    hooks[-1].remove()\n"}, "Your hook is still in the model"),
        ({BACK: ""}, "The model was in train mode. After the call it is not."),
        ({BACK: "    model.train()\n"}, "The model was in eval mode. After the call it is not."),
        ({BACK: "    model.eval()\n"}, "The model was in train mode. After the call it is not."),
        ({MODES: "    was = model.training\n", BACK: "    model.train(was)\n"}, "A frozen batch norm was in"),
        ({MODES: "    was = model.training\n", BACK: "    model.training = was\n"}, "The model was in train mode"),
        ({"with torch.no_grad():": "if True:"}, "The pass through the net is recorded"),
        ({"with torch.no_grad():": "if True:", "y.std().item()": "y.std()"}, "hang on the graph"),
        ({"with torch.no_grad():": "if True:", "append(y)": "append(y.detach())"}, "The pass through the net is"),
        ({"    with torch.no_grad():": "    torch.set_grad_enabled(False)\n    if True:"}, "gradients are off"),
        ({"    with torch.no_grad():": "    model.requires_grad_(False)\n    if True:"}, "other weights are frozen"),
        ({REMOVE: REMOVE + "    model.requires_grad_(True)\n"}, "other weights are frozen than before"),
        ({REMOVE: REMOVE + "    model.stem[2] = nn.Identity()\n"}, "built in another way"),
        ({REMOVE: REMOVE + "    model.register_buffer('seen', x)\n"}, "built in another way"),
        ({REMOVE: REMOVE + "    model.double()\n"}, "the weights are not what they were"),
        ({REMOVE: REMOVE + "    model.forward = model.forward\n"}, "built in another way"),
        ({REMOVE: REMOVE + "    model.head.weight.data *= 0.9\n"}, "the weights are not what they were"),
        ({REMOVE: REMOVE + "    model.stem[1].reset_running_stats()\n"}, "the statistics of batch norm are not"),
        ({REMOVE: REMOVE + "    model.stem[1].running_mean += 1\n"}, "the statistics of batch norm are not"),
        ({"    model.eval()\n": "    model.eval()\n    x -= x.mean()\n"}, "x is not what it was"),
        ({"append(y)": "append(F.relu_(y))"}, "that of the stem after its ReLU"),
        ({"append(y)": "append(y.sub_(y.mean()))"}, "right at first, and wrong from stage1.0.bn1 on"),
        (ends("[100 * v for v in s]"), "All your numbers are 100 times as large"),
        (ends("[v / 2 for v in s]"), "All your numbers are 0.5 times as large"),
        (ends("[round(v, 2) for v in s]"), "You round"),
        (ends("[v + 0.1 for v in s]"), "too large. Wrong: 7 of 7"),
        (ends("[v - 0.1 for v in s]"), "too small. Wrong: 7 of 7"),
        (ends("[v - 5 for v in s]"), "is below 0"),
        (ends("[v / s[0] for v in s]"), "times as large as they must be"),
        (ends("[s[0]] * len(s)"), "for each layer. Layers differ"),
        (ends("[v * math.nan for v in s]"), "Your number for stem.1 is nan"),
        (ends("[*s[:-1], math.inf]"), "Your number for stage3.0.bn2 is inf"),
        (ends("dict(enumerate(s))"), "You give a dict"),
        (ends("sum(s) / len(s)"), "You give a float, not a list"),
        (ends("str(s)"), "You give a str, not a list"),
        (ends("(v for v in s)"), "You give a generator, not a list"),
        (ends("[str(v) for v in s]"), "Each item of your list must give one number, but gives a str"),
        (ends("[complex(v) for v in s]"), "must give one number, but gives a complex"),
        (ends("[*s[:-1], None]"), "An item of your list is a NoneType"),
        (ends("list(enumerate(s))"), "An item of your list is a tuple"),
        ({STD: "[y.std((0, 2, 3)) for y in outputs]"}, "a tensor of shape (4,), not one number"),
        ({STD: "outputs"}, "a tensor of shape (4, 4, 16, 16), not one number"),
        ({f"return {STD}": STD}, "response_std gives None"),
    ],
}  # fmt: skip
RIGHT = {
    checks.check_from_akamaster: [
        {},
        PATTERN,
        value("value.clone()"),
        value("value.detach()"),
        value("nn.Parameter(value, requires_grad=False)"),
        end("from collections import OrderedDict", "return OrderedDict(renamed)"),
        end("return {name: renamed[name] for name in sorted(renamed)}"),
        {"ValueError(": "UnicodeError("},
        {"{key}": "{first}.{rest}"},
        {WORD: 're.sub(r"^module\\.", "", key)', "    renamed = {}": "    import re\n    renamed = {}"},
        {WORD: '(key[len("module."):] if key.startswith("module.") else key)'},
        {WORD: 'key.replace("module.", "")'},
        replaced(("layer", "stage"), ("linear", "head"), start='("." + key.removeprefix("module.")).replace('
                 '".conv1.weight", "stem.0.weight", "layer" not in key).replace(".bn1", "stem.1", "layer" not in key)'
                 '.removeprefix(".")'),
        "def from_akamaster(state_dict):\n"
        "    def ours(key):\n"
        "        parts = key.split('.')\n"
        "        if parts[0] == 'module': del parts[0]\n"
        "        if parts[0] in ('layer1', 'layer2', 'layer3'): parts[0] = 'stage' + parts[0][-1]\n"
        "        elif parts[0] == 'conv1': parts[:1] = ['stem', '0']\n"
        "        elif parts[0] == 'bn1': parts[:1] = ['stem', '1']\n"
        "        elif parts[0] == 'linear': parts[0] = 'head'\n"
        "        else: raise ValueError('no rule for ' + key)\n"
        "        return '.'.join(parts)\n"
        "    return {ours(key): value for key, value in state_dict.items()}",
        "def from_akamaster(state_dict):\n"
        "    new = dict(state_dict)\n"
        "    for key in state_dict:\n"
        "        name = key[7:] if key[:7] == 'module.' else key\n"
        "        for old, ours in [('conv1.', 'stem.0.'), ('bn1.', 'stem.1.'), ('layer1.', 'stage1.'),\n"
        "                          ('layer2.', 'stage2.'), ('layer3.', 'stage3.'), ('linear.', 'head.')]:\n"
        "            if name.startswith(old):\n"
        "                new[ours + name[len(old):]] = new.pop(key)\n"
        "                break\n"
        "        else:\n"
        "            raise ValueError(f'{key!r}: no such layer')\n"
        "    return new",
        "def from_akamaster(state_dict):\n"
        "    n = 1 + max([int(key.split('.')[-3]) for key in state_dict if '.layer' in '.' + key])\n"
        "    table = {}\n"
        "    for name in models.cifar_net(6 * n + 2).state_dict():\n"
        "        his = name.replace('stage', 'layer').replace('head', 'linear')\n"
        "        his = his.replace('stem.0', 'conv1').replace('stem.1', 'bn1')\n"
        "        table[his] = table['module.' + his] = name\n"
        "    unknown = set(state_dict) - set(table)\n"
        "    if unknown: raise ValueError(f'{unknown}')\n"
        "    return {table[key]: value for key, value in state_dict.items()}",
        "def from_akamaster(state_dict):\n"
        "    renamed = {}\n"
        "    for key in state_dict:\n"
        "        match key.removeprefix('module.').split('.'):\n"
        "            case ['conv1', end]: name = f'stem.0.{end}'\n"
        "            case ['bn1', end]: name = f'stem.1.{end}'\n"
        "            case ['linear', end]: name = f'head.{end}'\n"
        "            case [('layer1' | 'layer2' | 'layer3') as layer, *rest]:\n"
        "                name = '.'.join(['stage' + layer[5], *rest])\n"
        "            case _: raise ValueError(key)\n"
        "        renamed[name] = state_dict[key]\n"
        "    return renamed",
    ],
    checks.check_response_std: [
        {},
        CAPTURE,
        BY_HAND,
        CLONED,
        CLONED | {BACK: "", REMOVE: ""},
        {"y.std().item()": "y.std()"},
        {"y.std().item()": "y.std(correction=0).item()"},
        {"y.std().item()": "np.std(y.numpy())"},
        {"y.std().item()": "(y - y.mean()).square().mean().sqrt().item()"},
        {"y.std().item()": "(y.square().mean() - y.mean() ** 2).sqrt().item()"},
        {"y.std().item()": "np.float64(y.double().std())"},
        {"y.std().item()": "y.std()[None]"},
        {STD: "tuple(y.std().item() for y in outputs)"},
        {STD: "torch.stack([y.std() for y in outputs])"},
        {STD: "np.array([y.std().item() for y in outputs])"},
        {"outputs.append(y)": "outputs.append(y.std().item())", STD: "outputs"},
        {"torch.no_grad()": "torch.inference_mode()"},
        {"module.training = mode": "setattr(module, 'training', mode)"},
        {"outputs.append(y)": "outputs.append(y.flatten().tolist())",
         STD: "[float(np.std(y, ddof=1)) for y in outputs]"},
        {WHICH: 'name == "stem.1" or name.split(".")[-1] in ("bn1", "bn2")'},
        {"model(x)": "for image in x: model(image[None])", STD: "[torch.cat(outputs[i::k]).std().item() for "
         "i in range(k)]", "    for hook in hooks": "    k = len(hooks)\n    for hook in hooks"},
        {HOOK: "module.register_forward_pre_hook(lambda bn, inputs: outputs.append(F.batch_norm(inputs[0], "
         "bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps)))"},
        "def response_std(model, x):\n"
        "    import contextlib\n"
        "    was = {module: module.training for module in model.modules()}\n"
        "    norms = [m for n, m in model.named_modules() if type(m) is nn.BatchNorm2d and '.shortcut.' not in n]\n"
        "    found = {}\n"
        "    def note(module, inputs, output): found[module] = float(output.std())\n"
        "    try:\n"
        "        with contextlib.ExitStack() as stack, torch.no_grad():\n"
        "            for norm in norms:\n"
        "                stack.callback(norm.register_forward_hook(note).remove)\n"
        "            model.eval()(x)\n"
        "    finally:\n"
        "        for module, mode in was.items(): module.training = mode\n"
        "    return [found[norm] for norm in norms]",
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_from_akamaster: [
        "removeprefix",
        "partition",
        "items()",
        "raise ValueError(",
        "startswith",
        "stem.0 ",
    ],
    checks.check_response_std: [
        "no_grad",
        "eval()",
        "remove()",
        "forward_hook",
        ".std(",
        "named_modules",
        "BatchNorm2d",
    ],
}

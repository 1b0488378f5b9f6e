"""Chapter 16's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

NEW_HEAD = """
def new_head(model, num_classes):
    model.head = nn.Linear(model.head.in_features, num_classes)
    return model
"""

FREEZE = """
def freeze_body(model):
    model.requires_grad_(False)
    model.head.requires_grad_(True)
"""

TRAIN_MODE = """
def train_mode(model):
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
"""

RATES = """
def parameter_groups(model, lr, factor):
    groups = []
    for child in reversed(list(model.children())):
        groups.append({"params": list(child.parameters()), "lr": lr})
        lr = lr * factor
    return groups
"""

SOLUTIONS = {
    checks.check_new_head: NEW_HEAD,
    checks.check_freeze_body: FREEZE,
    checks.check_train_mode: TRAIN_MODE,
    checks.check_parameter_groups: RATES,
}


def indented(lines, by=4):
    return "\n".join(" " * by + line for line in lines.split("\n")) + "\n"


def head(lines):
    """Answer 16.1 with other lines; n is in_features, c is num_classes."""
    return "import copy\ndef new_head(model, c):\n    n = model.head.in_features\n" + indented(lines)


def put(layer):
    """Answer 16.1 with another layer."""
    return head(f"model.head = {layer}\nreturn model")


def extra(lines):
    """Answer 16.1 with more lines before the return."""
    return put(f"nn.Linear(n, c)\n{lines}")


def freeze(lines):
    return "import copy\ndef freeze_body(model):\n" + indented(lines)


def each(condition, value="False"):
    """Answer 16.2: sets the flag of the parameters p, of name n, with this property."""
    return freeze(f"for n, p in model.named_parameters():\n    if {condition}:\n        p.requires_grad = {value}")


def flags(condition):
    """Answer 16.2: the flag of each parameter p, of name n, is this condition."""
    return freeze(f"for n, p in model.named_parameters():\n    p.requires_grad = bool({condition})")


def mode(lines):
    return "import copy\ndef train_mode(model):\n" + indented(lines)


def norms(line, before="model.train()", condition="isinstance(m, nn.modules.batchnorm._BatchNorm)", of="modules"):
    """Answer 16.3 with another line for each batch norm m."""
    return mode(f"{before}\nfor m in model.{of}():\n    if {condition}:\n        {line}")


ALSO = "m.eval(); "


def rates(lines):
    """Answer 16.6 with other lines; parts are the children from the head to the stem."""
    start = "def parameter_groups(model, lr, factor):\n    parts = list(model.children())[::-1]\n"
    start += "    k = len(parts) - 1\n"
    return start + indented(lines)


def formula(expression):
    """Answer 16.6 with another rate of child i, counted from the head."""
    return rates(f"return [{{'params': list(p.parameters()), 'lr': {expression}}} for i, p in enumerate(parts)]")


PARAMS = "list(child.parameters())"
APPEND = 'groups.append({"params": list(child.parameters()), "lr": lr})'
NEXT, CHILDREN = "lr = lr * factor", "reversed(list(model.children()))"
LINEAR, RETURN = "nn.Linear(model.head.in_features, num_classes)", "    return model\n"

MISTAKES = {
    checks.check_new_head: [
        (put("nn.Linear(64, c)"), "Your head takes 64 numbers, but the body of this net gives 16"),
        (put("nn.Linear(512, c)"), "Your head takes 512 numbers"),
        (put("nn.Linear(16, c)"), "Your head takes 16 numbers, but the body of this net gives 11"),
        (put("nn.Linear(model.head.out_features, c)"), "10 is the number of old classes"),
        (put("nn.Linear(c, c)"), "5 is the number of new classes"),
        (put("nn.Linear(c, n)"), "The two sizes of your head are exchanged"),
        (put("nn.Linear(n, model.head.out_features)"), "Your head gives 10 scores, and there are 5 classes. That is"),
        (put("nn.Linear(n, 10)"), "That is the number of old classes"),
        (put("nn.Linear(n, 5)"), "Your head gives 5 scores, and there are 7 classes"),
        (put("nn.Linear(n, 1)"), "Your head gives 1 scores"),
        (put("nn.Linear(n, c + 1)"), "Labels count from 0"),
        (put("nn.Linear(n, c - 1)"), "Labels count from 0"),
        (put("nn.Linear(n, 2 * c)"), "That is the number of old classes"),
        (put("nn.Linear(n, 3 * c)"), "Your head gives 15 scores"),
        (head("model.head.out_features = c\nreturn model"), "change only a number"),
        (head("setattr(model.head, 'out_features', c)\nreturn model"), "change only a number"),
        (head("model.head.in_features, model.head.out_features = c, n\nreturn model"), "change only a number"),
        (head("return model"), "The head is still the old one, for 10 old classes"),
        (head("model.head.num_classes = c\nreturn model"), "The head is still the old one"),
        (head("head = nn.Linear(n, c)\nreturn model"), "The head is still the old one"),
        (head("h = model.head\nh = nn.Linear(n, c)\nreturn model"), "The head is still the old one"),
        (head("if c != model.head.out_features:\n    model.head = nn.Linear(n, c)\nreturn model"),
         "The head is still the old one, for 6 old classes"),
        (head("if c > model.head.out_features:\n    model.head = nn.Linear(n, c)\nreturn model"), "still the old one"),
        (head("model.head.weight = nn.Parameter(model.head.weight[:c])\n"
              "model.head.bias = nn.Parameter(model.head.bias[:c])\nmodel.head.out_features = c\nreturn model"),
         "You keep weights of the old head"),
        (head("model.head.weight.data = model.head.weight.data[:c]\nreturn model"),
         "You keep weights of the old head"),
        (head("new = nn.Linear(n, c)\nnew.weight.data[:] = model.head.weight.data[:c]\nmodel.head = new\n"
              "return model"),
         "You keep weights of the old head"),
        (head("new, old = nn.Linear(n, c), model.head\nk = min(c, old.out_features) // 2\n"
              "with torch.no_grad():\n    new.weight[-k:] = old.weight[-k:]\nmodel.head = new\nreturn model"),
         "You keep weights of the old head"),
        (head("new = nn.Linear(n, c)\nnew.bias = model.head.bias\nmodel.head = new\nreturn model"),
         "The bias has 10 numbers for 5 classes"),
        (head("new = nn.Linear(n, c)\nnew.bias = nn.Parameter(model.head.bias[:c])\nmodel.head = new\nreturn model"),
         "You keep the bias of the old head"),
        (head("new = nn.Linear(n, c)\nnew.bias.data[1] = model.head.bias[0]\nmodel.head = new\nreturn model"),
         "You keep the bias of the old head"),
        (head("model.head.weight = nn.Parameter(torch.randn(c, n) / 4)\nmodel.head.out_features = c\nreturn model"),
         "The bias has 10 numbers"),
        (head("model.head.weight = nn.Parameter(torch.randn(c, n) / 4)\n"
              "model.head.bias = nn.Parameter(torch.zeros(c))\nreturn model"), "The sizes that your head names"),
        (put("nn.Linear(n, c, bias=False)"), "Your head has no bias"),
        (put("nn.Linear(n, c).double()"), "Your head computes in float64, and the body in float32"),
        (put("nn.Linear(n, c, dtype=torch.half)"), "Your head computes in float16"),
        (head("model.fc = nn.Linear(n, c)\nreturn model"), "You add `fc` to the net. Its `forward` never calls"),
        (head("model.classifier = nn.Linear(n, c)\nreturn model"), "You add `classifier` to the net. Its `forward`"),
        (head("model.add_module('new_head', nn.Linear(n, c))\nreturn model"), "You add `new_head` to the net. Its"),
        (head("model.head.out_features = c\nmodel.fc = nn.Linear(n, c)\nreturn model"),
         "You add `fc` to the net. Its"),
        (head("model.old_head = model.head\nmodel.head = nn.Linear(n, c)\nreturn model"), "and nothing uses it"),
        (head("model.fc = model.head = nn.Linear(n, c)\nreturn model"), "You add `fc` to the net, and nothing"),
        (head("model.fc = nn.Linear(n, c)\ndel model.head\nreturn model"), "You add `fc` to the net"),
        (head("model.fc1, model.fc2 = nn.Linear(n, n), nn.Linear(n, c)\nreturn model"),
         "You add `fc1` to the net. Its"),
        (head("del model.stage1, model.stage2\nmodel.head = nn.Linear(n, c)\nreturn model"), "lost its `stage1`"),
        (head("del model.head\nreturn model"), "The net has lost its `head`"),
        (head("model.stem = model.stem\nmodel.head = nn.Linear(n, c)\ndel model.stage2\nreturn model"),
         "lost its `stage2`"),
        (put("nn.Sequential(model.head, nn.Linear(model.head.out_features, c))"), "comes after the old head"),
        (put("nn.Sequential(model.head, nn.ReLU(), nn.Linear(model.head.out_features, c))"),
         "comes after the old head"),
        (head("model.head = nn.Sequential(nn.Linear(n, n), model.head)\nreturn model"), "comes after the old head"),
        (head("return nn.Sequential(model, nn.Linear(model.head.out_features, c))"), "a larger one"),
        (head("return nn.Sequential(model, nn.Linear(n, c))"), "a larger one"),
        (head("model.head = nn.Identity()\nreturn nn.Sequential(model, nn.Linear(n, c))"), "a larger one"),
        (head("return nn.Sequential(*list(model.children())[:-1], nn.Linear(n, c))"), "from the parts"),
        ({RETURN: ""}, "new_head gives None"),
        (head("model = nn.Linear(n, c)"), "new_head gives None"),
        ({RETURN: "    return model.head\n"}, "You return the head alone"),
        (head("return nn.Linear(n, c)"), "You return the head alone"),
        ({RETURN: "    return model, model.head\n"}, "new_head gives a tuple, not the net"),
        ({RETURN: "    return model.head.weight\n"}, "gives a Parameter, not the net"),
        ({RETURN: "    return model.state_dict()\n"}, "gives a OrderedDict, not the net"),
        (head("new = copy.deepcopy(model)\nnew.head = nn.Linear(n, c)\nreturn new"), "You return a copy"),
        (head("new = copy.copy(model)\nnew.head = nn.Linear(n, c)\nreturn new"), "You return a copy"),
        (head("model = copy.deepcopy(model)\nmodel.head = nn.Linear(n, c)\nreturn model"), "You return a copy"),
        (head("new = models.cifar_net(8, width=4, num_classes=c)\n"
              "state = {k: v for k, v in model.state_dict().items() if 'head' not in k}\n"
              "new.load_state_dict(state, strict=False)\nreturn new"), "You return a copy"),
        (head("return models.cifar_net(8, width=4, num_classes=c)"), "You return another net"),
        (head("return models.cifar_net(20, num_classes=c)"), "You return another net"),
        (head("return nn.Sequential(nn.Flatten(), nn.Linear(n, c))"), "You return another net"),
        (extra("models.initialise(model)"), "You change the body, such as `stem.0.weight`"),
        (head("model.__init__(1, models.BasicBlock, 4, c)\nreturn model"), "You change the body"),
        (extra("for m in model.modules():\n    if hasattr(m, 'reset_parameters'):\n        m.reset_parameters()"),
         "You change the body"),
        (extra("model.stage3[0].bn2.weight.data.zero_()"), "You change the body, such as `stage3.0.bn2.weight`"),
        (head("x = torch.zeros(2, 3, 8, 8)\nmodel.train()(x)\nmodel.head = nn.Linear(n, c)\nreturn model"),
         "The running statistics of batch norm have changed"),
        (extra("for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.reset_running_stats()"),
         "The running statistics of batch norm have changed"),
        (extra("for p in model.stem.parameters():\n    p.requires_grad = False"), "You freeze the body here"),
        (head("model.requires_grad_(False)\nmodel.head = nn.Linear(n, c)\nreturn model"), "You freeze the body here"),
        (head("for p in model.parameters():\n    p.requires_grad = False\nmodel.head = nn.Linear(n, c)\nreturn model"),
         "You freeze the body here"),
        (extra("model.head.requires_grad_(False)"), "Your new head cannot learn"),
        (extra("model.head.bias.requires_grad = False"), "Your new head cannot learn"),
        (extra("model.requires_grad_(False)"), "Your new head cannot learn"),
        (extra("model.eval()"), "You change the mode of the net"),
        (extra("model.train()"), "You change the mode of the net"),
        (put("nn.Conv2d(n, c, 1)"), "Your head is a convolution"),
        (put("nn.Sequential(nn.Linear(n, c), nn.ReLU())"), "ends with a ReLU"),
        (put("nn.Sequential(nn.Linear(n, c), nn.Softmax(1))"), "Your head ends with Softmax"),
        (put("nn.Sequential(nn.Linear(n, c), nn.LogSoftmax(dim=1))"), "Your head ends with LogSoftmax"),
        (put("nn.Sequential(nn.Linear(n, c), nn.Sigmoid())"), "Your head ends with Sigmoid"),
        (put("nn.Sequential(nn.Linear(n, c))"), "model.head is a Sequential, not an nn.Linear"),
        (put("nn.Sequential(nn.Dropout(0.5), nn.Linear(n, c))"), "model.head is a Sequential"),
        (put("nn.Sequential(nn.Flatten(), nn.Linear(n, c))"), "model.head is a Sequential"),
        (put("nn.Sequential(nn.Linear(n, n), nn.ReLU(), nn.Linear(n, c))"), "model.head is a Sequential"),
        (put("nn.Identity()"), "model.head is a Identity"),
        (put("nn.LazyLinear(c)"), "Your head has no weights yet"),
        (put("None"), "The net has lost its `head`"),
        (put("nn.Linear"), "stopped with TypeError"),
        (put("c"), "stopped with TypeError"),
        (put("nn.Linear(model.head.features, c)"), "stopped with AttributeError"),
        (head("model['head'] = nn.Linear(n, c)\nreturn model"), "stopped with TypeError"),
        (extra("nn.init.constant_(model.head.weight, math.nan)"), "Your head has nan or inf"),
        (extra("model.register_forward_hook(lambda m, x, y: y.softmax(1))"), "something after it changes the scores"),
        (extra("forward = model.forward\nmodel.forward = lambda x: F.relu(forward(x) - 3)"), "changes the scores"),
        (extra("forward = model.forward\nmodel.forward = lambda x: forward(x)[:, 0]"), "changes the scores"),
        (extra("model.head.register_forward_hook(lambda m, x, y: y.log_softmax(1))"), "changes the scores"),
    ],
    checks.check_freeze_body: [
        (freeze("model.requires_grad_(False)"), "The head is frozen too"),
        (each("True"), "The head is frozen too"),
        (flags("'fc' in n"), "The head is frozen too"),
        (flags("n.startswith('fc.')"), "The head is frozen too"),
        (flags("n == 'head'"), "The head is frozen too"),
        (each("not n.startswith('fc')"), "The head is frozen too"),
        (freeze("model.head.requires_grad_(False)"), "That is the wrong way round"),
        (freeze("model.requires_grad_(True)\nmodel.head.requires_grad_(False)"), "That is the wrong way round"),
        (flags("not n.startswith('head')"), "That is the wrong way round"),
        (each("n.startswith('head')"), "That is the wrong way round"),
        (freeze("model.head.requires_grad_(True)\nmodel.requires_grad_(False)"), "The head is frozen too"),
        (freeze("for m in model.modules():\n    if isinstance(m, nn.Conv2d):\n        m.requires_grad_(False)"),
         "The convolutions are frozen. But batch norm"),
        (each("p.ndim == 4"), "The convolutions are frozen. But batch norm"),
        (flags("p.ndim < 4"), "The convolutions are frozen. But batch norm"),
        (each("'conv' in n"), "A part of `stem` still learns, such as `stem.0.weight`"),
        (each("p.ndim > 1"), "The convolutions are frozen. But batch norm"),
        (each("'weight' in n"), "`stem.1.bias` of a batch norm still learns"),
        (each("'bias' in n"), "A part of `stem` still learns, such as `stem.0.weight`"),
        (each("'weight' in n and 'head' not in n"), "`stem.1.bias` of a batch norm still learns"),
        (each("'bias' not in n and 'head' not in n"), "of a batch norm still learns"),
        (freeze("for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.requires_grad_(False)"),
         "Only batch norm is frozen"),
        (freeze("model.requires_grad = False"), "You write a new attribute, `requires_grad`, on a module"),
        (freeze("model.requires_grad = False\nmodel.head.requires_grad = True"), "`requires_grad`, on a module"),
        (freeze("model.requires_grad_ = False"), "You write a new attribute, `requires_grad_`, on a module"),
        (freeze("for child in list(model.children())[:-1]:\n    child.requires_grad = False"), "on a module"),
        (freeze("for m in model.modules():\n    m.requires_grad = m is model.head"), "on a module"),
        (freeze("model.stem.trainable = False"), "You write a new attribute, `trainable`, on a module"),
        (freeze("model.frozen = True"), "You write a new attribute, `frozen`, on a module"),
        (freeze("for n, p in model.named_parameters():\n    p.require_grad = 'head' in n"),
         "You write a new attribute, `require_grad`, on a parameter"),
        (freeze("for p in model.parameters():\n    p.requires_grads = False"), "`requires_grads`, on a parameter"),
        (freeze("for p in model.parameters():\n    p.requires_grad_ = False"), "`requires_grad_`, on a parameter"),
        (freeze("for p in model.parameters():\n    p.trainable = False"), "`trainable`, on a parameter"),
        (freeze("for n, p in model.named_parameters():\n    p.requires_grad == ('head' in n)"),
         "each parameter gets a gradient or none, just as before"),
        (freeze("for n, p in model.named_parameters():\n    p.data.requires_grad = 'head' in n"), "just as before"),
        (freeze("for p in model.parameters():\n    p = p.detach()"), "just as before"),
        (freeze("for p in model.parameters():\n    frozen = p.detach().requires_grad_(False)"), "just as before"),
        (freeze("with torch.no_grad():\n    for p in model.parameters():\n        p"), "just as before"),
        (freeze("with torch.no_grad():\n    return model"), "just as before"),
        (freeze("for p in model.state_dict().values():\n    p.requires_grad = False"), "just as before"),
        (freeze("return [p for n, p in model.named_parameters() if 'head' in n]"), "just as before"),
        (freeze("return model.head"), "just as before"),
        (freeze("return model"), "just as before"),
        (freeze("return torch.optim.SGD(model.head.parameters(), 0.1)"), "just as before"),
        (freeze("for b in model.buffers():\n    b.requires_grad = False"), "just as before"),
        (freeze("torch.set_grad_enabled(False)"), "You switch off all gradients, for the whole notebook"),
        (freeze("torch.no_grad().__enter__()\nmodel.eval()"), "You switch off all gradients"),
        (freeze("model.requires_grad_(False)\nmodel.head.requires_grad_(True)\ntorch.set_grad_enabled(False)"),
         "You switch off all gradients"),
        (freeze("model.eval()"), "You change the mode (train or eval)"),
        (freeze("model.eval()\nmodel.head.train()"), "You change the mode (train or eval)"),
        (freeze("for child in list(model.children())[:-1]:\n    child.eval()"), "You change the mode"),
        (freeze("model.requires_grad_(False)\nmodel.head.requires_grad_(True)\nmodel.eval()"),
         "The gradients are right. But you change the mode"),
        (freeze("model.requires_grad_(False)\nmodel.head.requires_grad_(True)\nmodel.train()"),
         "The gradients are right. But you change the mode"),
        (freeze("for child in list(model.children())[:-1]:\n    child.requires_grad_(False)"), "stays frozen"),
        (each("not n.startswith('head')"), "But a head that was frozen before stays frozen"),
        (each("'head' not in n"), "But a head that was frozen before stays frozen"),
        (freeze("for p in list(model.parameters())[:-2]:\n    p.requires_grad = False"), "stays frozen"),
        (freeze("for p in model.parameters():\n    if p is not model.head.weight and p is not model.head.bias:\n"
                "        p.requires_grad = False"), "stays frozen"),
        (freeze("for n, p in model.named_parameters():\n    if p.requires_grad and 'head' not in n:\n"
                "        p.requires_grad = False"), "stays frozen"),
        (flags("n == 'head.weight'"), "so is `head.bias` of the head"),
        (freeze("model.requires_grad_(False)\nmodel.head.weight.requires_grad = True"), "so is `head.bias` of the"),
        (flags("p is list(model.parameters())[-1]"), "so is `head.weight` of the head"),
        (each("'head' in n", "True"), "just as before"),
        (freeze("model.head.requires_grad_(True)"), "each parameter gets a gradient or none, just as before"),
        (freeze("model.requires_grad_(True)"), "just as before"),
        (flags("n != 'head.bias'"), "The body is not frozen"),
        (freeze("model.stem.requires_grad_(False)\nmodel.head.requires_grad_(False)"), "Only `stem` is frozen"),
        (freeze("for i, p in enumerate(model.parameters()):\n    p.requires_grad = 10 <= i < 21"),
         "Only the first 10 parameters are frozen, and the body of this net has 21"),
        (freeze("for n, p in model.named_parameters():\n"
                "    p.requires_grad = 'head' in n or not p.requires_grad"), "The body is not frozen"),
        (freeze("model.stem.requires_grad_(False)"), "Only `stem` is frozen"),
        (freeze("model.stage3.requires_grad_(False)"), "Only `stage3` is frozen"),
        (freeze("for part in (model.stem, model.stage1):\n    part.requires_grad_(False)"),
         "`stage2` and `stage3` are not frozen"),
        (freeze("for part in (model.stem, model.stage1, model.stage2, model.stage3):\n    part.requires_grad_(False)\n"
                "model.head.requires_grad_(True)"), "`stage4` is not frozen. A net may have three stages or four"),
        (freeze("for part in (model.stage1, model.stage2, model.stage3):\n    part.requires_grad_(False)\n"
                "model.head.requires_grad_(True)"), "`stem` is not frozen. The body is all but the head"),
        (flags("not n.startswith('stage') and 'stem' in n or 'head' in n"),
         "`stem` is not frozen. The body is all but the head"),
        (flags("not n.startswith('stage')"), "`stem` is not frozen. The body is all but the head"),
        (freeze("for part in list(model.children())[1:-1]:\n    part.requires_grad_(False)"),
         "`stem` is not frozen. The body is all but the head"),
        (freeze("for part in list(model.children())[:-2]:\n    part.requires_grad_(False)"), "`stage3` is not frozen"),
        (freeze("for part in list(model.children())[:4]:\n    part.requires_grad_(False)\n"
                "model.head.requires_grad_(True)"), "`stage4` is not frozen. A net may have three stages or four"),
        (freeze("for i, p in enumerate(model.parameters()):\n    p.requires_grad = i >= 21"),
         "`stage3` and `stage4` are not frozen"),
        (freeze("for i, p in enumerate(model.parameters()):\n    p.requires_grad = i >= 10"),
         "Only the first 10 parameters are frozen, and the body of this net has 21"),
        (freeze("for m in model.modules():\n    for p in m.children():\n        break\n"
                "for p in model.stem[0].parameters():\n    p.requires_grad = False"),
         "Only the first 1 parameters are frozen"),
        (freeze("for p in model.parameters():\n    p.grad = None"), "You clear the gradients that are there"),
        (freeze("for p in model.parameters():\n    p.grad.zero_()"), "You clear the gradients that are there"),
        (freeze("model.zero_grad()"), "You clear the gradients that are there"),
        (freeze("for child in list(model.children())[:-1]:\n    child.zero_grad()"), "You clear the gradients"),
        (freeze("for n, p in model.named_parameters():\n    if 'head' not in n:\n"
                "        p.register_hook(lambda g: 0 * g)"), "You change the gradients by a hook"),
        (freeze("model.head.register_forward_pre_hook(lambda m, x: x[0].detach())"), "You cut the way back"),
        (freeze("head = model.head.forward\nmodel.head.forward = lambda x: head(x.detach())"),
         "`forward`, on a module"),
        (freeze("model.stem = nn.Identity()"), "The net has lost a parameter: `stem.0.weight`"),
        (freeze("for m in model.modules():\n    for n in list(m._parameters):\n        if m is not model.head:\n"
                "            del m._parameters[n]"), "The net has lost a parameter"),
        (freeze("for p in model.parameters():\n    p.data.zero_()"),
         "You change values in the net, such as `stem.0.weight"),
        (freeze("model.requires_grad_(False)\nmodel.head = nn.Linear(model.head.in_features, 3)"),
         "You change values in the net, such as `head.weight`"),
        (freeze("new = copy.deepcopy(model)\nnew.requires_grad_(False)\nnew.head.requires_grad_(True)\nreturn new"),
         "You work on a copy"),
        (freeze("model = copy.deepcopy(model)\nmodel.requires_grad_(False)\nmodel.head.requires_grad_(True)"),
         "just as before"),
        (freeze("model.requires_grad_(False)\nmodel.head.requires_grad_(True)\n"
                "model.register_forward_hook(lambda m, x, y: y.detach())"), "your head gets no gradient"),
        (freeze("for p in model:\n    p.requires_grad = False"), "stopped with TypeError"),
        (freeze("model.freeze()"), "stopped with AttributeError"),
        (freeze("model.parameters().requires_grad = False"), "stopped with AttributeError"),
        (freeze("model.fc.requires_grad_(True)"), "stopped with AttributeError"),
        (freeze("for part in (model.stem, model.stage1, model.stage2, model.stage3, model.stage4):\n"
                "    part.requires_grad_(False)"), "stopped with AttributeError"),
    ],
    checks.check_train_mode: [
        (mode("model.train()"), "All layers are in train mode, the batch norms too"),
        (mode("model.eval()"), "The whole net is in eval mode. Dropout is off too"),
        (mode("model.train()\nmodel.eval()"), "The whole net is in eval mode"),
        (mode("model.train(False)"), "The whole net is in eval mode"),
        (norms("m.eval()", before="pass") + "    model.train()", "All layers are in train mode, the batch norms too"),
        (norms("m.eval()", before="pass"), "The batch norms are right. But the rest of the net keeps the mode"),
        (norms("m.eval()", before="model.training = True"), "But the rest of the net keeps the mode"),
        (norms("m.eval()", before="model.eval()"), "The whole net is in eval mode"),
        (norms("m.train()", before="model.eval()"), "That is the wrong way round"),
        (norms("m.eval()", condition="not isinstance(m, nn.modules.batchnorm._BatchNorm)"),
         "The whole net is in eval"),
        (norms("m.training = False", condition="not isinstance(m, nn.modules.batchnorm._BatchNorm)"),
         "wrong way round"),
        (mode("for m in model.modules():\n    m.training = isinstance(m, nn.modules.batchnorm._BatchNorm)"),
         "That is the wrong way round"),
        (norms("m.eval()", condition="isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.Dropout))"),
         "`head.3` is in eval mode: dropout is off"),
        (norms("m.eval()", condition="hasattr(m, 'running_var') or isinstance(m, nn.modules.dropout._DropoutNd)"),
         "`head.3` is in eval mode: dropout is off"),
        (norms("m.eval()", condition="isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.Dropout2d))"),
         "`stage2.1` is in eval mode: dropout is off"),
        (norms("m.eval()", condition="'Norm' in type(m).__name__ or 'Drop' in type(m).__name__"), "dropout is off"),
        (norms("m.eval()", condition="not isinstance(m, (nn.Conv2d, nn.Linear))"), "The whole net is in eval mode"),
        (norms("m.training = False", condition="not list(m.children())"), "is in eval mode. Only batch norms should"),
        (norms("m.eval()", condition="isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.Conv2d))"),
         "`stem.0`, a Conv2d, is in eval mode. Only"),
        (norms("m.eval()", condition="isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.ReLU))"),
         "`stem.2`, a ReLU, is in eval mode. Only"),
        (norms("m.requires_grad_(False)"), "You change requires_grad"),
        (norms("m.weight.requires_grad = m.bias.requires_grad = False"), "You change requires_grad"),
        (norms("m.eval(); m.requires_grad_(False)"), "You change requires_grad"),
        (norms("m.eval()") + "    model.requires_grad_(True)", "You change requires_grad"),
        (norms("m.eval()") + "    model.requires_grad_(False)", "You change requires_grad"),
        (norms("m.momentum = 0"), "You stop only the update of the running"),
        (norms("m.momentum = 0.0"), "You stop only the update of the running"),
        (norms("m.eval(); m.momentum = 0"), "You stop only the update of the running"),
        (norms("m.momentum = None"), "You change a setting of `stem.1`"),
        (norms("m.track_running_stats = False"), "You stop only the update of the running"),
        (mode("model.train()\nmodel.stem[1].momentum = 0"), "You stop only the update of the running"),
        (norms("m.eval()", condition="isinstance(m, nn.Dropout)"), "`head.3` is in eval mode: dropout is off"),
        (norms("m.affine = False"), "You change a setting of `stem.1`"),
        (norms("m.reset_running_stats()"), "The running statistics have changed"),
        (norms("m.eval(); m.reset_running_stats()"), "The running statistics have changed"),
        (norms("m.running_mean.zero_(); m.running_var.fill_(1)"), "The running statistics have changed"),
        (norms("m.running_mean = m.running_var = None"), "The running statistics have changed"),
        (norms("m.num_batches_tracked.zero_()"), "The running statistics have changed"),
        (norms("m.reset_parameters()"), "The running statistics have changed"),
        (norms("m.weight.data.fill_(1)"), "You change values, such as `stem.1.weight`"),
        (norms("m.eval(); m.bias.data.zero_()"), "You change values, such as `stem.1.bias`"),
        (norms("m.training = False", before="model.train()\ntry:\n    model(torch.zeros(2, 3, 8, 8))\n"
               "except Exception:\n    pass"), "The running statistics have changed"),
        (norms("m.eval()", of="children"), "All layers are in train mode, the batch norms too"),
        (norms("m.eval()", of="stem.modules"), "Only batch norms in `stem` are fixed"),
        (mode("model.train()\nmodel.stem[1].eval()"), "Only batch norms in `stem` are fixed"),
        (norms("m.eval()", of="head.modules"), "`stem.1`, a BatchNorm2d, is in train mode"),
        (norms("m.eval()", condition="isinstance(m, nn.BatchNorm2d)"), "`head.1`, a BatchNorm1d, is in train mode"),
        (norms("m.eval()", condition="type(m) == nn.BatchNorm2d"), "`head.1`, a BatchNorm1d, is in train mode"),
        (norms("m.eval()", condition="isinstance(m, nn.BatchNorm1d)"), "a BatchNorm2d, is in train mode"),
        (norms("m.eval()", condition="isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))"), "a BatchNorm3d, is in train"),
        (norms("m.eval()", condition="type(m).__name__ == 'BatchNorm2d'"), "`head.1`, a BatchNorm1d, is in"),
        (norms("m.eval()", condition="type(m) == 'BatchNorm2d'"), "All layers are in train mode"),
        (norms("m.eval()", condition="type(m) is nn.modules.batchnorm._BatchNorm"), "All layers are in train mode"),
        (norms("m.eval()", condition="isinstance(m, (nn.LayerNorm, nn.GroupNorm))"), "All layers are in train mode"),
        (norms("m.eval()", condition="isinstance(m, nn.BatchNorm2d) and m.num_features > 4"),
         "`stem.1`, a batch norm, is in train mode"),
        (mode("model.train()\nfor n, m in model.named_modules():\n    if 'bn' in n:\n        m.eval()"),
         "Do you go by names?"),
        (mode("model.train()\nfor n, m in model.named_modules():\n    if 'bn' in n or n == 'stem.1':\n"
              "        m.eval()"),
         "Do you go by names?"),
        (mode("model.train()\nfor n, m in model.named_modules():\n    if n.endswith(('bn1', 'bn2', '.1')):\n"
              "        m.eval()"), "`stage2.1` is in eval mode"),
        (mode("model.train()\nfor n, m in model.named_modules():\n    if 'norm' in n:\n        m.eval()"),
         "All layers are in train mode"),
        (mode("model.train()\nfor m in model.children():\n    if not isinstance(m, nn.Linear):\n        m.eval()"),
         "The whole net is in eval mode"),
        (mode("model.train()\nmodel.stem.eval()"), "You put all of `stem` into eval mode"),
        (mode("model.train()\nfor m in list(model.children())[:-1]:\n    m.eval()"),
         "You put all of `stem` into eval"),
        (mode("model.train()\nfor m in list(model.modules())[1:]:\n"
              "    if any(isinstance(c, nn.modules.batchnorm._BatchNorm) for c in m.children()):\n        m.eval()"),
         "You put all of `stem` into eval mode"),
        (mode("model.train()\nfor m in model.modules():\n    if isinstance(m, models.BasicBlock):\n        m.eval()"),
         "You put all of `stage1.0` into eval mode"),
        (mode("for m in model.modules():\n    for k, c in m.named_children():\n"
              "        if isinstance(c, nn.BatchNorm2d):\n            setattr(m, k, nn.Identity())"),
         "You replace the layer `stem.1`"),
        (mode("for m in list(model.modules()):\n    for k, c in list(m.named_children()):\n"
              "        if isinstance(c, nn.BatchNorm2d):\n"
              "            setattr(m, k, nn.BatchNorm2d(c.num_features).eval())"),
         "You replace the layer `stem.1`"),
        (norms("m.eval") .replace("model.train()", "model.train"), "each layer is in the mode that it had before"),
        (norms("m.eval"), "All layers are in train mode"),
        (norms("m.eval()").replace("model.train()", "model.train"), "But the rest of the net keeps the mode"),
        (norms("m.training == False"), "All layers are in train mode"),
        (norms("m.train = False"), "You write a new attribute, `train`. Nobody"),
        (norms("m.eval = True"), "You write a new attribute, `eval`"),
        (norms("m.frozen = True"), "You write a new attribute, `frozen`"),
        (norms("m.requires_grad = False"), "You write a new attribute, `requires_grad`"),
        (mode("model.train = True"), "You write a new attribute, `train`. Nobody"),
        (mode("model.mode = 'train'"), "You write a new attribute, `mode`"),
        (mode("model.training = True"), "You set the mode of the net itself"),
        (mode("for m in list(model.modules())[1:]:\n"
              "    m.training = not isinstance(m, nn.modules.batchnorm._BatchNorm)"), "model.training is False"),
        (mode("for m in model.modules():\n    if not list(m.children()):\n"
              "        m.training = not isinstance(m, nn.modules.batchnorm._BatchNorm)"),
         "You set the innermost layers only"),
        (mode("for m in model.children():\n    m.train()\n" + "for m in model.modules():\n"
              "    if isinstance(m, nn.modules.batchnorm._BatchNorm):\n        m.eval()"), "model.training is False"),
        (norms("m.eval()") + "    for m in model.modules():\n        if 'Drop' in type(m).__name__:\n"
                             "            m.p = 0",
         "You change a setting of `head.3`"),
        (mode("with torch.no_grad():\n    model.train()"), "All layers are in train mode"),
        (norms("m.eval()") + "    torch.set_grad_enabled(False)", "You switch off all gradients"),
        (mode("model = copy.deepcopy(model)\nmodel.train()\nfor m in model.modules():\n"
              "    if isinstance(m, nn.modules.batchnorm._BatchNorm):\n        m.eval()\nreturn model"), "on a copy"),
        (mode("model = copy.deepcopy(model)\nmodel.train()"), "each layer is in the mode that it had before"),
        (mode("for m in model:\n    m.eval()"), "stopped with TypeError"),
        (norms("m.eval()", condition="isinstance(m, nn.BatchNorm)"), "stopped with AttributeError"),
        (norms("m.stop()"), "stopped with AttributeError"),
        (norms("m[1].eval()"), "stopped with TypeError"),
    ],
    checks.check_parameter_groups: [
        ({CHILDREN: "model.children()"}, "The order is the wrong way round"),
        (formula("lr * factor ** (k - i)"), "The order is the wrong way round"),
        (formula("lr * factor ** (k + 1 - i)"), "You also multiply once too often"),
        (formula("lr * factor ** (k - i) if i else lr"), "the stages go the wrong way"),
        (formula("lr * factor ** (k + 1 - i) if i else lr"), "the stages go the wrong way"),
        ({f"        {APPEND}\n        {NEXT}": f"        {NEXT}\n        {APPEND}"}, "You multiply too early"),
        (formula("lr * factor ** (i + 1)"), "You multiply too early"),
        ({NEXT: "pass"}, "All parts have the same rate"),
        ({NEXT: "rate = lr * factor"}, "All parts have the same rate"),
        (formula("lr * factor if i else lr"), "All parts but the head have the same rate"),
        (rates("body = [p for part in parts[1:] for p in part.parameters()]\n"
               "return [{'params': parts[0].parameters(), 'lr': lr}, {'params': body, 'lr': lr * factor}]"),
         "All parts but the head have the same rate"),
        (formula("lr if i else lr * factor"), "You multiply the rate of the head, and of nothing else"),
        ({NEXT: "lr = lr / factor"}, "You divide by factor: the stem"),
        (formula("lr / factor ** (k - i)"), "You divide by factor, and go from the stem"),
        (formula("lr * factor ** max(i - 1, 0)"), "The last stage has the rate of the head"),
        (formula("lr * factor ** min(i, k - 1)"), "The stem has the rate of stage1"),
        (formula("lr * factor * i"), "You multiply by a number of steps"),
        (formula("lr * factor * (i + 1)"), "You multiply by a number of steps"),
        (formula("lr * factor * i if i else lr"), "You multiply by a number of steps"),
        (formula("lr * (k - i)"), "You multiply by a number of steps"),
        ({NEXT: "lr = lr - factor"}, "You subtract factor"),
        (formula("lr * (1 - i * factor)"), "You subtract. Each"),
        (formula("lr * (1 - i * (1 - factor))"), "You subtract the same step"),
        (formula("lr * (1 - i * (1 - factor) / k)"), "in a straight line to lr * factor"),
        (formula("float(np.linspace(lr, lr * factor, len(parts))[i])"), "in a straight line to lr * factor"),
        (formula("float(np.geomspace(lr, lr * factor, len(parts))[i])"), "you spread one factor over all parts"),
        (formula("lr * factor ** (2 * i)"), "You multiply twice at each child"),
        (rates("groups = []\nfor i, part in enumerate(parts):\n    lr = lr * factor ** i\n"
               "    groups.append({'params': part.parameters(), 'lr': lr})\nreturn groups"), "The powers pile up"),
        (formula("factor ** i"), "lr has no effect"),
        (formula("(lr * factor) ** i"), "The power takes lr too"),
        (formula("lr ** (i + 1)"), "You take powers of lr"),
        (formula("factor * lr ** i"), "lr and factor are exchanged"),
        ({"lr, factor)": "factor, lr)"}, "lr and factor are exchanged"),
        (formula("lr / (i + 1)"), "You divide by a number of steps"),
        (formula("lr * (1 - factor) ** i"), "You multiply by 1 - factor"),
        (formula("lr * math.exp(-factor * i)"), "You use exp(-factor)"),
        (formula("lr * 0.1 ** i"), "Each child has 0.1 times the rate of the one after it, and factor is 0.4"),
        (formula("0.01 * factor ** i"), "The head has the rate 0.01, and lr is 0.3"),
        (formula("lr * factor ** (i + 2)"), "The head has the rate 0.048"),
        (formula("lr * factor ** i + 0.01"), "The head has the rate 0.31, and lr is 0.3"),
        (formula("round(lr * factor ** i, 3)"), "`stage1` has 0.3958 times the rate of `stage2`"),
        (formula("max(lr * factor ** i, 0.01)"), "`stem` has 0.5208 times the rate of `stage1`"),
        (formula("lr * factor ** [0, 1, 2, 3, 3][i]"), "The stem has the rate of stage1"),
        (formula("lr * factor ** [0, 1, 3, 4, 5][i]"), "`stage2` has 0.16 times the rate of `stage3`"),
        (formula("lr * factor ** [0, 2, 2, 3, 4][i]"), "`stage3` has 0.16 times the rate of `head`"),
        ("def parameter_groups(model, lr, factor):\n    names = ['head', 'stage3', 'stage2', 'stage1', 'stem']\n"
         "    return [{'params': list(getattr(model, n).parameters()), 'lr': lr * factor ** i} "
         "for i, n in enumerate(names)]", "`stage4` is in no group"),
        ("def parameter_groups(model, lr, factor):\n"
         "    power = {'head': 0, 'stage3': 1, 'stage2': 2, 'stage1': 3, 'stem': 4}\n"
         "    return [{'params': list(c.parameters()), 'lr': lr * factor ** power.get(n, 0)} "
         "for n, c in model.named_children()]", "The last stage has the rate of the head"),
        (rates("return [{'params': p.parameters(), 'lr': lr * factor ** (4 - i)} for i, p in enumerate(parts[::-1])]"),
         "The head has the rate 0.02857, and lr is 0.02"),
        (formula("lr * factor ** min(i, 4)"), "The stem has the rate of stage1"),
        (rates("return [{'params': p.parameters(), 'lr': lr * factor ** i} for i, p in enumerate(parts[:-1])]"),
         "`stem` is in no group."),
        (rates("return [{'params': p.parameters(), 'lr': lr * factor ** i} for i, p in enumerate(parts[1:], 1)]"),
         "`head` is in no group."),
        ({CHILDREN: "list(model.children())[-2::-1]"}, "`head` is in no group."),
        ({CHILDREN: "list(model.children())[:0:-1]"}, "`stem` is in no group."),
        ({CHILDREN: "list(model.children())[1:-1]"}, "parameters are in no group"),
        ({"    return groups": "    return groups[:1]"}, "Only `head` is in a group"),
        ({"        lr = lr * factor\n    return": "        lr = lr * factor\n        return"},
         "Only `head` is in a group"),
        (rates("head = model.head.parameters()\n"
               "return [{'params': model.parameters(), 'lr': lr * factor}, {'params': head, 'lr': lr}]"),
         "`head.weight` is in two groups"),
        ({CHILDREN: "list(model.modules())[::-1]"}, "is in two groups"),
        ({CHILDREN: "list(model.modules())[1:]"}, "is in two groups"),
        ({"    return groups": "    return groups + groups"}, "the same dict several times"),
        ({"    return groups": "    return groups + [{'params': model.stem.parameters(), 'lr': lr}]"},
         "`stem.0.weight` is in two groups"),
        ({PARAMS: "list(model.parameters())"}, "is in two groups"),
        ({PARAMS: "[p for p in child.parameters() if p.ndim > 1]"},
         "Biases and norms are in no group, such as `stem.1.weight`."),
        ({PARAMS: "[p for n, p in child.named_parameters() if 'weight' in n]"}, "Biases and norms are in no group"),
        ({PARAMS: "[p for n, p in child.named_parameters() if 'bias' in n]"},
         "15 parameters are in no group, such as `stem.0.weight`."),
        ({PARAMS: "[p for p in child.parameters() if p.ndim == 4 or p is model.head.bias]"},
         "15 parameters are in no group, such as `stem.1.weight`."),
        ({PARAMS: "[p for p in child.parameters() if p.ndim == 4]"}, "A group is empty"),
        ({PARAMS: "list(child.parameters(recurse=False))"}, "A group is empty"),
        ({PARAMS: "[]"}, "A group is empty"),
        (rates("everything = model.parameters()\n"
               "return [{'params': everything, 'lr': lr * factor ** i} for i in range(5)]"),
         "A group is empty"),
        (rates("groups = []\nfor p in parts:\n    params = p.parameters()\n    print(end=f'{len(list(params))}'[:0])\n"
               "    groups.append({'params': params, 'lr': lr})\n    lr = lr * factor\nreturn groups"),
         "A group is empty"),
        ({PARAMS: "child"}, "params is a Linear, not a list of parameters"),
        (formula("lr").replace("list(p.parameters())", "p"), "params is a Linear, not a list of parameters"),
        (formula("lr").replace("list(p.parameters())", "list(p.modules())"), "Among the params is a Linear"),
        (rates("return [{'params': [p for p in parts], 'lr': lr}]"), "Among the params is a Linear"),
        (formula("lr").replace("list(p.parameters())", "[n for n, _ in p.named_parameters()]"), "the params is a str"),
        (formula("lr").replace("list(p.parameters())", "list(p.state_dict())"), "Among the params is a str"),
        ({PARAMS: "[list(child.parameters())]"}, "Among the params is a list"),
        ({PARAMS: "[child.parameters()]"}, "Among the params is a generator"),
        ({PARAMS: "'head'"}, "params is a str, not a list of parameters"),
        ({PARAMS: "dict(child.named_parameters())"}, "Among the params is a str"),
        ({PARAMS: "set(child.parameters())"}, "params is a set"),
        ({PARAMS: "[p.detach() for p in child.parameters()]"}, "no parameter of the net"),
        ({PARAMS: "[p.clone() for p in child.parameters()]"}, "no parameter of the net"),
        ({PARAMS: "list(child.state_dict().values())"}, "no parameter of the net"),
        ({"\"lr\"": "\"weight_decay\""}, "A group has `weight_decay`, but no 'lr'"),
        ({"\"lr\"": "\"learning_rate\""}, "A group has `learning_rate`, but no 'lr'"),
        ({"\"lr\"": "\"factor\""}, "A group has `factor`, but no 'lr'"),
        ({"\"lr\": lr": "\"momentum\": 0.9, \"weight_decay\": lr"}, "A group has `momentum`, but no 'lr'"),
        ({PARAMS: "None"}, "params is a NoneType, not a list of parameters"),
        ({PARAMS: "len(list(child.parameters()))"}, "params is a int, not a list of parameters"),
        ({", \"lr\": lr": ""}, "A group has no key 'lr'"),
        (rates("groups = [{'params': p.parameters()} for p in parts]\ngroups[0]['lr'] = lr\nreturn groups"),
         "A group has no key 'lr'"),
        ({"\"params\"": "\"parameters\""}, "A group has no key 'params'"),
        ({"\"params\"": "\"param\""}, "A group has no key 'params'"),
        ({"return groups": "return torch.optim.SGD(groups)"}, "You return an optimizer"),
        ({"return groups": "return torch.optim.AdamW(groups, lr=0.1)"}, "You return an optimizer"),
        ({"return groups": "return groups[0]"}, "You return one dict"),
        (rates("return {n: lr * factor ** i for i, (n, _) in enumerate(model.named_children())}"),
         "You return one dict"),
        ({"    return groups": ""}, "parameter_groups gives None"),
        ({"return groups": "print(end='')"}, "parameter_groups gives None"),
        ({"return groups": "return [g['lr'] for g in groups]"}, "A group must be a dict, but yours is a float"),
        ({"return groups": "return [(g['params'], g['lr']) for g in groups]"}, "yours is a tuple"),
        ({"return groups": "return model.parameters()"}, "A group must be a dict, but yours is a Parameter"),
        ({"return groups": "return parts"}, "stopped with NameError"),
        ({"return groups": "return lr"}, "You return a float, not a list"),
        ({"return groups": "return model"}, "not a list"),
        ("def parameter_groups(model, lr, factor):\n    groups, group = [], {}\n"
         "    for child in list(model.children())[::-1]:\n"
         "        group['params'], group['lr'] = child.parameters(), lr\n"
         "        groups.append(group)\n        lr *= factor\n    return groups", "the same dict several times"),
        ("def parameter_groups(model, lr, factor):\n    groups = []\n"
         "    for p in reversed(list(model.parameters())):\n        groups.append({'params': [p], 'lr': lr})\n"
         "        lr *= factor\n    return groups", "Inside `head` there are different rates"),
        ({PARAMS: "[p.requires_grad_(False) for p in child.parameters()]"}, "You change the parameters of the net"),
        ({"    return groups": "    model.stem[0].weight.data *= factor\n    return groups"}, "change the parameters"),
        ({"\"lr\": lr}": "\"lr\": [lr]}"}, "The lr of a group must give one number"),
        ({"\"lr\": lr}": "\"lr\": None}"}, "The lr of a group is None"),
        ({"\"lr\": lr}": "\"lr\": str(lr)}"}, "must give one number, but gives a str"),
        ({CHILDREN: "reversed(model.children())"}, "stopped with TypeError"),
        ({CHILDREN: "model.children()[::-1]"}, "stopped with TypeError"),
        ({CHILDREN: "range(4)"}, "stopped with AttributeError"),
        ({"child in reversed(list(model.children()))": "child in [model.head, model.stage4]"}, "AttributeError"),
        (formula("lr * factor ** i * (0 if i else 1)"), "`stage3` has 0 times the rate of `head`"),
        (formula("lr * math.nan"), "The head has the rate nan"),
        (formula("0.0"), "The head has the rate 0, and"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_new_head: [
        {},
        head("old = model.head\nmodel.head = nn.Linear(old.weight.shape[1], c)\nreturn model"),
        head("setattr(model, 'head', nn.Linear(n, c))\nreturn model"),
        head("model._modules['head'] = nn.Linear(in_features=n, out_features=c)\nreturn model"),
        head("model.add_module('head', nn.Linear(n, c))\nreturn model"),
        head("head = nn.Linear(n, c)\nnn.init.zeros_(head.weight)\nnn.init.zeros_(head.bias)\nmodel.head = head\n"
             "return model"),
        head("w = model.head.weight\nmodel.head = nn.Linear(n, c, device=w.device, dtype=w.dtype)\nreturn model"),
        head("features, head = model.head.in_features, nn.Linear\nmodel.head = head(features, c).to('cpu')\n"
             "return model"),
        head("head = nn.Linear(n, c)\nnn.init.normal_(head.weight, std=n ** -0.5)\nnn.init.zeros_(head.bias)\n"
             "model.head = head\nreturn model"),
        head("head = nn.Linear(n, c)\nnn.init.kaiming_normal_(head.weight)\nmodel.head = head\n"
             "return model.requires_grad_()"),
        head("model.head.__init__(n, c)\nreturn model"),
        head("model.head.weight = nn.Parameter(torch.randn(c, n) / n ** 0.5)\n"
             "model.head.bias = nn.Parameter(torch.zeros(c))\nmodel.head.out_features = c\nreturn model"),
        head("model.head = nn.Linear(list(model.parameters())[-2].size(1), c).train(model.training)\nreturn model"),
        head("model.head = nn.Identity()\nmode = model.training\nmodel.eval()\n"
             "with torch.no_grad():\n    features = model(torch.zeros(1, 3, 8, 8)).shape[1]\n"
             "model.head = nn.Linear(features, c)\nfor m in model.modules():\n    m.training = mode\nreturn model"),
        extra("model.num_classes = c\nmodel.head.name = 'new'"),
        head("class Head(nn.Linear):\n    pass\nmodel.head = Head(n, c)\nreturn model"),
        head("torch.manual_seed(3)\nlast = list(model.named_children())[-1][0]\n"
             "setattr(model, last, nn.Linear(n, c, bias=True))\nreturn model"),
    ],
    checks.check_freeze_body: [
        {},
        flags("n.startswith('head')"),
        flags("'head' in n"),
        flags("n.split('.')[0] == 'head'"),
        flags("n in ('head.weight', 'head.bias')"),
        freeze("for p in model.parameters():\n    p.requires_grad = False\n"
               "for p in model.head.parameters():\n    p.requires_grad = True"),
        freeze("for child in list(model.children())[:-1]:\n    child.requires_grad_(False)\n"
               "model.head.requires_grad_()"),
        freeze("for name, child in model.named_children():\n    child.requires_grad_(name == 'head')\nreturn model"),
        freeze("for m in model.modules():\n    for p in m.parameters(recurse=False):\n"
               "        p.requires_grad_(m is model.head)"),
        freeze("head = set(model.head.parameters())\nfor p in model.parameters():\n    p.requires_grad = p in head"),
        freeze("ps = list(model.parameters())\nfor p in ps[:-2]:\n    p.requires_grad = False\n"
               "for p in ps[-2:]:\n    p.requires_grad = True"),
        freeze("model.apply(lambda m: m.requires_grad_(False))\nmodel.head.requires_grad_()"),
        freeze("for p in model.parameters():\n    p.detach_()\nmodel.head.requires_grad_(True)"),
        freeze("model.requires_grad_(False)\nmodel.zero_grad()\nmodel.head.weight.requires_grad = True\n"
               "model.head.bias.requires_grad = True\nreturn model.head.parameters()"),
        freeze("for p in model.parameters():\n    p.requires_grad, p.grad = False, None\n"
               "model.get_submodule('head').requires_grad_(True)"),
    ],
    checks.check_train_mode: [
        {},
        norms("m.eval()", condition="isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))"),
        norms("m.eval(); m.fixed = True"),
        norms("m.eval(); m.train = lambda mode=True, m=m: m"),
        norms("m.train(False)", condition="'BatchNorm' in type(m).__name__"),
        norms("m.training = False", condition="'batchnorm' in str(type(m)).lower()"),
        norms("m.eval()", condition="hasattr(m, 'running_mean')"),
        norms("m.eval()", condition="isinstance(m, nn.modules.batchnorm._NormBase)"),
        norms("m.eval()", condition="getattr(m, 'running_var', None) is not None"),
        norms("m.eval()", condition="'Norm' in m.__class__.__name__"),
        mode("for m in model.modules():\n    m.training = not isinstance(m, nn.modules.batchnorm._BatchNorm)"),
        mode("def fix(m):\n    if isinstance(m, nn.modules.batchnorm._BatchNorm):\n        m.eval()\n"
             "model.train()\nmodel.apply(fix)\nreturn model"),
        mode("def visit(m):\n    m.training = not hasattr(m, 'running_var')\n    for child in m.children():\n"
             "        visit(child)\nvisit(model)"),
        mode("for _, m in model.train().named_modules():\n"
             "    m.training ^= isinstance(m, nn.modules.batchnorm._BatchNorm)\nreturn model.training"),
        mode("model.eval()\nmodel.train(True)\n"
             "[m.eval() for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]"),
        mode("model.eval()\nfor m in model.modules():\n    if not hasattr(m, 'num_batches_tracked'):\n"
             "        m.training = True"),
    ],
    checks.check_parameter_groups: [
        {},
        formula("lr * factor ** i"),
        {PARAMS: "child.parameters()"},
        {PARAMS: "tuple(child.parameters())"},
        {PARAMS: "(p for p in child.parameters())"},
        {PARAMS: "filter(lambda p: p.requires_grad, child.parameters())"},
        {PARAMS: "list(child.named_parameters())"},
        {"return groups": "return groups[::-1]"},
        {"return groups": "return tuple(groups)"},
        {"return groups": "return reversed(groups)"},
        {"\"lr\": lr}": "\"lr\": torch.tensor(lr, dtype=torch.double)}"},
        {"\"lr\": lr}": "\"lr\": np.float64(lr), \"weight_decay\": 1e-4, \"name\": type(child).__name__}"},
        {NEXT: "lr *= factor"},
        rates("return [{'params': [q], 'lr': lr * factor ** i} for i, p in enumerate(parts) for q in p.parameters()]"),
        rates("return [{'params': q, 'lr': lr * factor ** i} for i, p in enumerate(parts) for q in p.parameters()]"),
        rates("return [dict(params=p.parameters(), lr=lr * factor ** (k - i)) for i, p in enumerate(parts[::-1])]"),
        rates("for i, p in enumerate(parts):\n    yield {'params': p.parameters(), 'lr': lr * factor ** i}"),
        "def parameter_groups(model, lr, factor):\n"
        "    depth = {name: i for i, (name, _) in enumerate(reversed(list(model.named_children())))}\n"
        "    groups = {name: {'params': [], 'lr': lr * factor ** i} for name, i in depth.items()}\n"
        "    for name, p in model.named_parameters():\n"
        "        groups[name.split('.')[0]]['params'].append(p)\n"
        "    return list(groups.values())",
        "def parameter_groups(model, lr, factor):\n"
        "    groups = []\n"
        "    for child in reversed([*model.children()]):\n"
        "        for many in (True, False):\n"
        "            groups += [{'params': [p for p in child.parameters() if (p.ndim > 1) is many], 'lr': lr}]\n"
        "        lr *= factor\n"
        "    return groups",
        "def parameter_groups(model, lr, factor):\n"
        "    def go(parts, lr):\n"
        "        rest = go(parts[:-1], lr * factor) if parts else []\n"
        "        return rest + [{'params': p.parameters(), 'lr': lr} for p in parts[-1:]]\n"
        "    return go(list(model.children()), lr)",
        "def parameter_groups(model, lr, factor):\n"
        "    names = ['stem', 'stage1', 'stage2', 'stage3', 'stage4', 'head']\n"
        "    parts = [getattr(model, n) for n in names if hasattr(model, n)]\n"
        "    return [{'params': list(p.parameters()), 'lr': lr * factor ** i} for i, p in enumerate(parts[::-1])]",
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_new_head: ["model.head.in_features", "nn.Linear(", "model.head =", "return model", "setattr"],
    checks.check_freeze_body: ["requires_grad_(", "= False", "= True", "parameters()", "startswith", "children"],
    checks.check_train_mode: ["eval()", "train()", "modules()", "isinstance", "_BatchNorm", "running_mean"],
    checks.check_parameter_groups: ["reversed", "children()", "parameters()", "lr *= ", "factor **", "'lr': "],
}

"""Chapter 13's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

LOSS = """
def cross_entropy(scores, labels):
    z = scores - scores.max(dim=1, keepdim=True).values
    log_p = z - z.exp().sum(dim=1, keepdim=True).log()
    losses = -log_p[torch.arange(len(labels)), labels]
    return losses.mean()
"""

SGD_STEP = """
def sgd_step(w, v, g, lr, momentum, weight_decay):
    g = g + weight_decay * w
    v = momentum * v + g
    w = w - lr * v
    return w, v
"""

RATE = """
def rate_at(step, steps, warmup, peak):
    if step < warmup:
        return peak * (step + 1) / warmup
    t = (step - warmup) / (steps - warmup)
    return peak * (1 + math.cos(math.pi * t)) / 2
"""

GROUPS = """
def decay_groups(model, weight_decay):
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
"""

EPOCH = """
def train_epoch(model, optimizer, batches, set_rate):
    model.train()
    total, images = 0.0, 0
    for x, y in batches:
        set_rate(optimizer)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        images += len(y)
    return total / images
"""

SOLUTIONS = {
    checks.check_cross_entropy_by_hand: LOSS,
    checks.check_sgd_step: SGD_STEP,
    checks.check_rate_at: RATE,
    checks.check_decay_groups: GROUPS,
    checks.check_train_epoch: EPOCH,
}


def loss_of(lines):
    head = "def cross_entropy(scores, labels):\n    N, K = scores.shape\n    each = torch.arange(N)\n"
    return head + "".join(f"    {line}\n" for line in lines.split("\n"))


def stepped(lines):
    head = "def sgd_step(w, v, g, lr, momentum, weight_decay):\n"
    return head + "".join(f"    {line}\n" for line in lines.split("\n"))


def in_order(lines):
    head = "def train_epoch(model, optimizer, batches, set_rate):\n    model.train()\n    total, images = 0.0, 0\n"
    loop = "    for x, y in batches:\n" + "".join(f"        {line}\n" for line in lines.split("\n"))
    return head + loop + "        total += loss.item() * len(y)\n        images += len(y)\n    return total / images\n"


def by_name(condition):
    return (
        "def decay_groups(model, weight_decay):\n"
        f"    yes = [p for n, p in model.named_parameters() if {condition}]\n"
        f"    no = [p for n, p in model.named_parameters() if not ({condition})]\n"
        "    return [{'params': yes, 'weight_decay': weight_decay}, {'params': no, 'weight_decay': 0.0}]"
    )


Z, LOG_P = "scores - scores.max(dim=1, keepdim=True).values", "z - z.exp().sum(dim=1, keepdim=True).log()"
PICK, MEAN = "-log_p[torch.arange(len(labels)), labels]", "losses.mean()"
SOFT = "p = scores.softmax(1)\n"
HOT = "one_hot = F.one_hot(labels, K).float()\n"
DECAYED, NEW_V, NEW_W = "g = g + weight_decay * w", "v = momentum * v + g", "w = w - lr * v"
RISE, T, FALL = (
    "peak * (step + 1) / warmup",
    "(step - warmup) / (steps - warmup)",
    "peak * (1 + math.cos(math.pi * t)) / 2",
)
CE, ZERO, BACK, STEP = "F.cross_entropy(model(x), y)", "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"
SET, FOR, END = "        set_rate(optimizer)\n", "    for x, y in batches:\n", "    return total / images"
ADD = "total += loss.item() * len(y)"
MODULES = """
def decay_groups(model, weight_decay):
    decayed, others = [], []
    for module in model.modules():
        if hasattr(module, "weight"):
            (decayed if isinstance(module, (nn.Conv2d, nn.Linear)) else others).append(module.weight)
        if getattr(module, "bias", None) is not None:
            others.append(module.bias)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
"""
FRESH = "        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.8)\n"
BY_HAND = """set_rate(optimizer)
loss = F.cross_entropy(model(x), y)
gradients = torch.autograd.grad(loss, list(model.parameters()))
lr = optimizer.param_groups[0]["lr"]
for p, g in zip(model.parameters(), gradients):
    p.data -= lr * g"""

MISTAKES = {
    checks.check_cross_entropy_by_hand: [
        ({Z: "scores"}, "exp of such a number is infinite"),
        (loss_of("p = scores.exp() / scores.exp().sum(1, keepdim=True)\nreturn -p[each, labels].log().mean()"),
         "For scores near 1000 you give nan. exp of such"),
        (loss_of("z = scores - scores.max().clamp(min=0)\nreturn (z.exp().sum(1).log() - z[each, labels]).mean()"),
         "For scores near -1000 you give -inf. exp of such a number is rounded to 0"),
        ({Z: "scores - scores.abs().max()"}, "For scores near -1000 you give -inf"),
        (loss_of(SOFT + "return -p[each, labels].log().mean()"), "A probability is rounded to 0"),
        (loss_of(SOFT + "return -(p[each, labels] + 1e-8).log().mean()"), "something added to or cut from"),
        (loss_of(SOFT + "return -p[each, labels].clamp(1e-12).log().mean()"), "A loss of 1500 comes out as 27.63"),
        ({Z: "scores - scores.max()"}, "One number is subtracted from all rows"),
        ({Z: "scores.clamp(-50, 50)"}, "For scores near 1000 you give 1.099."),
        ({MEAN: "losses.sum()"}, "add up the losses"),
        ({MEAN: "losses.sum() / scores.numel()"}, "divide by the number of classes too"),
        ({MEAN: "losses.mean() / math.log(2)"}, "logarithm with base 2 or 10"),
        ({MEAN: "losses.mean() / math.log(10)"}, "logarithm with base 2 or 10"),
        ({PICK: "log_p[torch.arange(len(labels)), labels]"}, "The sign is wrong"),
        ({"dim=1": "dim=0"}, "goes down a column"),
        ({Z: "scores - scores.max()", ".sum(dim=1, keepdim=True)": ".sum()"}, "over all images and classes at once"),
        ({Z: "scores - scores.max(dim=0).values"}, "largest score of each column"),
        (loss_of("return (scores.exp().sum(1) - scores[each, labels]).mean()"), "without its logarithm"),
        (loss_of("return scores.exp().sum(1).mean()"), "without its logarithm"),
        ({".log()": ""}, "without its logarithm"),
        ({LOG_P: "scores - z.exp().sum(dim=1, keepdim=True).log()"}, "in one place only"),
        ({LOG_P: "z - scores.exp().sum(dim=1, keepdim=True).log()"}, "in one place only"),
        ({LOG_P: "(p := scores.softmax(1)) - p.logsumexp(1, keepdim=True)"}, "softmax twice"),
        (loss_of(SOFT + "return p[each, labels].mean()"), "Its logarithm is missing"),
        (loss_of(SOFT + "return -p[each, labels].mean()"), "Its logarithm is missing"),
        (loss_of(SOFT + "return 1 - p[each, labels].mean()"), "Its logarithm is missing"),
        (loss_of(SOFT + HOT + "return ((p - one_hot) ** 2).mean()"), "squared error"),
        (loss_of(SOFT + HOT + "return ((p - one_hot) ** 2).sum(1).mean()"), "squared error"),
        (loss_of(HOT + "return ((scores - one_hot) ** 2).mean()"), "squared error"),
        (loss_of(HOT + "return ((scores - one_hot) ** 2).sum(1).mean()"), "squared error"),
        (loss_of(SOFT + "return -p[each, labels].mean().log()"), "average the probabilities"),
        ({".sum(dim=1": ".mean(dim=1"}, "the mean of the exps"),
        ({PICK: "-log_p[torch.arange(len(labels)), labels - 1]"}, "the class beside the label"),
        ({PICK: "-log_p[torch.arange(len(labels)), labels + 1]"}, "the class beside the label"),
        ({PICK: "-log_p.max(dim=1).values"}, "the largest probability"),
        ({PICK: "-log_p"}, "average over all classes"),
        ({PICK: "-(log_p.exp() * log_p).sum(1)"}, "entropy of the softmax"),
        ({MEAN: "losses[0]"}, "one image only"),
        ({MEAN: "losses[-1]"}, "one image only"),
        ({MEAN: "losses[0] / len(losses)"}, "one image only"),
        ({PICK: "-log_p[:, labels]"}, "with the labels of all images"),
        ({PICK: "-log_p[labels]"}, "take whole rows"),
        (loss_of("return torch.logsumexp(scores, 1).mean()"), "do not subtract the score of the label"),
        (loss_of("return -scores[each, labels].mean()"), "the score alone"),
        (loss_of("return (torch.logsumexp(scores, 1) + scores[each, labels]).mean()"), "You add the score"),
        ({LOG_P: "torch.sigmoid(scores).log()"}, "use a sigmoid"),
        (loss_of(HOT + "return F.binary_cross_entropy_with_logits(scores, one_hot)"), "use a sigmoid"),
        (loss_of(HOT + "return F.binary_cross_entropy_with_logits(scores, one_hot, reduction='sum') / N"), "sigmoid"),
        ({MEAN: "losses.mean().exp()"}, "undo the logarithm"),
        ({MEAN: "losses.exp().mean()"}, "undo the logarithm"),
        ({MEAN: "losses.sum() / (len(losses) - 1)"}, "For scores of shape (4, 5) you give"),
        ({MEAN: "losses"}, "4 losses, one for each image"),
        ({MEAN: "losses[:, None]"}, "4 losses, one for each image"),
        ({MEAN: "log_p"}, "You give an array of shape (4, 5)"),
        ({MEAN: "losses.tolist()"}, "must give one number, but gives a list"),
        ({MEAN: "None"}, "gives None"),
        ({MEAN: "F.cross_entropy(scores, labels)"}, "cross_entropy of PyTorch does the work"),
        ({MEAN: "nn.CrossEntropyLoss()(scores, labels)"}, "cross_entropy of PyTorch does the work"),
        ({MEAN: "F.nll_loss(log_p, labels)"}, "nll_loss of PyTorch does the work"),
        ({LOG_P: "z.log_softmax(1)"}, "log_softmax of PyTorch does the work"),
        ({LOG_P: "torch.special.log_softmax(z, 1)"}, "log_softmax of PyTorch does the work"),
        ({Z: "scores.sub_(scores.max(dim=1, keepdim=True).values)"}, "scores is not what it was"),
        ({"    return": "    labels += 1\n    return"}, "labels is not what it was"),
        ({MEAN: "losses.mean().detach()"}, "no gradient can flow back"),
        ({MEAN: "torch.tensor(losses.mean().item())"}, "no gradient can flow back"),
        ({MEAN: "losses.mean() if not losses.requires_grad else losses.mean().item()"}, "no gradient can flow back"),
        ({LOG_P: "z - z.detach().exp().sum(dim=1, keepdim=True).log()"}, "a part of it is cut off"),
        ({MEAN: "0.98 * losses.mean() + 0.02 * losses.mean().detach()"}, "a part of it is cut off"),
        ({LOG_P: "torch.where(z > -90, z.softmax(1).log(), z - z.logsumexp(1, keepdim=True))"}, "gradient has nan"),
        ({PICK: "-log_p[labels, torch.arange(len(labels))]"}, "exchange the image and the class"),
        ({PICK: "-log_p[torch.arange(len(labels)), labels + 5]"}, "stopped with IndexError"),
        ({PICK: f"{PICK} if scores.shape[1] > 3 else -log_p[:, 0]"}, "For scores of shape (5, 3) you give"),
    ],
    checks.check_sgd_step: [
        ({NEW_V: "v = momentum * v - lr * g", NEW_W: "w = w + v"}, "lr is inside the velocity"),
        ({NEW_V: "v = momentum * v + lr * g", NEW_W: "w = w - v"}, "lr is inside the velocity"),
        ({NEW_V: "v = momentum * v + lr * g"}, "lr comes in twice: in"),
        ({NEW_V: "v = momentum * v - lr * g", NEW_W: "w = w + lr * v"}, "lr comes in twice: in"),
        ({NEW_V: "v = momentum * v + (1 - momentum) * g"}, "damped by 1 - momentum"),
        ({NEW_V: "v = (1 - momentum) * v + g"}, "upside down"),
        ({NEW_V: "v = (1 - momentum) * v + momentum * g"}, "upside down"),
        ({NEW_V: "v = momentum * (v + g)"}, "multiplies the new gradient too"),
        ({DECAYED: "g = g - weight_decay * w"}, "sign of the decay"),
        ({DECAYED: "d = weight_decay * w", NEW_W: "w = w - lr * v - lr * d"}, "AdamW"),
        ({DECAYED: "d = weight_decay * w", NEW_W: "w = w - lr * v - d"}, "AdamW"),
        ({DECAYED: "pass", NEW_W: "w = (1 - lr * weight_decay) * (w - lr * v)"}, "shrink w after the step"),
        ({DECAYED: "pass", NEW_W: "w = (1 - weight_decay) * (w - lr * v)"}, "shrink w after the step"),
        ({DECAYED: "g = g + weight_decay * w ** 2"}, "with w squared"),
        ({DECAYED: "g = g + weight_decay * w ** 2 / 2"}, "with w squared"),
        ({DECAYED: "g = g + 2 * weight_decay * w"}, "another factor"),
        ({DECAYED: "g = g + weight_decay * w / 2"}, "another factor"),
        ({DECAYED: "g = g + weight_decay * w.sign()"}, "proportional to w"),
        ({DECAYED: "g = g + weight_decay * abs(w)"}, "proportional to w"),
        ({DECAYED: "g = g + weight_decay * v"}, "The decay acts on v"),
        ({DECAYED: "v = v - weight_decay * v"}, "The decay acts on v"),
        ({DECAYED: "g = g + lr * weight_decay * w"}, "lr comes twice into the decay"),
        ({NEW_W: "w = w - lr * v - lr * weight_decay * w"}, "The decay comes in twice"),
        ({DECAYED: "pass"}, "weight_decay has no effect"),
        ({NEW_V: "v = g"}, "momentum has no effect"),
        ({NEW_V: "v = v + g"}, "All of the old velocity is kept"),
        ({NEW_V: "v = momentum * v"}, "The gradient has no effect"),
        ({NEW_V: "v = momentum * w + g"}, "Momentum multiplies w"),
        ({NEW_W: "w = momentum * w - lr * v"}, "Momentum multiplies w"),
        ({NEW_W: "w = w - lr * (g + momentum * v)"}, "Nesterov"),
        ({f"    {NEW_V}\n    {NEW_W}": f"    {NEW_W}\n    {NEW_V}"}, "moves by the old velocity"),
        ({NEW_W: "w = w - lr * g"}, "w moves by the gradient"),
        ({DECAYED: "d = g + weight_decay * w", NEW_V: "v = momentum * v + d", NEW_W: "w = w - lr * g"},
         "w moves by the gradient"),
        ({NEW_V: "new = momentum * v + g", NEW_W: "w = w - lr * new"}, "the old velocity, so it never changes"),
        ({"return w, v": "return w, g"}, "the gradient in the place of the velocity"),
        ({DECAYED: "d = g + weight_decay * w", NEW_V: "v = momentum * v + d", "return w, v": "return w, g"},
         "the gradient in the place of the velocity"),
        ({NEW_W: "w = w + lr * v"}, "uphill"),
        ({"return w, v": "return w, -v"}, "velocity has the wrong sign"),
        ({NEW_W: "w = w + lr * v", "return w, v": "return w, -v"}, "velocity has the wrong sign"),
        ({NEW_W: "w = w - v"}, "lr has no effect"),
        ({NEW_W: "pass"}, "return the old w"),
        (stepped("new_v = momentum * v + g + weight_decay * w\nnew_w = w - lr * new_v\nreturn w, v"), "the old w"),
        ({NEW_W: "w = -lr * v"}, "return the step"),
        ({NEW_W: "w = lr * v"}, "return the step"),
        ({"(w, v, g, lr, momentum": "(w, v, g, momentum, lr"}, "arguments are exchanged"),
        ({"momentum, weight_decay)": "weight_decay, momentum)"}, "arguments are exchanged"),
        ({"lr, momentum, weight_decay)": "weight_decay, momentum, lr)"}, "arguments are exchanged"),
        ({"(w, v, g,": "(w, g, v,"}, "arguments are exchanged"),
        ({"return w, v": "return v, w"}, "the wrong order"),
        ({"return w, v": "return w"}, "one array"),
        ({"return w, v": "return w.numpy()"}, "one array"),
        ({"return w, v": "return w, v, g"}, "gives a tuple of 3, not a pair"),
        ({"return w, v": "return [w]"}, "gives a list of 1, not a pair"),
        ({"return w, v": "return {'w': w, 'v': v}"}, "gives a dict, not a pair"),
        ({"return w, v": "return torch.cat([w, v])"}, "gives a Tensor, not a pair"),
        ({"    return w, v": "    new = w, v"}, "gives None"),
        ({"return w, v": "return w, None"}, "new_v is None"),
        ({"return w, v": "return w.norm(), v"}, "new_w has the shape (), and w has (3,)"),
        ({"return w, v": "return w, v[None]"}, "new_v has the shape (1, 3), and v has (3,)"),
        ({"return w, v": "return w, v[::-1]"}, "stopped with ValueError"),
        ({DECAYED: "g += weight_decay * w"}, "g is not what it was"),
        ({NEW_V: "v.mul_(momentum).add_(g)"}, "v is not what it was"),
        ({NEW_W: "w -= lr * v"}, "w is not what it was"),
        ({"return w, v": "return w, v * 1.01"}, "new_v is not right"),
        ({"return w, v": "return w, v + 1e-3"}, "new_v is not right"),
        ({"return w, v": "return (w if w.ndim == 1 else w.mean(0).expand(w.shape)), v"},
         "For momentum = 0.9 and weight_decay = 0.02, new_v is right, but new_w"),
        ({DECAYED: "w = (1 - 3 * lr * weight_decay) * w"}, "The decay is missing in new_v"),
        ({"return w, v": "return w * 1.01, v"}, "new_v is right, but new_w is not"),
        ({"return w, v": "return w, v / 3"}, "momentum = 0.7 and weight_decay = 0.3, new_v is not right"),
        ({NEW_V: "v = momentum * v + g if momentum else v"}, "For momentum = 0 and weight_decay = 0.4, new_v"),
        ({DECAYED: "g = g + (weight_decay or 0.01) * w"}, "For momentum = 0.8 and weight_decay = 0, new_v"),
        ({DECAYED: "g = g + weight_decay * w.flatten()[0]"}, "new_v is not right"),
        ({"return w, v": "return w, v * math.nan"}, "new_v is not right"),
        ({NEW_V: "v = momentum @ v + g"}, "in the line: v = momentum @ v + g"),
    ],
    checks.check_rate_at: [
        ({RISE: "peak * step / warmup"}, "the rate 0, so it is lost"),
        ({RISE: "peak * step / (warmup - 1)"}, "the rate 0, so it is lost"),
        ({RISE: "peak * (step + 1) / (warmup + 1)"}, "does not reach the peak"),
        ({RISE: "peak * (step + 2) / warmup"}, "one step early, so its last"),
        ({RISE: "peak"}, "does not rise"),
        ({RISE: "peak * ((step + 1) / warmup) ** 2"}, "it is squared"),
        ({RISE: "peak * (1 - step / warmup)"}, "Your warm-up falls"),
        ({RISE: "peak * (1 - math.cos(math.pi * (step + 1) / warmup)) / 2"}, "it is a cosine too"),
        ({RISE: "peak * (1 + math.cos(math.pi * step / steps)) / 2", T: "step / steps"}, "There is no warm-up"),
        ({"step < warmup": "step < warmup * steps", RISE: "peak * (step + 1) / (warmup * steps)"}, "as a share"),
        ({RISE: f"(step + 1) / warmup * {FALL}", "    if": "    t = step / steps\n    if", T: "step / steps"},
         "You multiply the warm-up"),
        ({"step < warmup": "step <= warmup"}, "one step too many, above the peak"),
        ({T: "step / steps"}, "Your cosine starts at step 0"),
        ({T: "(step - warmup) / steps"}, "Your cosine is too long"),
        ({T: "step / (steps - warmup)"}, "at the end it rises again"),
        ({FALL: "peak * math.cos(math.pi * t)"}, "becomes negative"),
        ({FALL: "peak * math.cos(math.pi * t / 2)"}, "quarter of a cosine"),
        ({T: "(step - warmup) / (steps - 1 - warmup)"}, "Your last step has the rate 0"),
        ({T: "(step + 1 - warmup) / (steps - warmup)"}, "Your cosine is one step early"),
        ({FALL: "peak * (1 - t)"}, "in a straight line"),
        ({FALL: "peak * (1 - math.cos(math.pi * t)) / 2"}, "upside down"),
        ({FALL: "peak * (1 + math.cos(math.pi * t))"}, "twice the peak"),
        ({FALL: "peak * (1 + math.cos(math.pi * t) / 2)"}, "Only the cosine is halved"),
        ({FALL: "peak * (1 + math.cos(t)) / 2"}, "hardly falls"),
        ({FALL: "peak * (1 + math.cos(2 * math.pi * t)) / 2"}, "falls and rises again"),
        ({FALL: "peak * math.cos(math.pi * t) ** 2"}, "falls and rises again"),
        ({FALL: "peak * (1 + math.cos(180 * t)) / 2"}, "in degrees"),
        ({FALL: "peak * (1 + math.cos(math.radians(math.pi * t))) / 2"}, "radians into radians"),
        ({FALL: "peak"}, "After the warm-up your rate does not fall"),
        ({RISE: "peak", FALL: "peak"}, "always the peak"),
        ({FALL: "peak * ((1 + math.cos(math.pi * t)) / 2) ** 2"}, "half cosine is squared"),
        ({"peak * ": ""}, "`peak` has no effect."),
        ({FALL: "(1 + math.cos(math.pi * t)) / 2"}, "`peak` has no effect after the warm-up"),
        ({RISE: "(step + 1) / warmup"}, "`peak` has no effect in the warm-up"),
        ({T: "(step - warmup) // 4 * 4 / (steps - warmup)"}, "in stairs"),
        ({FALL: "peak * 0.1 ** int(2 * t)"}, "in stairs"),
        ({FALL: "peak * math.exp(-3 * t)"}, "step 5, after the warm-up, has the rate"),
        ({RISE: "peak * (step + 1)"}, "step 0, in the warm-up, has the rate 0.8"),
        ({"step < warmup": "step < max(warmup, 3)"}, "(9, 1, 2), step 1, after"),
        ({"step < warmup": "1 < step + 1 < warmup + 1"}, "step 0, in the warm-up"),
        ({"step < warmup": "step < 4", RISE: "peak * (step + 1) / 4"}, "does not reach the peak"),
        ({"step < warmup": "step < warmup and warmup > 1"}, "(9, 1, 2), step 0"),
        ({"    if": "    up = peak * (step + 1) / warmup\n    if"}, "With warmup = 0 your code divides by 0"),
        ({"    if": "    warmup = max(warmup, 1)\n    if"}, "(10, 0, 0.5), step 1, after the warm-up"),
        ({FALL: f"max({FALL}, 0.05 * peak)"}, "in stairs"),
        ({FALL: f"round({FALL}, 2)"}, "step 5, after the warm-up"),
        ({"        return": "        x ="}, "in the warm-up, has the rate"),
        ({"return peak * (1": "x = peak * (1"}, "rate_at(...) gives None"),
        ({FALL: "[peak] * steps"}, "must give one number, but gives a list"),
        ({"math.pi * t": "math.pi * t / 0"}, "stopped with ZeroDivisionError"),
        ({"math.cos": "cos"}, "stopped with NameError"),
        ({FALL: f"{FALL} * math.nan"}, "has the rate nan"),
    ],
    checks.check_decay_groups: [
        (by_name("p.ndim < 2"), "The two groups are exchanged"),
        ({"weight_decay\": 0.0": "weight_decay\": weight_decay"}, "All parameters decay"),
        (by_name("True"), "All parameters decay"),
        ({"weight_decay\": weight_decay": "weight_decay\": 0.0"}, "No parameter decays"),
        ({", \"weight_decay\": 0.0": ""}, "no key 'weight_decay'"),
        ({", \"weight_decay\": weight_decay": ""}, "no key 'weight_decay'"),
        ({"weight_decay\": weight_decay": "weight_decay\": 5e-4"}, "A group has weight_decay = 0.0005, and the call"),
        ({"weight_decay\": weight_decay": "weight_decay\": weight_decay / 2"}, "weight_decay = 0.15, and the call"),
        ({"weight_decay\": 0.0": "weight_decay\": 0.1 * weight_decay"}, "weight_decay = 0.03, and the call"),
        ({"weight_decay\": 0.0": "weight_decay\": None"}, "The weight_decay of a group gives None"),
        (by_name("'bn' not in n and 'bias' not in n"), "Do you go by names?"),
        (by_name("'bn' not in n"), "Do you go by names?"),
        (by_name("not any(word in n for word in ('bn', 'stem.1', 'shortcut.1', 'scale', 'alpha'))"),
         "Biases decay, such as `head.bias`"),
        (by_name("p.ndim == 4 or 'bias' in n"), "The weight of a linear layer does not decay"),
        (by_name("'bias' not in n"), "The weights of the norms decay, such as `stem.1.weight`"),
        (by_name("p.ndim == 4"), "The weight of a linear layer does not decay"),
        (by_name("p.ndim > 2"), "The weight of a linear layer does not decay"),
        (by_name("p.ndim == 2"), "The weight of a convolution does not decay"),
        (by_name("p.ndim > 1 and 'head' not in n"), "The weight of a linear layer does not decay"),
        (by_name("p.ndim in (2, 4)"), "`first.weight`, of shape (3, 2, 3), does not decay"),
        (by_name("p.ndim > 1 and 'weight' in n"), "`mix`, of shape (3, 3), does not decay"),
        (by_name("p.ndim != 1"), "`alpha`, of shape (), decays"),
        (MODULES, "2 parameters are in no group, such as `mix`"),
        ({"ndim <= 1": "ndim < 1"}, "A group is empty"),
        ({"p.ndim <= 1": "p.ndim == 1"}, "1 parameters are in no group, such as `alpha`"),
        ({"model.parameters() if p.ndim > 1": "model._parameters.values() if p.ndim > 1"}, "A group is empty"),
        ({"    decayed": "    given = model.parameters()\n    decayed", "p in model.parameters()": "p in given"},
         "A group is empty"),
        ({"\"params\": decayed": "\"params\": decayed[:0]"}, "A group is empty"),
        ("def decay_groups(model, weight_decay):\n    return []", "parameters are in no group"),
        ({"p in model.parameters() if p.ndim <= 1": "p in model.head.parameters() if p.ndim <= 1"},
         "18 parameters are in no group, such as `stem"),
        ({"p.ndim <= 1": "p.ndim <= 2"}, "`head.weight` is in the groups twice"),
        ({"ndim > 1": "ndim > 0"}, "is in the groups twice"),
        ({"\"params\": decayed": "\"params\": decayed + decayed"}, "is in the groups twice"),
        ({"p in model.parameters() if p.ndim > 1":
          "_, p in model.named_parameters(remove_duplicate=False) if p.ndim > 1"}, "Two layers share `a.weight`"),
        ({"[p for p in model.parameters() if p.ndim > 1]": "[n for n, p in model.named_parameters() if p.ndim > 1]"},
         "Among the params is a str"),
        ({"[p for": "[p.detach() for"}, "no parameter of the model"),
        ({"model.parameters()": "model.state_dict().values()"}, "no parameter of the model"),
        ({"[p for": "[p.data.zero_() and p for"}, "stopped with"),
        ({"    return": "    for p in others:\n        p.requires_grad_(False)\n    return"}, "change the parameters"),
        ({"    return": "    for p in others:\n        p.data *= 0\n    return"}, "change the parameters"),
        ({"    return [": "    return torch.optim.SGD([", "0.0},\n    ]": "0.0},\n    ], lr=0.1)"}, "an optimizer"),
        ({"    return [": "    return set([", "0.0},\n    ]": "0.0},\n    ])"}, "stopped with TypeError"),
        ({"    return [": "    return iter([", "0.0},\n    ]": "0.0},\n    ])"}, "gives a list_iterator, not a list"),
        ({"    return [": "    return {'params': decayed, 'weight_decay': weight_decay}, ["}, "but yours is a list"),
        ("def decay_groups(model, weight_decay):\n    return {'params': model.parameters(), 'weight_decay': 0.1}",
         "one dict, not a list"),
        ({"    return [": "    groups = ["}, "gives None"),
        ("def decay_groups(model, weight_decay):\n    return [p for p in model.parameters() if p.ndim > 1]",
         "A group must be a dict"),
        ({"\"params\"": "\"parameters\""}, "no key 'params'"),
        ({"\"params\": decayed": "\"params\": set(decayed)"}, "params is a set"),
        ({"model.parameters() if p.ndim > 1": "model.weights() if p.ndim > 1"}, "stopped with AttributeError"),
    ],
    checks.check_train_epoch: [
        ({f"        {ZERO}\n": ""}, "they pile up"),
        ({f"        {ZERO}\n": "", FOR: f"    {ZERO}\n{FOR}"}, "they pile up"),
        ({f"        {ZERO}\n        {BACK}\n": f"        {BACK}\n        {ZERO}\n"}, "thrown away before the step"),
        ({"model.train()": "pass"}, "in eval mode while it trains"),
        ({"model.train()": "model.eval()"}, "in eval mode while it trains"),
        ({"model.train()": "model.training = True"}, "in eval mode while it trains"),
        ({"model(x), y)": "model(x).softmax(1), y)"}, "take the softmax twice"),
        ({CE: "F.mse_loss(model(x), F.one_hot(y, 3).double())"}, "It is a squared error"),
        ({CE: "F.mse_loss(model(x).softmax(1), F.one_hot(y, 3).double())"}, "It is a squared error"),
        ({CE: "F.cross_entropy(model(x), y, reduction='sum')"}, "It is their sum"),
        ({CE: "-F.cross_entropy(model(x), y)"}, "uphill"),
        ({SET: "", FOR: "    set_rate(optimizer)\n" + FOR}, "You call set_rate 1 times for 3 steps"),
        ({SET: ""}, "You never call set_rate"),
        ({SET: "", f"{STEP}\n": f"{STEP}\n{SET}"}, "You call set_rate after the step"),
        ({SET: "", END: f"    set_rate(optimizer)\n{END}"}, "You call set_rate after the step"),
        ({SET: SET + SET}, "You call set_rate 6 times for 3 steps"),
        ({SET: "        if images == 0:\n    " + SET}, "You call set_rate 1 times for 3 steps"),
        ({"set_rate(optimizer)": "set_rate(model)"}, "something else than the given optimizer"),
        ({"set_rate(optimizer)": "set_rate()"}, "stopped with TypeError"),
        ({f"        {STEP}\n": ""}, "The optimizer makes no step"),
        ({f"        {STEP}\n": "", END: f"    {STEP}\n{END}"}, "The optimizer makes 1 steps for 3 batches"),
        ({STEP: f"{STEP}; {STEP}"}, "The optimizer makes 6 steps for 3 batches"),
        ({f"        {BACK}\n": ""}, "No gradient is computed"),
        ({f"{BACK}\n        {STEP}": f"{STEP}\n        {BACK}"}, "makes its step before there is a gradient"),
        ({f"{ZERO}\n        {BACK}\n        {STEP}": f"{STEP}\n        {ZERO}\n        {BACK}"},
         "makes its step before there is a gradient"),
        (in_order(BY_HAND), "but the given optimizer makes no step"),
        ({STEP: "for p in model.parameters(): p.data -= 0.1 * p.grad"}, "but the given optimizer makes no step"),
        ({STEP: "torch.optim.SGD(model.parameters(), 0.1, momentum=0.8).step()"}, "given optimizer makes no step"),
        ({FOR: f"    given, lr = optimizer, optimizer.param_groups\n{FRESH[4:]}{FOR}",
          "set_rate(optimizer)": "set_rate(given); optimizer.param_groups[0]['lr'] = lr[0]['lr']"},
         "but the given optimizer makes no step"),
        ({SET: FRESH + SET}, "something else than the given optimizer"),
        ({FOR: FRESH[4:] + FOR}, "something else than the given optimizer"),
        ({"    model.train()": "    import copy\n    model = copy.deepcopy(model).train()"}, "never sees a batch"),
        ({END: "        break\n" + END}, "The model sees 1 of 3 batches"),
        ({END: "    " + END}, "The model sees 1 of 3 batches"),
        ({"in batches": "in list(batches)[1:]"}, "The model sees 2 of 3 batches"),
        ({"in batches": "in list(batches)[:-1]"}, "The model sees 2 of 3 batches"),
        ({CE: "F.cross_entropy(model(y), x)"}, "stopped with"),
        ({f"        {BACK}": "        nn.utils.clip_grad_norm_(model.parameters(), 0.01)\n        " + BACK,
          STEP: f"nn.utils.clip_grad_norm_(model.parameters(), 0.01); {STEP}"}, "the weights of the model are not"),
        ({BACK: "(loss / 3).backward()"}, "the weights of the model are not right"),
        ({"    model.train()": "    torch.set_grad_enabled(False)\n    model.train()"}, "is not recorded"),
        ({CE: "torch.tensor(F.cross_entropy(model(x), y).item())"}, "is not recorded"),
        ({BACK: "total = total + loss; total.backward(retain_graph=True)", ADD: "pass"}, "through earlier batches"),
        ({BACK: "total = total + loss; total.backward()", ADD: "pass"}, "through earlier batches"),
        ({CE: "F.cross_entropy(model(x.float()), y)"}, "stopped with RuntimeError"),
        ({CE: "F.cross_entropy(x @ x, y)"}, "stopped with RuntimeError"),
        ({f"    {BACK}": f"    {BACK}; torch.set_grad_enabled(False)", STEP: f"{STEP}; torch.set_grad_enabled(True)",
          END: "    torch.set_grad_enabled(False)\n    return total"}, "a sum of losses"),
        ({"    loss =": "    model(x)\n        loss ="}, "You run a batch twice"),
        ({ADD: "total += F.cross_entropy(model(x), y).item() * len(y)"}, "You run a batch twice"),
        ({END: "    model.reset_parameters = model[1].reset_running_stats()\n" + END}, "batch norm are not.\n"),
        ({"    total, images": "    batches = [b for b in batches]; len(batches)\n    total, images",
          END: "    return None"}, "gives None"),
        ({"    total, images = 0.0, 0": "    total, images = 0.0, sum(len(y) for _, y in batches)",
          "        images += len(y)\n": ""}, "but not with a generator"),
        ({"    total, images = 0.0, 0": "    total, images = 0.0, len(batches)",
          "        images += len(y)\n": "", ADD: "total += loss.item()"}, "the mean of the batch losses"),
        ({"    model.train()": "    len(batches)\n    model.train()"}, "but not with a generator"),
        ({FOR: "    n = sum(1 for _ in batches)\n" + FOR}, "but not with a generator"),
        ({FOR: "    n = sum(1 for _ in batches)\n" + FOR, END: "    return total / images if n else 0"}, "generator"),
        ({ADD: "total += loss.item()", "images += len(y)": "images += 1"}, "the mean of the batch losses"),
        ({ADD: "total += loss.item()", END: "    return total"}, "a sum of losses"),
        ({END: "    return total"}, "a sum of losses"),
        ({END: "    return loss.item()"}, "the loss of the last batch"),
        ({ADD: "total = total or loss.item()", END: "    return total"}, "the loss of the first batch"),
        ({"images += len(y)": "images += 1"}, "the number of batches, not of images"),
        ({ADD: "total += loss.item()"}, "each batch loss is a mean already"),
        ({"images += len(y)": "images += 5"}, "take all batches as equal"),
        ({"images += len(y)": "images += 1", END: "    return total / images / len(y)"}, "all batches as equal"),
        ({ADD: "model.eval(); total += F.cross_entropy(model(x), y).item() * len(y); model.train()"},
         "the loss after the step"),
        ({ADD: "m = __import__('copy').deepcopy(model); total += F.cross_entropy(m(x), y).item() * len(y)"},
         "the loss after the step"),
        ({CE: "F.cross_entropy(scores := model(x), y)", ADD: "total += (scores.argmax(1) == y).sum().item()"},
         "count right or wrong images"),
        ({CE: "F.cross_entropy(scores := model(x), y)", ADD: "total += (scores.argmax(1) != y).sum().item()"},
         "count right or wrong images"),
        ({CE: "F.cross_entropy(scores := model(x), y)", ADD: "total += (scores.argmax(1) == y).sum().item()",
          END: "    return total"}, "count right or wrong images"),
        ({ADD: "total += loss * len(y)"}, "keeps the graph"),
        ({END: "    return total / sum(len(y) for _, y in batches)"}, "but not with a generator"),
        ({ADD: "total += loss.item() * torch.zeros(2) @ torch.zeros(3)"}, "stopped with RuntimeError"),
        ({END: "    return round(total / images, 2)"}, "The training is right, but the mean loss is not"),
        ({END: "    return [total / images]"}, "must give one number, but gives a list"),
        ({END: ""}, "train_epoch(...) gives None"),
        ({END: "    return total / images / 2"}, "The training is right, but the mean loss is not"),
        ({END: "    return math.nan"}, "The training is right, but the mean loss is not: you return nan"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_cross_entropy_by_hand: [
        {},
        {MEAN: "losses.sum() / len(labels)"},
        loss_of("return (torch.logsumexp(scores, 1) - scores[each, labels]).mean()"),
        loss_of("return (scores.logsumexp(1) - scores.gather(1, labels[:, None]).squeeze(1)).sum() / N"),
        loss_of("return sum(torch.logsumexp(s, 0) - s[y] for s, y in zip(scores, labels)) / N"),
        loss_of(HOT + "z = scores - scores.amax(1, keepdim=True)\n"
                "return (z.exp().sum(1).log() - (z * one_hot).sum(1)).mean()"),
        loss_of("with torch.no_grad():\n    top = scores.max(1).values\n"
                "return ((scores - top[:, None]).exp().sum(1).log() + top - scores[each, labels]).mean()"),
        {MEAN: "losses.mean().reshape(1)"},
        {MEAN: "losses.mean().double()"},
        loss_of("right = scores[each, labels]\nreturn torch.log(torch.exp(scores - right[:, None]).sum(1)).mean() "
                "if scores.abs().max() < 80 else (scores.logsumexp(1) - right).mean()"),
        "def cross_entropy(scores, labels):\n"
        "    return -torch.distributions.Categorical(logits=scores).log_prob(labels).mean()",
        "def cross_entropy(scores, labels):\n"
        "    total = 0.0\n"
        "    for s, y in zip(scores.tolist(), labels.tolist()):\n"
        "        top = max(s)\n"
        "        total += math.log(sum(math.exp(a - top) for a in s)) + top - s[y]\n"
        "    return total / len(labels)",
        "def cross_entropy(scores, labels):\n"
        "    s = scores.double().numpy()\n"
        "    z = s - s.max(1, keepdims=True)\n"
        "    return (np.log(np.exp(z).sum(1)) - z[range(len(z)), labels]).mean()",
    ],
    checks.check_sgd_step: [
        {},
        {"return w, v": "return [w, v]"},
        {"return w, v": "return w.numpy(), v.tolist()"},
        {"return w, v": "return torch.stack([w, v])"},
        {"return w, v": "return np.stack([w, v])"},
        stepped("new_v = momentum * v + g + weight_decay * w\nreturn w - lr * new_v, new_v"),
        stepped("v = v.clone().mul_(momentum).add_(g).add_(w, alpha=weight_decay)\nreturn w.add(v, alpha=-lr), v"),
        stepped("u = [momentum * b + c + weight_decay * a for a, b, c in zip(w, v, g)]\n"
                "return torch.stack([a - lr * b for a, b in zip(w, u)]), torch.stack(u)"),
        stepped("w, v, g = (np.asarray(a, dtype=float) for a in (w, v, g))\nv = momentum * v + g + weight_decay * w\n"
                "return w - lr * v, v"),
        stepped("p = nn.Parameter(w.clone())\np.grad = g.clone()\n"
                "o = torch.optim.SGD([p], lr, momentum, weight_decay=weight_decay)\n"
                "o.state[p]['momentum_buffer'] = v.clone()\no.step()\n"
                "return p, o.state[p].get('momentum_buffer') if momentum else g + weight_decay * w"),
        stepped("p = w.clone().requires_grad_()\n((g * p).sum() + weight_decay / 2 * (p ** 2).sum()).backward()\n"
                "v = momentum * v + p.grad\nreturn p - lr * v, v"),
    ],
    checks.check_rate_at: [
        {},
        {FALL: "peak * math.cos(math.pi * t / 2) ** 2"},
        {FALL: "0.5 * peak * (1.0 + np.cos(np.pi * t))"},
        {FALL: "peak * (1 + torch.cos(torch.tensor(math.pi * t))) / 2"},
        {FALL: "peak * (1 - math.sin(math.pi * (t - 0.5))) / 2"},
        {FALL: "np.array([peak * (1 + math.cos(math.radians(180 * t))) / 2])"},
        {RISE: "peak / warmup * (step + 1)"},
        {"step < warmup": "step + 1 <= warmup"},
        {"    if step < warmup:\n        return": "    rates = [",
         "/ warmup\n    t": "/ warmup for step in range(warmup)]\n"
         "    n = steps - warmup\n"
         "    rates += [peak / 2 + peak / 2 * math.cos(math.pi * k / n) for k in range(n)]\n"
         "    return rates[step]\n    t"},
        "def rate_at(step, steps, warmup, peak):\n"
        "    t = max(step - warmup, 0) / (steps - warmup)\n"
        "    return min(1, (step + 1) / max(warmup, 1) if warmup else 1) * peak * (1 + math.cos(math.pi * t)) / 2",
        "def rate_at(step, steps, warmup, peak):\n"
        "    w = nn.Parameter(torch.zeros(1))\n"
        "    o = torch.optim.SGD([w], peak)\n"
        "    if step < warmup:\n"
        "        return float(np.interp(step + 1, [0, warmup], [0, peak]))\n"
        "    s = torch.optim.lr_scheduler.CosineAnnealingLR(o, steps - warmup)\n"
        "    for _ in range(step - warmup):\n"
        "        o.step(); s.step()\n"
        "    return o.param_groups[0]['lr']",
    ],
    checks.check_decay_groups: [
        {},
        {"0.0},\n    ]": "0.0},\n    ][::-1]"},
        {"model.parameters()": "model.parameters() if p.requires_grad", "requires_grad if": "requires_grad and"},
        by_name("len(p.shape) >= 2"),
        {"\"weight_decay\": 0.0": "\"weight_decay\": 0"},
        {"    return [": "    return (", "0.0},\n    ]": "0.0, \"lr\": 0.1},\n    )"},
        {"[p for p in model.parameters() if p.ndim > 1]": "(p for p in model.parameters() if p.ndim > 1)",
         "[p for p in model.parameters() if p.ndim <= 1]": "filter(lambda p: p.ndim < 2, model.parameters())"},
        {"[p for p in model.parameters()": "[(n, p) for n, p in model.named_parameters()"},
        "def decay_groups(model, weight_decay):\n"
        "    return [{'params': p, 'weight_decay': weight_decay * (p.ndim > 1)} for p in model.parameters()]",
        "def decay_groups(model, weight_decay):\n"
        "    groups = {True: [], False: []}\n"
        "    for p in model.parameters():\n"
        "        groups[p.dim() > 1].append(p)\n"
        "    return [dict(params=ps, weight_decay=weight_decay if yes else 0.0) for yes, ps in groups.items()]",
        "def decay_groups(model, weight_decay):\n"
        "    yes, no, seen = [], [], set()\n"
        "    for module in model.modules():\n"
        "        for p in module.parameters(recurse=False):\n"
        "            if id(p) not in seen and p.requires_grad:\n"
        "                (yes if p.ndim >= 2 else no).append(p)\n"
        "            seen.add(id(p))\n"
        "    return [{'params': yes, 'weight_decay': weight_decay}, {'params': no, 'weight_decay': 0.0}]",
        {"    return [": "    return [{\"params\": [], \"weight_decay\": 0.0},"},
        {"ndim > 1]": "ndim > 1 and p.requires_grad]", "ndim <= 1]": "ndim <= 1 or not p.requires_grad]"},
    ],
    checks.check_train_epoch: [
        {},
        in_order("set_rate(optimizer)\noptimizer.zero_grad()\nscores = model(x)\nloss = F.cross_entropy(scores, y)\n"
                 "loss.backward()\noptimizer.step()"),
        in_order("loss = nn.CrossEntropyLoss()(model(x), y)\nloss.backward()\nset_rate(optimizer)\noptimizer.step()\n"
                 "optimizer.zero_grad()"),
        in_order("for p in model.parameters(): p.grad = None\nset_rate(optimizer)\n"
                 "loss = F.nll_loss(F.log_softmax(model(x), 1), y)\nloss.backward()\noptimizer.step()"),
        in_order("set_rate(optimizer)\nmodel.zero_grad()\n"
                 "loss = F.cross_entropy(model(x), y, reduction='sum') / len(y)\n"
                 "loss.backward()\noptimizer.step()"),
        in_order("set_rate(optimizer)\ndef closure():\n    optimizer.zero_grad()\n"
                 "    loss = F.cross_entropy(model(x), y)\n    loss.backward()\n    return loss\n"
                 "loss = optimizer.step(closure)"),
        in_order("set_rate(optimizer)\nloss = F.cross_entropy(model(x), y)\n"
                 "gradients = torch.autograd.grad(loss, list(model.parameters()))\n"
                 "for p, g in zip(model.parameters(), gradients): p.grad = g\n"
                 "optimizer.step()"),
        {ADD: "total = total + loss.detach() * len(y)"},
        {END: "    model.eval()\n    return np.float64(total / images)"},
        {"in batches": "in list(batches)"},
        {"    total, images = 0.0, 0": "    losses, sizes = [], []", ADD: "losses += [loss.item()]",
         "images += len(y)": "sizes += [len(x)]", END: "    return np.average(losses, weights=sizes)"},
        {ADD: "total += F.cross_entropy(model.eval()(x), y).item() * 0 + loss.item() * len(y); model.train()"},
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_cross_entropy_by_hand: ["logsumexp", "max(", "keepdim", "arange", ".mean()", "own largest"],
    checks.check_sgd_step: ["weight_decay *", "momentum *", "lr *", "+ g"],
    checks.check_rate_at: ["step + 1", "steps - warmup", "step - warmup", "cos(", "/ warmup"],
    checks.check_decay_groups: ["ndim", "axes", "named_parameters", "parameters()", "0.0}"],
    checks.check_train_epoch: [
        "zero_grad",
        "backward()",
        "optimizer.step",
        "len(y)",
        "item()",
        "model.train",
        "train()",
    ],
}

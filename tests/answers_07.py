"""Chapter 7's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

PARTS = """
def parts_of_sum(branches, x):
    parts = [x]
    for f in branches:
        part = f(x)
        parts.append(part)
        x = x + part
    return parts
"""

BACK = """
def back(delta, jacobians, shortcut):
    for J in reversed(jacobians):
        delta = shortcut * delta + J.T @ delta
    return delta
"""

VARIANCE = """
def variance_after(blocks, branch):
    if branch == "bare":
        return 2 ** blocks
    if branch == "normalised":
        return blocks + 1
    if branch == "scaled":
        return (1 + 1 / blocks) ** blocks
    raise ValueError(f"unknown branch {branch!r}")
"""

AUTO = """
def autocorrelation(g, lag):
    c = g - g.mean()
    products = c[:len(c) - lag] * c[lag:]
    return products.sum() / (c ** 2).sum()
"""

REZERO = """
class ReZeroBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear1 = nn.Linear(width, width)
        self.linear2 = nn.Linear(width, width)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        out = self.linear2(F.relu(self.linear1(x)))
        return x + self.alpha * out
"""

SOLUTIONS = {
    checks.check_parts_of_sum: PARTS,
    checks.check_back: BACK,
    checks.check_variance_after: VARIANCE,
    checks.check_autocorrelation: AUTO,
    checks.check_rezero_block: REZERO,
}


def parts(lines):
    return "def parts_of_sum(branches, x):\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


def back(lines):
    return "def back(delta, jacobians, shortcut):\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


def auto(lines):
    return "def autocorrelation(g, lag):\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


ADD = "x = x + part"
STEP = "shortcut * delta + J.T @ delta"
LOOP = "reversed(jacobians)"
BARE, NORMALISED, SCALED = "2 ** blocks", "blocks + 1", "(1 + 1 / blocks) ** blocks"
UNKNOWN = 'raise ValueError(f"unknown branch {branch!r}")'
WINDOW = "c[:len(c) - lag] * c[lag:]"
SUMS = "products.sum() / (c ** 2).sum()"
CENTRED = "c = g - g.mean()"
NET = "self.linear2(F.relu(self.linear1(x)))"
Y = "x + self.alpha * out"
ALPHA = "self.alpha = nn.Parameter(torch.zeros(1))"
LINEAR1, LINEAR2 = "self.linear1 = nn.Linear(width, width)", "self.linear2 = nn.Linear(width, width)"
OUTPUTS = "out = [x]\nfor f in branches:\n    out.append(out[-1] + f(out[-1]))\n"
NO_BIAS = {"(width, width)": "(width, width, bias=False)"}

MISTAKES = {
    checks.check_parts_of_sum: [
        ({f"        {ADD}\n": ""}, "Each branch gets x itself"),
        (parts("return [x] + [f(x) for f in branches]"), "Each branch gets x itself"),
        ({ADD: "x = part"}, "a plain net"),
        ({"append(part)": "append(x + part)"}, "the stream x_1, x_2"),
        (parts(OUTPUTS + "return out"), "the stream x_1, x_2"),
        (parts(OUTPUTS + "return out[:-1]"), "the stream x_1, x_2"),
        (parts(OUTPUTS + "return out[1:]"), "the stream x_1, x_2"),
        ({"append(part)": "append(x)"}, "the stream x_1, x_2"),
        ({"parts = [x]": "parts = []"}, "x is missing"),
        ({"in branches": "in branches[:-1]"}, "the last block is missing"),
        ({"return parts": "return parts + [x]"}, "Your last item is the sum itself"),
        ({"return parts": "return parts + [sum(parts)]"}, "Your last item is the sum itself"),
        ({"return parts": "return parts[::-1]"}, "in the wrong order"),
        ({"return parts": "return parts[1:] + parts[:1]"}, "in the wrong order"),
        ({ADD: "x += part"}, "x is not what it was before"),
        ({"append(part)": "append(part); x.add_(part)", f"        {ADD}\n": ""}, "x is not what it was before"),
        ({"parts = [x]": "x = x.clone(); parts = [x]", ADD: "x += part"}, "The first item is no longer x"),
        ({"for f in branches": "while branches", "f(x)": "branches.pop(0)(x)"}, "the list `branches` is not"),
        ({"parts = [x]": "branches.reverse(); parts = [x]"}, "the list `branches` is not"),
        ({"return parts": "return [parts[0]] + [sum(parts[1:i + 1]) for i in range(1, len(parts))]"}, "so far"),
        ({"parts = [x]": "start, parts = x, [x]", ADD: "x = start + part"}, "You add each part to x"),
        ({ADD: "x = x - part"}, "You subtract"),
        ({ADD: "x = F.relu(x + part)"}, "ReLU to the stream after the addition"),
        ({"f(x)": "F.relu(f(x))"}, "ReLU to what the branches give"),
        ({"f(x)": "f(F.relu(x))"}, "ReLU to what the branches get"),
        ({"in branches": "in reversed(branches)"}, "start with the last branch"),
        ({"f(x)": "branches[0](x)"}, "the first branch in every block"),
        ({"return parts": "return sum(parts)"}, "You return the sum"),
        ({"return parts": "return x"}, "You return the sum"),
        ({"return parts": "return parts[-1]"}, "You return one tensor"),
        ({"return parts": "return torch.cat(parts)"}, "You return one tensor"),
        ({"return parts": "return torch.stack(parts, dim=1)"}, "You return one tensor"),
        ({"return parts": "return sum(parts).norm().item()"}, "gives a float, not a list"),
        ({"return parts": "return parts, x"}, "One item of your list is a list, not a tensor"),
        ({"append(part)": "append(part.norm())"}, "One item of your list has the shape ()"),
        ({"append(part)": "append(part[:1])"}, "One item of your list has the shape (1, 4), and x has (2, 4)"),
        ({"append(part)": "append(part.tolist())"}, "is a list, not a tensor"),
        ({"append(part)": "append(part.detach())"}, "no gradient flows back"),
        ({"f(x)": "f(x.detach())"}, "no gradient flows back"),
        ({"parts = [x]": "parts = [x.detach()]"}, "no gradient flows back"),
        ({"def ": "@torch.no_grad()\ndef "}, "no gradient flows back"),
        ({"    return parts": "    parts"}, "gives None"),
        ({"    return parts": "        return parts"}, "For 3 blocks you give 2 tensors, not 4"),
        ({"parts = [x]": "parts = [torch.zeros_like(x)]"}, "The first item is not x"),
        ({"parts = [x]": "parts = [1.01 * x]"}, "The first item is not x"),
        ({"append(part)": "append(1.01 * part)"}, "The part of block 1 is not right"),
        ({ADD: "x = (x + part) / 2"}, "The part of block 2 is not right"),
        ({"return parts": "return [p.round(decimals=1) for p in parts]"}, "The first item is not x"),
        ({"in branches": "in branches[:3]"}, "the last block is missing"),
        ({"append(part)": "append((part + part.detach()) / 2)"}, "no gradient flows back"),
        ({"f(x)": "f(parts)"}, "in the line: part = f(parts)"),
    ],
    checks.check_back: [
        ({LOOP: "jacobians"}, "from the first block to the last"),
        ({"J.T": "J"}, "You use J as it is"),
        ({"J.T @ delta": "delta @ J.T"}, "You use J as it is"),
        ({LOOP: "jacobians", "J.T": "J"}, "You push delta forward"),
        ({"shortcut * delta": "delta"}, "You do not use `shortcut`"),
        ({STEP: "shortcut * (delta + J.T @ delta)"}, "multiplies the part of the branch too"),
        ({STEP: "delta + shortcut * J.T @ delta"}, "multiplies the part of the branch. It stands on the skip"),
        ({STEP: "delta + shortcut * delta + J.T @ delta"}, "You count the skip twice"),
        ({"J.T @": "(torch.eye(len(J)) + J).T @"}, "You count the skip twice"),
        ({"+ J.T": "- J.T"}, "You subtract the two shares"),
        ({STEP: "J.T @ delta"}, "The skip is missing"),
        ({STEP: "shortcut * J.T @ delta"}, "You multiply the two paths"),
        ({STEP: "shortcut * delta"}, "Only the skip is there"),
        (back("return shortcut ** len(jacobians) * delta"), "Only the skip is there"),
        (back("L = len(jacobians)\nreturn shortcut ** L * delta + sum(J.T @ delta for J in jacobians)"),
         "can go through more than one branch"),
        (back("L, s, total = len(jacobians), shortcut, sum(J.T @ delta for J in jacobians)\n"
              "return s ** L * delta + s ** (L - 1) * total"),
         "can go through more than one branch"),
        ({"    for": "    start = delta\n    for", "@ delta": "@ start"}, "Each J meets the old delta"),
        ({LOOP: "reversed(jacobians[1:])"}, "The first block is left out"),
        (back("for i in range(len(jacobians) - 1, 0, -1):\n    J = jacobians[i]\n"
              "    delta = shortcut * delta + J.T @ delta\nreturn delta"), "The first block is left out"),
        ({LOOP: "reversed(jacobians[:-1])"}, "The last block is left out"),
        ({"    return delta": "        return delta"}, "one step back only"),
        ({"    for": "    delta = torch.ones_like(delta)\n    for"}, "You start with ones"),
        ({"return delta": "return -delta"}, "The sign is opposite"),
        ({f"delta = {STEP}": f"new = {STEP}; delta.copy_(new)"}, "delta is not what it was before"),
        ({f"delta = {STEP}": "share = J.T @ delta; delta *= shortcut; delta += share"}, "delta is not what it was"),
        ({f"for J in {LOOP}": "while jacobians", f"delta = {STEP}": f"J = jacobians.pop(); delta = {STEP}"},
         "the list `jacobians` or a matrix"),
        ({"    for": "    jacobians.reverse()\n    for", LOOP: "jacobians"}, "the list `jacobians` or a matrix"),
        ({f"delta = {STEP}": "J += shortcut * torch.eye(len(J)); delta = J.T @ delta"}, "the list `jacobians` or a"),
        ({"return delta": "return delta.norm()"}, "You return one number"),
        ({"return delta": "return delta.sum().item()"}, "You return one number"),
        ({STEP: "shortcut * delta + J.T * delta"}, "You return a matrix"),
        (back("total = torch.eye(len(delta))\nfor J in jacobians:\n"
              "    total = (shortcut * torch.eye(len(delta)) + J) @ total\nreturn total.T"), "You return a matrix"),
        (back("all = [delta]\nfor J in reversed(jacobians):\n    all.append(shortcut * all[-1] + J.T @ all[-1])\n"
              "return all"), "a gradient for every block"),
        (back("all = []\nfor J in reversed(jacobians):\n    delta = shortcut * delta + J.T @ delta\n"
              "    all.append(delta)\nreturn torch.stack(all)"), "a gradient for every block"),
        ({"return delta": "return delta[:, None]"}, "has the shape (5, 1), and delta has (5,)"),
        ({"return delta": "return delta[1:]"}, "has the shape (4,)"),
        ({"return delta": "return torch.stack([delta, delta])"}, "has the shape (2, 5)"),
        ({"return delta": "return torch.stack([delta] * 3).T"}, "has the shape (5, 3)"),
        ({"return delta": "return delta[None, None]"}, "has the shape (1, 1, 5)"),
        ({"shortcut * delta": "(shortcut or 1) * delta"}, "You do not use `shortcut`"),
        ({"    for": "    if shortcut == 1:\n        return delta\n    for"}, "Only the skip is there"),
        ({"return delta": "return delta / delta.norm()"}, "For 3 blocks of width 5 and shortcut = 0.7 you give"),
        ({"return delta": "return 1.001 * delta"}, "For 3 blocks of width 5"),
        ({"shortcut * delta": "shortcut ** 2 * delta"}, "For 3 blocks of width 5"),
        ({"    return delta\n": ""}, "is None"),
        ({"return delta": "return {'delta': delta}"}, "is of type dict"),
        ({"J.T @ delta": "J.T @ J @ delta @ 1"}, "stopped with TypeError"),
        ({LOOP: "jacobians.flip()"}, "in the line: for J in jacobians.flip():"),
    ],
    checks.check_variance_after: [
        ({BARE: "2 * blocks"}, 'For "bare": You let the variance grow by the same amount'),
        ({BARE: "2 * blocks + 1"}, 'For "bare": You let the variance grow by the same amount'),
        ({BARE: "blocks ** 2"}, "number of blocks to a power"),
        ({BARE: "1"}, 'For "bare": You let the variance stay 1'),
        ({BARE: "2 ** (blocks / 2)"}, 'For "bare": You give the standard deviation'),
        ({BARE: "2 ** blocks - 1"}, 'For "bare": You give only what the blocks add'),
        ({BARE: "2 ** (blocks - 1)"}, 'For "bare": You count one block too few'),
        ({BARE: "2 ** (blocks + 1)"}, 'For "bare": You count one block too many'),
        ({BARE: "blocks + 1"}, 'For "bare": You give the variance of another kind'),
        ({'"scaled"': '"s"', '"bare"': '"scaled"', '"s"': '"bare"'}, 'For "bare": You give the variance of an'),
        ({BARE: "4 ** blocks"}, 'For "bare": You add standard deviations'),
        ({BARE: "blocks * math.log(2)"}, 'For "bare": You give the logarithm'),
        ({BARE: "blocks"}, 'For "bare": You give the logarithm'),
        ({BARE: "math.log10(2 ** blocks)"}, 'For "bare": You give the logarithm'),
        ({BARE: "0.5 ** blocks"}, 'For "bare": Your number is upside down'),
        ({BARE: "1.999 ** blocks"}, 'For "bare" and 10 blocks you give 1019'),
        ({NORMALISED: "2"}, 'For "normalised": You give the variance after one block'),
        ({NORMALISED: "1"}, 'For "normalised": You let the variance stay 1'),
        ({NORMALISED: "1.0 ** blocks"}, 'For "normalised": You let the variance stay 1'),
        ({NORMALISED: "math.sqrt(blocks + 1)"}, 'For "normalised": You give the standard deviation'),
        ({NORMALISED: "blocks"}, 'For "normalised": You give only what the blocks add'),
        ({NORMALISED: "blocks + 2"}, 'For "normalised": You count one block too many'),
        ({NORMALISED: "2 ** blocks"}, 'For "normalised": You give the variance of another kind'),
        ({NORMALISED: "(blocks + 1) ** 2"}, 'For "normalised": You add standard deviations'),
        ({NORMALISED: "1 / (blocks + 1)"}, 'For "normalised": Your number is upside down'),
        ({NORMALISED: "2 * blocks"}, 'For "normalised" and 10 blocks you give 20'),
        ({SCALED: "(1 + 1 / blocks ** 0.5) ** blocks"}, "by the factor, not by its square"),
        ({SCALED: "(1 + 1 / blocks ** 2) ** blocks"}, "squared already"),
        ({SCALED: "math.e"}, "the limit for very many blocks"),
        ({SCALED: "1 + blocks * (1 / blocks)"}, 'For "scaled": You let the variance grow by the same amount'),
        ({SCALED: "2 ** blocks / blocks"}, "You scale once, at the end"),
        ({SCALED: "2 ** blocks / math.sqrt(blocks)"}, "You scale once, at the end"),
        ({SCALED: "(2 / blocks) ** blocks"}, "You scale the whole sum"),
        ({SCALED: "(2 / math.sqrt(blocks)) ** blocks"}, "You scale the whole sum"),
        ({SCALED: "1 + 1 / blocks"}, 'For "scaled": You give the variance after one block'),
        ({SCALED: "(1 + 1 // blocks) ** blocks"}, 'For "scaled": You let the variance stay 1'),
        ({SCALED: "(1 + 1 / blocks) ** (blocks / 2)"}, 'For "scaled": You give the standard deviation'),
        ({SCALED: "(1 + 1 / blocks) ** blocks - 1"}, 'For "scaled": You give only what the blocks add'),
        ({SCALED: "(1 + 1 / blocks) ** (blocks - 1)"}, 'For "scaled": You count one block too few'),
        ({SCALED: "(1 + 1 / blocks) ** (blocks + 1)"}, 'For "scaled": You count one block too many'),
        ({SCALED: "2 ** blocks"}, 'For "scaled": You give the variance of another kind'),
        ({SCALED: "(1 + 1 / math.sqrt(blocks)) ** (2 * blocks)"}, 'For "scaled": You add standard deviations'),
        ({SCALED: "math.log2((1 + 1 / blocks) ** blocks)"}, 'For "scaled": You give the logarithm'),
        ({SCALED: "round((1 + 1 / blocks) ** blocks, 1)"}, 'For "scaled": You round the variance'),
        ({SCALED: "round((1 + 1 / blocks) ** blocks, 2)"}, 'For "scaled": You round the variance'),
        ({SCALED: "1.001 * (1 + 1 / blocks) ** blocks"}, 'For "scaled" and 10 blocks you give 2.596'),
        ({SCALED: "1.1 ** blocks"}, 'For "scaled" and 7 blocks you give 1.949'),
        ({SCALED: "(1 + 1 / blocks) ** blocks if blocks > 1 else 1"}, 'For "scaled": You let the variance stay 1'),
        ({UNKNOWN: "return 1.0"}, "you raise no error. You return a float"),
        ({f"    {UNKNOWN}\n": ""}, "you raise no error. You return a NoneType"),
        ({UNKNOWN: "return ValueError('unknown')"}, "You return a ValueError"),
        ({'    if branch == "scaled":\n    ': "", f"    {UNKNOWN}\n": ""}, "you raise no error"),
        ({UNKNOWN: "raise KeyError(branch)"}, "your code stops with KeyError, not ValueError"),
        ({UNKNOWN: "assert False, branch"}, "your code stops with AssertionError, not ValueError"),
        ({"normalised": "normalized"}, "stopped with ValueError: unknown branch 'normalised'"),
        ({f"return {SCALED}": "pass", UNKNOWN: "return"}, 'variance_after(10, "scaled") gives None'),
        ({f"return {BARE}": "return 'doubles'"}, "must give one number, but gives a str"),
        ({f"return {SCALED}": "return [1.1] * blocks"}, "but gives a list"),
    ],
    checks.check_autocorrelation: [
        ({CENTRED: "c = g"}, "You do not subtract the mean"),
        ({"(c ** 2)": "((g - g.mean()) ** 2)", CENTRED: "c = g"}, "below the line, but not above it"),
        ({"(c ** 2)": "(g ** 2)"}, "above the line, but not below it"),
        (auto("a, b = g[:len(g) - lag], g[lag:]\nreturn np.corrcoef(a, b)[0, 1]"), "its own mean"),
        (auto("return torch.corrcoef(torch.stack([g[:len(g) - lag], g[lag:]]))[0, 1]"), "its own mean"),
        (auto("a, b = g[:len(g) - lag], g[lag:]\n"
              "return ((a - a.mean()) * (b - b.mean())).sum() / ((g - g.mean()) ** 2).sum()"), "its own mean"),
        ({"(c ** 2).sum()": "(c[:len(c) - lag].norm() * c[lag:].norm())"}, "squares of the two pieces only"),
        ({"(c ** 2).sum()": "(c[lag:] ** 2).sum()"}, "squares of the two pieces only"),
        ({"(c ** 2).sum()": "(c[:len(c) - lag] ** 2).sum()"}, "squares of the two pieces only"),
        ({SUMS: "products.mean() / (c ** 2).mean()"}, "the unbiased version"),
        ({SUMS: "products.sum() / (len(c) * g.var())"}, "Your variance divides by N - 1"),
        ({SUMS: "products.sum() / len(c) / g.std() ** 2"}, "Your variance divides by N - 1"),
        ({SUMS: "products.sum()"}, "do not divide by the sum of squares"),
        ({SUMS: "products.mean()"}, "do not divide by the sum of squares"),
        ({SUMS: "products.sum() / len(c)"}, "do not divide by the sum of squares"),
        ({SUMS: "products.sum() / (len(c) - 1)"}, "do not divide by the sum of squares"),
        ({SUMS: "products.sum() / c.norm()"}, "standard deviation, not by its square"),
        ({SUMS: "products.sum() / len(c) / g.std(correction=0)"}, "standard deviation, not by its square"),
        ({SUMS: "products.sum() / (len(c) - 1) / g.std()"}, "standard deviation, not by its square"),
        ({WINDOW: "c * torch.roll(c, -lag)"}, "wraps around"),
        ({WINDOW: "c * torch.roll(c, lag)"}, "wraps around"),
        (auto("c = g - g.mean()\nN = len(c)\n"
              "return sum(c[i] * c[(i + lag) % N] for i in range(N)) / (c ** 2).sum()"), "wraps around"),
        ({WINDOW: "c[:len(c) - lag - 1] * c[lag + 1:]"}, "one too large"),
        ({WINDOW: "c[:len(c) - lag + 1] * c[lag - 1:]"}, "one too small"),
        ({WINDOW: "c[:len(c) - lag - 1] * c[lag:-1]"}, "The last pair is missing"),
        ({WINDOW: "c[:-lag] * c[lag:]"}, "at lag 0 your code stops with RuntimeError"),
        (auto("c = np.asarray(g) - np.asarray(g).mean()\nreturn (c[:-lag] * c[lag:]).sum() / (c ** 2).sum()"),
         "at lag 0 your code stops with ValueError"),
        ({WINDOW: "torch.stack([a * b for a, b in zip(c[:-lag], c[lag:])] or [c[0] * 0])"}, "at lag 0 you give 0"),
        ({"    c =": "    if lag == 0: return 0\n    c ="}, "at lag 0 you give 0"),
        ({"    c =": "    if lag == 0: return 1.001\n    c ="}, "at lag 0 you give 1.001"),
        ({"    c =": "    if lag == 0: return\n    c ="}, "gives None"),
        (auto("c = np.asarray(g) - np.asarray(g).mean()\nreturn np.correlate(c, c, 'full')[lag] / (c ** 2).sum()"),
         "wrong end of np.correlate"),
        ({SUMS: f"abs({SUMS})"}, "You lose the sign"),
        ({WINDOW: f"({WINDOW}).abs()"}, "You multiply absolute values"),
        ({CENTRED: "c = (g - g.mean()).sort().values"}, "You sort g"),
        ({WINDOW: "c * c"}, "You give 1, as at lag 0"),
        ({SUMS: f"-{SUMS}"}, "The sign is opposite"),
        ({CENTRED: "g -= g.mean(); c = g"}, "g is not what it was before"),
        ({WINDOW: "c[:len(c) - lag] - c[lag:]"}, "0.8, -1.5] and lag 5 you give"),
        ({SUMS: "products.sum() / (c ** 2).sum() * 1.001"}, "and lag 5 you give"),
        ({SUMS: f"round(({SUMS}).item(), 2)"}, "and lag 5 you give"),
        ({CENTRED: "c = g - g.median()"}, "and lag 5 you give"),
        ({"c[lag:]": "c[5:]", "- lag": "- 5"}, "For g = [-1.3, 0.4, 0.9, -2.2, -3.1, -0.6, 1.7, 0.8, -1.5] and lag 2"),
        ({"c ** 2": "c ** 2 if len(c) == 9 else c[1:] ** 2"}, "For g = [2.1, 1.4"),
        ({WINDOW: "c[:len(c) - lag] * c[lag:] if lag > 1 else c[1:] * c[1:]"}, "and lag 1 you give"),
        ({"return ": "r = "}, "gives None"),
        ({"return ": "return lag, "}, "but gives a tuple"),
        ({SUMS: "products / (c ** 2).sum()"}, "but gives a Tensor"),
        ({WINDOW: "c[:lag] * c[lag:]"}, "in the line: products = c[:lag] * c[lag:]"),
    ],
    checks.check_rezero_block: [
        ({ALPHA: "self.alpha = 0.0"}, "alpha is a plain number or tensor"),
        ({ALPHA: "self.alpha = 0"}, "alpha is a plain number or tensor"),
        ({ALPHA: "self.alpha = torch.zeros(1)"}, "alpha is a plain number or tensor"),
        ({ALPHA: "self.alpha = torch.zeros(1, requires_grad=True)"}, "alpha is a plain number or tensor"),
        ({ALPHA: "self.register_buffer('alpha', torch.zeros(1))"}, "alpha is a buffer"),
        ({NET: "self.linear2(F.relu(self.alpha * self.linear1(x)))", Y: "x + out", **NO_BIAS}, "alpha stands inside"),
        ({ALPHA: "self.alpha = [nn.Parameter(torch.zeros(1))]", "self.alpha *": "self.alpha[0] *"}, "no alpha among"),
        ({ALPHA: "pass", Y: "x + out"}, "no alpha among the parameters"),
        ({ALPHA: "pass", Y: "x + out", LINEAR1: f"{LINEAR1}; self.width = width"}, "no alpha among the parameters"),
        ({ALPHA: "nn.init.zeros_(self.linear2.weight); nn.init.zeros_(self.linear2.bias)", Y: "x + out"}, "Fixup"),
        ({ALPHA: "nn.init.zeros_(self.linear2.weight)", Y: "x + out", **NO_BIAS}, "Fixup"),
        ({"zeros(1)": "zeros(width)"}, "alpha has one number for each unit"),
        ({"zeros(1)": "zeros(1, width)"}, "alpha has one number for each unit"),
        ({"zeros(1)": "zeros(width)", **NO_BIAS}, "alpha has one number for each unit"),
        ({ALPHA: f"{ALPHA}; self.beta = nn.Parameter(torch.ones(1))", Y: "self.beta * x + self.alpha * out"},
         "The block has 2 single numbers"),
        ({ALPHA: f"{ALPHA}; self.gain = nn.Parameter(torch.ones(width))"}, "more parameters than two linear layers"),
        ({ALPHA: f"{ALPHA}; self.norm = nn.LayerNorm(width)", NET: f"self.norm({NET})"}, "has a normalisation"),
        ({ALPHA: f"{ALPHA}; self.norm = nn.BatchNorm1d(width)", NET: f"self.norm({NET})"}, "has a normalisation"),
        ({ALPHA: f"{ALPHA}; self.norm = nn.LayerNorm(width, elementwise_affine=False)"}, "has a normalisation"),
        ({LINEAR1: "self.layers = [nn.Linear(width, width), nn.Linear(width, width)]", LINEAR2: "",
          NET: "self.layers[1](F.relu(self.layers[0](x)))"}, "PyTorch finds no linear layer"),
        ({NET: "self.linear1(F.relu(self.linear1(x)))", LINEAR2: ""}, "two linear layers of its own; PyTorch finds 1"),
        ({LINEAR2: "self.linear2 = self.linear1"}, "two linear layers of its own; PyTorch finds 1"),
        ({NET: "F.relu(self.linear1(x))", LINEAR2: ""}, "two linear layers of its own; PyTorch finds 1"),
        ({ALPHA: f"{ALPHA}; self.linear3 = nn.Linear(width, width)"}, "PyTorch finds 3"),
        ({LINEAR1: LINEAR1.replace("width)", "4 * width)"), LINEAR2: LINEAR2.replace("(width", "(4 * width")},
         "a weight of shape (24, 6), not (6, 6)"),
        ({"nn.Linear(width, width)": "nn.Linear(64, 64)"}, "a weight of shape (64, 64)"),
        ({"zeros(1)": "zeros(1), requires_grad=False"}, "A parameter is frozen"),
        ({LINEAR1: f"{LINEAR1}; self.linear1.requires_grad_(False)"}, "A parameter is frozen"),
        ({"torch.zeros(1)": "torch.ones(1)"}, "alpha starts at 1, so y is not x"),
        ({"torch.zeros(1)": "torch.tensor(0.01)"}, "alpha starts at 0.01"),
        ({"torch.zeros(1)": "torch.tensor(-0.001)"}, "alpha starts at -0.001"),
        ({Y: "self.alpha * out"}, "The skip is missing"),
        ({Y: "out"}, "Both the skip and alpha are missing"),
        ({Y: "x + out"}, "You do not use alpha"),
        ({Y: "self.alpha * (x + out)"}, "alpha multiplies the whole sum"),
        ({Y: "self.alpha * x + out"}, "alpha stands on the skip"),
        ({Y: "(1 - self.alpha) * x + self.alpha * out"}, "That is a gate"),
        ({Y: "torch.lerp(x, out, self.alpha)"}, "That is a gate"),
        ({Y: "self.alpha * x + (1 - self.alpha) * out", "zeros(1)": "ones(1)"}, "That is a gate"),
        ({Y: "x - self.alpha * out"}, "You subtract the branch"),
        ({Y: "x + self.alpha.exp() * out"}, "goes through another function"),
        ({Y: "x + torch.sigmoid(self.alpha) * out"}, "goes through another function"),
        ({Y: "x + torch.tanh(self.alpha) * out"}, "goes through another function"),
        ({Y: "x + self.alpha ** 2 * out"}, "goes through another function"),
        ({Y: "x + abs(self.alpha) * out"}, "goes through another function"),
        ({Y: "x + F.relu(self.alpha) * out"}, "goes through another function"),
        ({Y: "F.relu(x + self.alpha * out)"}, "a ReLU after the sum"),
        ({"F.relu(self.linear1(x))": "self.linear1(x)"}, "The ReLU between the two linear layers is missing"),
        ({NET: f"F.relu({NET})"}, "A second ReLU stands at the end"),
        ({NET: "F.relu(self.linear2(self.linear1(x)))"}, "The ReLU stands after the second linear layer"),
        ({NET: "self.linear2(self.linear1(F.relu(x)))"}, "F starts with a ReLU"),
        ({NET: "self.linear2(F.relu(self.linear1(F.relu(x))))"}, "F starts with a ReLU"),
        ({NET: "self.linear2(F.relu(self.alpha * self.linear1(x)))", Y: "x + out"}, "alpha stands inside F"),
        ({NET: "self.linear2(self.alpha * F.relu(self.linear1(x)))", Y: "x + out"}, "alpha stands inside F"),
        ({NET: "self.linear2(F.relu(self.linear1(self.alpha * x)))", Y: "x + out"}, "multiplies what goes into F"),
        ({NET: f"{NET} + x"}, "x comes in twice"),
        ({"        out =": "        x =", "* out": "* x"}, "x was overwritten"),
        ({NET: "F.relu(self.linear1(x))", Y: "out + self.alpha * self.linear2(out)"}, "starts after the first ReLU"),
        ({"F.relu(": "torch.tanh("}, "F has another activation"),
        ({"F.relu(": "torch.sigmoid("}, "F has another activation"),
        ({"F.relu(": "F.gelu("}, "F has another activation"),
        ({"F.relu(": "F.silu("}, "F has another activation"),
        ({"F.relu(": "F.leaky_relu("}, "F has another activation"),
        ({Y: "x + 1.01 * self.alpha * out"}, "the result is not x + alpha * F(x)"),
        ({NET: "F.linear(F.relu(self.linear1(x)), self.linear2.weight)"}, "With alpha = 0.7 the result is not"),
        ({Y: "x + 2 * self.alpha * out"}, "With alpha = 0.7 the result is not"),
        ({Y: "(x + self.alpha * out).sum(1)"}, "An input of shape (5, 6) gives (5,)"),
        ({Y: "torch.cat([x, self.alpha * out], dim=1)"}, "An input of shape (5, 6) gives (5, 12)"),
        ({f"return {Y}": "x += self.alpha * out; return x"}, "The block changes its input"),
        ({"self.linear1(x)": "self.linear1(x.relu_())"}, "The block changes its input"),
        ({"return ": "y = "}, "forward gives a NoneType"),
        ({"return ": "return out, "}, "forward gives a tuple"),
        ({"* out": "* out.detach()"}, "the branch is cut off"),
        ({"self.linear1(x)": "self.linear1(x).data"}, "the branch is cut off"),
        ({"self.alpha *": "self.alpha.item() *"}, "alpha is cut off"),
        ({"self.alpha *": "self.alpha.data *"}, "alpha is cut off"),
        ({"self.alpha *": "(self.alpha + self.alpha.detach()) / 2 *"}, "alpha is cut off"),
        ({"return x": "return x.detach()"}, "x is cut off"),
        ({"self.linear1(x)": "self.linear1(x.detach())"}, "x is cut off"),
        ({"    def forward": "    @torch.no_grad()\n    def forward"}, "no gradient comes through"),
        ({Y: f"({Y}).detach().requires_grad_()"}, "no gradient comes through"),
        ({ALPHA: f"{ALPHA}; [nn.init.zeros_(p) for p in self.linear2.parameters()]"}, "Two zeros in a row"),
        ({ALPHA: f"{ALPHA}; nn.init.zeros_(self.linear2.weight)", **NO_BIAS}, "Two zeros in a row hold each other"),
        ({ALPHA: f"{ALPHA}; [nn.init.zeros_(p) for p in self.parameters()]"}, "Two zeros in a row hold each other"),
        ({ALPHA: f"{ALPHA}; [nn.init.zeros_(p) for p in self.linear1.parameters()]"}, "the hidden units are all zero"),
        ({ALPHA: f"{ALPHA}; nn.init.constant_(self.linear1.bias, -99)"}, "the hidden units are all zero"),
        ({"(nn.Module)": "", "super().__init__()": "pass"}, "of type ReZeroBlock, not an nn.Module"),
        ("def block(width): return lambda x: x", "of type function, not an nn.Module"),
        ("def block(width): pass; return nn.Identity()", "PyTorch finds no linear layer"),
        ({"        super().__init__()\n": ""}, "stopped with AttributeError: cannot assign module"),
        ({"(self, width)": "(self)"}, "stopped with TypeError: ReZeroBlock.__init__() takes 1"),
        ({"def forward": "def foward"}, "stopped with NotImplementedError"),
        ({"self.alpha * out": "self.beta * out"}, "in the line: return x + self.beta * out"),
    ],
}  # fmt: skip

OTHER_REZERO = {
    "F as one nn.Sequential, no biases": """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.gate = nn.Parameter(torch.tensor(0.0))
        self.branch = nn.Sequential(nn.Linear(n, n, bias=False), nn.ReLU(inplace=True), nn.Linear(n, n, bias=False))

    def forward(self, x):
        return self.branch(x) * self.gate + x
""",
    "functional, x @ W": """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.W1 = nn.Parameter(torch.randn(n, n) / n ** 0.5)
        self.W2 = nn.Parameter(torch.randn(n, n) / n ** 0.5)
        self.a = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.addcmul(x, self.a, (x @ self.W1).clamp(min=0) @ self.W2)
""",
    "functional, W2 first, one bias": """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.W2 = nn.Parameter(torch.randn(n, n))
        self.W1 = nn.Parameter(torch.randn(n, n))
        self.b1 = nn.Parameter(torch.zeros(n))
        self.a = nn.Parameter(torch.zeros(1, 1))

    def forward(self, x):
        return x + self.a * F.linear(torch.relu(x @ self.W1 + self.b1), self.W2)
""",
    "a function that makes it": """
class Residual(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch, self.alpha = branch, nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.alpha * self.branch(x)

def make(width):
    return Residual(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)))
""",
    "a ModuleList, and alpha in a ParameterDict": """
class Block(nn.Module):
    def __init__(self, width, start=0.0):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.scale = nn.ParameterDict({"alpha": nn.Parameter(torch.tensor([start]))})
        self.width, self.start = width, start

    def forward(self, x):
        h = x
        h = self.layers[0](h)
        h = torch.maximum(h, torch.zeros_like(h))
        return torch.add(x, self.layers[1](h) * self.scale["alpha"])
""",
}

RIGHT = {
    checks.check_parts_of_sum: [
        {},
        {"return parts": "return tuple(parts)"},
        {"return parts": "return torch.stack(parts)"},
        {"    parts = [x]": "    parts = [x.clone()]"},
        {"f(x)": "f(x) + 0 * f(x)"},
        {"parts.append(part)": "parts += [part]", ADD: "x = sum(parts)"},
        parts("parts = [x]\nfor f in branches:\n    parts.append(f(sum(parts)))\nreturn parts"),
        parts("parts = [x]\nfor f in branches:\n    parts.append(f(torch.stack(parts).sum(0)))\nreturn parts"),
        parts(OUTPUTS + "return [x] + [b - a for a, b in zip(out, out[1:])]"),
        parts("yield x\nfor f in branches:\n    part = f(x)\n    yield part\n    x = x + part"),
        parts("if not branches:\n    return [x]\npart = branches[0](x)\n"
              "return [x] + parts_of_sum(branches[1:], x + part)[1:] if False else "
              "[x, part] + parts_of_sum(branches[1:], x + part)[1:]"),
        parts("stream, parts = x.clone(), [x]\nfor i in range(len(branches)):\n    parts.append(branches[i](stream))\n"
              "    stream += parts[-1]\nreturn parts"),
        parts("branches = [f for f in branches]\nx = x.double()\nout = [x]\nwhile branches:\n"
              "    out.append(branches.pop(0)(sum(out).float()).double())\nreturn out"),
    ],
    checks.check_back: [
        {},
        {LOOP: "jacobians[::-1]"},
        {"J.T @ delta": "delta @ J"},
        {"J.T @ delta": "torch.einsum('ji,j->i', J, delta)"},
        {"J.T @ delta": "torch.mv(J.t(), delta)"},
        {"J.T @ delta": "(J * delta[:, None]).sum(dim=0)"},
        {STEP: "(shortcut * torch.eye(len(delta)) + J).T @ delta"},
        {"return delta": "return delta.numpy()"},
        {"return delta": "return delta.tolist()"},
        back("for i in range(len(jacobians) - 1, -1, -1):\n    delta = delta * shortcut + delta @ jacobians[i]\n"
             "return delta"),
        back("total = torch.eye(len(delta))\nfor J in jacobians:\n"
             "    total = (shortcut * torch.eye(len(delta)) + J) @ total\nreturn total.T @ delta"),
        back("d = delta.numpy().astype(float)\nfor J in jacobians[::-1]:\n    d = shortcut * d + J.numpy().T @ d\n"
             "return torch.tensor(d)"),
        back("if not jacobians:\n    return delta\n"
             "return back(shortcut * delta + jacobians[-1].T @ delta, jacobians[:-1], shortcut)"),
        back("n = len(delta)\nx = torch.zeros(n, requires_grad=True)\ny = x\nfor J in jacobians:\n"
             "    y = shortcut * y + J @ y\ny.backward(delta)\nreturn x.grad"),
        back("n = len(delta)\nfor J in reversed(jacobians):\n    delta = [shortcut * delta[i].item() + "
             "sum(J[j, i].item() * float(delta[j]) for j in range(n)) for i in range(n)]\n"
             "    delta = torch.tensor(delta)\nreturn delta"),
    ],
    checks.check_variance_after: [
        {},
        {BARE: "2.0 ** blocks", SCALED: "math.exp(blocks * math.log1p(1 / blocks))"},
        {SCALED: "(1 + (1 / math.sqrt(blocks)) ** 2) ** blocks"},
        {SCALED: "torch.tensor(1 + 1 / blocks) ** blocks"},
        {BARE: "torch.tensor([2.0]) ** blocks", SCALED: "np.float32(1 + 1 / blocks) ** blocks"},
        {SCALED: "((blocks + 1) / blocks) ** blocks", BARE: "1 << blocks"},
        {UNKNOWN: "raise ValueError"},
        {"unknown branch {branch!r}": "bad"},
        "def variance_after(L, branch):\n    if branch not in ('bare', 'normalised', 'scaled'):\n"
        "        raise ValueError(branch)\n    v = 1\n    for _ in range(L):\n"
        "        v = v + {'bare': v, 'normalised': 1, 'scaled': v / L}[branch]\n    return v\n",
        "def variance_after(L, branch):\n    v = 1.0\n    for _ in range(L):\n        if branch == 'bare':\n"
        "            v *= 2\n        elif branch == 'normalised':\n            v += 1\n"
        "        elif branch == 'scaled':\n            v *= 1 + 1 / L\n"
        "        else:\n            raise ValueError('no such branch')\n    return v\n",
        "def variance_after(L, branch):\n    match branch:\n        case 'bare': return 2 ** L\n"
        "        case 'normalised': return L + 1\n        case 'scaled': return (1 + 1 / L) ** L\n"
        "        case _: raise ValueError(branch)\n",
        "def variance_after(L, branch):\n    v = {'bare': 2 ** L, 'normalised': 1 + L, 'scaled': (1 + 1 / L) ** L}\n"
        "    try:\n        return v[branch]\n    except KeyError:\n        raise ValueError(branch) from None\n",
    ],
    checks.check_autocorrelation: [
        {},
        {SUMS: f"({SUMS}).item()"},
        {SUMS: "products.mean() / (c ** 2).mean() * len(products) / len(c)"},
        {SUMS: "products.sum() / len(c) / g.var(correction=0)"},
        {SUMS: "products.sum() / c.norm() ** 2"},
        {WINDOW: "c[lag:] * c[:-lag or None]"},
        {WINDOW: "(c * torch.roll(c, -lag))[:len(c) - lag]"},
        {WINDOW: "c * torch.cat([c[lag:], torch.zeros(lag)])"},
        auto("c = np.asarray(g) - np.mean(np.asarray(g))\nr = np.correlate(c, c, 'full')\n"
             "return r[len(c) - 1 + lag] / r[len(c) - 1]"),
        auto("c = g - np.mean(g)\nreturn np.sum(c[:g.size - lag] * c[lag:]) / np.sum(c ** 2)"),
        auto("c = g - g.mean(keepdims=True)\nreturn np.dot(c[:g.size - lag], c[lag:]) / np.dot(c, c)"),
        auto("N = len(g)\nm = sum(g) / N\ntop = sum((g[i] - m) * (g[i + lag] - m) for i in range(N - lag))\n"
             "return top / sum((v - m) ** 2 for v in g)"),
        auto("g = [float(v) for v in g]\nm = sum(g) / len(g)\n"
             "return sum((a - m) * (b - m) for a, b in zip(g, g[lag:])) / sum((a - m) ** 2 for a in g)"),
        auto("assert isinstance(g, list)\nm = sum(g) / len(g)\n"
             "return sum((a - m) * (b - m) for a, b in zip(g, g[lag:])) / sum((a - m) ** 2 for a in g)"),
        auto("c = g - g.mean()\nN = len(c)\nr = np.fft.ifft(abs(np.fft.fft(np.asarray(c), 2 * N)) ** 2).real\n"
             "return r[lag] / r[0]"),
        auto("c = (g - g.mean()) / (g - g.mean()).norm()\nreturn c[:len(g) - lag] @ c[lag:]"),
        auto("c = g - g.mean()\nr = F.conv1d(c[None, None], c[None, None], padding=len(c) - 1).flatten()\n"
             "return r[len(c) - 1 + lag] / r[len(c) - 1]"),
    ],
    checks.check_rezero_block: [
        {},
        {"zeros(1)": "tensor(0.0)"},
        {"torch.zeros(1)": "torch.tensor([0.0])"},
        {"torch.zeros(1)": "torch.zeros(1, 1)"},
        {"torch.zeros(1)": "torch.from_numpy(np.zeros(1))"},
        {"torch.zeros(1)": "torch.tensor(0.0, dtype=torch.float64)"},
        {Y: "self.alpha * out + x"},
        {Y: "x + out * self.alpha", "F.relu(self.linear1(x))": "self.linear1(x).relu()"},
        {"return ": "out *= self.alpha; out += x; return ", Y: "out"},
        {f"return {Y}": f"x = {Y}; return x"},
        {"F.relu(": "F.relu_("},
        NO_BIAS,
        {LINEAR2: "self.linear2 = nn.Linear(width, width, bias=False)"},
        {LINEAR1: "self.linear1 = nn.Linear(width, width, bias=False)"},
        {"self.linear1 =": "self.second =", "self.linear2 =": "self.linear1 =",
         "self.linear2(": "self.second(", LINEAR1: LINEAR1},
        {ALPHA: f"{ALPHA}; [nn.init.zeros_(m.bias) for m in (self.linear1, self.linear2)]"},
        {ALPHA: f"{ALPHA}; nn.init.kaiming_normal_(self.linear1.weight, nonlinearity='relu')"},
        {ALPHA: f"{ALPHA}; nn.init.zeros_(self.linear2.weight)"},
        {ALPHA: f"{ALPHA}; self.L, self.scale = width, 1.0"},
        {ALPHA: f"{ALPHA}; self.register_buffer('steps', torch.zeros(1))"},
        *OTHER_REZERO.values(),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_parts_of_sum: ["f(x)", "append", "stream +", "x + part", "F_l(x_l)"],
    checks.check_back: ["reversed", ".T", "[::-1]", "shortcut *"],
    checks.check_variance_after: ["**", "blocks + 1", "1 / L", "v + "],
    checks.check_autocorrelation: ["[lag:]", "len(g)", ".sum()", "N - 1 - lag"],
    checks.check_rezero_block: ["nn.Parameter", "torch.zeros", "x + self", "nn.Linear"],
}

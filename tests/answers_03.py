"""Chapter 3's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

HE = """
def he_std(weight):
    fan_in = weight[0].numel()
    return math.sqrt(2 / fan_in)
"""

GAIN = """
def gain_of(activation):
    z = torch.randn(200_000)
    a = activation(z)
    return (1 / a.square().mean().sqrt()).item()
"""

DEAD = """
def dead_units(activations):
    zero = activations == 0
    if zero.ndim == 4:
        zero = zero.transpose(0, 1).flatten(1).T
    return zero.all(dim=0).sum().item()
"""

NORM = """
class MyBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        if self.training:
            mean = x.mean(dim=(0, 2, 3))
            var = x.var(dim=(0, 2, 3), unbiased=False)
            m = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean.mul_(0.9).add_(0.1 * mean)
                self.running_var.mul_(0.9).add_(0.1 * var * m / (m - 1))
        else:
            mean, var = self.running_mean, self.running_var
        mean, var, weight, bias = (t.view(1, -1, 1, 1) for t in (mean, var, self.weight, self.bias))
        z = (x - mean) / (var + 1e-5).sqrt()
        return weight * z + bias
"""

FOLD = """
def fold(conv, bn):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    bias = 0 if conv.bias is None else conv.bias
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                       conv.dilation, conv.groups, bias=True)
    with torch.no_grad():
        folded.weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
        folded.bias.copy_((bias - bn.running_mean) * scale + bn.bias)
    return folded
"""

SOLUTIONS = {
    checks.check_he_std: HE,
    checks.check_gain_of: GAIN,
    checks.check_dead_units: DEAD,
    checks.check_batch_norm: NORM,
    checks.check_fold: FOLD,
}


def giving(expression):
    return {HE[HE.index("    fan_in") :]: f"    return {expression}\n"}


def gain(lines):
    return {GAIN[GAIN.index("    z =") :]: "".join(f"    {line}\n" for line in lines.split("; "))}


def counting(expression):
    return {DEAD[DEAD.index("    zero =") :]: f"    a = activations\n    return {expression}\n"}


FLAT = "zero.transpose(0, 1).flatten(1).T"
INPUTS = "weight[0].numel()"
SQUARES = "a.square().mean().sqrt()"
DRAW = "torch.randn(200_000)"
GRID = "z = torch.linspace(-5, 5, 20_001); a = activation(z); e = torch.exp(-z**2 / 2)"
AXES, BIASED = "dim=(0, 2, 3)", "var = x.var(dim=(0, 2, 3), unbiased=False)"
STATISTICS = f"mean = x.mean({AXES})"
VIEW = "        mean, var, weight, bias = (t.view(1, -1, 1, 1) for t in (mean, var, self.weight, self.bias))\n"
Z = "(x - mean) / (var + 1e-5).sqrt()"
MEAN, VAR = "self.running_mean.mul_(0.9).add_(0.1 * mean)", "self.running_var.mul_(0.9).add_(0.1 * var * m / (m - 1))"
WITH = "            with torch.no_grad():\n"
END = "return weight * z + bias"
KERNEL, OFFSET = "conv.weight * scale.view(-1, 1, 1, 1)", "(bias - bn.running_mean) * scale + bn.bias"
SETTINGS = "conv.stride, conv.padding,\n                       conv.dilation, conv.groups, bias=True"
SCALE = "bn.weight / (bn.running_var + bn.eps).sqrt()"


def axes(*dims):
    """Statistics over other axes, with keepdim."""
    changed = f"mean, var = x.mean({dims}, keepdim=True), x.var({dims}, unbiased=False, keepdim=True)"
    keep = VIEW.replace("mean, var, ", "").replace("(mean, var, ", "(")
    store = "self.running_mean.mul_(0.9).add_(0.1 * x.mean((0, 2, 3)))"
    return {STATISTICS: changed, f"            {BIASED}\n": "", VIEW: keep, MEAN: store, VAR: "pass"}


def store(*lines):
    """Other updates of the running statistics."""
    return {
        f"{WITH}                {MEAN}\n                {VAR}\n": "".join(f"            {line}\n" for line in lines)
    }


NEW_MEAN = "self.running_mean = 0.9 * self.running_mean + 0.1 * mean"
NEW_VAR = "self.running_var = 0.9 * self.running_var + 0.1 * var * m / (m - 1)"

LAZY = """
class MyBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.bn(x)
"""

FUNCTIONAL = NORM[: NORM.index("        if self.training")] + (
    "        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training)\n"
)

IN_PLACE = """
def fold(conv, bn):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    bias = 0 if conv.bias is None else conv.bias
    conv.weight.data *= scale.view(-1, 1, 1, 1)
    conv.bias = nn.Parameter((bias - bn.running_mean) * scale + bn.bias)
    return conv
"""

COPIED = """
def fold(conv, bn):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    bias = 0 if conv.bias is None else conv.bias
    folded = copied(conv)
    folded.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1))
    folded.bias = nn.Parameter((bias - bn.running_mean) * scale + bn.bias)
    return folded
"""

MISTAKES = {
    checks.check_he_std: [
        ({INPUTS: "weight[:, 0].numel()"}, "outputs (fan-out)"),
        ({INPUTS: "weight.shape[0] * weight[0, 0].numel()"}, "outputs (fan-out)"),
        ({INPUTS: "weight.size(0)"}, "outputs (fan-out)"),
        ({INPUTS: "weight.shape[1]"}, "leave the kernel out"),
        ({INPUTS: "weight.shape[1] if weight.ndim == 2 else weight.shape[0]"}, "number of output channels"),
        ({INPUTS: "weight.shape[1] * (weight.shape[2] if weight.ndim == 4 else 1)"}, "one side of the kernel"),
        ({INPUTS: "weight.shape[1] + (weight.shape[2] ** 2 if weight.ndim == 4 else 0)"}, "add the size"),
        ({INPUTS: "weight.numel()"}, "all weights of the layer"),
        ({INPUTS: "weight.shape[-1]"}, "width of its kernel"),
        ({INPUTS: "math.prod(weight.shape[2:]) if weight.ndim == 4 else weight.shape[1]"}, "not the input channels"),
        ({INPUTS: "weight[0].numel() if weight.ndim == 2 else weight.shape[0] * weight.shape[1]"}, "by outputs"),
        (giving("2 / weight[0].numel()"), "give the variance"),
        ({"2 / fan_in": "1 / fan_in"}, "The 2 of He's rule is missing"),
        ({"2 / fan_in": "2 / (fan_in + weight[:, 0].numel())"}, "Xavier"),
        ({"2 / fan_in": "4 / (fan_in + weight[:, 0].numel())"}, "You average inputs and outputs"),
        ({"math.sqrt(2 / fan_in)": "math.sqrt(2) / fan_in"}, "covers the 2"),
        ({"math.sqrt(2 / fan_in)": "2 / math.sqrt(fan_in)"}, "but not the 2"),
        ({"2 / fan_in": "6 / fan_in"}, "bound of a uniform distribution"),
        ({"2 / fan_in": "1 / (3 * fan_in)"}, "PyTorch gives to a new layer"),
        ({"2 / fan_in": "2 * fan_in"}, "grows with the number of inputs"),
        ({"2 / fan_in": "fan_in / 2"}, "grows with the number of inputs"),
        ({"2 / fan_in": "2 // fan_in"}, "You give 0"),
        (giving("nn.init.calculate_gain('relu')"), "the root of 2 alone"),
        ({"2 / fan_in": "1 / (2 * fan_in)"}, "You divide by 2"),
        (giving("round(math.sqrt(2 / weight[0].numel()), 2)"), "You round the result"),
        (giving("weight.std()"), "You measure the weights"),
        (giving("weight.std(unbiased=False).item()"), "You measure the weights"),
        (giving("nn.init.kaiming_normal_(weight).std()"), "You change the weights"),
        (giving("math.sqrt(2 / weight[0].numel()) * torch.randn_like(weight)"), "gives a Tensor"),
        (giving("float('nan')"), "(24, 10) you give nan"),
        (giving("0.1"), "(24, 10) you give 0.1"),
        ({"return ": ""}, "gives None"),
        ({INPUTS: "weight.shape[1] * weight.shape[2] * weight.shape[3]"}, "IndexError: tuple index out of range"),
    ],
    checks.check_gain_of: [
        ({SQUARES: "a.var().sqrt()"}, "You take the variance: it leaves the mean out"),
        ({SQUARES: "a.std()"}, "You take the variance: it leaves the mean out"),
        ({"1 / a.square().mean().sqrt()": "z.std() / a.std()"}, "it leaves the mean out"),
        ({SQUARES: "a.var()"}, "the root is missing"),
        ({SQUARES: "a.square().mean()"}, "the root is missing"),
        ({f"1 / {SQUARES}": SQUARES}, "upside down"),
        ({f"1 / {SQUARES}": "a.square().mean()"}, "upside down"),
        ({SQUARES: "a.abs().mean()"}, "the mean size"),
        ({SQUARES: "a.abs().mean().sqrt()"}, "before it no square"),
        ({SQUARES: "a.mean()"}, "plus and minus cancel"),
        ({SQUARES: "a.norm()"}, "add up the squares"),
        ({f"1 / {SQUARES}": f"math.sqrt(2) / {SQUARES}"}, "the 2 of He's rule"),
        ({SQUARES: "a.abs().max()"}, "For tanh you give 1.000"),
        (gain("z = torch.randn(200_000, requires_grad=True); activation(z).sum().backward()"
              "; return 1 / z.grad.square().mean().sqrt()"), "slope"),
        (gain("z = torch.randn(200_000, requires_grad=True); activation(z).sum().backward()"
              "; return 1 / z.grad.mean()"), "slope"),
        ({DRAW: "torch.rand(200_000)"}, "lie between 0 and 1"),
        ({DRAW: "torch.randn(200_000).abs()"}, "never negative"),
        ({DRAW: "2 * torch.rand(200_000) - 1"}, "standard deviation 0.58, not 0 and 1"),
        ({DRAW: "(2 * torch.rand(200_000) - 1) * 3 ** 0.5"}, "no large values"),
        ({DRAW: "3 * torch.randn(200_000)"}, "standard deviation 3.00"),
        ({DRAW: "torch.randn(200_000) + 1"}, "mean 1.00"),
        ({DRAW: "torch.distributions.Laplace(0.0, 0.5**0.5).sample((200_000,))"}, "not close enough to N(0, 1)"),
        ({DRAW: "torch.linspace(-3, 3, 1000)"}, "even grid"),
        ({DRAW: "torch.arange(-4, 4, 0.001)"}, "even grid"),
        ({DRAW: "torch.rand(10)"}, "sample of 10. That is too small"),
        ({DRAW: "torch.randn(100)"}, "sample of 100. That is too small"),
        ({DRAW: "torch.randn(500)"}, "sample of 500. That is too small"),
        (gain(f"{GRID}; return (a**2 * e).mean() ** -0.5"), "do not add up to 1"),
        (gain(f"{GRID}; return (a**2 * e / (2 * math.pi) ** 0.5).sum() ** -0.5"), "do not add up to 1"),
        (gain("return math.sqrt(2)"), "root of 2 for tanh too"),
        (gain("return 1.41"), "root of 2 for tanh too"),
        (gain("return nn.init.calculate_gain(activation.__name__)"), "rule of thumb"),
        (gain("return 1.5925 if activation.__name__ == 'tanh' else 1.0"), "1.000 for GELU, and never call"),
        (gain("return 1 / activation(torch.tensor(1.0))"), "sees a sample of 1."),
        ({"1 /": "1.05 /"}, "For tanh you give 1.67"),
        ({"(1 / a.square().mean().sqrt()).item()": "1 / a"}, "gives a Tensor"),
        ({"return ": "g = "}, "gives None"),
        ({DRAW: "np.random.randn(200_000)"}, "stopped with TypeError: tanh()"),
    ],
    checks.check_dead_units: [
        (counting("(a == 0).sum()"), "You count zeros"),
        ({"zero.all(dim=0).sum()": "(zero.float().mean(dim=0) > 0.9999).sum()"}, "A unit that wakes for one input in"),
        (counting("(a > 0).sum()"), "You count values above zero"),
        (counting("(a.median(dim=0).values == 0).sum()"), "zero most of the time"),
        (counting("(a == 0).any(dim=0).sum()"), "zero now and then"),
        (counting("(a.prod(dim=0) == 0).sum()"), "zero now and then"),
        (counting("(a == 0).all(dim=1).sum()"), "inputs for which all units are zero"),
        (counting("(a == 0).any(dim=1).sum()"), "You count inputs, not units"),
        (counting("(a == 0).all(dim=0).sum()"), "A channel is one unit"),
        ({"transpose(0, 1).flatten(1).T": "flatten(1)"}, "A channel is one unit"),
        ({"transpose(0, 1).flatten(1).T": "all(dim=2)"}, "A channel is one unit"),
        ({FLAT: "zero.flatten(2).all(2).flatten()[None]"}, "pairs of an image and a channel"),
        ({FLAT: "zero.all(3).all(2).any(0, keepdim=True)"}, "One image"),
        ({FLAT: "zero.all(0).any(2).any(1)[None]"}, "One place that is zero"),
        ({FLAT: "zero.flatten(2).any(2)"}, "One place that is zero"),
        ({FLAT: "zero.all(1)"}, "find no dead unit"),
        ({FLAT: "zero.flatten(1).T"}, "inputs for which all units are zero"),
        ({FLAT: "zero.transpose(0, 1).flatten(1)"}, "places where all channels are zero"),
        ({FLAT: "zero[:, :, 0, 0]"}, "one place of the image"),
        ({FLAT: "zero.reshape(-1, zero.shape[1])"}, "find no dead unit"),
        ({FLAT: "zero.reshape(zero.shape[1], -1).T"}, "reshape mixes the units"),
        (counting("sum(bool((a[i] == 0).all()) for i in range(a.shape[1] if a.ndim == 2 else 3) if i < len(a))"),
         "inputs for which all units are zero"),
        (counting("(a[0] == 0).sum()"), "one input only"),
        (counting("(a[-1] == 0).sum()"), "one input only"),
        ({"zero.all(dim=0).sum()": "zero.all(dim=0).float().mean()"}, "a share of the units"),
        (counting("(a == 0).float().mean()"), "share of zeros"),
        ({"zero.all(dim=0)": "(~zero).any(dim=0)"}, "units that are alive"),
        ({"zero.all(dim=0)": "(~zero).all(dim=0)"}, "never zero"),
        (counting("(a.mean(dim=0) < 0.01).sum()"), "few inputs wake"),
        (counting("(a.amax(dim=0) < 0.01).sum()"), "few inputs wake"),
        (counting("((a == 0).float().mean(dim=0) > 0.9).sum()"), "few inputs wake"),
        (counting("(a.var(dim=0) == 0).sum()"), "never change"),
        (counting("(a < 0).all(dim=0).sum()"), "find no dead unit"),
        (counting("a.shape[1]"), "count all units"),
        (counting("len(a)"), "You count inputs"),
        (counting("3"), "For a linear layer with 4 dead units you give 3"),
        (counting("17"), "For a linear layer with 3 dead units you give 17"),
        (counting("(a == 0).all()"), "gives a bool"),
        (counting("(a == 0).all(dim=0)"), "gives a Tensor"),
        (counting("[i for i in range(a.shape[1]) if (a[:, i] == 0).all()]"), "gives a list"),
        (counting("a.add_(1).shape[1]"), "You change the activations"),
        ({"return ": ""}, "gives None"),
    ],
    checks.check_batch_norm: [
        (axes(2, 3), "instance norm"),
        (axes(1, 2, 3), "layer norm"),
        (axes(0, 1, 2, 3), "one mean of everything"),
        (axes(0), "over the batch alone"),
        (axes(1), "over the channels"),
        (axes(0, 2), "over axes 0 and 2"),
        (axes(0, 3), "over axes 0 and 3"),
        (axes(0, 1), "over axes 0 and 1"),
        ({", unbiased=False": ""}, "your variance has m - 1"),
        ({BIASED: "var = x.square().mean((0, 2, 3))"}, "forgets the mean"),
        ({BIASED: "var = (x - mean.view(1, -1, 1, 1)).square().sum((0, 2, 3))"}, "your variance is a sum"),
        ({" * m / (m - 1)": ""}, "the variance with m."),
        ({" * m / (m - 1)": " * (m - 1) / m"}, "m is not the number of values of a channel"),
        ({"m = x.numel() / x.shape[1]": "m = len(x)"}, "m is not the number of values of a channel"),
        ({"0.9": "0.1", "0.1 * mean": "0.9 * mean", "0.1 * var": "0.9 * var"}, "Momentum is upside down"),
        ({MEAN: "self.running_mean.copy_(mean)"}, "keeps nothing of its old value"),
        ({".mul_(0.9)": ""}, "the old value is kept in full"),
        ({"add_(0.1 * mean": "add_(mean", "add_(0.1 * var": "add_(var"}, "the new value is added in full"),
        ({MEAN: "self.running_mean.copy_(0.1 * mean)"}, "loses its old value"),
        ({MEAN: f"{MEAN}; {MEAN}"}, "updated twice"),
        ({MEAN: "self.running_mean.add_(mean).div_(2)"}, "another momentum than 0.1"),
        ({MEAN: "pass"}, "`running_mean` does not change"),
        ({VAR: "pass"}, "`running_var` does not change"),
        ({VAR: "self.running_var.mul_(0.9).add_(0.1 * var.sqrt())"}, "takes a standard deviation"),
        ({MEAN: "self.running_mean.mul_(0.99).add_(0.01 * mean)"}, "another momentum than 0.1"),
        ({BIASED: "pass; mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)",
          **store(NEW_MEAN, "self.running_var = 0.9 * self.running_var + 0.1 * var.flatten()")},
         "changes the shape of"),
        (store(NEW_MEAN, NEW_VAR), "keeps the graph"),
        ({"(var + 1e-5).sqrt()": "var.sqrt()"}, "eps is missing"),
        ({"(var + 1e-5).sqrt()": "(var.sqrt() + 1e-5)"}, "outside the root"),
        ({"1e-5": "1e-3"}, "eps is 0.001, not 1e-5"),
        ({"(var + 1e-5).sqrt()": "(var + 1e-5)"}, "divide by the variance, not by its root"),
        ({"(var + 1e-5).sqrt()": "var"}, "divide by the variance, not by its root"),
        ({"(var + 1e-5).sqrt()": "(var - 1e-3).sqrt()"}, "there are nan"),
        ({f"{Z}": "x - mean"}, "do not divide by the standard deviation"),
        ({"(x - mean) /": "(x - mean) *"}, "multiply by the standard deviation"),
        ({Z: "x / (var + 1e-5).sqrt()"}, "the mean is not subtracted"),
        ({Z: "(mean - x) / (var + 1e-5).sqrt()"}, "the sign is wrong"),
        ({END: "return z"}, "weight and bias are not used"),
        ({END: "return weight * z"}, "the bias is not added"),
        ({END: "return weight * z - bias"}, "the bias is subtracted"),
        ({END: "return z + bias"}, "the weight is not used"),
        ({END: "return weight * (z + bias)"}, "multiplies the bias too"),
        ({END: "return bias * z + weight"}, "exchanged"),
        ({VIEW: "        mean, var = mean.view(1, -1, 1, 1), var.view(1, -1, 1, 1)\n        weight, bias = self.weight"
                ", self.bias\n"}, "along the width"),
        ({VIEW: "        weight, bias = self.weight, self.bias\n"}, "along the width"),
        ({VIEW: VIEW.replace("mean, var, ", "").replace("(mean, var, ", "(")}, "along the width"),
        ({END: "return z", "    def forward(self, x):\n": "    def forward(self, x):\n        x = x * "
          "self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)\n"}, "applied before normalising"),
        ({END: "return z + bias", "    def forward(self, x):\n": "    def forward(self, x):\n        x = x * "
          "self.weight.view(1, -1, 1, 1)\n"}, "applied before normalising"),
        ({"        z = ": "        mean, var = (t.view(1, -1, 1, 1) for t in (self.running_mean, self.running_var))\n"
          "        z = "}, "after you have updated them"),
        ({"if self.training:": "if not self.training:"}, "In train mode you normalise with the running statistics."),
        ({"if self.training:": "if True:"}, "In eval mode you use the statistics of the batch"),
        ({"def forward(self, x)": "def forward(self, x, training=True)", "if self.training": "if training"},
         "In eval mode you use the statistics of the batch"),
        ({"else:\n": "else:\n            self.running_mean *= 0.9\n"},
         "In eval mode the running statistics change"),
        ({"        return weight": "        if not self.training: self.running_mean.mul_(0.9)\n        return weight"},
         "running statistics change"),
        ({"mean, var = self.running_mean, self.running_var": "mean, var = self.running_mean, self.running_var.sqrt()"},
         "In eval mode you take the root twice"),
        ({"mean, var = self.running_mean, self.running_var": "mean, var = self.running_mean, self.running_var ** 2"},
         "In eval mode"),
        ({END: "return x"}, "forward gives x itself"),
        ({END: "return torch.relu(weight * z + bias)"}, "In train mode the output differs"),
        ({STATISTICS: "mean = x.detach().mean((0, 2, 3))"}, "no gradient flows through the mean."),
        ({BIASED: "var = x.detach().var((0, 2, 3), unbiased=False)"}, "no gradient flows through the variance."),
        ({STATISTICS: "x0 = x.detach(); mean = x0.mean((0, 2, 3))", BIASED: "var = x0.var((0, 2, 3), unbiased=False)"},
         "through the mean and the variance"),
        ({"(t.view": "(t.detach().view"}, "through the mean and the variance"),
        ({"    def forward": "    @torch.no_grad()\n    def forward"}, "No gradient can flow back"),
        ({END: "return self.weight.data.view(1, -1, 1, 1) * z + bias"}, "`weight` does not get its gradient"),
        ({END: "y = weight * z + bias; return (y + y.detach()) / 2"}, "the gradient of x is not"),
        ({END: "return weight * z + (bias + bias.detach()) / 2"}, "`bias` does not get its gradient"),
        ({END: "return weight * z + bias.detach()"}, "`bias` does not get its gradient"),
        ({Z: "(x.detach() - mean.detach()) / (var.detach() + 1e-5).sqrt()"}, "no gradient reaches x"),
        ({"nn.Parameter(torch.ones(channels))": "torch.ones(channels)"}, "`weight` is a plain tensor"),
        ({'self.register_buffer("running_mean", torch.zeros(channels))': "self.running_mean = torch.zeros(channels)"},
         "`running_mean` is a plain tensor, so state_dict()"),
        ({'self.register_buffer("running_var", torch.ones(channels))':
          "self.running_var = nn.Parameter(torch.ones(channels))"}, "`running_var` is a parameter"),
        ({"self.bias = nn.Parameter(torch.zeros(channels))": 'self.register_buffer("bias", torch.zeros(channels))'},
         "`bias` is a buffer"),
        ({"weight": "gamma"}, "no tensor with the name `weight`"),
        ({"running_var": "var"}, "no tensor with the name `running_var`"),
        ({"torch.ones(channels))\n        self.bias": "torch.ones(1, channels, 1, 1))\n        self.bias"},
         "`weight` has the shape (1, 4, 1, 1)"),
        ({'"running_var", torch.ones': '"running_var", torch.zeros'}, "`running_var` does not start at 1"),
        ({"nn.Parameter(torch.ones(channels))": "nn.Parameter(torch.randn(channels))"}, "`weight` does not start"),
        ({'"running_mean", torch.zeros(channels)': '"running_mean", torch.zeros(channels), persistent=False'},
         "not saved with the model"),
        ({"nn.Parameter(torch.zeros(channels))": "nn.Parameter(torch.zeros(channels), requires_grad=False)"},
         "`bias` is frozen"),
        ({"        self.bias =": "        self.eps = nn.Parameter(torch.ones(1))\n        self.bias ="}, "`eps` too"),
        ({"return weight": "weight"}, "forward gives a NoneType"),
        ({END: "return z.flatten(1)"}, "gives (3, 32)"),
        ({Z: "x.sub_(mean) / (var + 1e-5).sqrt()"}, "changes its input"),
        (LAZY, "a ready-made norm of PyTorch"),
        ("def make(channels): return nn.BatchNorm2d(channels)", "a ready-made norm of PyTorch"),
        ("class MyNorm(nn.BatchNorm2d): pass", "a ready-made norm of PyTorch"),
        (FUNCTIONAL, "batch_norm of PyTorch does the work"),
        ({Z: "F.instance_norm(x)"}, "instance_norm of PyTorch does the work"),
        ("def make(channels): return lambda x: x", "of type function, not an nn.Module"),
        ({"        super().__init__()\n": ""}, "stopped with AttributeError: cannot assign parameter"),
        ({"x.numel() / x.shape[1]": "1"}, "`running_var` is not what"),
        ({"dim=(0, 2, 3), unbiased": "dim=(0, 2, 3, 4), unbiased"}, "stopped with IndexError"),
        ({"def forward": "def foward"}, "stopped with NotImplementedError"),
    ],
    checks.check_fold: [
        ({"bn.eps": "1e-3"}, "Your eps is not that of bn"),
        ({"bn.running_var + bn.eps": "bn.running_var"}, "You leave eps out of the root"),
        ({"(bn.running_var + bn.eps).sqrt()": "(bn.running_var.sqrt() + bn.eps)"}, "eps outside the root"),
        ({".sqrt()": ""}, "divide by the variance, not by its root"),
        ({"bn.weight /": "1 /"}, "You leave bn.weight out"),
        ({SCALE: "bn.weight"}, "You leave running_var out"),
        ({SCALE: "bn.weight * (bn.running_var + bn.eps).sqrt()"}, "Batch norm divides"),
        ({SCALE: "(bn.running_var + bn.eps).sqrt() / bn.weight"}, "upside down"),
        ({KERNEL: "conv.weight"}, "weights are those of conv"),
        ({KERNEL: "conv.weight * scale"}, "along the width of the kernel"),
        ({KERNEL: "conv.weight * scale.view(1, -1, 1, 1)"}, "You scale the input channels"),
        ({KERNEL: "conv.weight * scale.view(1, 1, -1, 1)"}, "along the height of the kernel"),
        ({KERNEL: "conv.weight * scale.view(-1, 1, 1, 1) ** 2"}, "twice"),
        ({KERNEL: "conv.weight * scale.clamp(min=-1).view(-1, 1, 1, 1)"}, "The weight of the new convolution"),
        ({OFFSET: f"({OFFSET}).clamp(max=0.1)"}, "but the bias of the new convolution is wrong"),
        ({f"        folded.weight.copy_({KERNEL})\n": ""}, "The weight of the new convolution is wrong"),
        ({KERNEL: f"{KERNEL} + bn.bias.view(-1, 1, 1, 1)"}, "The weight of the new convolution is wrong"),
        ({OFFSET: "bias * scale + bn.bias"}, "leave running_mean out"),
        ({OFFSET: "(bias + bn.running_mean) * scale + bn.bias"}, "sign of running_mean"),
        ({OFFSET: "(bias - bn.running_mean) * scale"}, "leave bn.bias out"),
        ({OFFSET: "bn.bias - bn.running_mean * scale"}, "leave the bias of conv out"),
        ({OFFSET: "bias + bn.bias - bn.running_mean * scale"}, "do not scale the bias of conv"),
        ({OFFSET: "bn.bias - (bias + bn.running_mean) * scale"}, "sign of conv's bias"),
        ({OFFSET: "bias * scale + bn.bias - bn.running_mean"}, "do not scale running_mean"),
        ({OFFSET: "(bias - bn.running_mean + bn.bias) * scale"}, "scale bn.bias too"),
        ({OFFSET: "bn.bias + (bn.running_mean - bias) * scale"}, "sign of running_mean"),
        ({OFFSET: "bn.bias"}, "leave running_mean out"),
        ({f"folded.bias.copy_({OFFSET})": "folded.bias.zero_()"}, "The bias is zero"),
        ({f"folded.bias.copy_({OFFSET})": "pass"}, "but the bias of the new convolution is wrong"),
        ({OFFSET: "bn.bias + (bias - bn.running_mean) * bn.weight / bn.running_var.sqrt()"},
         "In the bias you leave eps"),
        ({OFFSET: f"({OFFSET}) if conv.bias is None else conv.bias"}, "The bias is that of conv"),
        ({OFFSET: "bn.bias + (bias - bn.running_mean) * bn.weight"}, "In the bias you leave running_var"),
        ({OFFSET: "bn.bias + (bias - bn.running_mean) * scale / bn.weight"}, "In the bias you leave bn.weight"),
        ({OFFSET: "bn.bias + (bias - bn.running_mean) * bn.weight / (bn.running_var + bn.eps)"}, "by the variance"),
        ({SETTINGS: "padding=conv.padding"}, "has stride=(1, 1), where conv has (2, 2)"),
        ({SETTINGS: "conv.stride"}, "has padding=(0, 0), where conv has (1, 1)"),
        ({SETTINGS: "conv.stride, conv.padding, groups=conv.groups"}, "has dilation=(1, 1), where conv has (2, 1)"),
        ({SETTINGS: "conv.stride, conv.padding, conv.dilation", f"copy_({KERNEL})": f"data = {KERNEL}"},
         "has groups=1, where conv has 2"),
        ({"conv.kernel_size, ": "conv.kernel_size[0], "}, "has kernel_size=(3, 3), where conv has (3, 1)"),
        ({SETTINGS: SETTINGS.replace("True", "False"), f"        folded.bias.copy_({OFFSET})\n": ""}, "has no bias"),
        ({f"        folded.weight.copy_({KERNEL})\n": "        folded.weight = nn.Parameter(folded.weight[:2])\n"},
         "has the shape (2, 3, 3, 3)"),
        ({"return folded": "folded.padding_mode = 'reflect'; return folded"}, "gives another result"),
        ({"return folded": "return folded.double()"}, "The new convolution stops: Input type"),
        (IN_PLACE, "You change conv or bn"),
        (IN_PLACE.replace("    conv.weight.data", "    bn.train()\n    conv.weight.data"), "You change conv or bn"),
        (COPIED.replace("copied", "__import__('copy').copy").replace(
            "folded.weight = nn.Parameter(conv.weight", "folded.weight.data.copy_(conv.weight"), "You change conv"),
        ("def fold(conv, bn): return conv", "return conv itself"),
        ("def fold(conv, bn): return nn.Sequential(conv, bn)", "still holds a batch norm"),
        ("def fold(conv, bn): return bn", "still holds a batch norm"),
        ({"return folded": "return nn.Sequential(folded)"}, "of type Sequential, not an nn.Conv2d"),
        ({"return folded": "return folded.weight, folded.bias"}, "of type tuple, not an nn.Conv2d"),
        ("def fold(conv, bn): return lambda x: bn(conv(x))", "of type function, not an nn.Conv2d"),
        ({"    return folded\n": ""}, "fold gives None"),
        ({"0 if conv.bias is None else conv.bias": "conv.bias"}, "stopped with TypeError: unsupported operand"),
        ({"    with torch.no_grad():\n": "    if True:\n"}, "in the line: folded.weight.copy_("),
        ({KERNEL: "conv.weight * scale.view(-1, 1)"}, "along the height of the kernel"),
    ],
}  # fmt: skip

OTHER_NORMS = {
    "keepdim, new tensors in the buffers": """
class Norm(nn.Module):
    def __init__(self, c, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        for name, start in {"running_mean": 0.0, "running_var": 1.0}.items():
            self.register_buffer(name, torch.full((c,), start))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        w, b = self.weight[:, None, None], self.bias[:, None, None]
        if not self.training:
            root = (self.running_var[:, None, None] + self.eps).sqrt()
            return (x - self.running_mean[:, None, None]) / root * w + b
        n = x.numel() // x.size(1)
        mean = x.mean([0, 2, 3], keepdim=True)
        var = (x - mean).pow(2).mean([0, 2, 3], keepdim=True)
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach().flatten()
        self.running_var = torch.lerp(self.running_var, var.detach().flatten() * n / (n - 1), self.momentum)
        self.num_batches_tracked += 1
        return w * (x - mean) / torch.sqrt(var + self.eps) + b
""",
    "channels as rows, E[x^2] - E[x]^2": """
class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)))
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        rows = x.transpose(0, 1).flatten(1)  # (C, N * H * W)
        if self.training:
            mean = rows.mean(1)
            var = rows.square().mean(1) - mean.square()
            m = rows.shape[1]
            self.running_mean.lerp_(mean.detach(), 0.1)
            self.running_var.lerp_(var.detach() * m / (m - 1), 0.1)
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight / torch.sqrt(var + 1e-5)
        rows = rows * scale[:, None] + (self.bias - mean * scale)[:, None]
        return rows.unflatten(1, (x.shape[0], *x.shape[2:])).transpose(0, 1)
""",
    "a function that makes a module, var_mean, .data": """
class Inner(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def statistics(self, x):
        if not self.training:
            return self.running_var, self.running_mean
        var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        sample = x.detach().var((0, 2, 3))
        self.running_mean.data = self.running_mean.data * 0.9 + mean.data * 0.1
        self.running_var.data = self.running_var.data * 0.9 + sample * 0.1
        return var, mean

    def forward(self, x):
        var, mean = self.statistics(x)
        x = x.permute(0, 2, 3, 1)  # channels last: (C,) fits the last axis
        return (self.weight * (x - mean) / (var + 1e-5) ** 0.5 + self.bias).permute(0, 3, 1, 2)

def make_norm(channels):
    return Inner(channels)
""",
    "a backward pass by hand": NORM.replace("class MyBatchNorm", """class Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mean = x.mean((0, 2, 3), keepdim=True)
        root = ((x - mean).square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        z = (x - mean) / root
        ctx.save_for_backward(z, root)
        return z

    @staticmethod
    def backward(ctx, g):
        z, root = ctx.saved_tensors
        return (g - g.mean((0, 2, 3), keepdim=True) - z * (g * z).mean((0, 2, 3), keepdim=True)) / root

class MyBatchNorm""").replace(Z, f"Normalise.apply(x) if self.training else {Z}"),
}  # fmt: skip

RIGHT = {
    checks.check_he_std: [
        {},
        giving("(2 / weight[0].numel()) ** 0.5"),
        giving("math.sqrt(2 / math.prod(weight.shape[1:]))"),
        giving("np.sqrt(2 / np.prod(weight.shape[1:]))"),
        giving("np.float32(np.sqrt(2 / np.prod(weight.shape[1:])))"),
        giving("torch.tensor(2 / weight[0].numel()).sqrt()"),
        giving("math.sqrt(2 * weight.size(0) / weight.numel())"),
        giving("math.sqrt(2 / nn.init._calculate_fan_in_and_fan_out(weight)[0])"),
        giving("nn.init.calculate_gain('relu') / weight.flatten(1).shape[1] ** 0.5"),
        giving("math.sqrt(2 / (weight.shape[1] * (weight.shape[2] * weight.shape[3] if weight.ndim == 4 else 1)))"),
        giving("1.4142 * weight[0].numel() ** -0.5"),
    ],
    checks.check_gain_of: [
        {},
        {".item()": ""},
        {"200_000": "100_000"},
        {"200_000": "1000, 200"},
        {DRAW: "torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(7))"},
        {DRAW: "torch.from_numpy(np.random.randn(200_000))"},
        {DRAW: "torch.normal(0.0, 1.0, (200_000,))"},
        {SQUARES: "(a.var() + a.mean() ** 2) ** 0.5"},
        {"(1 / a.square().mean().sqrt()).item()": "1 / np.sqrt(np.mean(a.numpy() ** 2))"},
        {"(1 / a.square().mean().sqrt()).item()": "math.sqrt(len(a)) / a.norm()"},
        gain(f"{GRID}; return ((a**2 * e).sum() / e.sum()) ** -0.5"),
        gain(f"{GRID}; return torch.trapezoid(a**2 * e / math.sqrt(2 * math.pi), z) ** -0.5"),
        gain("x, w = np.polynomial.hermite_e.hermegauss(80); a = activation(torch.tensor(x))"
             "; return ((a**2 * torch.tensor(w)).sum() / w.sum()) ** -0.5"),
        gain("q = (torch.arange(5000) + 0.5) / 5000; z = torch.distributions.Normal(0, 1).icdf(q)"
             "; return activation(z).pow(2).mean().rsqrt()"),
        gain("w = torch.randn(500, 4000) / 500 ** 0.5"
             "; return np.mean([(activation(torch.randn(500, 500)) @ w).square().mean() for _ in range(4)]) ** -0.5"),
        gain("pairs = list(zip(*np.polynomial.hermite_e.hermegauss(60)))"
             "; square = sum(w * activation(torch.tensor(x)) ** 2 for x, w in pairs)"
             "; return (sum(w for x, w in pairs) / square) ** 0.5"),
    ],
    checks.check_dead_units: [
        {},
        {".item()": ""},
        counting("(a.amax(dim=0) == 0).sum() if a.ndim == 2 else (a.amax(dim=(0, 2, 3)) == 0).sum()"),
        counting("int((a.sum(dim=[i for i in range(a.ndim) if i != 1]) == 0).sum())"),
        counting("sum(not a[:, i].any() for i in range(a.shape[1]))"),
        counting("a.shape[1] - len(a.transpose(0, 1).flatten(1).nonzero()[:, 0].unique())"),
        counting("np.sum(a.numpy().max(axis=(0, 2, 3) if a.ndim > 2 else 0) <= 0)"),
        counting("float((a.movedim(1, -1).reshape(-1, a.shape[1]).count_nonzero(dim=0) == 0).sum())"),
        counting("(a.mean(dim=(0, *range(2, a.ndim))) == 0).sum()"),
        counting("(a.transpose(0, 1).flatten(1).norm(dim=1) < 1e-6).sum()"),
    ],
    checks.check_batch_norm: [
        {},
        {"mul_(0.9).add_(0.1 * mean": "mul_(0.9).add_(mean, alpha=0.1"},
        {"z = (x - mean) / (var + 1e-5).sqrt()": "z = (x - mean) * torch.rsqrt(var + 1e-5)"},
        {END: "return torch.addcmul(bias, weight, z)"},
        *OTHER_NORMS.values(),
    ],
    checks.check_fold: [
        {},
        {KERNEL: "conv.weight * scale[:, None, None, None]"},
        {KERNEL: "torch.einsum('oikl,o->oikl', conv.weight, scale)"},
        {KERNEL: "(torch.diag(scale) @ conv.weight.flatten(1)).view_as(conv.weight)"},
        {OFFSET: "bias * scale + bn.bias - bn.running_mean * scale"},
        {"bn.eps": "1e-5"},
        COPIED.replace("copied", "__import__('copy').deepcopy"),
        "def fold(conv, bn): return torch.nn.utils.fuse_conv_bn_eval(conv, bn)",
        """
def fold(conv, bn):
    zero = torch.zeros(1, conv.in_channels, 1, 1)
    folded = __import__("copy").deepcopy(conv)
    pointwise = nn.functional.conv2d(zero, torch.zeros(conv.out_channels, conv.in_channels, 1, 1), conv.bias)
    shift, one = bn(pointwise), bn(pointwise + 1)
    folded.weight = nn.Parameter((one - shift).view(-1, 1, 1, 1).detach() * conv.weight.detach())
    folded.bias = nn.Parameter(shift.flatten().detach())
    return folded
""",
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_he_std: ["weight.shape[", "numel()", "k * k", "sqrt(2 /"],
    checks.check_gain_of: ["randn", "square().mean()", ".sqrt()", "E[a^2]"],
    checks.check_dead_units: ["(activations == 0)", "dim=", "axes 0, 2 and 3", "transpose("],
    checks.check_batch_norm: [
        "(0, 2, 3)",
        "axes 0, 2 and 3",
        "unbiased",
        "no_grad",
        "register_buffer",
        "view(",
        "0.9 *",
    ],
    checks.check_fold: ["view(", "deepcopy", "bias=True", "bn.weight /", "- running_mean", "(running_var +"],
}

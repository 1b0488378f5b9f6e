"""Chapter 4's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

DEPTH = """
def depth_of(model):
    return sum(isinstance(m, (nn.Conv2d, nn.Linear)) for name, m in model.named_modules() if "shortcut" not in name)
"""

DIAGNOSE = """
def diagnose(shallow, deep):
    a, b = shallow["train_error"], deep["train_error"]
    s, t = shallow["test_error"], deep["test_error"]
    if b > a:
        return "degradation"
    if t > s:
        return "overfitting"
    return "no problem"
"""

RATIO = """
def gradient_ratio(model, x, y):
    model.train()
    model.zero_grad()
    layers = list(probes.weighted_layers(model).values())
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    first, last = layers[0].weight.grad, layers[-2].weight.grad
    return (first.norm() / last.norm()).item()
"""

BLOCK = """
class MyBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))
"""

GROW = """
def grow(count, channels):
    blocks = [models.BasicBlock(channels, channels) for _ in range(count)]
    for block in blocks:
        nn.init.zeros_(block.bn2.weight)
    return blocks
"""

SOLUTIONS = {
    checks.check_depth: DEPTH,
    checks.check_diagnose: DIAGNOSE,
    checks.check_gradient_ratio: RATIO,
    checks.check_block: BLOCK,
    checks.check_grow: GROW,
}


def counting(expression):
    return {DEPTH.strip().splitlines()[1]: f"    return {expression}"}


def saying(lines):
    return {DIAGNOSE[DIAGNOSE.index("    if b > a") :]: "".join(f"    {line}\n" for line in lines.split("; "))}


LIST_OF_LAYERS = """
class MyBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__()
        self.layers = [
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False), nn.BatchNorm2d(out_channels),
        ]
        self.shortcut = shortcut

    def forward(self, x):
        out = x
        for layer in self.layers:
            out = layer(out)
        return F.relu(out + self.shortcut(x))
"""

BARE_TENSORS = """
class MyBlock(nn.Module):
    def __init__(self, cin, cout, stride, shortcut):
        super().__init__()
        self.w1, self.w2 = (torch.randn(cout, c, 3, 3, requires_grad=True) for c in (cin, cout))
        self.g1, self.g2 = torch.ones(cout, requires_grad=True), torch.ones(cout, requires_grad=True)
        self.shortcut, self.stride = shortcut, stride

    def forward(self, x):
        out = F.conv2d(x, self.w1, stride=self.stride, padding=1)
        out = F.relu(F.batch_norm(out, None, None, self.g1, training=True))
        out = F.batch_norm(F.conv2d(out, self.w2, padding=1), None, None, self.g2, training=True)
        return F.relu(out + self.shortcut(x))
"""

MODULES = "for m in model.modules()"
CONV1, CONV2 = "self.conv1(x)", "self.conv2(out)"
SUM = "F.relu(out + self.shortcut(x))"
FIRST, SECOND = "F.relu(self.bn1(self.conv1(x)))", "self.bn2(self.conv2(out))"
TAKE = "self.shortcut = shortcut"
ZERO = "nn.init.zeros_(block.bn2.weight)"
MAKE = "models.BasicBlock(channels, channels)"

MISTAKES = {
    checks.check_depth: [
        (counting(f"sum(1 {MODULES})"), "count every module"),
        (counting(f"len([m {MODULES} if not list(m.children())])"), "modules without children"),
        (counting(f"sum(any(True for _ in m.parameters()) {MODULES})"), "every module that holds parameters"),
        (counting(f"sum(hasattr(m, 'weight') {MODULES})"), "count batch norm"),
        (counting(f"sum(isinstance(m, (nn.Conv2d, nn.BatchNorm2d)) {MODULES})"), "count batch norm"),
        (counting("len(list(model.parameters()))"), "parameter tensors"),
        (counting("len(model.state_dict())"), "all stored tensors"),
        (counting("sum(p.numel() for p in model.parameters())"), "You count parameters"),
        (counting("sum(p.ndim > 1 for p in model.parameters())"), "'B' you count projections"),
        ({' if "shortcut" not in name': ""}, "'B' you count projections"),
        ({"(nn.Conv2d, nn.Linear)": "nn.Conv2d"}, "One layer is missing"),
        (counting("len(model.stage1) * 6"), "Two layers are missing"),
        (counting(f"sum(isinstance(m, models.BasicBlock) {MODULES})"), "You count blocks"),
        (counting("2 + sum(len(s) for s in (model.stage1, model.stage2, model.stage3))"), "a block as one layer"),
        (counting("len(list(model.children()))"), "parts of the net"),
        (counting("20"), "20 for the 56-layer net too"),
        (counting("6 * len(model.stage1) + 3"), "For a net of depth 20 with shortcut 'A' you count 21"),
        (counting("float('nan')"), "you count nan"),
        (counting("str(6 * len(model.stage1) + 2)"), "must give one number, but gives a str"),
        (counting("list(model.modules())"), "gives a list"),
        (counting("True"), "gives a bool"),
        ({"return sum(": "depth = sum("}, "gives None"),
    ],
    checks.check_diagnose: [
        (saying("return 'degradation' if t > s else 'no problem'"), "test error alone"),
        (saying("return 'overfitting' if t > s else 'no problem'"), "every worse test error overfitting"),
        ({'return "overfitting"': 'return "no problem"'}, "never say 'overfitting'"),
        ({'return "no problem"': 'return "overfitting"'}, "never say 'no problem'"),
        ({"t > s": "t > b"}, "never say 'no problem'"),
        ({"(shallow, deep)": "(deep, shallow)"}, "wrong way: you find fault with the shallow net"),
        ({"b > a": "b < a", "t > s": "t < s"}, "wrong way: you find fault with the shallow net"),
        ({"b > a": "b < a"}, "training errors points the wrong way"),
        ({"t > s": "t < s"}, "test errors points the wrong way"),
        ({"degradation": "1", "overfitting": "degradation", '"1"': '"overfitting"'}, "words are exchanged"),
        ({"t > s": "t - b > s - a"}, "A wider gap"),
        ({"t > s": "t - b > 0.1"}, "A wider gap"),
        ({"b > a": "t - b > s - a", "t > s": "False"}, "gap between training and test alone"),
        ({"b > a": "False", "t > s": "t - b > s - a"}, "gap between training and test alone"),
        ({"t > s": "b < a"}, "alone is good news"),
        (saying("if t > s: return 'overfitting'; return 'degradation' if b > a else 'no problem'"), "error first"),
        ({"b > a": "b > a and t > s"}, "whatever its test error is"),
        ({"b > a": "b >= a"}, "Equal training errors"),
        ({"t > s": "t >= s"}, "Equal test errors"),
        ({"t > s": "t > s and b < a"}, "With equal training errors"),
        (saying("if b > a: return 'degradation'; if t > s: return 'overfitting'"), "you return None"),
        (saying("word = 'degradation' if b > a else 'no problem'"), "you return None"),
        ({'"degradation"': '"Degradation"'}, "'Degradation' is none of the three answers"),
        (saying("return b > a"), "True is none of the three answers"),
        (saying("return 'degradation'"), "whatever the errors are"),
        ({"b > a": "b - a > 0.15"}, "For shallow {'train_error': 0.1, 'test_error': 0.3} and deep"),
        ({'"train_error"': '"train"'}, "stopped with KeyError: 'train'"),
    ],
    checks.check_gradient_ratio: [
        ({"first.norm() / last.norm()": "last.norm() / first.norm()"}, "upside down"),
        ({"layers[-2].weight.grad": "layers[-1].weight.grad"}, "the linear one"),
        ({"layers[-2].weight.grad": "list(model.parameters())[-1].grad"}, "the linear one"),
        ({"layers[-2]": "layers[-3]"}, "one convolution too early"),
        ({"layers[0]": "layers[1]"}, "one convolution too late"),
        ({".weight.grad": ".weight"}, "compare the weights"),
        ({"layers[0].weight.grad, layers[-2].weight.grad":
          "[l.weight.grad / l.weight.norm() for l in (layers[0], layers[-2])]"}, "divide each gradient by its weight"),
        ({"first.norm() / last.norm()": "first.square().sum() / last.square().sum()"}, "squared norms"),
        ({"first.norm() / last.norm()": "first.abs().mean() / last.abs().mean()"}, "compare means"),
        ({"first.norm() / last.norm()": "first.pow(2).mean().sqrt() / last.pow(2).mean().sqrt()"}, "compare means"),
        ({"first.norm() / last.norm()": "first.std() / last.std()"}, "compare means"),
        ({".norm()": ".norm(p=1)"}, "L1 norm"),
        ({".norm()": ".abs().max()"}, "largest entries"),
        ({".norm()": ".sum()"}, "cancel"),
        ({".norm()": ".mean()"}, "cancel"),
        ({"(first.norm() / last.norm())": "(first.norm() / last.norm()).log10()"}, "logarithm"),
        ({"first.norm() / last.norm()": "first.norm() - last.norm()"}, "subtract"),
        ({"first.norm() / last.norm()": "first.norm()"}, "one norm"),
        ({"    model.zero_grad()\n": ""}, "Old gradients are still there"),
        ({"    model.zero_grad()\n": "", "    loss.backward()\n": ""}, "read old gradients"),
        ({"F.cross_entropy(model(x), y)": "F.mse_loss(model(x), F.one_hot(y, 10).float())"}, "another loss"),
        ({"F.cross_entropy(model(x), y)": "model(x).sum()"}, "another loss"),
        ({"F.cross_entropy(": "F.nll_loss("}, "another loss"),
        ({"model(x), y": "model(x).softmax(dim=1), y"}, "softmax before cross_entropy"),
        ({"model.train()": "model.eval()"}, "eval mode"),
        ({"loss.backward()": "loss.backward(); torch.optim.SGD(model.parameters(), 0.1).step()"}, "change the we"),
        ({"model(x), y": "model(x[:8]), y[:8]"}, "That is not the ratio"),
        ({"return (": "(", ".item()": ""}, "gives None"),
        ({"(first.norm() / last.norm()).item()": "first / last.norm()"}, "one number, but gives a Tensor"),
        ({"return ": "return first.norm(), "}, "gives a tuple"),
        ({"model(x), y": "model(x).detach(), y"}, "in the line: loss.backward()"),
        ({"    loss.backward()\n": ""}, "in the line: return (first.norm() / last.norm()).item()"),
    ],
    checks.check_block: [
        ({SUM: "F.relu(out)"}, "The skip is missing"),
        ({SUM: "out"}, "sum and the last ReLU are missing"),
        ({SUM: "out + self.shortcut(x)"}, "ReLU after the addition is missing"),
        ({SUM: "F.relu(out) + self.shortcut(x)"}, "ReLU stands before the addition"),
        ({SUM: "F.relu(F.relu(out) + self.shortcut(x))"}, "a ReLU of its own, so the block can only add"),
        ({SUM: "F.relu(out) + F.relu(self.shortcut(x))"}, "both terms"),
        ({SUM: "F.relu(out + F.relu(self.shortcut(x)))"}, "shortcut goes through a ReLU"),
        ({SECOND: f"{SECOND} + out", SUM: "F.relu(out)"}, "after the first ReLU"),
        ({FIRST: "h = self.conv1(x); out = F.relu(self.bn1(h))", SUM: "F.relu(out + h)"}, "the first convolution"),
        ({FIRST: "h = self.bn1(self.conv1(x)); out = F.relu(h)", SUM: "F.relu(out + h)"}, "the first batch norm"),
        ({"out = F.relu": "x = F.relu", "out = self.bn2(self.conv2(out))": "x = self.bn2(self.conv2(x))",
          "F.relu(out +": "F.relu(x +"}, "x was overwritten"),
        ({SECOND: "self.bn2(self.conv2(out) + self.shortcut(x))", SUM: "F.relu(out)"}, "comes after the addition"),
        ({SECOND: "self.bn2(self.conv2(out + x))", SUM: "F.relu(out)"}, "inside F"),
        ({FIRST: "self.bn1(self.conv1(x))"}, "ReLU between the two convolutions is missing"),
        ({FIRST: "self.bn1(self.conv1(x))", TAKE: f"{TAKE}; nn.init.zeros_(self.bn2.weight)"}, "ReLU between the two"),
        ({FIRST: "self.bn1(self.conv1(x))", SUM: "out + self.shortcut(x)"}, "no ReLU at all"),
        ({FIRST: "self.bn1(F.relu(self.conv1(x)))"}, "first ReLU stands before its batch norm"),
        ({FIRST: "self.bn1(F.relu(self.conv1(x)))", SECOND: "self.bn2(F.relu(self.conv2(out)))"}, "Each ReLU stands"),
        ({FIRST: "self.conv1(F.relu(self.bn1(x)))", SECOND: "self.conv2(F.relu(self.bn2(out)))",
          SUM: "out + self.shortcut(x)"}, "pre-activation"),
        ({"out + self": "out - self"}, "You subtract x"),
        ({"out + self.shortcut(x)": "self.shortcut(x) - out"}, "You subtract F(x)"),
        ({"out + self": "out * self"}, "You multiply"),
        ({"out + self.shortcut(x)": "(out + self.shortcut(x)) / 2"}, "You average"),
        ({SUM: "F.relu(torch.cat([out, self.shortcut(x)], dim=1))"}, "side by side"),
        ({"F.relu(out +": "F.gelu(out +"}, "off by up to"),
        ({"3, stride, ": "3, "}, "stride is not used"),
        ({"3, stride,": "3, 1,", "3, padding": "3, stride, padding"}, "on the second convolution"),
        ({"3, padding": "3, stride, padding"}, "Both convolutions have the stride"),
        ({"3, stride,": "3, 2,"}, "a stride of 2 where the block is given 1"),
        ({FIRST: "F.relu(self.conv1(x))"}, "after each convolution; it has 1"),
        ({FIRST: "F.relu(self.conv1(x))", SECOND: CONV2}, "after each convolution; it has 0"),
        ({"self.bn2(": "self.bn1("}, "Both batch norms are the same layer"),
        ({CONV2: "self.conv1(out)"}, "Both convolutions are the same layer"),
        ({SECOND: "out"}, "two convolutions; it has 1"),
        ({CONV2: "self.conv2(self.conv2(out))"}, "two convolutions; it has 3"),
        ({", bias=False": ""}, "has a bias"),
        ({"self.bn1 = nn.BatchNorm2d(out_channels)": "self.bn1 = nn.BatchNorm2d(out_channels, affine=False)"},
         "no weight and no bias"),
        ({"padding=1": "padding=0"}, "changes height and width"),
        ({"3, padding=1": "1"}, "another kernel size"),
        ({"3, padding=1": "5, padding=2"}, "another kernel size"),
        ({TAKE: "self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride)"}, "of its own"),
        ({TAKE: "self.shortcut = shortcut if stride == 1 else models.projection(4, 8, 2)"},
         "of its own"),
        ({TAKE:
          "self.shortcut = models.make_shortcut('A', in_channels, out_channels, stride)"}, "not add shortcut(x)"),
        ({"self.shortcut(x)": "x"}, "what you add to F(x) has another shape"),
        ({"nn.Conv2d(in_channels, out_channels,": "nn.Conv2d(in_channels, in_channels,"}, "a layer does not fit"),
        ({"nn.Conv2d(out_channels, out": "nn.Conv2d(in_channels, out"}, "a layer does not fit"),
        ({"nn.Conv2d(in_channels, out_channels,": "nn.Conv2d(in_channels, in_channels,",
          "nn.Conv2d(out_channels, out": "nn.Conv2d(in_channels, out",
          "bn1 = nn.BatchNorm2d(out": "bn1 = nn.BatchNorm2d(in"}, "keeps the number of channels"),
        ({SUM: "x += out; return F.relu(x)", "return x": "x"}, "changes its input"),
        ({"F.relu(self.bn1": "F.relu(F.relu_(x) * 0 + self.bn1"}, "changes its input"),
        ({SUM: "F.relu(out + self.shortcut(x)).mul_(1)"}, "gradient is not"),
        ({SUM: "F.relu(out + self.shortcut(x).detach())"}, "gradient is not"),
        ({SUM: "F.relu(out.data + self.shortcut(x))"}, "gradient is not"),
        ({"    def forward": "    @torch.no_grad()\n    def forward"}, "gradient is not"),
        ({"return F.relu(out": "F.relu(out"}, "forward gives a NoneType"),
        ({"return F.relu(out": "return out, F.relu(out"}, "forward gives a tuple"),
        ({"(nn.Module)": "", "super().__init__()": "pass"}, "of type MyBlock, not an nn.Module"),
        ({"self.bn2 = nn.BatchNorm2d(out_channels)": "self.bn2 = [nn.BatchNorm2d(out_channels)]",
          "self.bn2(": "self.bn2[0]("}, "some are never trained"),
        (LIST_OF_LAYERS, "no parameters that PyTorch can find"),
        (BARE_TENSORS, "no parameters that PyTorch can find"),
        ("def block(x, *given): return x", "gives an object of type int, not"),
        ("def block(*given): return lambda x: F.relu(x)", "of type function, not an nn.Module"),
        ({TAKE: "self.shortcut = [shortcut]", "self.shortcut(": "self.shortcut[0]("},
         "does not find the shortcut"),
        ({TAKE: "self.shortcut = shortcut; self.bn3 = nn.BatchNorm2d(out_channels)"}, "never uses"),
        ({"        super().__init__()\n": ""}, "stopped with AttributeError: cannot assign module"),
        ({", stride, shortcut": ", stride"}, "stopped with TypeError: MyBlock.__init__() takes 4"),
        ({"self.bn2 = nn.B": "self.bn3 = nn.B"}, "in the line: out = self.bn2(self.conv2(out))"),
        ({SUM: "1 / 0"}, "stopped with ZeroDivisionError: division by zero\n  in the line: return 1 / 0"),
        ({"super().__init__()": "raise ValueError('no')"}, "stopped with ValueError: no"),
        ({"def forward": "def foward"}, "stopped with NotImplementedError"),
    ],
    checks.check_grow: [
        ({f"{ZERO}": "pass"}, "Block 1 of 4 changes x"),
        ({"bn2.weight": "bn2.bias"}, "Block 1 of 4 changes x"),
        ({ZERO: "nn.init.constant_(block.bn2.weight, 0.01)"}, "Block 1 of 4 changes x, by up to 0.0"),
        ({ZERO: "[nn.init.normal_(p, std=0.1) for p in block.parameters()]"}, "Block 1 of 4 changes x"),
        ({ZERO: f"{ZERO}; nn.init.ones_(block.bn2.bias)"}, "last bias that is not zero"),
        ({"bn2.weight": "bn1.weight"}, "F is zero in its middle"),
        ({"bn2.weight": "conv1.weight"}, "F is zero in its middle"),
        ({ZERO: "[nn.init.zeros_(p) for p in block.parameters()]"}, "F is zero in its middle"),
        ({ZERO: f"{ZERO}; nn.init.zeros_(block.conv2.weight)"}, "two zeros in a row"),
        ({ZERO: f"{ZERO}; block.requires_grad_(False)"}, "frozen"),
        ({ZERO: f"{ZERO}; block.bn2.weight.requires_grad = False"}, "frozen"),
        ({MAKE: "models.PlainBlock(channels, channels)"}, "gives zero"),
        ({MAKE: "models.PlainBlock(channels, channels)",
          ZERO: "[nn.init.dirac_(c.weight) for c in (block.conv1, block.conv2)]"
                "; [n.running_var.fill_(1 - n.eps) for n in (block.bn1, block.bn2)]"}, "eval mode only"),
        ({MAKE: "nn.Sequential(*[nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)])",
          ZERO: "[nn.init.dirac_(c.weight) for c in block]"}, "it has no skip"),
        ({MAKE: "nn.Identity()", ZERO: "pass"}, "block with two convolutions"),
        ({MAKE: "nn.Conv2d(channels, channels, 3, padding=1)", ZERO: "nn.init.dirac_(block.weight)"}, "with two conv"),
        ({"return blocks": "return nn.Sequential(blocks[0].conv1, blocks[0].bn1, nn.ReLU(), blocks[0].conv2)"},
         "block with two convolutions"),
        ({f"[{MAKE} for _ in range(count)]": f"[{MAKE}] * count"}, "share their weights"),
        ({"return blocks": "return blocks[0]"}, "grow gives one BasicBlock"),
        ({"return blocks": "return count"}, "grow gives one int"),
        ({"    return blocks\n": ""}, "grow gives None"),
        ({"    return blocks": "        return blocks", MAKE: "models.BasicBlock(channels, 2 * channels)"},
         "does not take images of 8 channels"),
        ({MAKE: "models.BasicBlock(16, 16)"}, "does not take images of 8 channels"),
        ({MAKE: "models.BasicBlock(channels, channels, 2, models.ZeroPadShortcut(8, 8, 2))"}, "changes the shape"),
        ({"range(count)": "range(18)"}, "gives 18 items, not 4"),
        ({"return blocks": "return [block.bn2.weight for block in blocks]"}, "is an nn.Module"),
        ({ZERO: f"{ZERO}; block.forward = lambda x: x"}, "do not take part"),
        ({"    return blocks": "        break\n    return blocks"}, "Block 2 of 4 changes x"),
        ({ZERO: "block.bn2.weight = 0"}, "stopped with TypeError: cannot assign 'int'"),
        ({ZERO: "block.bn2.weight.fill_(0)"}, "in the line: block.bn2.weight.fill_(0)"),
    ],
}  # fmt: skip

OTHER_BLOCKS = {
    "batch norm registered before convolution, other names": """
class Block(nn.Module):
    def __init__(self, cin, cout, s, skip):
        super().__init__()
        self.norm_b, self.norm_a = nn.BatchNorm2d(cout), nn.BatchNorm2d(cout)
        self.act = nn.ReLU()
        self.b = nn.Conv2d(cout, cout, kernel_size=3, padding="same", bias=False)
        self.a = nn.Conv2d(cin, cout, kernel_size=3, stride=s, padding=1, bias=False)
        self.skip = skip

    def forward(self, x):
        return self.act(self.skip(x) + self.norm_b(self.b(self.act(self.norm_a(self.a(x))))))
""",
    "F as one nn.Sequential": """
class Block(nn.Module):
    def __init__(self, cin, cout, stride, shortcut):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout),
        )
        self.shortcut = shortcut

    def forward(self, x):
        return F.relu(self.residual(x) + self.shortcut(x))
""",
    "F as a subclass of nn.Sequential": """
class Residual(nn.Sequential):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.add_module("first", nn.Conv2d(cin, cout, 3, stride, 1, bias=False))
        self.add_module("norm", nn.BatchNorm2d(cout))
        self.extend([nn.ReLU(), nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)])

class Block(nn.Module):
    def __init__(self, cin, cout, stride, shortcut):
        super().__init__()
        self.paths = nn.ModuleList([shortcut, Residual(cin, cout, stride)])

    def forward(self, x):
        return F.relu(sum(path(x) for path in self.paths))
""",
    "functional": """
class Block(nn.Module):
    def __init__(self, cin, cout, stride, shortcut):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(cout, cin, 3, 3) * 0.1)
        self.w2 = nn.Parameter(torch.randn(cout, cout, 3, 3) * 0.1)
        self.g1, self.g2 = nn.Parameter(torch.ones(cout)), nn.Parameter(torch.ones(cout))
        self.b1, self.b2 = nn.Parameter(torch.zeros(cout)), nn.Parameter(torch.zeros(cout))
        self.shortcut, self.stride = shortcut, stride
        for i in (1, 2):
            self.register_buffer(f"mean{i}", torch.zeros(cout))
            self.register_buffer(f"var{i}", torch.ones(cout))

    def forward(self, x):
        h = F.conv2d(x, self.w1, stride=self.stride, padding=1)
        h = F.batch_norm(h, self.mean1, self.var1, weight=self.g1, bias=self.b1, training=self.training).relu()
        h = torch.conv2d(h, self.w2, None, 1, 1)
        h = torch.batch_norm(h, self.g2, self.b2, self.mean2, self.var2, self.training, 0.1, 1e-5, False)
        return torch.maximum(h + self.shortcut(x), torch.zeros(()))
""",
    "a function that returns the book's block": """
def make_block(cin, cout, stride, shortcut):
    return models.BasicBlock(cin, cout, stride, shortcut)
""",
    "a lambda": "make = lambda *given: models.BasicBlock(*given)",
    "a subclass of the book's block": """
class Block(models.BasicBlock):
    pass
""",
}

OTHER_GROWN = {
    "ReZero: a factor that starts at zero": """
class Gated(models.BasicBlock):
    def __init__(self, channels):
        super().__init__(channels, channels)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return F.relu(self.gate * self.residual(x) + x)

def grow(count, channels):
    return [Gated(channels) for i in range(count)]
""",
    "no batch norm, last convolution at zero": """
class Bare(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x):
        return x + self.b(F.relu(self.a(x)))

def grow(count, channels):
    return [Bare(channels) for i in range(count)]
""",
    "a block's own helper, under no_grad": """
def silent(channels):
    block = models.BasicBlock(channels, channels)
    with torch.no_grad():
        block.bn2.weight.zero_()
    return block

def grow(count, channels):
    return [silent(channels) for i in range(count)]
""",
}

RIGHT = {
    checks.check_depth: [
        {},
        counting("len(probes.weighted_layers(model))"),
        counting("6 * len(model.stage1) + 2"),
        counting("torch.tensor(6 * len(model.stage1) + 2)"),
        counting("np.int64(6 * len(model.stage1) + 2)"),
        counting("1 + sum(getattr(m, 'kernel_size', 0) == (3, 3) for m in model.modules())"),
        counting("sum(p.ndim > 1 for name, p in model.named_parameters() if 'shortcut' not in name)"),
    ],
    checks.check_diagnose: [
        {},
        saying("return 'degradation' if b > a else 'overfitting' if t > s else 'no problem'"),
        saying("if b <= a and t <= s: return 'no problem'; return 'overfitting' if b <= a else 'degradation'"),
        {"b > a": "b - a > 1e-3", "t > s": "t - s > 0.001"},
        saying("return np.select([b > a, t > s], ['degradation', 'overfitting'], 'no problem').item()"),
    ],
    checks.check_gradient_ratio: [
        {},
        {"loss.backward()": "first, last = torch.autograd.grad(loss, [layers[0].weight, layers[-2].weight])",
         "    first, last = layers[0].weight.grad, layers[-2].weight.grad\n": ""},
        {"(first.norm() / last.norm()).item()": "first.norm() / last.norm()"},
        {"first.norm() / last.norm()": "first.square().sum().sqrt() / last.square().sum().sqrt()"},
        {"first.norm() / last.norm()": "torch.linalg.vector_norm(first) / torch.linalg.vector_norm(last)"},
        {"(first.norm() / last.norm()).item()": "np.linalg.norm(first.numpy()) / np.linalg.norm(last.numpy())"},
        {"model(x), y)": "model(x), y, reduction='sum')"},
        {"layers[0]": "model.stem[0]", "layers[-2]": "model.stage3[-1].conv2"},
        {RATIO[RATIO.index("    model.train()"):]:
         "    norms = list(probes.gradient_norms(model, x, y).values())\n    return norms[0] / norms[-2]\n"},
    ],
    checks.check_block: [
        {},
        {"out + self.shortcut(x)": "torch.add(self.shortcut(x), out)", "F.relu(": "torch.relu("},
        {FIRST: f"{CONV1}\n        out = self.bn1(out).clamp(min=0)", SUM: "(out + self.shortcut(x)).relu()"},
        {SUM: "F.relu(out)", SECOND: f"{SECOND}\n        out += self.shortcut(x)"},
        {FIRST: "nn.ReLU(inplace=True)(self.bn1(self.conv1(x)))", SUM: "F.relu_(out + self.shortcut(x))"},
        {TAKE: "self.shortcut = shortcut; nn.init.zeros_(self.bn2.weight)"},
        {"self.shortcut(x)": "identity", FIRST: f"{FIRST}; identity = self.shortcut(x)"},
        {"self.shortcut(x)": "(x if self.is_identity else self.shortcut(x))",
         TAKE: "self.shortcut, self.is_identity = shortcut, isinstance(shortcut, nn.Identity)"},
        {"padding=1": "padding=(1, 1)", "3, stride": "(3, 3), stride=(stride, stride)"},
        *OTHER_BLOCKS.values(),
    ],
    checks.check_grow: [
        {},
        {"return blocks": "return nn.Sequential(*blocks)"},
        {"return blocks": "return nn.ModuleList(blocks)"},
        {"return blocks": "return (block for block in blocks)"},
        {ZERO: "block.bn2.weight.data *= 0"},
        {ZERO: "block.bn2.weight = nn.Parameter(torch.zeros(channels))"},
        {ZERO: "models.zero_init_residual(block)"},
        {"bn2.weight": "conv2.weight"},
        *OTHER_GROWN.values(),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_depth: ["isinstance", "named_modules", "'shortcut' in", "nn.Conv2d"],
    checks.check_diagnose: [">", "Ask first"],
    checks.check_gradient_ratio: ["zero_grad", "layers[", "autograd.grad", "cross_entropy(model", "train()"],
    checks.check_block: ["F.relu(", "bn2(", "self.shortcut", "stride=", "padding=1", "bias=False"],
    checks.check_grow: ["zeros_", "bn2", "BasicBlock("],
}

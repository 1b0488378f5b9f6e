"""Chapter 1's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

XOR = """
def xor_weights():
    W1 = np.array([[1, 1], [1, 1]])
    b1 = np.array([0, -1])
    W2 = np.array([[1, -2]])
    b2 = 0
    return W1, b1, W2, b2
"""

STEP = """
def largest_step(errors):
    years = sorted(errors)
    best, found = 0, None
    for before, year in zip(years, years[1:]):
        old, new = errors[before], errors[year]
        size = (old - new) / old
        if size > best:
            best, found = size, year
    return found
"""

WIDTH = """
def width_for(parameters, depth, inputs, outputs):
    def count(w):
        sizes = [inputs] + [w] * (depth - 1) + [outputs]
        return sum(a * b + b for a, b in zip(sizes, sizes[1:]))

    width = 1
    while count(width + 1) <= parameters:
        width += 1
    return width
"""

PIECES = """
def count_pieces(x, y):
    slopes = np.diff(y) / np.diff(x)
    kinks = np.abs(np.diff(slopes)) > 1e-6
    return np.sum(kinks) + 1
"""

SAWTOOTH = """
def sawtooth(k):
    layers = []
    for i in range(k):
        layer = nn.Linear(1 if i == 0 else 2, 2)
        weight = [[1.0], [1.0]] if i == 0 else [[2.0, -4.0], [2.0, -4.0]]
        layer.weight.data = torch.tensor(weight)
        layer.bias.data = torch.tensor([0.0, -0.5])
        layers += [layer, nn.ReLU()]
    last = nn.Linear(2, 1)
    last.weight.data = torch.tensor([[2.0, -4.0]])
    last.bias.data = torch.tensor([0.0])
    return nn.Sequential(*layers, last)
"""

SOLUTIONS = {
    checks.check_xor: XOR,
    checks.check_largest_step: STEP,
    checks.check_width_for: WIDTH,
    checks.check_count_pieces: PIECES,
    checks.check_sawtooth: SAWTOOTH,
}


def weights(W1, b1, W2, b2):
    return f"def xor_weights():\n    return {W1}, {b1}, {W2}, {b2}\n"


def body(source, lines):
    """The first line of a solution, with a body of its own."""
    return source.strip().splitlines()[0] + "".join(f"\n    {line}" for line in lines.split("; ")) + "\n"


def stepping(lines):
    return body(STEP, f"years = sorted(errors); pairs = list(zip(years, years[1:])); {lines}")


def widening(lines):
    return body(WIDTH, lines)


def counting(lines):
    return body(PIECES, lines)


RETURN = "W1, b1, W2, b2\n"
SIZES = "[inputs] + [w] * (depth - 1) + [outputs]"
TOTAL = "a * b + b for a, b"
COUNT = "np.sum(kinks) + 1"
KINKS = "np.abs(np.diff(slopes)) > 1e-6"
SLOPES = "np.diff(y) / np.diff(x)"
BEST = "max(pairs, key=lambda p: (errors[p[0]] - errors[p[1]]) / errors[p[0]])"
INNER = "[[2.0, -4.0], [2.0, -4.0]]"
NET = "nn.Sequential(*layers, last)"

ROOT = (
    "a, b, c = depth - 2, inputs + outputs + depth - 1, outputs - parameters; "
    "root = ((b * b - 4 * a * c) ** 0.5 - b) / (2 * a) if a else -c / b"
)

FLAT = """
def count_pieces(x, y):
    slopes = (np.diff(y) / np.diff(x)).round(6)
    starts = np.append(True, np.diff(slopes) != 0)
    return sum(slopes[starts] != 0)
"""

LONG = """
def count_pieces(x, y):
    slopes = np.diff(y) / np.diff(x)
    same = np.abs(np.diff(slopes)) < 1e-6
    return sum(same & ~np.append(False, same[:-1]))
"""

WIDE = """
def sawtooth(k):
    n = 2**k
    first, last = nn.Linear(1, n), nn.Linear(n, 1)
    with torch.no_grad():
        first.weight.fill_(1)
        first.bias.copy_(-torch.arange(n) / n)
        last.weight.copy_(2.0 * n * (-1.0) ** torch.arange(n))
        last.weight[0, 0] = n
        last.bias.fill_(0)
    return nn.Sequential(first, nn.ReLU(), last)
"""

MODULE = """
class Saw(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k, self.one = k, nn.Sequential(nn.Linear(1, 1), nn.ReLU())

    def forward(self, x):
        for _ in range(self.k):
            x = STEP
        return x

def sawtooth(k):
    return Saw(k)
"""


def computing(expression):
    return MODULE.replace("STEP", expression)


TENTS = """
class Tent(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(1, 2), nn.Linear(2, 1, bias=False)
        self.a.weight.data = torch.tensor([[1.0], [1.0]])
        self.a.bias.data = torch.tensor([0.0, -0.5])
        self.b.weight.data = torch.tensor([[2.0, -4.0]])

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))

def sawtooth(k):
    return nn.Sequential(*[Tent() for _ in range(k)])
"""

MISTAKES = {
    checks.check_xor: [
        (weights([[1, 1], [1, 1]], [-1, 0], [1, 0], 0), "computes AND"),
        (weights([[1, 1], [1, 1]], [0, -1], [1, -1], 0), "computes OR"),
        (weights([[1, 1]], [-1], [-1], 1), "computes NAND"),
        (weights([[-1, -1]], [1], [1], 0), "computes NOR"),
        (weights([[1, 1], [1, 1]], [0, -1], [-1, 2], 1), "computes XNOR"),
        (weights([[1, 1], [1, 1]], [0, -1], [2, -4], 0), "Your outputs are 0, 2, 2, 0. A threshold"),
        (weights([[1, 1], [1, 1]], [0, -1], [1, -2], -0.5), "off by the same amount: -0.5"),
        (weights([[1, 1], [1, 1]], [0, -1], [1, -1.6], 0), "Your outputs are 0, 1, 1, 0.4. A threshold"),
        (weights([[1, 1], [1, 1]], [0, -1], [1, -1.95], 0), "Your outputs are 0, 1, 1, 0.05. A threshold"),
        (weights([[1, 1], [1, 1]], [0, -1], [1, -3], 0), "Your outputs are 0, 1, 1, -1. A second ReLU"),
        ({"[0, -1]": "[0, 1]"}, "other sign of b1"),
        ({"[1, -2]": "[-1, 2]"}, "other sign of W2"),
        ({"[[1, 1], [1, 1]]": "[[-1, -1], [-1, -1]]"}, "other sign of W1"),
        (weights([[-1, -1], [1, 1]], [1, -1], [-1, -1], -1), "other sign of b2"),
        ({"[0, -1]": "[-1, 0]"}, "b1 in reverse order"),
        (weights([[1, -1], [-1, 1]], [0, -1], [1, 1], 0), "Without b1"),
        (weights([[1, 1], [-1, -1]], [-0.5, 1.5], [1, 1], -1.5), "With the steps of a perceptron"),
        (weights([[20, 20], [-20, -20]], [-10, 30], [20, 20], -30), "With sigmoids"),
        (weights([[9, 9], [9, 9]], [-4, -13], [1.05, -1.05], 0), "With sigmoids"),
        (weights([[1, 1], [1, 1]], [0, 0], [1, -2], 0), "No ReLU bites"),
        (weights([[1, 0], [0, 1]], [0, 0], [1, 1], 0), "No ReLU bites"),
        (weights([[-1, -1], [-1, -1]], [0, 0], [1, 1], 0), "Every hidden unit is 0 for all four inputs"),
        (weights([[1, -1], [-1, 1]], [0, 0], [1, 0], 0), "only one of (0, 1) and (1, 0)"),
        (weights([[1, -1], [-1, 1]], [0, 0], [1, -1], 0), "your net gives -1 and 1"),
        (weights([[1, 1], [1, 1]], [0, -1], [-1, 1.5], 0), "lowest where XOR is 1"),
        (weights([[0.5, 0.5], [0.5, 0.5]], [1, 0], [1, -2], 0), "for inputs of -1 and 1"),
        (weights([[2, -1]], [0], [1], 0.2), "One hidden unit cannot"),
        ({"b2 = 0": "b2 = [[0.5]]"}, "off by the same amount: 0.5"),
        (weights([[2, 1], [1, 1]], [0, -1], [1, -2], 0), "For (1, 0) your net gives 2, not 1"),
        ({RETURN: "W2, b2, W1, b1\n"}, "in the wrong order"),
        ({RETURN: "W1, W2[0], b1, b2\n"}, "in the wrong order"),
        ({RETURN: "b1, W1, W2, b2\n"}, "in the wrong order"),
        (weights("np.array([[1, -1, 0], [-1, 1, 0]])", [0, 0, 0], [1, 1, 0], 0), "Rows and columns of W1"),
        (weights([[1, -1], [0, 0]], [0, 0], [1, 1], 0), "only one of"),
        ({"[[1, -2]]": "[[1], [-2]]"}, "Rows and columns of W2"),
        (weights("np.ones((2, 3))", [0, -1, 0], "[[1], [-2], [0]]", 0), "made for x W1"),
        ({"[[1, 1], [1, 1]]": "[1, 1]"}, "W1 has shape (2,)"),
        (weights("np.zeros((0, 2))", [], [], 0), "W1 has shape (0, 2)"),
        (weights("np.full((2, 2), 1e200)", [0, -1], [1e200, -2e200], 0), "For (0, 1) your net gives -inf"),
        ({"[0, -1]": "0"}, "b1 has shape ()"),
        ({"[0, -1]": "[[0], [-1]]"}, "b1 has shape (2, 1)"),
        ({"[[1, -2]]": "[1, -2, 0]"}, "W2 has shape (3,)"),
        ({"b2 = 0": "b2 = [0, 0]"}, "b2 has shape (2,)"),
        ({"[1, -2]": "[1, float('nan')]"}, "not a finite number"),
        ({"np.array([[1, 1], [1, 1]])": "[[1, 1], [1]]"}, "W1 is not an array of numbers"),
        ({"np.array([0, -1])": "'none'"}, "b1 is not an array of numbers"),
        ({RETURN: "W1, b1, W2\n"}, "but gives 3"),
        ({RETURN: "(W1, b1), (W2, b2)\n"}, "but gives 2"),
        ({RETURN: "{'W1': W1, 'b1': b1, 'W2': W2, 'b2': b2}\n"}, "gives one dict"),
        ({RETURN: "nn.Linear(2, 2)\n"}, "gives one Linear"),
        ({"return": "weights ="}, "gives None"),
        ({RETURN: "W1, b1, W2, b\n"}, "stopped with NameError"),
    ],
    checks.check_largest_step: [
        ({"(old - new) / old": "old - new"}, "largest fall in points"),
        ({"(old - new) / old": "(old - new) / errors[years[0]]"}, "largest fall in points"),
        ({"old, new = errors[before]": "old, new = errors[years[0]]"}, "the lowest error"),
        (stepping("return min(errors, key=errors.get)"), "the lowest error"),
        (stepping("return max(errors, key=errors.get)"), "the highest error"),
        ({"best, found = size, year": "best, found = size, before"}, "year before the step"),
        (stepping(f"return {BEST}[0]"), "year before the step"),
        ({"sorted(errors)": "list(errors)"}, "as the dict lists them"),
        ({"size > best": "size < best", "best, found = 0": "best, found = 1"}, "smallest fall, or the largest rise"),
        (stepping("return max(pairs, key=lambda p: errors[p[1]] / errors[p[0]])[1]"), "smallest fall, or"),
        ({"(old - new) / old": "abs(old - new) / old"}, "You take a rise for a fall"),
        ({"(old - new) / old": "(old - new) / old / (year - before)"}, "divide by the number of years"),
        (body(STEP, "falls = {y: 1 - e / errors[y - 1] for y, e in errors.items() if y - 1 in errors}; "
                    "return max(falls, key=falls.get) if falls else 0"), "You leave out"),
        ({"return found": "return best"}, "You give the fraction, not"),
        ({"return found": "return 100 * best"}, "You give the fall in percent"),
        ({"return found": "return 1 - best"}, "fraction that is left"),
        ({"return found": "return errors[found] * best / (1 - best)"}, "You give the fall in points, not"),
        ({"return found": "return years.index(found)"}, "place of the step"),
        (stepping(f"return pairs.index({BEST})"), "place of the step"),
        (stepping("return years[1]"), "second year each time"),
        (stepping("return years[0]"), "first year each time"),
        (stepping("return years[-1]"), "last year each time"),
        ({"    return found": "        return found"}, "2018: 7.0, 2019: 5.0} you give None"),
        ({"best, found = 0": "best, found = 0.48"}, "2017: 2.25} you give None"),
        ({"return found": "found"}, "2017: 2.25} you give None"),
        ({"size > best": "size > 0"}, "year of the last fall"),
        ({"errors[before], errors[year]": "min(errors[y] for y in years if y < year), errors[year]"},
         "For {2016: 9.0, 2017: 12.0, 2018: 7.0, 2019: 5.0} you give 2019"),
        ({"return found": "return errors[found]"}, "the error after the step"),
        ({"(old - new) / old": "round((old - new) / old, 1)"}, "2019: 16.0, 2020: 15.0} you give 2013"),
        ({"(old - new) / old": "(old - new) / old**2"}, "2015: 3.57, 2016: 2.99, 2017: 2.25} you give 2017"),
        ({"return found": "return str(found)"}, "gives a str"),
        ({"return found": "return found, best"}, "gives a tuple"),
        ({"errors[before], errors[year]": "errors[year - 1], errors[year]"}, "stopped with KeyError: 2014"),
        ({"sorted(errors)": "errors"}, "in the line: for before, year in zip"),
    ],
    checks.check_width_for: [
        ({TOTAL: "a * b for a, b"}, "leave out the biases."),
        ({TOTAL: "a * b + 1 for a, b"}, "one bias for each layer"),
        ({"sum(a": "-outputs + sum(a"}, "biases of the outputs"),
        ({TOTAL: "a * b + a for a, b"}, "biases of the inputs"),
        ({TOTAL: "a * b + a + b for a, b"}, "for each input of a layer too"),
        ({"return sum(a * b + b for": "return w * (depth - 2) + sum(a * b for"}, "some of the biases"),
        (widening(f"{ROOT}; return math.floor(root) + (depth < 20)"), "gives 22. A net of width 22 has 595"),
        (widening(f"{ROOT}; return math.floor(root) - (depth == 2)"), "(100, 2, 2, 1) gives 23. A wider net fits too"),
        ({"(depth - 1)": "depth"}, "one layer from w to w too many"),
        ({"(depth - 1)": "(depth + 1)"}, "two layers from w to w too many"),
        ({"(depth - 1)": "(depth - 2)"}, "one layer from w to w too few"),
        ({"[inputs] + ": ""}, "leave out the first layer"),
        ({" + [outputs]": ""}, "leave out the last layer"),
        ({"[inputs] + ": "", " + [outputs]": ""}, "the first and the last layer"),
        ({SIZES: "[w] * (depth + 1)"}, "every layer as one from w to w"),
        ({"[w] * (depth - 1)": "[w]"}, "as if the depth were always 2"),
        ({"[w] * (depth - 1)": "[w, w]"}, "as if the depth were always 3"),
        ({"<= parameters": "< parameters"}, "stop too early"),
        ({"return width": "return width - 1"}, "one too small"),
        ({"count(width + 1)": "count(width)"}, "one too large"),
        ({"count(width + 1) <= parameters": "count(width) < parameters"}, "rounded up"),
        (widening(f"{ROOT}; return math.ceil(root)"), "rounded up"),
        (widening(f"{ROOT}; return round(root)"), "rounded to the nearest"),
        (widening("return math.isqrt(parameters // depth)"), "root of parameters / depth"),
        (widening("return (parameters / depth) ** 0.5"), "root of parameters / depth"),
        (widening("return parameters // depth"), "Your width is parameters / depth"),
        ({"return width": "return float(width)"}, "Your width is 19.0. A layer needs an int"),
        (widening(f"{ROOT}; return np.floor(root)"), "19.0). A layer needs an int"),
        (widening(f"{ROOT}; return root"), "A layer needs an int"),
        ({"return width": "return count(width)"}, "width_for(8078, 20, 3, 40) gives 7716. A net of width 7716 has"),
        ({"return width": "return width // 2"}, "gives 9. A wider net fits too"),
        ({"return width": "return -width"}, "gives -19. A width is at least 1"),
        ({"return width": "return float('nan')"}, "gives nan."),
        ({"return width": "return str(width)"}, "gives a str"),
        ({"return width": "print(end='')"}, "gives None"),
        (widening("a, b, c = depth - 2, inputs + outputs + depth - 1, outputs - parameters; "
                  "return int(((b * b - 4 * a * c) ** 0.5 - b) / (2 * a))"), "stopped with ZeroDivisionError"),
    ],
    checks.check_count_pieces: [
        ({COUNT: "np.sum(kinks)"}, "count the kinks"),
        ({COUNT: "np.sum(kinks) + 2"}, "one piece too many"),
        ({KINKS: "np.diff(slopes) != 0"}, "only if y has no rounding noise"),
        ({KINKS: "np.abs(np.diff(slopes)) > 1e-12"}, "only if y has no rounding noise"),
        ({SLOPES: "np.diff(y)"}, "only if the points of x are evenly spaced"),
        ({SLOPES: "np.diff(y) / (x[1] - x[0])"}, "only if the points of x are evenly spaced"),
        ({SLOPES: "np.diff(y)", KINKS: "np.diff(slopes) != 0"}, "evenly spaced and y has no rounding noise"),
        ({KINKS: "np.diff(np.sign(slopes)) != 0"}, "only where the slope changes its sign"),
        ({KINKS: "np.diff(np.sign(slopes.round(6))) != 0", COUNT: "np.sum(kinks)"}, "only where the slope changes"),
        ({KINKS: "slopes[1:] * slopes[:-1] < -1e-6"}, "only where the slope changes its sign"),
        (counting("return len(np.unique(np.round(np.diff(y) / np.diff(x), 6)))"), "different slopes"),
        (counting("return len(set(np.round(np.diff(y) / np.diff(x), 6))) - 1"), "different slopes"),
        (counting("return len(x) - 1"), "Every grid interval is a piece"),
        ({KINKS: "np.diff(slopes) != 0", COUNT: "np.sum(kinks)"}, "Every grid point is a kink"),
        (counting("return len(x)"), "the number of points"),
        ({SLOPES: "np.gradient(y, x)"}, "some kinks twice"),
        ({"> 1e-6": "> 0.5"}, "miss a weak kink"),
        ({"> 1e-6": "> 0.1"}, "miss a weak kink"),
        ({KINKS: "np.diff(slopes) > 1e-6"}, "only kinks of one kind"),
        ({KINKS: "np.diff(slopes) < -1e-6", COUNT: "np.sum(kinks)"}, "only kinks of one kind"),
        ({KINKS: "np.diff(slopes < -1e-6)"}, "only where the slope changes its sign"),
        ({KINKS: "np.diff(slopes > 1e-6)"}, "only where the slope changes its sign"),
        ({COUNT: "np.sum(kinks[1:]) + 1"}, "For a curve with the slopes 1, -1, 0.5, -1.5 you count 3"),
        ({COUNT: "np.sum(kinks[:-1]) + 1"}, "For a curve with the slopes 1, -1, 0.5, -1.5 you count 3"),
        (FLAT, "leave out flat pieces"),
        (LONG, "only one grid interval long"),
        ({KINKS: "np.abs(np.diff(slopes)) > 3"}, "For a curve with the slopes 0, 1 you count 1"),
        (counting("return 2"), "You count 2 for every curve"),
        ({"return np.sum": "np.sum"}, "gives None"),
        ({f"return {COUNT}": "return kinks"}, "gives a ndarray"),
        ({SLOPES: "np.diff(y) / x"}, "stopped with ValueError: operands"),
    ],
    checks.check_sawtooth: [
        ({"range(k)": "range(k - 1)", "nn.Linear(2, 1)": "nn.Linear(2 if k > 1 else 1, 1)",
          "torch.tensor([[2.0, -4.0]])": "torch.tensor([[2.0, -4.0]] if k > 1 else [[1.0]])"}, "ReLU too few"),
        ({"range(k)": "range(k + 1)"}, "ReLU too many"),
        ({"range(k)": "range(2**k)"}, "You make 2^k hidden layers"),
        ({"range(k)": "range(2 * k)"}, "For k = 1 the number of your hidden layers with ReLU is 2"),
        ({"range(k)": "range(1)"}, "number of ReLU layers for every k: 1"),
        ({"range(k)": "range(3)"}, "number of ReLU layers for every k: 3"),
        ({", nn.ReLU()]": "]"}, "no ReLU"),
        ({NET: "nn.Sequential(*layers[:-1], last)"}, "ReLU too few"),
        (WIDE, "one hidden layer of 256 units. That is shallow"),
        (WIDE.replace("2**k", "2 * k"), "one hidden layer of 16 units. That is shallow"),
        (computing("1 - abs(2 * x - 1)"), "It also uses: "),
        (computing("torch.minimum(2 * x, 2 - 2 * x)"), "It also uses: mul"),
        (computing("torch.where(x > 0.5, 2 - 2 * x, 2 * x)"), "It also uses: "),
        (computing("2 * F.relu(x) - 4 * F.relu(x - 0.5)"), "It also uses: "),
        ({"nn.ReLU()": "nn.LeakyReLU()"}, "It also uses: leaky_relu."),
        ({"nn.ReLU()": "nn.BatchNorm1d(2), nn.ReLU()"}, "batch_norm"),
        ({"nn.ReLU()": "nn.Tanh()"}, "It also uses: tanh."),
        ({"-4.0": "-2.0"}, "rises to 1 and stays"),
        ({"[[2.0, -4.0]]": "[[-2.0, 4.0]]", "tensor([0.0])": "tensor([1.0])"}, "stands on its head"),
        ({"[[2.0, -4.0]]": "[[1.0, -2.0]]"}, "the largest output is 0.5, at x = 0.5"),
        ({"-0.5": "-0.25"}, "the largest output is 0.5, at x = 0.25"),
        ({"-0.5": "0.5"}, "linear on [0, 1]"),
        ({"-0.5": "-1.0"}, "linear on [0, 1]"),
        ({"        layer.bias.data = torch.tensor([0.0, -0.5])\n": ""}, "For k = 1"),
        ({"    last.weight.data = torch.tensor([[2.0, -4.0]])\n": ""}, "For k = 1"),
        ({"    last.bias.data = torch.tensor([0.0])\n": ""}, "For k = 1 your net is not the tent"),
        ({"torch.tensor([0.0])": "torch.tensor([0.1])"}, "the largest output is 1.1, at x = 0.5"),
        ({"[0.0, -0.5]": "[0.0, -0.5 * (i == 0)]"}, "as if both biases were 0"),
        ({"-0.5]": "-0.5 if i < 2 else -0.25]"}, "For k = 3 your net gives 0 at x = 0.125, not 1"),
        ({"-0.5]": "-0.5 if i < 7 else -0.25]"}, "For k = 8 your net gives 0 at x"),
        ({"[0.0, -0.5]": "[0.0, -0.5 if i == 0 else 0.5]"}, "a bias has the wrong sign"),
        ({INNER: "[[2.0, 2.0], [-4.0, -4.0]]"}, "rows and columns of your weights"),
        ({INNER: "[[1.0, 0.0], [0.0, 1.0]]", "-0.5]": "-0.5 * (i == 0)]"}, "one tent whatever k is"),
        ({INNER: "[[2.0, -4.0], [1.0, -2.0]]"}, "For k = 2 your net gives"),
        ({"1 if i == 0 else 2, 2)": "1 if i == 0 else 3, 3)", "nn.Linear(2, 1)": "nn.Linear(3, 1)",
          "[[1.0], [1.0]]": "[[1.0]] * 3", INNER: "[[2.0, -4.0, 0.0]] * 3", "[0.0, -0.5]": "[0.0, -0.5, -1.0]",
          "[[2.0, -4.0]]": "[[2.0, -4.0, 0.0]]"}, "a hidden layer of your net has 3 units"),
        (computing("self.one(x)"), "ReLU layers of one unit only"),
        ({NET: "nn.Sequential(*layers, last, nn.Flatten(0))"}, "An input of shape (17, 1) gives (17,)"),
        ({"nn.Linear(2, 1)": "nn.Linear(2, 2)", "[[2.0, -4.0]]": "[[2.0, -4.0]] * 2", "tensor([0.0])": "zeros(2)"},
         "An input of shape (17, 1) gives (17, 2)"),
        ({f"return {NET}": f"net = {NET}; return lambda x: net(x)"}, "gives a function, not an nn.Module"),
        ({NET: "layers"}, "gives a list, not an nn.Module"),
        ({f"return {NET}": NET}, "gives a NoneType, not an nn.Module"),
        (computing("x").replace("return x", "x = x"), "The net gives a NoneType"),
        ({INNER: "[[2.0], [2.0]]"}, "stopped with RuntimeError"),
        ({"[[2.0, -4.0]]": "[[2, -4]]"}, "stopped with RuntimeError"),
    ],
}  # fmt: skip

ON_TRAINED_LAYERS = """
def xor_weights():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    net[0].weight.data = torch.tensor([[-1.0, 1.0], [0.7, -0.7]])
    net[0].bias.data = torch.zeros(2)
    net[2].weight.data = torch.tensor([[1.0001, 1.4286]])
    net[2].bias.data = torch.tensor([-1e-7])
    return net[0].weight, net[0].bias, net[2].weight, net[2].bias
"""

ONE_LAYER_USED_AGAIN = """
class Saw(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(1, 2), nn.Linear(2, 2), nn.Linear(2, 1)
        self.k = k
        with torch.no_grad():
            for layer, weight in ((self.first, [1.0]), (self.inner, [2.0, -4.0]), (self.last, [2.0, -4.0])):
                layer.weight.copy_(torch.tensor(weight).expand_as(layer.weight))
                layer.bias.copy_(torch.tensor([0.0, -0.5])[: len(layer.bias)])

    def forward(self, x):
        h = self.first(x).relu()
        for _ in range(self.k - 1):
            h = self.inner(h).relu_()
        return self.last(h)
"""

FROM_THE_TOP = """
def sawtooth(k):
    def linear(a, b, weight, bias):
        layer = nn.Linear(a, b)
        layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        return layer

    net = nn.Sequential()  # t(x) = 1 - 2 relu(x - 1/2) - 2 relu(1/2 - x)
    for i in range(k):
        if i:
            net.append(linear(2, 2, [[-2.0, -2.0], [2.0, 2.0]], [0.5, -0.5]))
        else:
            net.append(linear(1, 2, [[1.0], [-1.0]], [-0.5, 0.5]))
        net.append(nn.ReLU())
    return net.append(linear(2, 1, [[-2.0, -2.0]], [1.0]))
"""

LOOP = """
def count_pieces(x, y):
    pieces, last = 0, None
    for i in range(len(x) - 1):
        slope = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
        if last is None or not math.isclose(slope, last, abs_tol=1e-6):
            pieces += 1
        last = slope
    return pieces
"""

RIGHT = {
    checks.check_xor: [
        {},
        weights([[1, -1], [-1, 1]], [0, 0], [1, 1], 0),
        weights([[1, 1], [-1, -1]], [-1, 1], [-1, -1], 1),
        weights([[1.0, 1.0], [1.0, 1.0]], [0.0, -1.0], [1.0, -2.0], [0.0]),
        weights("((1, 1), (1, 1), (0, 0))", (0, -1, 5), (1, -2, 0), 0),
        weights([[1, 1], [2, 2]], [0, -2], [1, -1], 0),
        {"np.array": "torch.tensor", "b2 = 0": "b2 = torch.zeros(1)"},
        {RETURN: "[W1.tolist(), b1, torch.tensor([[1.0, -2.0]]), np.float32(0)]\n"},
        {"[1, -2]": "[1.0004, -2.0005]"},
        weights("torch.ones(2, 2, requires_grad=True)", "nn.Parameter(torch.tensor([0.0, -1.0]))", [1, -2], 0),
        ON_TRAINED_LAYERS,
    ],
    checks.check_largest_step: [
        {},
        stepping(f"return {BEST}[1]"),
        {"(old - new) / old": "-new / old", "best, found = 0": "best, found = -math.inf"},
        {"(old - new) / old": "(old - new) / new"},
        {"(old - new) / old": "math.log(old / new)"},
        {"(old - new) / old": "100 * (1 - new / old)", "return found": "return float(found)"},
        stepping("e = np.array([errors[y] for y in years]); return years[1 + np.argmax(1 - e[1:] / e[:-1])]"),
        body(STEP, "years, e = np.array(sorted(errors.items())).T; return years[1:][(np.diff(e) / e[:-1]).argmin()]"),
        body(STEP, "items = sorted(errors.items()); errors.clear(); "
                   "return min((b / a, year) for (_, a), (year, b) in zip(items, items[1:]))[1]"),
    ],
    checks.check_width_for: [
        {},
        {"count(width + 1) <= parameters": "count(width) <= parameters", "return width": "return width - 1"},
        widening(f"{ROOT}; return math.floor(root)"),
        widening("count = lambda w: inputs * w + w + (depth - 2) * (w * w + w) + w * outputs + outputs; "
                 "return max(w for w in range(1, 500) if count(w) <= parameters)"),
        {"return width": "return np.int64(width)"},
        {"return width": "return torch.tensor(width)"},
        {"a * b + b for a, b in zip(sizes, sizes[1:])":
         "p.numel() for a, b in zip(sizes, sizes[1:]) for p in nn.Linear(a, b, device='meta').parameters()"},
    ],
    checks.check_count_pieces: [
        {},
        LOOP,
        {KINKS: "~np.isclose(slopes[1:], slopes[:-1])"},
        {SLOPES: f"({SLOPES}).round(6)", KINKS: "np.diff(slopes) != 0"},
        {"> 1e-6": "> 1e-2"},
        {"> 1e-6": "> 1e-9"},
        {COUNT: "len(np.flatnonzero(kinks)) + 1.0"},
        {f"slopes = {SLOPES}": "dx, dy = np.diff(x), np.diff(y)",
         KINKS: "np.abs(dy[1:] * dx[:-1] - dy[:-1] * dx[1:]) > 1e-8"},
        counting(f"y -= y[0]; slopes = torch.tensor({SLOPES}); "
                 "return len(torch.unique_consecutive(slopes.round(decimals=5)))"),
    ],
    checks.check_sawtooth: [
        {},
        TENTS,
        TENTS.replace("return self.b(torch.relu(self.a(x)))", "return F.relu(self.b(torch.relu(self.a(x))))"),
        TENTS.replace("*[Tent() for _ in range(k)]", "*[Tent()] * k"),
        ONE_LAYER_USED_AGAIN + "\ndef sawtooth(k):\n    return Saw(k)\n",
        ONE_LAYER_USED_AGAIN + "\nsawtooth = Saw\n",
        FROM_THE_TOP,
        {NET: "nn.Sequential(*layers, last, nn.ReLU())"},
        {NET: "nn.Sequential(nn.ReLU(inplace=True), *layers, last)"},
        {NET: f"{NET}.double()"},
        {"nn.ReLU()": "nn.ReLU(inplace=True)"},
        {"nn.Linear(2, 1)": "nn.Linear(2, 1, bias=False)", "    last.bias.data = torch.tensor([0.0])\n": ""},
        {".data = torch.tensor(weight)": " = nn.Parameter(torch.tensor(weight))"},
        {NET: "nn.Sequential(nn.Sequential(*layers), nn.Flatten(), last)"},
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_xor: ["[0, -1]", "[1, -2]", "x1 + x2", "x1 - x2"],
    checks.check_largest_step: ["sorted(", "/ old", "Divide"],
    checks.check_width_for: ["w * w +", "a * b", "<=", "int(", "floor"],
    checks.check_count_pieces: ["np.diff", "1e-", "abs"],
    checks.check_sawtooth: ["-4", "1/2", "nn.Sequential", "2 relu"],
}

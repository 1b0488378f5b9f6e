"""Chapter 5's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

BLOCK = """
def two_layer_block(x, W1, W2):
    h = np.maximum(W1 @ x, 0)
    z2 = W2 @ h + x
    return np.maximum(z2, 0)
"""

GRADIENTS = """
def block_gradients(x, W1, W2, t):
    z1 = W1 @ x
    h = np.maximum(z1, 0)
    z2 = W2 @ h + x
    y = np.maximum(z2, 0)
    delta2 = 2 * (y - t) * (z2 > 0)
    delta1 = W2.T @ delta2 * (z1 > 0)
    dW2 = np.outer(delta2, h)
    dW1 = np.outer(delta1, x)
    dx = W1.T @ delta1 + delta2
    return dW1, dW2, dx
"""

DESCEND = """
def descend(x, W1, W2, t, lr):
    dW1, dW2, dx = block_gradients(x, W1, W2, t)
    return W1 - lr * dW1, W2 - lr * dW2
"""

TARGET = """
def branch_target(H):
    def F(x):
        return H(x) - x
    return F
"""

NEARER = """
def nearer(A):
    to_identity = np.linalg.norm(A - np.eye(len(A)))
    to_zero = np.linalg.norm(A)
    return "residual" if to_identity < to_zero else "plain"
"""

SOLUTIONS = {
    checks.check_two_layer_block: BLOCK,
    checks.check_block_gradients: GRADIENTS,
    checks.check_descend: GRADIENTS + DESCEND,
    checks.check_branch_target: TARGET,
    checks.check_nearer: NEARER,
}


def block(expression):
    return (
        "def two_layer_block(x, W1, W2):\n    relu = lambda z: np.maximum(z, 0)\n"
        f"    z1 = W1 @ x; h = relu(z1); f = W2 @ h\n    return {expression}\n"
    )


def target(expression):
    return {"H(x) - x": expression}


def nearer(rule):
    return (
        "def nearer(A):\n    norm, I, n = np.linalg.norm, np.eye(len(A)), len(A)\n"
        f'    return "residual" if {rule} else "plain"\n'
    )


def step(expression):
    """Both new matrices, with W for the matrix and D for its gradient."""
    return {f"W{i} - lr * dW{i}": expression.replace("W", f"W{i}").replace("D", f"dW{i}") for i in (1, 2)}


H, Z2, Y = "h = np.maximum(W1 @ x, 0)", "z2 = W2 @ h + x", "np.maximum(z2, 0)"
D2, D1 = "2 * (y - t) * (z2 > 0)", "W2.T @ delta2 * (z1 > 0)"
DX, DW1, DW2 = "W1.T @ delta1 + delta2", "np.outer(delta1, x)", "np.outer(delta2, h)"
CALL = "dW1, dW2, dx = block_gradients(x, W1, W2, t)"
PAIR = "W1 - lr * dW1, W2 - lr * dW2"
WORD = '"residual" if to_identity < to_zero else "plain"'
WORD_SAMPLED, LENGTHS = "residual < plain", "np.sqrt(residual).mean() < np.sqrt(plain).mean()"
AGAIN = "block_gradients(x, {}, t)"

AUTOGRAD = """
def block_gradients(x, W1, W2, t):
    x, W1, W2, t = (torch.tensor(a, requires_grad=True) for a in (x, W1, W2, t))
    y = torch.relu(W2 @ torch.relu(W1 @ x) + x)
    loss = ((y - t) ** 2).sum()
    return torch.autograd.grad(loss, (W1, W2, x))
"""

FLOAT32 = """
def block_gradients(x, W1, W2, t):
    x, W1, W2, t = [torch.tensor(a, dtype=torch.float32).requires_grad_() for a in (x, W1, W2, t)]
    loss = (F.relu(F.linear(F.relu(F.linear(x, W1)), W2) + x) - t).pow(2).sum()
    loss.backward()
    return W1.grad, W2.grad, x.grad
"""

DIFFERENCES = """
def block_gradients(x, W1, W2, t):
    def loss():
        return ((np.maximum(W2 @ np.maximum(W1 @ x, 0) + x, 0) - t) ** 2).sum()
    result = []
    for a in (W1, W2, x):
        grad = np.zeros_like(a)
        for i in np.ndindex(a.shape):
            old = a[i]
            a[i] = old + EPS
            up = loss()
            a[i] = old - EPS
            down = loss()
            a[i] = old
            grad[i] = (up - down) / (2 * EPS)
        result.append(grad)
    return result
"""

LOOPS = """
def block_gradients(x, W1, W2, t):
    m, n = W1.shape
    z1 = [sum(W1[j, i] * x[i] for i in range(n)) for j in range(m)]
    h = [max(z, 0.0) for z in z1]
    z2 = [sum(W2[i, j] * h[j] for j in range(m)) + x[i] for i in range(n)]
    d2 = [2 * (z - t[i]) if z > 0 else 0.0 for i, z in enumerate(z2)]
    d1 = [sum(W2[i, j] * d2[i] for i in range(n)) if z1[j] > 0 else 0.0 for j in range(m)]
    dx = [sum(W1[j, i] * d1[j] for j in range(m)) + d2[i] for i in range(n)]
    return [[a * b for b in x] for a in d1], [[a * b for b in h] for a in d2], dx
"""

MODULE_BLOCK = """
class Block(nn.Module):
    def __init__(self, W1, W2):
        super().__init__()
        self.W1, self.W2 = torch.tensor(W1), torch.tensor(W2)
    def forward(self, x):
        return F.relu(self.W2 @ F.relu(self.W1 @ x) + x)

def two_layer_block(x, W1, W2):
    return Block(W1, W2)(torch.tensor(x))
"""

LOOPED_BLOCK = """
def two_layer_block(x, W1, W2):
    h = [max(0, sum(w * v for w, v in zip(row, x))) for row in W1]
    return [max(0, sum(w * v for w, v in zip(row, h)) + x[i]) for i, row in enumerate(W2)]
"""

EARLY = """
def block_gradients(x, W1, W2, t):
    z1 = W1 @ x
    h = np.maximum(z1, 0)
    z2 = W2 @ h
    delta2 = 2 * (np.maximum(z2, 0) + x - t)
    gated = delta2 * (z2 > 0)
    delta1 = W2.T @ gated * (z1 > 0)
    return np.outer(delta1, x), np.outer(gated, h), W1.T @ delta1 + delta2
"""

SAMPLED = """
def nearer(A):
    X = np.random.default_rng(1).normal(size=(400, len(A)))
    Y = X @ A.T
    plain, residual = ((Y - 0) ** 2).mean(), ((Y - X) ** 2).mean()
    return "residual" if residual < plain else "plain"
"""

LEARNER = """
class branch_target:
    def __init__(self, H):
        self.H = H
    def __call__(self, x):
        return self.H(x) - x
"""

MODULE_TARGET = """
class Branch(nn.Module):
    def __init__(self, H):
        super().__init__()
        self.H = H
    def forward(self, x):
        return torch.tensor(self.H(x)) - torch.tensor(x)

def branch_target(H):
    return Branch(H)
"""

GLOBAL = """
def branch_target(H):
    branch_target.H = H
    return lambda x: branch_target.H(x) - x
"""

EARLY_CALL = """
def branch_target(H):
    value = H(np.zeros(3))
    return lambda x: value - x
"""

ROW_BY_ROW = """
def branch_target(H):
    def F(x):
        if x.ndim == 1:
            return H(x) - x
        return np.array([F(row) for row in x])
    return F
"""

MISTAKES = {
    checks.check_two_layer_block: [
        (block("relu(f)"), "The skip is missing"),
        (block("f"), "You give F(x). Two things are missing"),
        (block("h"), "values of the hidden layer"),
        (block("z1"), "values of the hidden layer"),
        ({Y: "z2"}, "outer ReLU is missing"),
        ({H: "h = W1 @ x"}, "The inner ReLU is missing"),
        (block("W2 @ z1 + x"), "no ReLU at all"),
        (block("W2 @ z1"), "Two things are missing: the inner ReLU and the skip"),
        (block("relu(W2 @ z1)"), "Two things are missing: the inner ReLU and the skip"),
        (block("relu(f) + x"), "stands before the sum"),
        (block("relu(f) + relu(x)"), "to each term"),
        (block("relu(relu(f) + x)"), "F(x) has a ReLU of its own"),
        (block("relu(f + relu(x))"), "The skip goes through a ReLU"),
        ({"+ x": "+ h"}, "starts at the hidden layer"),
        ({H: "x = np.maximum(W1 @ x, 0)", "W2 @ h": "W2 @ x"}, "starts at the hidden layer"),
        (block("relu(f + z1)"), "Your skip goes through a weight matrix"),
        (block("relu(f + W2 @ x)"), "too early, before W2"),
        (block("relu(f + f)"), "add F(x) to itself"),
        (block("relu(W2 @ (x := relu(z1 + x)) + x)"), "a skip of its own"),
        (block("relu(W2 @ relu(z1 + x))"), "inside F, before the inner ReLU"),
        (block("W2 @ relu(z1 + x)"), "inside F, before the inner ReLU"),
        (block("relu(W2 @ relu(z1 + x) + x)"), "add x twice: inside F"),
        (block("relu(W2 @ (h + x) + x)"), "add x twice: inside F"),
        (block("relu(W2 @ (h + x))"), "too early, before W2"),
        (block("W2 @ (h + x)"), "too early, before W2"),
        ({"+ x": "+ x + x"}, "You add x twice."),
        (block("relu(z1 + x)"), "one layer only"),
        (block("z1 + x"), "one layer only"),
        ({"W1 @ x": "W1.T @ x"}, "the transpose of W1"),
        ({"W1 @ x": "x @ W1"}, "the transpose of W1"),
        ({"W2 @ h": "h @ W2"}, "the transpose of W2"),
        ({"W1 @ x": "x @ W1", "W2 @ h": "h @ W2"}, "transposes of both"),
        ({"x, W1, W2": "x, W2, W1"}, "W1 and W2 are exchanged."),
        ({"W1 @ x": "x @ W2", "W2 @ h": "h @ W1"}, "exchanged, and transposed"),
        ({"W2 @ h": "W1 @ h"}, "W1 in both layers"),
        ({"W1 @ x": "W2 @ x"}, "W2 in both layers"),
        ({"+ x": "- x"}, "You subtract x"),
        (block("relu(x - f)"), "You subtract F(x)"),
        ({"+ x": "* x"}, "You multiply F(x) and x"),
        ({Z2: "z2 = (W2 @ h + x) / 2"}, "You take the mean"),
        (block("np.maximum(f, x)"), "You take the larger"),
        (block("relu(np.maximum(f, x))"), "You take the larger"),
        (block("x"), "F has no part"),
        (block("relu(x)"), "F has no part"),
        ({Y: "abs(z2)"}, "absolute value as ReLU"),
        ({H: "h = abs(W1 @ x)"}, "absolute value as ReLU"),
        ({Y: "abs(z2)", H: "h = abs(W1 @ x)"}, "absolute value as ReLU"),
        ({Y: "np.maximum(z2, 0.01 * z2)"}, "leaky"),
        ({H: "h = W1 @ x; h = np.maximum(h, 0.1 * h)"}, "leaky"),
        ({Y: "np.maximum(z2, 0.2 * z2)", H: "h = W1 @ x; h = np.maximum(h, 0.2 * h)"}, "leaky"),
        ({"maximum": "minimum"}, "keeps the negative part"),
        ({Y: "1 * (z2 > 0)"}, "a step in place of ReLU"),
        ({H: "h = W1 @ x > 0"}, "a step in place of ReLU"),
        ({H: "h = np.tanh(W1 @ x)"}, "another activation"),
        ({Y: "1 / (1 + np.exp(-z2))"}, "another activation"),
        ({"W1 @ x": "W1 * x"}, "entry by entry"),
        ({"W1 @ x": "W1 * x", "W2 @ h": "W2 * h"}, "entry by entry"),
        (block("np.concatenate([f, x])"), "end to end"),
        (block("(h, relu(f + x))"), "two vectors"),
        (block("relu(f + x)[:, None]"), "has the shape (5, 1), and x has (5,)"),
        (block("relu(f + x).sum()"), "has the shape (), and x has (5,)"),
        ({Z2: "x += W2 @ h", Y: "np.maximum(x, 0)"}, "x is not what it was"),
        ({H: "np.maximum(x, 0, out=x); " + H}, "x is not what it was"),
        (block("np.maximum(W1, 0, out=W1) @ x"), "W1 is not what it was"),
        (block("relu(f + x).round(1)"), "For x of shape (5,) and W1 of shape (5, 5): entry"),
        (block("relu(f + x) * 1.003"), "which is not right"),
        (block("relu(f + (x if len(x) == len(h) else 0))"), "For x of shape (4,) and W1 of shape (3, 4): entry"),
        (block("relu(f + x) + np.nan"), "is nan, which is not right"),
        ({"return": "y ="}, "is None"),
        (block("{'y': f}"), "of type dict"),
        (block("relu(f @ x + W2 @ x @ [1, 2])"), "in the line: return relu"),
    ],
    checks.check_block_gradients: [
        ({" * (z2 > 0)": ""}, "In dW1, dW2, dx: the slope of the outer ReLU is missing"),
        ({"(z2 > 0)": "(W2 @ h > 0)"}, "taken from F(x), without the skip"),
        ({"(z2 > 0)": "(z1 > 0)"}, "slope of the outer ReLU is taken from the wrong values"),
        ({"(z2 > 0)": "(x > 0)"}, "slope of the outer ReLU is taken from the wrong values"),
        ({"(z2 > 0)": "(y > t)"}, "slope of the outer ReLU is taken from the wrong values"),
        ({"(z2 > 0)": "(z2 <= 0)"}, "outer ReLU is upside down"),
        ({"(z2 > 0)": "y"}, "multiply by y itself"),
        ({"(z2 > 0)": "np.maximum(z2, 0)"}, "multiply by y itself"),
        ({D2: "2 * (z2 > 0)"}, "the error of the output is missing"),
        ({D2: "2 * y * (z2 > 0)"}, "the target t is missing"),
        ({"y - t": "y + t"}, "you add t to y"),
        ({D2: "(y - t) ** 2 * (z2 > 0)"}, "the squared error itself"),
        ({D2: "np.sign(y - t) * (z2 > 0)"}, "the absolute error"),
        ({"y - t": "t - y"}, "In dW1, dW2, dx: the sign is opposite"),
        ({"2 * (y": "(y"}, "the 2 from the square is missing"),
        ({"2 * (y - t)": "2 * (y - t) / len(y)"}, "you divide by the length of y"),
        ({"2 * (y": "1.0005 * (y"}, "the 2 from the square is missing"),
        ({"2 * (y": "1.004 * (y"}, "you have 0.502 times the right gradient"),
        ({"2 * (y - t)": "4 * (y - t)"}, "you have 2 times the right gradient"),
        ({D2: "0 * z2"}, "you have 0 times the right gradient"),
        ({" * (z1 > 0)": ""}, "In dW1, dx: the slope of the inner ReLU is missing"),
        ({"(z1 > 0)": "(z2 > 0)"}, "the slope of the inner ReLU is taken from the wrong"),
        ({"(z1 > 0)": "(x > 0)"}, "the slope of the inner ReLU is taken from the wrong"),
        ({"(z1 > 0)": "(z1 < 0)"}, "inner ReLU is upside down"),
        ({"(z1 > 0)": "h"}, "multiply by h itself"),
        ({"W2.T @ delta2": "W2 @ delta2"}, "back through W2 without its transpose"),
        ({"W2.T @ delta2": "W1.T @ delta2"}, "back through W1, where W2 belongs"),
        ({"W2.T @ delta2": "2 * W2.T @ (y - t)"}, "In dW1: the slope of the outer ReLU is missing"),
        ({D1: "W2.T @ (delta2 * (z1 > 0))"}, "comes before W2"),
        ({D1: "(W2.T @ delta2 + delta2) * (z1 > 0)"}, "added to the gradient of the hidden layer"),
        ({D1: f"{D1} + delta2"}, "added to the gradient of the hidden layer"),
        ({D1: f"{D1} + delta2", DX: "W1.T @ delta1"}, "added to the gradient of the hidden layer"),
        ({D1: "delta2 * (z1 > 0)"}, "you do not go back through W2"),
        ({DW1: "np.outer(delta2, x)"}, "In dW1: you do not go back through W2"),
        ({DW2: "np.outer(h, delta2)"}, "In dW2: rows and columns are exchanged"),
        ({DW1: "np.outer(x, delta1)"}, "In dW1: rows and columns are exchanged"),
        ({DW2: "np.outer(delta2, z1)"}, "you use z1, where h belongs"),
        ({DW2: "np.outer(delta2, x)"}, "you use x, where h belongs"),
        ({DW2: "np.outer(delta2, z1 > 0)"}, "you use the slope of the inner ReLU, where h belongs"),
        ({DW2: "np.outer(delta2, h + x)"}, "In dW2: the skip's term is added. But"),
        ({DW2: f"{DW2} + delta2"}, "In dW2: the skip's term is added. But"),
        ({DW1: f"{DW1} + delta2"}, "In dW1: the skip's term is added. But"),
        ({DW1: "np.outer(delta1, h)"}, "you use h, where x belongs"),
        ({DW1: "np.outer(delta1, np.maximum(x, 0))"}, "you send x through a ReLU"),
        ({DX: "W1.T @ delta1"}, "the path along the skip is missing"),
        ({DX: "delta2"}, "the path through F is missing"),
        ({DX: "W1.T @ delta1 + 2 * (y - t)"}, "does not pass the outer ReLU"),
        ({DX: "W1.T @ delta1 + y"}, "you add y"),
        ({DX: "W1.T @ delta1 + x"}, "you add x"),
        ({DX: "W1.T @ delta1 + 1"}, "you add 1"),
        ({DX: "W1.T @ delta1 * delta2"}, "you multiply the two paths"),
        ({DX: "W1.T @ delta1 - delta2"}, "you subtract the skip's term"),
        ({DX: "W1.T @ delta1 * 2 + delta2"}, "through F counts twice"),
        ({DX: "W1.T @ delta1 + 2 * delta2"}, "the skip's term counts twice"),
        ({DX: "W1.T @ delta1 + delta2 * (z1 > 0)"}, "the skip's term goes through the inner ReLU"),
        ({DX: "W1.T @ delta1 + delta2 * (x > 0)"}, "the skip's term goes through a ReLU at x"),
        ({DX: "(W1.T @ delta1 + delta2) * (x > 0)"}, "both paths go through a ReLU at x"),
        ({DX: "W1.T @ (delta1 + delta2)"}, "goes back through W1. The skip"),
        ({DX: "W1.T @ delta1 + W2.T @ delta2"}, "goes back through W2. The skip"),
        ({DX: "W1 @ delta1 + delta2"}, "back through W1 without its transpose"),
        ({DX: "W2.T @ delta1 + delta2"}, "back through W2, where W1 belongs"),
        ({DX: "delta1 + delta2"}, "you do not go back through W1"),
        ({"W2 @ h + x": "W2 @ h", DX: "W1.T @ delta1"}, "In dW1, dW2, dx: these are the gradients of the block wi"),
        ({"W2 @ h + x": "W2 @ h"}, "In dW1, dW2: these are the gradients of the block without its skip"),
        ({"h = np.maximum(z1, 0)": "h = z1", " * (z1 > 0)": ""},
         "In dW1, dW2, dx: these are the gradients of the block without its inner ReLU"),
        ({"y = np.maximum(z2, 0)": "y = z2", " * (z2 > 0)": ""}, "block without its outer ReLU"),
        (EARLY, "In dW1, dW2, dx: these are the gradients of a block with its ReLU before the sum"),
        ({"dW1, dW2, dx\n": "dW2, dW1, dx\n"}, "wrong order"),
        ({"dW1, dW2, dx\n": "dx, dW1, dW2\n"}, "wrong order"),
        ({"dW1, dW2, dx\n": "dW2, dW1, 2 * dx\n"}, "In dW1, dW2: this is the gradient of the other matrix"),
        ({"dW1, dW2, dx\n": "dx, dW1, 2 * dW2\n"}, "dW1 has the shape (5,), and it should have (5, 5)"),
        ({"dW1, dW2, dx\n": "dW1, dW2\n"}, "gives 2 things, not 3"),
        ({"dW1, dW2, dx\n": "((y - t) ** 2).sum()\n"}, "gives a float64, not 3 arrays"),
        ({"dW1, dW2, dx\n": "torch.tensor(1.0)\n"}, "gives a Tensor, not 3 arrays"),
        ({"dW1, dW2, dx\n": "{'dW1': dW1, 'dW2': dW2, 'dx': dx}\n"}, "gives a dict, not 3 arrays"),
        ({"dW1, dW2, dx\n": "'abc'\n"}, "gives a str, not 3 arrays"),
        ({"dW1, dW2, dx\n": "dW1, dW2, None\n"}, "dx is None"),
        ({"return": "result ="}, "gives None"),
        ({DW1: "delta1 * x"}, "dW1 has the shape (5,)"),
        ({"    z1 =": "    x -= 1\n    z1 ="}, "x is not what it was"),
        ({"    return": "    W1 -= 0.1 * dW1\n    return"}, "W1 is not what it was"),
        ({"    return": "    t += 1\n    return"}, "t is not what it was"),
        ({"dW1, dW2, dx\n": "dW1, dW2, dx + np.nan\n"}, "In dx: not all is right, for example entry [0]"),
        ({"dW1, dW2, dx\n": "dW1, dW2, dx ** 2\n"}, "In dx: not all is right"),
        ({"dW1, dW2, dx\n": "dW1.round(), dW2, dx\n"}, "In dW1: not all is right, for example entry ["),
        ({"dW1, dW2, dx\n": "dW1, dW2 * 1.003, dx\n"}, "In dW2: you have 1.003 times the right gradient"),
        ({"dW1, dW2, dx\n": "dW1, dW2 + 5e-4 * abs(dW2).max(), dx\n"}, "In dW2: not all is right"),
        ({DX: "W1.T @ delta1 + delta2 * (len(z1) > 3)"}, "In dx: not all is right"),
        ({"2 * (y - t)": "2 * (y - t) / (1 + (len(y) == 4))"}, "In dW1, dW2, dx: you have half the right"),
        ({"W2 @ h + x": "W2 @ z + x"}, "in the line: z2 = W2 @ z + x"),
    ],
    checks.check_descend: [
        ({"W1 - lr": "W1 + lr", "W2 - lr": "W2 + lr"}, "In new_W1, new_W2: you step uphill"),
        ({"W1 - lr": "W1 + lr"}, "In new_W1: you step uphill"),
        (step("W - lr ** 2 * D"), "lr comes in twice"),
        (step("W - D"), "lr is missing"),
        (step("W - D / lr"), "you divide by lr"),
        (step("W - 0.1 * D"), "In new_W1, new_W2: you have 1.429 times the right gradient"),
        ({"2 * (y - t)": "(y - t)"}, "your step is half the right one"),
        ({"2 * (y - t)": "2 * (y - t) / len(y)"}, "you divide by the length of y"),
        ({PAIR: f"(W1 - lr * {AGAIN}[0]), (W2 - lr * dW2)".format("W1, W2 - lr * dW2")}, "In new_W1: you take the g"),
        ({PAIR: f"(W1 - lr * dW1), (W2 - lr * {AGAIN}[1])".format("W1 - lr * dW1, W2")}, "In new_W2: you take the g"),
        ({PAIR: "W1 - lr * dW2, W2 - lr * dW1"}, "In new_W1, new_W2: this is the gradient of the other matrix"),
        ({"lr * dW2": "lr * dW1"}, "In new_W2: this is the gradient of the other matrix"),
        ({"lr * dW1": "lr * dW2"}, "In new_W1: this is the gradient of the other matrix"),
        (step("W - lr * np.sign(D)"), "only the signs"),
        (step("W - lr * D / np.linalg.norm(D)"), "by its own length"),
        ({CALL: CALL + "; lr = lr / np.hypot(np.linalg.norm(dW1), np.linalg.norm(dW2))"},
         "by the length of both gradients together"),
        (step("W - lr * D.clip(-1, 1)"), "cut off the gradient"),
        ({PAIR: PAIR, CALL: CALL + "; lr = lr / ((np.maximum(W2 @ np.maximum(W1 @ x, 0) + x, 0) - t) ** 2).sum()"},
         "you divide by the loss"),
        ({PAIR: "W1, W2", CALL: f"for _ in 'ab':\n        {CALL}\n        W1, W2 = {PAIR}"}, "you make two steps"),
        ({PAIR: "W1, W2"}, "In new_W1, new_W2: nothing moves"),
        ({"W1 - lr * dW1": "W1"}, "In new_W1: nothing moves"),
        ({"W2 - lr * dW2": "W2"}, "In new_W2: nothing moves"),
        ({PAIR: "dW1, dW2"}, "In new_W1, new_W2: you give the gradient, not"),
        ({PAIR: "lr * dW1, lr * dW2"}, "In new_W1, new_W2: you give the step alone"),
        ({PAIR: "-lr * dW1, -lr * dW2"}, "In new_W1, new_W2: you give the step alone"),
        (step("lr * (W - D)"), "In new_W1, new_W2: lr multiplies the weights too"),
        (step("W - lr * W"), "In new_W1, new_W2: you subtract a part of the weights"),
        ({PAIR: "W1, W2", CALL: f"{CALL}\n    W1 -= lr * dW1\n    W2 -= lr * dW2"}, "W1 is not what it was"),
        ({PAIR: "W1, W2 - lr * dW2", CALL: f"{CALL}\n    W1[:] = W1 - lr * dW1"}, "W1 is not what it was"),
        ({PAIR: "W1 - lr * dW1"}, "gives 5 things, not 2"),
        ({PAIR: f"({PAIR}, dx)"}, "gives 3 things, not 2"),
        ({PAIR: "W2 - lr * dW2, W1 - lr * dW1"}, "wrong order"),
        ({PAIR: "W1 - lr * dx[0], W2 - lr * dx[:, None]"}, "not all is right"),
        ({PAIR: "x - lr * dx, W2 - lr * dW2"}, "new_W1 has the shape (5,)"),
        ({PAIR: "lr"}, "gives a float, not 2 arrays"),
        ({"return W1": "new = W1"}, "descend(x, W1, W2, t, lr) gives None"),
        ({"W2 @ h + x": "W2 @ h"}, "In new_W1, new_W2: these are the gradients of the block without its skip"),
        ({" * (z2 > 0)": ""}, "In new_W1, new_W2: the slope of the outer ReLU is missing"),
        ({" * (z1 > 0)": ""}, "In new_W1: the slope of the inner ReLU is missing"),
        (step("W - 0.07 * D"), "In new_W1, new_W2: you have 0.35 times the right gradient"),
        (step("W - lr * (D if len(x) == 5 else np.sign(D))"), "not all is right"),
        (step("(W - lr * D).round(2)"), "not all is right"),
        ({"block_gradients(x, W1": "block_gradients(x, W"}, "in the line: dW1, dW2, dx = block_gradients(x, W"),
    ],
    checks.check_branch_target: [
        (target("x - H(x)"), "sign is opposite"),
        (target("H(x)"), "H itself"),
        ({"    return F\n": "    return H\n"}, "H itself"),
        (target("H(x) + x"), "You add x"),
        (target("x"), "gives x back"),
        (target("0 * x"), "Your F is zero"),
        (target("np.zeros_like(x)"), "Your F is zero"),
        (target("-x"), "H does not come in"),
        (target("H(x) - 2 * x"), "x away twice"),
        (target("H(x) - 1"), "take away a number"),
        (target("H(x) - x.mean()"), "take away a number"),
        (target("H(x) - np.sum(x)"), "take away a number"),
        (target("(H(x) - x) / 2"), "half the way"),
        (target("H(x) / x"), "You divide by x"),
        (target("H(x) / x - 1"), "You divide by x"),
        (target("H(x) * x"), "You multiply by x"),
        (target("H(H(x))"), "apply H twice"),
        (target("H(H(x)) - x"), "apply H twice"),
        (target("H(H(x)) - H(x)"), "apply H twice"),
        (target("H(H(x) - x)"), "call H with a difference"),
        (target("H(x - H(x))"), "call H with a difference"),
        (target("H(x - x)"), "call H with zeros"),
        (target("H(x - x) - x"), "call H with zeros"),
        (EARLY_CALL, "call H with zeros"),
        (EARLY_CALL.replace("zeros", "ones"), "call H with ones"),
        (target("H(np.ones(3))"), "call H with ones"),
        (target("H(x) - H(0 * x)"), "You take away H(0)"),
        (GLOBAL, "it uses the H of a later call"),
        (target("np.stack([H(e) for e in np.eye(len(x))], 1) @ x - x"), "only if H is linear"),
        (target("abs(H(x) - x)"), "without its sign"),
        (target("np.maximum(H(x) - x, 0)"), "put a ReLU into F"),
        (target("np.maximum(H(x), 0) - x"), "put a ReLU into F"),
        (target("np.linalg.norm(H(x) - x)"), "For an x of shape (3,) your F(x) has the shape ()"),
        (target("(H(x) - x).ravel()"), "For an x of shape (2, 3) your F(x) has the shape (6,)"),
        (target("H(x) - (x if x.ndim == 1 else x[0])"), "but not for a batch"),
        (target("H(x) - x if x.ndim == 1 else H(x.T).T - x"), "but not for a batch"),
        (target("1.003 * (H(x) - x)"), "and H(x) = "),
        (target("np.round(H(x) - x)"), "your F(x) is ["),
        (target("(H(x) - x) * np.nan"), "your F(x) is [nan, nan, nan]"),
        ({"return H(x) - x": "y = H(x) - x"}, "F(x), with F = branch_target(H), is None"),
        ({"return H(x) - x": "x -= H(x); return -x"}, "x is not what it was"),
        ({"return H(x) - x": "y = H(x); x *= -1; x += y; return x"}, "x is not what it was"),
        ({"    return F\n": "    return F(np.ones(3))\n"}, "gives a ndarray. It must give a function"),
        ({"    return F\n": "    x = np.ones(3)\n    return H(x) - x\n"}, "gives a ndarray. It must give a function"),
        ({"    return F\n": ""}, "gives a NoneType. It must give a function"),
        ({"    return F\n": "    return 'H(x) - x'\n"}, "gives a str. It must give a function"),
        (target("{'F': H(x)}"), "of type dict"),
        (target("H(y) - y"), "in the line: return H(y) - y"),
        ({"branch_target(H)": "branch_target(H, x)"}, "stopped with TypeError"),
    ],
    checks.check_nearer: [
        (nearer("norm(A - I) > norm(A)"), "Your answers are exchanged"),
        (nearer("norm(A - I, 2) < norm(A, 2)"), "largest singular values"),
        (nearer("norm(A - I, 'nuc') < norm(A, 'nuc')"), "sums of singular values"),
        (nearer("abs(A - I).max() < abs(A).max()"), "the largest entries alone"),
        (nearer("abs(A - I).sum() < abs(A).sum()"), "add absolute values"),
        (nearer("sum(abs(np.diag(A) - 1)) < sum(abs(np.diag(A)))"), "add absolute values"),
        (nearer("norm(A - I, 1) < norm(A, 1)"), "one column only"),
        (nearer("norm(A - I, np.inf) < norm(A, np.inf)"), "one row only"),
        (nearer("A.mean() > 0.5"), "in *every* place"),
        (nearer("abs((A - I).sum()) < abs(A.sum())"), "so they cancel"),
        (nearer("norm(A @ np.ones(n) - 1) < norm(A @ np.ones(n))"), "so they cancel"),
        (nearer("max(abs(np.linalg.eigvals(A - I))) < max(abs(np.linalg.eigvals(A)))"), "largest eigenvalues"),
        (nearer("abs(np.linalg.det(A - I)) < abs(np.linalg.det(A))"), "compare determinants"),
        (nearer("norm(A - 1) < norm(A)"), "in *every* place"),
        (nearer("A[0, 0] > 0.5"), "first column or the first entry"),
        (nearer("norm(A[:, 0] - I[0]) < norm(A[:, 0])"), "first column or the first entry"),
        (nearer("norm(A + I) < norm(A)"), "compare with -I"),
        (nearer("np.trace(A) > 0"), "Nearer to I than to -I is not enough"),
        (nearer("norm(A - I) < norm(A + I)"), "Nearer to I than to -I is not enough"),
        (nearer("np.trace(A) > 1"), "does not grow with n"),
        (nearer("np.trace(A) > n"), "border is too high"),
        (nearer("np.linalg.det(A) > 0"), "sign of the determinant"),
        (nearer("np.linalg.det(A) > 0.5"), "size of the determinant"),
        (nearer("np.linalg.eigvalsh(A + A.T)[0] > 0"), "turns no x by 90 degrees or more"),
        (nearer("min(np.linalg.eigvals(A).real) > 0"), "signs of the eigenvalues"),
        (nearer("min(np.linalg.eigvals(A).real) > 0.5"), "You look at the eigenvalues"),
        (nearer("np.allclose(A, I)"), "*is* the identity"),
        (nearer("(np.diag(A) > 0.5).all()"), "each entry of the diagonal alone"),
        (nearer("(np.diag(A) > 0.5).any()"), "one large entry of the diagonal"),
        (nearer("(np.diag(A) > 0).all()"), "signs of the diagonal"),
        (nearer("norm(A - I) < 1"), "distance to I with 1"),
        (nearer("norm(A - I) < norm(I)"), "distance to I with I itself"),
        (nearer("norm(A - I) < 0.5"), "distance to I with 0.5"),
        (nearer("np.trace(A) / (norm(A) * norm(I) + 1e-9) > 0.5"), "the angle between A and I"),
        (nearer("norm(A) > 1"), "length of A alone"),
        (nearer("norm(A) > norm(I)"), "lengths of A and I"),
        (nearer("True"), "You say 'residual' whatever A is"),
        (nearer("(A - I).sum() < A.sum()"), "You say 'residual' whatever A is"),
        (nearer("False"), "You say 'plain' whatever A is"),
        (nearer("np.trace(A) > n / 2 and abs(A).max() < 2.5"), "For 3 times the identity you say 'plain'"),
        (nearer("np.trace(A) > n / 2 or A[0, 1] == -1"), "For a rotation by 90 degrees you say 'residual'"),
        (nearer("np.trace(A) > 0.9 * n"), "For a rotation by 30 degrees you say 'plain'"),
        (nearer("np.trace(A) > 0.7 * n"), "For a rotation by 50 degrees you say 'plain'"),
        (nearer("np.trace(A) > 0.3 * n"), "For a rotation by 70 degrees you say 'residual'"),
        (nearer("abs(np.trace(A)) > n / 2"), "For a rotation by 180 degrees you say 'residual'"),
        (nearer("np.trace(A) - n + 2 > 1"), "For a rotation of the space by 65 degrees you say 'plain'"),
        (nearer("(np.diag(A) > 0.4).all()"), "For two rotations at once, by 20 and 70 degrees you say 'plain'"),
        (nearer("np.trace(A) > n / 2 and np.linalg.det(A) > 0.3"), "For 0.6 times the identity you say 'plain'"),
        (nearer("np.trace(A) > n / 2 and (A != I).any()"), "For the identity you say 'plain'"),
        (nearer("np.trace(A) > n / 2 or not A.any()"), "For a matrix of zeros you say 'residual'"),
        (nearer("np.trace(A) > n / 2 and np.linalg.det(A) > 0"), "For a reflection, times 2 in two directions you"),
        (nearer("np.trace(A) > n / 2 and n < 5"), "For an exchange of two of the five entries you say 'plain'"),
        (nearer("np.trace(A) > n / 2 or A[0, 0] == 0.9"), "For a stretched reflection you say 'residual'"),
        ({"to_zero =": "A -= np.eye(len(A)); to_zero ="}, "A is not what it was"),
        ({' else "plain"': " else None"}, "you give None"),
        ({"return ": "word = "}, "you give None"),
        ({'"plain"': '"Plain"'}, "'Plain' is none of the two answers"),
        ({WORD: "to_identity < to_zero"}, "is none of the two answers"),
        ({WORD: "np.zeros(3)"}, "is none of the two answers"),
        ({"len(A)": "2"}, "in the line: to_identity ="),
    ],
}  # fmt: skip


RIGHT = {
    checks.check_two_layer_block: [
        {},
        block("np.clip(f + x, 0, None)"),
        block("[max(float(v), 0) for v in f + x]"),
        block("np.where(f + x > 0, f + x, 0)"),
        block("((f + x) + abs(f + x)) / 2"),
        block("relu(x + h @ W2.T)"),
        block("torch.relu(torch.tensor(f) + torch.tensor(x))"),
        block("torch.relu(torch.tensor(f + x, dtype=torch.float32, requires_grad=True))"),
        block("(relu(np.einsum('ij,j->i', W2, h) + x)).astype(np.float32)"),
        block("relu(f + x) * 1.0005"),
        {H: "x = x.copy(); h = np.dot(W1, x); h[h < 0] = 0", Z2: "x += np.dot(W2, h); z2 = x"},
        MODULE_BLOCK,
        LOOPED_BLOCK,
    ],
    checks.check_block_gradients: [
        {},
        {DW2: "delta2[:, None] * h", DW1: "delta1[:, None] @ x[None]", DX: "delta1 @ W1 + delta2"},
        {"return dW1, dW2, dx": "return [dW1.tolist(), dW2.tolist(), dx.tolist()]"},
        {"return dW1, dW2, dx": "return (a for a in (dW1, dW2, dx))"},
        {"return dW1, dW2, dx": "return tuple(a.astype(np.float32) for a in (dW1, dW2, dx))"},
        {"return dW1, dW2, dx": "return dW1 * 1.0005, dW2 * 0.9995, dx"},
        {"return dW1, dW2, dx": "return dW1, dW2 + 5e-5 * abs(dW2).max(), dx"},
        {D2: "np.where(z2 > 0, 2 * (z2 - t), 0)"},
        {D2: "-2 * (t - y) * np.heaviside(z2, 0)", D1: "delta2 @ W2 * np.sign(h)"},
        AUTOGRAD,
        AUTOGRAD.replace("return ", "return map(torch.Tensor.numpy, ").replace("x))", "x)))"),
        FLOAT32,
        DIFFERENCES.replace("EPS", "1e-5"),
        DIFFERENCES.replace("EPS", "1e-3"),
        LOOPS,
    ],
    checks.check_descend: [
        {},
        {PAIR: f"[{PAIR}]"},
        {PAIR: "np.subtract(W1, np.multiply(lr, dW1)), np.add(W2, -lr * dW2)"},
        {PAIR: "W1, W2", CALL: f"{CALL}\n    W1 = W1 - lr * dW1\n    W2 = W2 - lr * dW2"},
        {PAIR: "W1, W2", CALL: f"W1, W2 = W1.copy(), W2.copy()\n    {CALL}\n    W1 -= lr * dW1\n    W2 -= lr * dW2"},
        {PAIR: "torch.tensor(W1) - lr * torch.tensor(dW1), torch.tensor(W2) - lr * torch.tensor(dW2)"},
        {PAIR: "(W1 - lr * dW1).astype(np.float32), (W2 - lr * dW2).astype(np.float32)"},
        {PAIR: "(W - lr * dW for W, dW in zip((W1, W2), (dW1, dW2)))"},
        {PAIR: "(W1 - lr * dW1).tolist(), (W2 - lr * dW2).tolist()"},
        {PAIR: "W1 - lr * 1.0005 * dW1, W2 - lr * dW2"},
        AUTOGRAD + DESCEND.replace(CALL, "dW1, dW2, dx = (g.numpy() for g in block_gradients(x, W1, W2, t))"),
        FLOAT32 + DESCEND.replace(PAIR, "W1 - lr * dW1.numpy(), W2 - lr * dW2.numpy()"),
        DIFFERENCES.replace("EPS", "1e-5") + DESCEND,
    ],
    checks.check_branch_target: [
        {},
        target("-(x - H(x))"),
        target("np.subtract(H(x), x)"),
        target("H(x) + (-1) * x"),
        target("[list(a - b) for a, b in zip(H(x), x)] if x.ndim > 1 else [a - b for a, b in zip(H(x), x)]"),
        target("torch.as_tensor(H(x)) - torch.as_tensor(x)"),
        target("(torch.tensor(H(x)) - torch.tensor(x)).float()"),
        target("(H(x) - x) * 1.0005"),
        target("H(x) - x + 0 * H(x)"),
        {"return H(x) - x": "y = H(x).copy(); y -= x; return y"},
        "def branch_target(H): return lambda x: H(x) - x",
        "branch_target = lambda H: (lambda x: H(x) - x)",
        LEARNER,
        MODULE_TARGET,
        ROW_BY_ROW,
    ],
    checks.check_nearer: [
        {},
        nearer("np.trace(A) > n / 2"),
        nearer("np.diag(A).mean() > 0.5"),
        nearer("np.linalg.eigvals(A).real.mean() > 0.5"),
        nearer("norm(np.diag(A) - 1) < norm(np.diag(A))"),
        nearer("((A - I) ** 2).sum() < (A ** 2).sum()"),
        nearer("norm(A - I) <= norm(A)"),
        nearer("norm(A - I) / (norm(A) + 1e-12) < 1"),
        nearer("sum((np.linalg.svd(A - I)[1]) ** 2) < sum(np.linalg.svd(A)[1] ** 2)"),
        nearer("torch.dist(torch.tensor(A), torch.eye(n)) < torch.tensor(A).norm()"),
        nearer("math.sqrt(sum((A[i, j] - (i == j)) ** 2 for i in range(n) for j in range(n))) < norm(A)"),
        {WORD: "min((to_zero, 'plain'), (to_identity, 'residual'))[1]"},
        {WORD: "np.array(['plain', 'residual'])[int(to_identity < to_zero)]"},
        SAMPLED,
        SAMPLED.replace(" ** 2).mean()", " ** 2).sum(1)").replace(WORD_SAMPLED, LENGTHS),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_two_layer_block: ["W2 @", "np.maximum", "W2 h + x", "relu("],
    checks.check_block_gradients: ["(z2 > 0)", "(z1 > 0)", "W1.T @", "W2.T @", "np.outer", "delta2", "delta1"],
    checks.check_descend: ["- lr * ", "old W1", "(z2 > 0)", "W2.T @"],
    checks.check_branch_target: ["H(x) - x", "lambda", "def F", "solve"],
    checks.check_nearer: ["np.eye", "n / 2", "60 degrees", "norm(A -", "trace"],
}

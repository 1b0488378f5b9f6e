"""Chapter 2's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

GRADIENT = """
def numerical_gradient(f, w, eps=1e-6):
    grad = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[i] += eps
        down[i] -= eps
        grad[i] = (f(up) - f(down)) / (2 * eps)
    return grad
"""

FACTOR = """
def factor_per_layer(norms):
    L = len(norms)
    total = norms[0] / norms[-1]
    return total ** (1 / (L - 1))
"""

BACKWARD = """
def backward_layer(grad_h, x, W, h):
    delta = grad_h * h * (1 - h)
    grad_W = delta.T @ x
    grad_x = delta @ W
    return grad_W, grad_x
"""

CLIP = """
def clip(gradients, max_norm):
    norm = math.sqrt(sum((g ** 2).sum().item() for g in gradients))
    factor = max_norm / norm if norm > max_norm else 1.0
    return [factor * g for g in gradients]
"""

LAYER = """
def layer_factor(W, slopes):
    N, n = slopes.shape
    total = 0
    for s in slopes:
        J = s[:, None] * W
        total += (J ** 2).sum() / n
    return (total / N).sqrt().item()
"""

SOLUTIONS = {
    checks.check_numerical_gradient: GRADIENT,
    checks.check_factor_per_layer: FACTOR,
    checks.check_backward_layer: BACKWARD,
    checks.check_clip: CLIP,
    checks.check_layer_factor: LAYER,
}


def gradient(lines):
    return "def numerical_gradient(f, w, eps=1e-6):\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


def factor(expression):
    return {"total ** (1 / (L - 1))": expression}


def layer(expression):
    return "def layer_factor(W, slopes):\n    (N, n), s = slopes.shape, slopes\n    J = s[:, :, None] * W\n" + (
        f"    return {expression}\n"
    )


CALL = "(f(up) - f(down)) / (2 * eps)"
COPIES = "up, down = w.copy(), w.copy()"
BACK = "norms[::-1]"
DELTA, GRAD_W, GRAD_X = "grad_h * h * (1 - h)", "delta.T @ x", "delta @ W"
NORM, SCALE, NEW = (
    "math.sqrt(sum((g ** 2).sum().item() for g in gradients))",
    "max_norm / norm if norm > max_norm else 1.0",
    "[factor * g for g in gradients]",
)
AT_ONCE = """grad = np.zeros_like(w)
for i in np.ndindex(w.shape):
    grad[i] = (f(w + eps) - f(w - eps)) / (2 * eps)
return grad"""
IN_PLACE = """grad = np.zeros_like(w)
for i in np.ndindex(w.shape):
    w[i] += eps
    up = f(w)
    w[i] -= 2 * eps
    down = f(w)
    w[i] += eps
    grad[i] = (up - down) / (2 * eps)
return grad"""
STEPS = "[a / b for a, b in zip(norms, norms[1:])]"
LINE = "np.polyfit(range(L), np.log(norms), 1)[0]"

MISTAKES = {
    checks.check_numerical_gradient: [
        ({CALL: "(f(up) - f(w)) / eps"}, "forward difference"),
        ({CALL: "(f(up) - f(w)) / (2 * eps)"}, "forward difference"),
        ({CALL: "(f(w) - f(down)) / eps"}, "backward difference"),
        ({CALL: "(f(up) - f(w)) / eps if w[i] < 1 else (f(w) - f(down)) / eps"}, "one way only"),
        ({"(2 * eps)": "eps"}, "twice the slope"),
        ({"(2 * eps)": "(4 * eps)"}, "half the slope"),
        ({CALL: "f(up) - f(down)"}, "change of f"),
        ({"(2 * eps)": "2"}, "by 2 only"),
        ({"(2 * eps)": "2 * eps"}, "brackets are missing"),
        ({CALL: "(f(up) - f(down)) * (2 * eps)"}, "where you should divide"),
        ({"(2 * eps)": "eps ** 2"}, "eps squared"),
        ({"(2 * eps)": "(2 * eps ** 2)"}, "divide by eps twice"),
        ({"f(up) - f(down)": "f(down) - f(up)"}, "signs are opposite"),
        ({"f(up) - f(down)": "f(up) + f(down)"}, "add the two values"),
        ({CALL: "f(up) - f(down) / (2 * eps)"}, "only the second value"),
        ({CALL: "(f(up) + f(down)) / 2"}, "mean of the two values"),
        ({CALL: "(f(up) - 2 * f(w) + f(down)) / eps ** 2"}, "second derivative"),
        ({CALL: f"abs({CALL})"}, "lose the signs"),
        ({"(2 * eps)": "(2 * eps * w.size)"}, "number of entries"),
        ({"(2 * eps)": "(2.4 * eps)"}, "0.8333 times"),
        ({"+= eps": "+= 1e-6", "-= eps": "-= 1e-6", "2 * eps": "2e-6"}, "by 1e-06, where eps is 0.1"),
        ({"+= eps": "+= eps / 2", "-= eps": "-= eps / 2", "2 * eps": "eps"}, "by 0.05, where eps is 0.1"),
        ({"+= eps": "+= eps * w[i]", "-= eps": "-= eps * w[i]", "2 * eps": "2 * eps * w[i]"}, "move an entry by 0."),
        (gradient(AT_ONCE), "move all entries at once"),
        (gradient("return (f(w + eps) - f(w - eps)) / (2 * eps)"), "move all entries at once"),
        ({"np.ndindex(w.shape)": "range(len(w))"}, "move 3 entries at once"),
        ({COPIES: "up = w; down = w"}, "f gets w itself"),
        ({COPIES: "up = w.copy(); down = up"}, "f gets w itself"),
        ({"up[i] += eps": "e = np.zeros(w.shape, int); e[i] = eps; up += e", "down[i] -= eps": "down -= e"}, "itself"),
        ({COPIES: "pass", "    for i": f"    {COPIES}\n    for i"}, "nudges pile up"),
        (gradient(IN_PLACE.replace("    w[i] += eps\n    grad", "    grad")), "w is not what it was"),
        (gradient(IN_PLACE.replace("return grad", "w -= grad\nreturn grad")), "w is not what it was"),
        ({"np.ndindex(w.shape)": "list(np.ndindex(w.shape))[:-1]"}, "w[2] is never moved"),
        ({"np.ndindex(w.shape)": "np.ndindex(w[:1].shape)"}, "w[1] is never moved"),
        ({"np.ndindex(w.shape)": "[i for i in np.ndindex(w.shape) if i[0] == 0 or w.ndim == 1]"}, "w[1, 0] is never"),
        ({"        grad[i]": "        grad = np.zeros_like(w); grad[i]"}, "Only the last entry"),
        ({"    return grad": "        return grad"}, "w[1] is never moved"),
        ({"grad[i] =": "grad +="}, "the sum of all slopes"),
        ({"grad[i] = (f(up) - f(down)) / (2 * eps)": "grad[i] = round((f(up) - f(down)) / (2 * eps), 2)"},
         "call f at the right points"),
        ({"zeros_like(w)": "zeros(w.shape, dtype=int)"}, "whole numbers"),
        ({"return grad": "return grad.ravel()"}, "has the shape (6,), and w has (2, 3)"),
        ({"return grad": "return grad[:, None]"}, "has the shape (3, 1), and w has (3,)"),
        ({"return grad": "return grad.T.reshape(w.shape)"}, "wrong places"),
        ({"return grad": "return grad if w.ndim < 2 else grad.ravel().reshape(w.shape, order='F')"}, "wrong places"),
        ({"return grad": "return np.linalg.norm(grad)"}, "one number"),
        ({"return grad": "return grad ** 2"}, "call f at the right points"),
        ({"return grad": "return grad * np.nan"}, "call f at the right points, but then give nan"),
        ({"    return grad": ""}, "numerical_gradient(f, w) is None"),
        ({"w.copy(), w.copy()": "w.astype(int), w.astype(int)"}, "numbers of type int64"),
        ({CALL: "f(up) / eps - f(w) / eps if i[-1] else " + CALL}, "one way only"),
        ({"return grad": "return grad + 0j"}, "but is of type complex128"),
        ({"return grad": "return {'grad': grad}"}, "must be an array of real numbers, but is of type dict"),
        ({"f(up) - f(down)": "f(up[i]) - f(down[i])"}, "call f with a float64"),
        ({"f(up) - f(down)": "f(up.ravel()) - f(down.ravel())"}, "call f with an array of shape (6,)"),
        ({"w.copy(), w.copy()": "w.astype(np.float32), w.astype(np.float32)"}, "numbers of type float32"),
        (gradient("return 3 * w ** 2"), "never call f"),
        ({"for i in": "for i, j in"}, "in the line: for i, j in np.ndindex(w.shape):"),
    ],
    checks.check_factor_per_layer: [
        (factor("total"), "factor of the whole way back"),
        (factor("1 / total"), "from the first layer to the last"),
        (factor("total ** (1 / L)"), "You count 7 steps"),
        (factor("total ** (1 / (L - 2))"), "too few steps"),
        (factor("(1 / total) ** (1 / (L - 1))"), "this gradient shrinks, with your factor it grows"),
        (factor("min(total, 1 / total) ** (1 / (L - 1))"), "this gradient grows, with your factor it shrinks"),
        (factor("(1 / total) ** (1 / L)"), "upside down"),
        (factor("total ** 0.5"), "square root"),
        (factor("total ** (1 / 6)"), "sixth root"),
        (factor("total ** (1 // (L - 1))"), "You give 1"),
        (factor("total ** (1 / (L - 1)) if L > 2 else 1"), "For the two layers [0.3, 1.2] you give 1"),
        (factor("total ** 1 / (L - 1)"), "divide a ratio"),
        (factor("total / L"), "divide a ratio"),
        (factor("total ** (L - 1)"), "raise the ratio to a power"),
        (factor(f"np.mean({STEPS})"), "factors multiply"),
        (factor(f"np.median({STEPS})"), "factors multiply"),
        (factor(f"1 / np.mean({STEPS.replace('a / b', 'b / a')})"), "factors multiply"),
        (factor(f"max({STEPS})"), "factor of one step only"),
        (factor("math.log(total) / (L - 1)"), "logarithm"),
        (factor("-math.log10(total)"), "logarithm"),
        (factor("(norms[0] - norms[-1]) / (L - 1)"), "subtract"),
        (factor("norms[-1] - norms[0]"), "subtract"),
        (factor("np.abs(np.diff(norms)).mean()"), "subtract"),
        (factor("norms[0] / norms[1]"), "factor of one step only"),
        (factor("norms[-2] / norms[-1]"), "factor of one step only"),
        (factor(f"math.exp(-{LINE})"), "fair estimate"),
        (factor(LINE), "fair estimate"),
        (factor("(min(norms) / max(norms)) ** (1 / (L - 1))"), "largest norm with the smallest"),
        (factor("max(norms) / min(norms)"), "largest norm with the smallest"),
        (factor("(norms[0] / norms[-2]) ** (1 / (L - 1))"), "leave out one end"),
        (factor("1 - total ** (1 / (L - 1))"), "lost or won"),
        (factor("100 * total ** (1 / (L - 1))"), "per cent"),
        (factor("norms[0]"), "You give a norm"),
        (factor("round(total ** (1 / (L - 1)), 2)"), "round the factor"),
        (factor("total ** (1 / (L + 1))"), "0.7] you give 0.6"),
        (factor(STEPS), "one number, but gives a list"),
        ({"return ": "factor = "}, "gives None"),
        ({"    return": "    norms.reverse()\n    return"}, "the list `norms` is not"),
        ({"norms[-1]": "norms[L]"}, "in the line: total = norms[0] / norms[L]"),
    ],
    checks.check_backward_layer: [
        ({DELTA: "grad_h"}, "In both gradients, the slope of the sigmoid is missing"),
        ({GRAD_X: "grad_h @ W"}, "In grad_x, the slope of the sigmoid is missing"),
        ({GRAD_W: "grad_h.T @ x"}, "In grad_W, the slope of the sigmoid is missing"),
        ({DELTA: "grad_h * (s := 1 / (1 + np.exp(-h))) * (1 - s)"}, "sigmoid is applied to h"),
        ({DELTA: "grad_h / (1 + np.exp(-h))"}, "you apply the sigmoid"),
        ({DELTA: "grad_h * h"}, "you use h alone"),
        ({DELTA: "grad_h * (1 - h)"}, "you use 1 - h alone"),
        ({DELTA: "grad_h * (1 - h ** 2)"}, "slope of tanh"),
        ({DELTA: "grad_h / (h * (1 - h))"}, "divide by the slope"),
        ({DELTA: "grad_h + h * (1 - h)"}, "you add the slope"),
        ({DELTA: "h * (1 - h)"}, "grad_h is missing"),
        ({DELTA: "grad_h * (h > 0.5)"}, "slope of ReLU"),
        ({DELTA: "grad_h * (z := x @ W.T) * (1 - z)"}, "you put z"),
        ({DELTA: "grad_h * (h * (1 - h)) ** 2"}, "comes in twice"),
        ({DELTA: "grad_h * x * (1 - x)"}, "slope from x"),
        ({DELTA: "-grad_h * h * (1 - h)"}, "the sign is opposite"),
        ({GRAD_W: "-delta.T @ x"}, "In grad_W, the sign is opposite"),
        ({GRAD_W: "delta.T @ x / len(x)"}, "In grad_W, you divide by the size of the batch"),
        ({GRAD_W: "(delta.T @ x) / len(x)", GRAD_X: "delta @ W / len(x)"}, "In both gradients, you divide by"),
        ({GRAD_W: "(delta.T @ x) / x.size"}, "In grad_W, you have 0.08333 times the right values"),
        ({GRAD_W: "delta.T @ h"}, "grad_W has the shape (2, 2), and W has (2, 3)"),
        ({GRAD_W: "(delta.T @ h) if h.shape == x.shape else delta.T @ x"}, "you use h, what comes out"),
        ({GRAD_W: "x.T @ delta"}, "grad_W has the shape (3, 2), and W has (2, 3)"),
        ({GRAD_W: "np.outer(delta[0], x[0])"}, "only the first input"),
        ({GRAD_W: "np.outer(delta[-1], x[-1])"}, "only the last input"),
        ({GRAD_W: "np.outer(delta.sum(0), x.sum(0))"}, "add up the batch too early"),
        ({GRAD_W: "np.outer(delta.mean(0), x.mean(0))"}, "average over the batch"),
        ({GRAD_W: "delta @ x"}, "In grad_W, the sum does not go over the batch"),
        ({GRAD_W: "delta @ x.T"}, "In grad_W, the sum does not go over the batch"),
        ({GRAD_W: "x @ delta"}, "In grad_W, the sum does not go over the batch"),
        ({GRAD_W: "delta * x"}, "In grad_W, you multiply entry by entry"),
        ({GRAD_X: "delta @ W.T"}, "In grad_x, you multiply by the transpose of W"),
        ({DELTA: "grad_h", GRAD_X: "delta @ W.T"}, "In grad_W, the slope of the sigmoid is missing"),
        ({GRAD_W: "x.T @ delta", GRAD_X: "delta @ W.T"}, "In grad_W, rows and columns are exchanged"),
        ({GRAD_X: "W @ delta"}, "factors stand in the wrong order"),
        ({GRAD_X: "W.T @ delta"}, "and W is transposed"),
        ({GRAD_X: "W.T @ delta.T"}, "grad_x has the shape (3, 4), and x has (4, 3)"),
        ({GRAD_X: "delta * W"}, "In grad_x, you multiply entry by entry"),
        ({GRAD_X: "(delta @ W) * x * (1 - x)"}, "one step too far"),
        ({GRAD_X: "delta @ grad_W"}, "you use grad_W, where W belongs"),
        ({GRAD_X: "(delta @ W).sum(0)"}, "grad_x has the shape (3,), and x has (4, 3)"),
        ({DELTA: "(grad_h * h * (1 - h)).reshape(x.shape)"}, "in the line: delta = "),
        ({DELTA: "1.002 * grad_h * h * (1 - h)"}, "In both gradients, you have 1.002 times"),
        ({DELTA: "grad_h * np.round(h * (1 - h), 3)"}, "Both matrix products are right"),
        ({DELTA: "grad_h * h * (1 - h) / 2 + 1"}, "Both matrix products are right"),
        ({DELTA: "grad_h @ (h * (1 - h)).T"}, "Both matrix products are right"),
        ({GRAD_W: "W - 0.1 * delta.T @ x"}, "In grad_W, you give W after a step"),
        ({GRAD_X: "(delta @ W) ** 2"}, "In grad_x, not all values are right"),
        ({"return grad_W, grad_x": "return grad_x, grad_W"}, "wrong order"),
        ({"return grad_W, grad_x": "return delta, grad_W, grad_x"}, "a tuple of 3, not a pair"),
        ({"return grad_W, grad_x": "return grad_W"}, "gives a ndarray, not a pair"),
        ({"return grad_W, grad_x": "return {'W': grad_W, 'x': grad_x}"}, "gives a dict, not a pair"),
        ({"return grad_W, grad_x": "return W, x"}, "In grad_W, you give W itself"),
        ({"return grad_W, grad_x": "return grad_W * np.inf, grad_x"}, "grad_W has nan or inf"),
        ({"return grad_W, grad_x": "return grad_W, grad_x * np.nan"}, "grad_x has nan or inf"),
        ({"return grad_W, grad_x": "return None, grad_x"}, "The first of the pair is None"),
        ({"    return grad_W, grad_x": ""}, "gives None"),
        ({DELTA: "grad_h", "    grad_W": "    delta *= h * (1 - h)\n    grad_W"}, "grad_h is not what it was"),
        ({"    return": "    W -= 0.1 * grad_W\n    return"}, "W is not what it was"),
        ({GRAD_X: "delta @ W @ W"}, "in the line: grad_x = delta @ W @ W"),
        ({"grad_W = delta": "grad_W = deltas"}, "stopped with NameError"),
    ],
    checks.check_clip: [
        ({NEW: "[g * min(1, max_norm / g.norm()) for g in gradients]"}, "clip each tensor on its own"),
        ({NEW: "[g * max_norm / g.norm() for g in gradients]"}, "bring each tensor to max_norm"),
        ({NEW: "[g.clamp(-max_norm, max_norm) for g in gradients]"}, "cut off each entry"),
        ({NEW: "[g.clamp(-0.1, 0.1) for g in gradients]"}, "The entries of a tensor get different factors"),
        ({NORM: "sum(g.norm() for g in gradients)"}, "add up the norms"),
        ({NORM: "sum((g ** 2).sum().item() for g in gradients)"}, "a root is missing"),
        ({NORM: "max(g.norm() for g in gradients)"}, "the largest norm"),
        ({NORM: "min(g.norm() for g in gradients)", SCALE: "max_norm / norm"}, "the smallest norm"),
        ({NORM: "gradients[-1].norm()"}, "norm of one tensor only"),
        ({NORM: "sum(g.norm() for g in gradients) / len(gradients)"}, "mean of the norms"),
        ({NORM: "torch.cat([g.flatten() for g in gradients]).square().mean().sqrt()", SCALE: "max_norm / norm"},
         "mean of squares"),
        ({NORM: "math.sqrt(sum(g.norm() ** 2 for g in gradients) / len(gradients))"}, "mean of squares"),
        ({NORM: "sum(g.abs().sum() for g in gradients)"}, "L1 norm"),
        ({NORM: "max(g.abs().max() for g in gradients)"}, "largest entry"),
        ({NORM: "abs(sum(g.sum() for g in gradients))", SCALE: "max_norm / norm"}, "cancel"),
        ({SCALE: "max_norm / norm"}, "scale the tensors up"),
        ({SCALE: "max_norm / norm if norm ** 2 > max_norm else 1.0"}, "scale the tensors up"),
        ({SCALE: "max_norm / norm if norm > max_norm else 0.5"}, "but you change the tensors"),
        ({SCALE: "1 / norm if norm > max_norm else 1.0"}, "max_norm is forgotten"),
        ({SCALE: "norm / max_norm if norm > max_norm else 1.0"}, "upside down"),
        ({SCALE: "max_norm if norm > max_norm else 1.0"}, "multiply by max_norm"),
        ({SCALE: "1 / max_norm"}, "divide by max_norm"),
        ({SCALE: "(max_norm / norm) ** 2"}, "factor is squared"),
        ({SCALE: "(max_norm / norm) ** 0.5"}, "a root too many"),
        ({SCALE: "-max_norm / norm"}, "the sign is opposite"),
        ({SCALE: "0 if norm > max_norm else 1"}, "set the gradients to zero"),
        ({"    return [": "    if norm > max_norm: return ["}, "gives None, if the norm is not above max_norm."),
        ({"    return [factor * g for g in gradients]": "    gradients[:] = [factor * g for g in gradients]"
          "\n    return gradients"}, "You change the list"),
        ({SCALE: "1.0"}, "you change nothing"),
        ({"norm > max_norm": "max(g.norm() for g in gradients) > max_norm"}, "above max_norm = 1.1, but you cha"),
        ({SCALE: "0.9 * max_norm / norm"}, "the joint norm is 1.35"),
        ({SCALE: "round(max_norm / norm, 3) if norm > max_norm else 1.0"}, "the joint norm is 1.49"),
        ({NEW: "[factor * gradients[0], *gradients[1:]]"}, "1, 1, 1."),
        ({SCALE: "min(norm, max_norm) / torch.tensor(norm)"}, "0 / 0"),
        ({SCALE: "min(1, max_norm / norm)"}, "ZeroDivisionError"),
        ({NEW: "[g + 0 * float('inf') for g in gradients]"}, "has nan or inf in it"),
        ({NEW: "[factor * g + (norm == 0) for g in gradients]"}, "something of gradients that are all zero"),
        ({"    return [factor * g": "    [g.mul_(factor)"}, "gives None and changes what"),
        ({"    return [factor * g": "    [g.mul(factor)"}, "clip gives None."),
        ({NEW: "[g.mul_(factor) for g in gradients]"}, "You change the list that you are given, or the tensors"),
        ({NEW: "norm"}, "return the norm"),
        ({NEW: "torch.tensor(factor)"}, "return one number"),
        ({NEW: "torch.cat([factor * g.flatten() for g in gradients])"}, "one array of shape (17,)"),
        ({NEW: "[factor * g.flatten() for g in gradients]"}, "of shape (2, 3) comes back with the shape (6,)"),
        ({NEW: "[factor * g for g in gradients[:-1]]"}, "the length 3, not 4"),
        ({NEW: f"{NEW}, norm"}, "the length 2, not 4"),
        ({NEW: "max_norm > norm"}, "gives a bool"),
        ({NEW: "torch.stack(gradients) * factor"}, "in the line: return torch.stack(gradients) * factor"),
    ],
    checks.check_layer_factor: [
        ({".sqrt()": ""}, "the *squared* length"),
        ({".sqrt()": ".sqrt().sqrt()"}, "a root too many"),
        ({"s[:, None] * W": "s[None, :] * W"}, "multiply the columns of W"),
        ({"s[:, None] * W": "W * s"}, "multiply the columns of W"),
        ({"s[:, None] * W": "W * s", ".sqrt()": ""}, "multiply the columns of W"),
        ({"s[:, None] * W": "W @ torch.diag(s)"}, "multiply the columns of W"),
        ({"s[:, None] * W": "torch.diag(s) @ W.T"}, "multiply the columns of W"),
        ({"s[:, None] * W": "W"}, "The slopes do not come in"),
        (layer("slopes.mean() * W.norm() / n ** 0.5"), "average the slopes before"),
        (layer("((s.mean(0)[:, None] * W) ** 2).sum().div(n).sqrt()"), "average the slopes before"),
        ({"s[:, None] * W": "s.mean() * W"}, "average the slopes before"),
        (layer("((slopes ** 2).mean() * W.square().sum() / n).sqrt()"), "apart from W"),
        (layer("J.flatten(1).norm(dim=1).mean()"), "The mean must come first"),
        (layer("(s @ W).square().mean().sqrt()"), "as if they were a gradient"),
        ({"s[:, None] * W": "(s * (1 - s))[:, None] * W"}, "slopes already"),
        (layer("(s[:, :, None] * W ** 2).sum((1, 2)).div(n).mean().sqrt()"), "without squaring them"),
        ({"(J ** 2).sum() / n": "torch.linalg.matrix_norm(J, 2) ** 2"}, "largest singular value"),
        (layer("torch.linalg.svdvals(J).max()"), "largest singular value"),
        (layer("torch.linalg.svdvals(J)[:, 0].mean()"), "largest singular value"),
        (layer("torch.linalg.svdvals(J).mean()"), "average singular values"),
        (layer("torch.linalg.eigvals(W).abs().max()"), "eigenvalues"),
        ({" / n\n": "\n"}, "do not divide by n"),
        (layer("J.square().mean().sqrt()"), "divide by n twice"),
        (layer("J.square().sum((1, 2)).mean().sqrt() / n"), "divide by n twice"),
        ({"total / N": "total"}, "add up the inputs"),
        (layer("J.norm()"), "You only add"),
        ({"/ n\n": "/ N\n"}, "where n belongs"),
        ({"/ n\n": "/ 3\n"}, "You give 1.442"),
        ({"/ n\n": "/ 4\n"}, "You give 0.7"),
        ({"total / N": "total / n"}, "where N belongs"),
        (layer("(J.square().sum() / n).sqrt() / N"), "divide by N twice"),
        ({"(J ** 2).sum() / n": "((J ** 2).sum() / n).sqrt()", ".sqrt().item()": ".item()"}, "mean must come first"),
        ({"total / N": "total"} | {"(J ** 2).sum() / n": "((J ** 2).sum() / n).sqrt()", ").sqrt().item": ").item"},
         "add the roots"),
        ({"slopes:": "slopes[:1]:", "total / N": "total"}, "one input only"),
        (layer("J[-1].norm() / n ** 0.5"), "one input only"),
        (layer("(J.square().sum((1, 2)) / n).max().sqrt()"), "largest of the inputs"),
        (layer("W.std() * n ** 0.5 * s.square().mean().sqrt()"), "leaves out its mean"),
        (layer("W.std(correction=0) * n ** 0.5"), "leaves out its mean"),
        (layer("(J.square().sum((1, 2)).mean() / n).sqrt().log()"), "logarithm"),
        (layer("1 / (J.square().sum((1, 2)).mean() / n).sqrt()"), "upside down"),
        (layer("J.abs().sum((1, 2)).mean() / n"), "absolute values"),
        (layer("J.sum((1, 2)).mean() / n"), "entries of both signs"),
        (layer("torch.linalg.det(J).abs().mean()"), "determinant"),
        (layer("(torch.linalg.det(J).abs() ** (1 / n)).mean()"), "determinant"),
        (layer("1.01 * (J.square().sum((1, 2)).mean() / n).sqrt()"), "close, but not there"),
        (layer("(J.square().sum((1, 2)).mean() / n).sqrt() + 1"), "That is not the root of the mean"),
        (layer("(J.square().sum((1, 2)) / n).sqrt()"), "one number for each input"),
        (layer("J"), "must give one number, but gives a Tensor"),
        ({"    for s": "    slopes *= slopes\n    for s"}, "slopes is not what it was"),
        ({"return (": "x = ("}, "gives None"),
        (layer("s.float() @ W"), "in the line: return s.float() @ W"),
    ],
}  # fmt: skip

RIGHT = {
    checks.check_numerical_gradient: [
        {},
        gradient(IN_PLACE),
        gradient(IN_PLACE.replace("w[i] -= 2 * eps", "w[i] -= eps; w[i] -= eps")),
        {"return grad": "return grad.tolist()"},
        {"return grad": "return torch.from_numpy(grad)"},
        {"return grad": "return grad.astype(np.float32)"},
        gradient(
            "units = eps * np.eye(w.size).reshape(-1, *w.shape)\n"
            "return np.array([(f(w + e) - f(w - e)) / (2 * eps) for e in units]).reshape(w.shape)"
        ),
        gradient(
            "grad, v = [], w.copy()\nfor k in range(v.size):\n    old = v.flat[k]\n"
            "    v.flat[k] = old + eps; up = f(v)\n    v.flat[k] = old - eps; down = f(v)\n    v.flat[k] = old\n"
            "    grad.append((up - down) / eps / 2)\nreturn np.reshape(grad, w.shape)"
        ),
        {CALL: "((f(up) - f(w)) / eps + (f(w) - f(down)) / eps) / 2"},
    ],
    checks.check_factor_per_layer: [
        {},
        factor("math.exp(math.log(total) / (L - 1))"),
        factor(f"math.prod({STEPS}) ** (1 / (L - 1))"),
        factor(f"10 ** np.mean(np.log10({STEPS}))"),
        factor("torch.tensor(total) ** (1 / (L - 1))"),
        factor("np.array([total]) ** (1 / (L - 1))"),
        factor("math.exp(-np.diff(np.log(norms)).mean())"),
        factor("np.power(norms[-1] / norms[0], -1 / (L - 1))"),
    ],
    checks.check_backward_layer: [
        {},
        {"return grad_W, grad_x": "return [grad_W, grad_x]"},
        {GRAD_W: "(x.T @ delta).T", GRAD_X: "(W.T @ delta.T).T"},
        {DELTA: "grad_h * (h - h ** 2)"},
        {DELTA: "grad_h * np.exp(-(z := x @ W.T)) / (1 + np.exp(-z)) ** 2"},
        {GRAD_W: "np.einsum('ij,ik->jk', delta, x)", GRAD_X: "np.einsum('ij,jk->ik', delta, W)"},
        {GRAD_W: "sum(np.outer(d, row) for d, row in zip(delta, x))", GRAD_X: "np.array([W.T @ d for d in delta])"},
        "def backward_layer(*given):\n"
        "    grad_h, x, W, h = (torch.tensor(a) for a in given)\n"
        "    x.requires_grad_(), W.requires_grad_()\n"
        "    return torch.autograd.grad(torch.sigmoid(x @ W.T), (W, x), grad_h)",
        {"return grad_W, grad_x": "return grad_W.tolist(), grad_x.astype(np.float32)"},
    ],
    checks.check_clip: [
        {},
        {NORM: "torch.cat([g.flatten() for g in gradients]).norm().item()"},
        {NORM: "torch.stack([g.norm() for g in gradients]).norm()", SCALE: "min(1, max_norm / (norm + 1e-6))"},
        {NEW: "tuple(g.numpy() * factor for g in gradients)"},
        {NEW: "(g * factor for g in gradients)"},
        {NEW: "gradients if norm <= max_norm else [g / norm * max_norm for g in gradients]"},
        {SCALE: "max_norm / max(norm, max_norm)"},
        "def clip(gradients, max_norm):\n"
        "    weights = [nn.Parameter(torch.zeros_like(g)) for g in gradients]\n"
        "    for w, g in zip(weights, gradients):\n"
        "        w.grad = g.clone()\n"
        "    nn.utils.clip_grad_norm_(weights, max_norm)\n"
        "    return [w.grad for w in weights]",
    ],
    checks.check_layer_factor: [
        {},
        layer("(J.square().sum((1, 2)).mean() / n).sqrt()"),
        layer("J.norm().item() / (N * n) ** 0.5"),
        layer("(s.square() @ W.square().sum(1)).mean().div(n).sqrt()"),
        layer("np.sqrt(np.mean([np.linalg.norm(j) ** 2 / n for j in J.numpy()]))"),
        layer("torch.linalg.svdvals(J).square().mean().sqrt()"),
        layer("math.sqrt(sum(torch.trace(j.T @ j).item() for j in J) / (n * N))"),
        {"s[:, None] * W": "torch.diag(s) @ W"},
        layer("((s[:, :, None] * W.expand(N, n, n)).pow(2).mean() * n) ** 0.5"),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_numerical_gradient: ["/ (2", "2 * eps", "f(up) -", ".copy()", "ndindex", "zeros_like"],
    checks.check_factor_per_layer: ["norms[0] / norms[-1]", "**", "L - 1", "math.exp", "root of the ratio"],
    checks.check_backward_layer: ["h * (1 - h)", "delta.T", "@ x", "@ W", "x.T"],
    checks.check_clip: ["max_norm /", "sum of all squares", "min(", "factor *", "if norm"],
    checks.check_layer_factor: ["[:, None]", "sum of all squares", "sqrt"],
}

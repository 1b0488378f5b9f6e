"""Chapter 13's exercises: solutions, planted mistakes with the phrase that names each, and other right answers."""

from reslab import checks

ERROR_RATE = """
def error_rate(model, batches):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    wrong, images = 0, 0
    with torch.no_grad():
        for x, y in batches:
            wrong += (model(x).argmax(dim=1) != y).sum().item()
            images += len(y)
    for module, mode in modes:
        module.training = mode
    return wrong / images
"""

CHOOSE = """
def choose(runs):
    lowest = 1.0
    for i, run in enumerate(runs):
        for j, error in enumerate(run["val_error"]):
            if error < lowest:
                lowest, best_run, best_epoch = error, i, j
    return best_run, best_epoch, runs[best_run]["test_error"][best_epoch]
"""

CALIBRATION = """
def calibration_error(probabilities, labels, bins):
    confidence, answer = probabilities.max(dim=1)
    right = (answer == labels).float()
    total = 0.0
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - confidence[inside].mean()
            total += inside.float().mean().item() * abs(gap.item())
    return total
"""

NAME_FAULT = """
def name_the_fault(history):
    end = history[-1]
    if not end["train_loss"] < math.log(10):  # true for nan, too
        return "rate too high"
    if end["train_error"] > 0.5:
        return "rate too low"
    if end["val_error"] > 0.8:
        return "labels shuffled"
    if end["val_error"] > end["train_error"] + 0.2:
        return "overfits"
    return "healthy"
"""

SOLUTIONS = {
    checks.check_error_rate: ERROR_RATE,
    checks.check_choose: CHOOSE,
    checks.check_calibration_error: CALIBRATION,
    checks.check_name_the_fault: NAME_FAULT,
}

COUNT = "(model(x).argmax(dim=1) != y).sum().item()"
RETURN_RATE = "return wrong / images"
BACK = "    for module, mode in modes:\n        module.training = mode\n"
LOOP = "        for x, y in batches:\n"
IN_LOOP = f"            wrong += {COUNT}\n            images += len(y)\n"

PLACES = "[(r, e) for r in range(len(runs)) for e in range(len(runs[r]['val_error']))]"


def chosen_by(place, lines=()):
    """An answer that finds the pair r, e by an expression, and gives the test error there."""
    body = [*lines, f"places = {PLACES}", f"r, e = {place}", 'return r, e, runs[r]["test_error"][e]']
    return "def choose(runs):\n" + "".join(f"    {line}\n" for line in body)


LAST = "r = min(range(len(runs)), key=lambda r: runs[r]['val_error'][-1])"
MEAN = "r = min(range(len(runs)), key=lambda r: np.mean(runs[r]['val_error']))"
BEST_OF_R = "min([p for p in places if p[0] == r], key=lambda p: runs[r]['val_error'][p[1]])"
END_OF_R = "(r, len(runs[r]['val_error']) - 1)"


def by(key):
    return f"min(places, key=lambda p: runs[p[0]]['{key}'][p[1]])"


def reports(expression):
    """The right place, and another number for the test error."""
    return {'runs[best_run]["test_error"][best_epoch]': expression}


FOUND = "best_run, best_epoch, runs[best_run]"
BEST = 'runs[best_run]["test_error"]'
VALS = 'runs[best_run]["val_error"]'

INSIDE = "(confidence > k / bins) & (confidence <= (k + 1) / bins)"
GAP = "right[inside].mean() - confidence[inside].mean()"
WEIGHT = "inside.float().mean().item()"
PART = "total += inside.float().mean().item() * abs(gap.item())"


def measure(expression):
    """Another formula, from the confidence of each image and whether it is right."""
    return (
        "def calibration_error(probabilities, labels, bins):\n"
        "    confidence, answer = probabilities.max(dim=1)\n"
        "    right = (answer == labels).float()\n"
        "    N, K = probabilities.shape\n"
        "    of_label = probabilities[torch.arange(N), labels]\n"
        f"    return {expression}\n"
    )


EQUAL_COUNT = """
def calibration_error(probabilities, labels, bins):
    confidence, answer = probabilities.max(dim=1)
    right = (answer == labels).float()
    total = 0.0
    for chosen in np.array_split(confidence.argsort().numpy(), bins):
        total += len(chosen) / len(labels) * abs((right[chosen].mean() - confidence[chosen].mean()).item())
    return total
"""
QUANTILES = {
    INSIDE: "(confidence >= edges[k]) & (confidence < edges[k + 1] + (k == bins - 1))",
    "    total = 0.0": "    edges = torch.quantile(confidence, torch.linspace(0, 1, bins + 1))\n    total = 0.0",
}
CLASSWISE = """
def calibration_error(probabilities, labels, bins):
    total, K = 0.0, probabilities.shape[1]
    for c in range(K):
        p, right = probabilities[:, c], (labels == c).float()
        for k in range(bins):
            inside = (p > k / bins) & (p <= (k + 1) / bins)
            if inside.any():
                total += inside.float().mean().item() * abs((right[inside].mean() - p[inside].mean()).item())
    return total / K
"""
FLAT = """
def calibration_error(probabilities, labels, bins):
    p, right = probabilities.flatten(), F.one_hot(labels, probabilities.shape[1]).flatten().float()
    total = 0.0
    for k in range(bins):
        inside = (p > k / bins) & (p <= (k + 1) / bins)
        if inside.any():
            total += inside.float().mean().item() * abs((right[inside].mean() - p[inside].mean()).item())
    return total
"""
CONFIDENCE = "confidence, answer = probabilities.max(dim=1)"
RIGHT = "right = (answer == labels).float()"


def edges_from(span):
    return {
        INSIDE: "(confidence >= edges[k] - 1e-6) & (confidence < edges[k + 1] + 1e-6 * (k == bins - 1))",
        "    total = 0.0": f"    edges = torch.linspace({span}, bins + 1)\n    total = 0.0",
    }


def fault(*lines):
    """A rule of lines, with the last epoch at hand."""
    return (
        "def name_the_fault(history):\n    end = history[-1]\n"
        "    t, v, loss = end['train_error'], end['val_error'], end['train_loss']\n"
        + "".join(f"    {line}\n" for line in lines)
    )


HIGH = 'not end["train_loss"] < math.log(10)'
LOW = 'end["train_error"] > 0.5'
SHUFFLED = 'end["val_error"] > 0.8'
OVER = 'end["val_error"] > end["train_error"] + 0.2'
ELSE = '    return "healthy"\n'


MISTAKES = {
    checks.check_error_rate: [
        ({"    model.eval()\n": ""}, "runs in train mode"),
        ({"model.eval()": "model.train()"}, "runs in train mode"),
        ({"model.eval()": "model.norm.eval() if hasattr(model, 'norm') else None"}, "runs in train mode"),
        ({BACK: ""}, "The model was in train mode. After the call it is not."),
        ({BACK: "    model.train()\n"}, "The model was in eval mode. After the call it is not."),
        ({"    modes = ": "    training = model.training\n    modes = ", BACK: "    model.train(training)\n"},
         "A frozen batch norm was in eval mode"),
        ({"module.training = mode": "module.train(not mode)"}, "The model was in train mode. After the call"),
        ({"with torch.no_grad():": "if True:"}, "runs with gradients"),
        ({"with torch.no_grad():": "if True:", "model(x)": "model(x).detach()"}, "runs with gradients"),
        ({"    with torch.no_grad():": "    torch.set_grad_enabled(False)\n    if True:"}, "gradients are off"),
        ({"    with torch.no_grad():": "    model.requires_grad_(False)\n    if True:"}, "some weights are frozen"),
        ({RETURN_RATE: f"model.head.weight.data *= 0.9\n    {RETURN_RATE}"}, "the weights are not what they were"),
        ({RETURN_RATE: f"model.norm.reset_running_stats()\n    {RETURN_RATE}"}, "the weights are not what they were"),
        ({"!= y": "== y"}, "That is the accuracy"),
        ({RETURN_RATE: "return 1 - wrong / images"}, "That is the accuracy"),
        ({RETURN_RATE: "return wrong"}, "how many images are wrong"),
        ({RETURN_RATE: "return images - wrong"}, "how many images are right"),
        ({RETURN_RATE: "return 100 * wrong / images"}, "per cent"),
        ({COUNT: "(model(x).argmax(1) != y).float().mean().item()", "images += len(y)": "images += 1"},
         "average the errors of the batches"),
        ({COUNT: "(model(x).argmax(1) != y).float().mean().item()", RETURN_RATE: "return wrong"},
         "add the errors of the batches"),
        ({"images += len(y)": "images += 1"}, "divide by the number of batches"),
        ({"wrong +=": "wrong =", "images +=": "images ="}, "the error of the last batch only"),
        ({"wrong +=": "wrong ="}, "Only the wrong images of the last batch"),
        ({"images +=": "images ="}, "the size of the last batch only"),
        ({"len(y)": "6 * len(y)"}, "divide by the number of scores"),
        ({"argmax": "argmin"}, "the smallest score"),
        ({"dim=1": "dim=0"}, "wrong axis"),
        ({"dim=1": "dim=1, keepdim=True"}, "labels of all images of its batch"),
        ({COUNT: "(model(x).topk(5).indices != y[:, None]).all(1).sum().item()"}, "five largest scores"),
        ({COUNT: "(1 - model(x).softmax(1)[range(len(y)), y]).sum().item()"}, "the probability of the label"),
        ({COUNT: "F.cross_entropy(model(x), y, reduction='sum').item()"}, "the loss, not the error"),
        ({COUNT: "F.cross_entropy(model(x), y).item()", "images += len(y)": "images += 1"}, "the loss, not the error"),
        ({COUNT: "(model(x).max(1).values != y).sum().item()"}, "with scores?"),
        ({"    for module, mode": "            break\n    for module, mode"}, "sees the first batch only"),
        ({LOOP + IN_LOOP: f"{LOOP}            pass\n        wrong = {COUNT}\n        images = len(y)\n"},
         "sees the last batch only"),
        ({"in batches": "in list(batches)[:-1]"}, "never sees the last batch"),
        ({"in batches": "in list(batches)[1:]"}, "sees 32 of the 33 images"),
        ({"in batches": "in list(batches)[::2]"}, "sees 14 of the 33 images"),
        ({LOOP: LOOP.replace("batches", "[b for b in batches if len(b[1]) > 1]")}, "sees 30 of the 33 images"),
        ({RETURN_RATE: "return wrong / sum(len(y) for x, y in batches)"}, "go through the batches twice"),
        ({RETURN_RATE: "return wrong / max(1, sum(len(y) for x, y in batches))"}, "go through the batches twice"),
        ({"    wrong, images = 0, 0": "    wrong, images = 0, sum(len(y) for x, y in batches)",
          "            images += len(y)\n": ""}, "go through the batches twice"),
        ({COUNT: "0"}, "never call the model"),
        ({RETURN_RATE: "return round(wrong / images, 1)"}, "in batches of 1, 6, 6, 1, 6, 6, 1, 6 you give"),
        ({RETURN_RATE: "return wrong / (images + 1)"}, "For 33 images"),
        ({RETURN_RATE: "return wrong / (images + (images == 30))"}, "For 30 images in batches of 9, 4, 17 you give"),
        ({RETURN_RATE: "return wrong, images"}, "gives a tuple"),
        ({RETURN_RATE: "print(end='')"}, "error_rate(model, batches) gives None"),
        ({"images += len(y)": "images = len(batches.dataset)"}, "stopped with AttributeError"),
        ({LOOP: "        for i in range(len(batches)):\n            x, y = batches[i]\n"}, "in the line: for i in"),
        ({"model(x).argmax(dim=1)": "model(x)[0].argmax(dim=1)"}, "stopped with IndexError"),
    ],
    checks.check_choose: [
        (chosen_by(by("test_error")), "You choose by the test error"),
        ({'run["val_error"]': 'run["test_error"]'}, "You choose by the test error"),
        (chosen_by(by("train_error")), "by the training error"),
        ({f"return {FOUND}": f"best_epoch = {BEST}.index(min({BEST}))\n    return {FOUND}"},
         "the epoch by the test error"),
        (chosen_by("min(places, key=lambda p: (runs[p[0]]['val_error'][p[1]], runs[p[0]]['test_error'][p[1]]))"),
         "So the test chooses"),
        ({"error < lowest": "error <= lowest"}, "you take a later one"),
        (chosen_by("max(p for p in places if runs[p[0]]['val_error'][p[1]] == runs[a]['val_error'][b] and p[0] == a)",
                   [f"places = {PLACES}", f"a, b = {by('val_error')}"]), "you take a later one"),
        (chosen_by(END_OF_R, [LAST]), "the last epochs only"),
        (chosen_by(BEST_OF_R, [LAST]), "the run by its last epoch"),
        (chosen_by(BEST_OF_R, [MEAN]), "by its mean"),
        (chosen_by(END_OF_R, [MEAN]), "by its mean"),
        (chosen_by(by("val_error").replace("min(", "max(")), "the highest validation error"),
        ({"lowest = 1.0": "lowest = 0.0", "error < lowest": "error > lowest"}, "the highest validation error"),
        ({"enumerate(runs)": "enumerate(runs[:1])"}, "the first run only"),
        ({"        for j": "        lowest = 1.0\n        for j"}, "the last run only"),
        ({f"return {FOUND}": f"best_epoch = len({VALS}) - 1\n    return {FOUND}"}, "you give its last epoch"),
        ({"return best_run, best_epoch": "return best_epoch, best_run"}, "Run and epoch are exchanged"),
        ({"return best_run, best_epoch": "return best_run, best_epoch + 1"}, "count the epochs from 1"),
        ({"return best_run, best_epoch": "return best_run + 1, best_epoch"}, "count the runs from 1"),
        ({"return best_run, best_epoch": "return best_run + 1, best_epoch + 1"}, "count runs and epochs from 1"),
        ({"return best_run, best_epoch": "before = sum(len(run['val_error']) for run in runs[:best_run])\n"
          "    return best_run, before + best_epoch"}, "on from run to run"),
        ("def choose(runs):\n    curve = [np.mean(errors) for errors in zip(*(run['val_error'] for run in runs))]\n"
         "    e = int(np.argmin(curve))\n    r = min(range(len(runs)), key=lambda r: runs[r]['val_error'][e])\n"
         "    return r, e, runs[r]['test_error'][e]", "[0.7, 0.55, 0.4] you give run and epoch 0, 1."),
        (reports("np.float32(lowest)"), "you report the validation error"),
        (reports("lowest"), "you report the validation error"),
        (reports('runs[best_run]["train_error"][best_epoch]'), "you report the training error"),
        (reports("min(min(run['test_error']) for run in runs)"), "the lowest test error of all"),
        (reports(f"min({BEST})"), "the lowest test error of that run"),
        (reports(f"{BEST}[-1]"), "of that run's last epoch"),
        (reports(f"np.mean({BEST})"), "a mean over the epochs"),
        (reports(f"1 - {BEST}[best_epoch]"), "you report the accuracy"),
        (reports(f"100 * {BEST}[best_epoch]"), "you report per cent"),
        (reports(f"np.mean({BEST}[-2:])"), "is not the test error there"),
        (reports(f"{BEST}[best_epoch - 1]"), "is not the test error there"),
        (reports(BEST), "The test error that you return must give one number, but gives a list"),
        ({"return best_run": "return runs[best_run]"}, "The run that you return must give one number"),
        ({"best_run, best_epoch, runs": '{"run": best_run, "epoch": best_epoch}, runs'}, "gives a tuple of 2"),
        ({f"return {FOUND}": f"return {{0: best_run}}\n    {FOUND}"}, "gives a dict, not run, epoch"),
        ({f"return {FOUND}": f"return best_run\n    {FOUND}"}, "gives a int, not run, epoch"),
        ({f"return {FOUND}": f"return [{VALS.replace('best_run', 'i')} for i in range(len(runs))]\n    {FOUND}"},
         "gives a list of 5"),
        ({f"return {FOUND}": f"print(end='')\n    {FOUND}"}, "choose gives None"),
        ({"    lowest = 1.0": "    runs.sort(key=lambda run: min(run['val_error']))\n    lowest = 1.0"},
         "`runs` is not what it was"),
        ({"    lowest = 1.0": "    for run in runs: run['val_error'].sort()\n    lowest = 1.0"},
         "`runs` is not what it was"),
        ({"    lowest = 1.0": "    runs = sorted(runs, key=lambda run: min(run['val_error']))\n    lowest = 1.0"},
         "0.253], ... you give run and epoch 0, 2."),
        ({'run["val_error"])': 'run["val_error"][:-1])'},
         "errors [0.6, 0.5], [0.7, 0.55, 0.4] you give run and epoch 1, 1."),
        ({'enumerate(run["val_error"])': 'enumerate(run["val_error"][1:], 1)'}, "0.6] you give run and epoch 1, 1"),
        ({'run["val_error"]': 'run["val"]'}, "stopped with KeyError: 'val'"),
        ({"lowest = 1.0": "lowest = 0.0"}, "stopped with UnboundLocalError"),
        ("def choose(runs):\n    errors = np.array([run['val_error'] for run in runs])\n"
         "    r, e = np.unravel_index(errors.argmin(), errors.shape)\n    return r, e, runs[r]['test_error'][e]",
         "in the line: errors = np.array"),
    ],
    checks.check_calibration_error: [
        ({PART: "total += abs(gap.item()); count += 1", "total = 0.0": "total = count = 0", "return total":
          "return total / count"}, "Each bin counts alike. A bin"),
        ({PART: "total += abs(gap.item())", "return total": "return total / bins"}, "even an empty one"),
        ({PART: "total += abs(gap.item())"}, "without weights"),
        ({WEIGHT: "1 / len(labels)"}, "the weight 1 / N"),
        ({WEIGHT: "inside.sum().item()"}, "do not divide by the number of images"),
        ({"return total": "return total / bins"}, "divide by the number of bins"),
        ({"abs(gap.item())": "gap.item()"}, "gap of all images taken together"),
        ({"abs(gap.item())": "-gap.item()"}, "gap of all images taken together"),
        ({"abs(gap.item())": "gap.item()", "return total": "return abs(total)"}, "gap of all images taken together"),
        ({"    total = 0.0": "    bins = 1\n    total = 0.0"}, "gap of all images taken together"),
        ({PART: "total = max(total, abs(gap.item()))"}, "the largest gap"),
        ({PART: f"total = max(total, {WEIGHT} * abs(gap.item()))"}, "the part of one bin"),
        ({"abs(gap.item())": "gap.item() ** 2"}, "square the gaps"),
        ({"abs(gap.item())": "gap.item() ** 2", "return total": "return total ** 0.5"}, "square the gaps"),
        ({"confidence[inside].mean()": "(k + 0.5) / bins"}, "its middle or its edge"),
        ({"confidence[inside].mean()": "k / bins"}, "its middle or its edge"),
        ({"confidence[inside].mean()": "(k + 1) / bins"}, "its middle or its edge"),
        (EQUAL_COUNT, "equally many images"),
        (QUANTILES, "equally many images"),
        (edges_from("confidence.min().item(), confidence.max().item()"), "begin at 0 and end at 1"),
        (edges_from("1 / probabilities.shape[1], 1"), "begin at 0 and end at 1"),
        ({"range(bins)": "range(bins + 1)", INSIDE: "(confidence * bins).round() == k"}, "half a bin off"),
        ({"    total = 0.0": "    bins = bins - 1\n    total = 0.0"}, "one bin too few"),
        ({INSIDE: "(confidence > edges[k]) & (confidence <= edges[k + 1])", "range(bins)": "range(bins - 1)",
          "    total = 0.0": "    edges = torch.linspace(0, 1, bins)\n    total = 0.0"}, "one bin too few"),
        ({"    total = 0.0": "    bins = bins + 1\n    total = 0.0"}, "one bin too many"),
        ({"    total = 0.0": "    bins = 10\n    total = 0.0"}, "do not use the argument `bins`"),
        ({"    total = 0.0": "    bins = 15\n    total = 0.0"}, "do not use the argument `bins`"),
        ({"range(bins)": "range(bins - 1)"}, "The last bin is lost"),
        ({"range(bins)": "range(1, bins)"}, "The first bin is lost"),
        ({RIGHT: f"{RIGHT}\n    confidence = probabilities[torch.arange(len(labels)), labels]"},
         "does not know the label"),
        ({GAP: "right[inside].mean() - probabilities[torch.arange(len(labels)), labels][inside].mean()"},
         "does not know the label"),
        (CLASSWISE, "all probabilities into the bins"),
        (CLASSWISE.replace("total / K", "total"), "all probabilities into the bins"),
        (FLAT, "all probabilities into the bins"),
        ({"confidence[inside].mean()": "probabilities[inside].mean()"}, "average over all classes"),
        ({"    confidence,": "    probabilities = probabilities.softmax(1)\n    confidence,"}, "apply softmax again"),
        ({"answer == labels": "answer != labels"}, "the confidence with the error"),
        ({RIGHT: "right = (labels == 1).float()"}, "use the labels themselves"),
        ({RIGHT: "right = labels.float()"}, "use the labels themselves"),
        ({"right[inside].mean()": "right.mean()"}, "the accuracy of all images"),
        (measure("(right - confidence).abs().mean()"), "image by image"),
        ({"return total": "return 100 * total"}, "per cent"),
        (measure("(probabilities - F.one_hot(labels, K)).square().sum(1).mean()"), "That is a loss"),
        (measure("(probabilities - F.one_hot(labels, K)).square().mean()"), "That is a loss"),
        (measure("-of_label.log().mean()"), "That is a loss"),
        (measure("right.mean()"), "nothing is compared"),
        (measure("1 - right.mean()"), "nothing is compared"),
        (measure("confidence.mean()"), "nothing is compared"),
        (measure("of_label.mean()"), "nothing is compared"),
        ({"        if inside.any():\n": "        if True:\n"}, "You give nan"),
        ({"return total": "return round(total, 2)"}, "For 90 images of 3 classes and bins = 8"),
        ({"return total": "return 1 - total"}, "For 90 images of 3 classes"),
        ({"return total": "return [total]"}, "calibration_error(...) must give one number, but gives a list"),
        ({"return total": "print(end='')"}, "calibration_error(...) gives None"),
        ({"    confidence,": "    probabilities *= 1\n    probabilities.clamp_(max=0.9)\n    confidence,"},
         "probabilities or labels are not what they were"),
        ({"    return total": "    labels += 1\n    return total"}, "probabilities or labels are not what they were"),
        ({"dim=1": "dim=0"}, "in the line: right = (answer == labels).float()"),
        ({"(k + 1)": "(j + 1)"}, "stopped with NameError"),
    ],
    checks.check_name_the_fault: [
        ({HIGH: 'end["train_loss"] > math.log(10)'}, "whose loss is nan you call 'rate too low'"),
        (fault("if loss >= 2.3: return 'rate too high'", "if t < 0.5 and v > 0.8: return 'labels shuffled'",
               "if t < 0.1: return 'overfits'", "if t > 0.5 and t < 0.7: return 'rate too low'", "return 'healthy'"),
         "whose loss is nan you call 'healthy'"),
        ({"    end = history[-1]": "    end = history[-1]\n    if end['lr'] < 0.002: return 'rate too low'"},
         "by the schedule"),
        ({"    end = history[-1]": "    end = history[-1]\n    if end['lr'] < 0.01: return 'rate too low'"},
         "by the schedule"),
        ({HIGH: 'not end["train_loss"] < math.log(10)', LOW: 'end["lr"] < 0.01'}, "by the schedule"),
        ({"    end = history[-1]": "    end = history[-1]\n"
          "    if max(e['lr'] for e in history) >= 0.4: return 'rate too high'"}, "judge the rate by its size"),
        ({"    end = history[-1]": "    end = history[-1]\n    if history[0]['lr'] == 0.001: return 'rate too low'"},
         "judge the rate by its size"),
        (fault("r = max(e['lr'] for e in history)", "if r >= 0.4: return 'rate too high'",
               "return 'rate too low' if r < 0.002 else 'healthy'"), "look at the rate alone"),
        ({"history[-1]": "history[0]"}, "look at the first epoch alone"),
        (fault("if not v < 0.8: return 'labels shuffled'", "if v > 0.55: return 'rate too low'",
               "return 'overfits' if v > 0.4 else 'healthy'"), "look at validation alone"),
        (fault("if not loss < 2.3: return 'rate too high'", "if t > 0.5: return 'rate too low'",
               "return 'overfits' if t < 0.1 else 'healthy'"), "look at training alone"),
        ({"train_error\"] + 0.2": "train_error\"] + 0.01"}, "call a small gap overfitting"),
        ({OVER: 'end["val_error"] > end["train_error"]'}, "call a small gap overfitting"),
        ({LOW: 'end["train_loss"] < history[-2]["train_loss"] and end["train_error"] > 0.1 and '
               'end["val_error"] < end["train_error"] + 0.2'}, "call a healthy run too slow"),
        ({LOW: 'end["train_error"] > 0.15 and end["val_error"] < 0.8'}, "call a healthy run too slow"),
        (fault(f"if {SHUFFLED}: return 'labels shuffled'", f"if {HIGH}: return 'rate too high'",
               f"if {LOW}: return 'rate too low'", f"return 'overfits' if {OVER} else 'healthy'"),
         "But is training any better"),
        (fault("if math.isnan(loss): return 'rate too high'", f"if {SHUFFLED}: return 'labels shuffled'",
               f"if {LOW}: return 'rate too low'", f"return 'overfits' if {OVER} else 'healthy'"),
         "But is training any better"),
        ({HIGH: 'math.isnan(end["train_loss"])'}, "A run that learns nothing you call too slow"),
        ({HIGH: 'not max(e["train_loss"] for e in history) < math.log(10)'}, "A slow run you call too fast"),
        ({LOW: 'end["train_error"] > 0.95', HIGH: 'not end["train_loss"] < 1.2'}, "A slow run you call too fast"),
        ({LOW: "False"}, "A slow run you call healthy"),
        ({'"rate too low"': '"healthy"'}, "A slow run you call healthy"),
        ({HIGH: 'math.isnan(end["val_loss"]) or int(100 * end["train_loss"]) > 230', OVER: "False"},
         "An overfitted run you call healthy"),
        ({OVER: "False"}, "An overfitted run you call healthy"),
        ({"train_error\"] + 0.2": "train_error\"] + 0.45"}, "An overfitted run you call healthy"),
        ({SHUFFLED: 'end["val_error"] > end["train_error"] + 0.2'}, "would gain nothing"),
        ({SHUFFLED: 'end["val_loss"] > 1.9'}, "would gain nothing"),
        ({SHUFFLED: "False"}, "There is more than overfitting"),
        ({SHUFFLED: 'end["val_error"] > 0.97'}, "There is more than overfitting"),
        ({HIGH: 'not end["val_loss"] < math.log(10)'}, "but the training loss falls"),
        ({HIGH: 'not end["val_error"] < 0.85'}, "but the training loss falls"),
        ({LOW: 'end["val_error"] > 0.5'}, "A run of the kind 'labels shuffled' you call 'rate too low'"),
        ({'"rate too high"': '"overfits"', "not end": "0 and not end"}, "A run that learns nothing you call too slow"),
        ({SHUFFLED: 'end["val_error"] > 0.8 and end["train_error"] < 0.2', OVER: f"{OVER} and t < 0.2",
          "    end = history[-1]": "    end = history[-1]\n    t = end['train_error']"},
         "A run of the kind 'labels shuffled' you call 'healthy'"),
        ({'return "healthy"': 'return "overfits"'}, "call a small gap overfitting"),
        ({ELSE: ""}, "you return None"),
        (fault("word = 'healthy'"), "you return None"),
        ({'"healthy"': '"Healthy"'}, "'Healthy' is none of the five answers"),
        ({'"healthy"': "0"}, "0 is none of the five answers"),
        (fault("return 'overfits'"), "You say 'overfits' whatever the history is"),
        ({"history[-1]": "history.pop()"}, "the history is not what it was"),
        ({"    end = history[-1]": "    end = history[-1]\n    end['lr'] = 0"}, "the history is not what it was"),
        ({"history[-1]": "history[29]"}, "in the line: end = history[29]"),
        ({'end["train_error"] + 0.2': 'end["test_error"]'}, "stopped with KeyError: 'test_error'"),
    ],
}  # fmt: skip


COPY = """
import copy

def error_rate(model, batches):
    model = copy.deepcopy(model).eval()
    with torch.inference_mode():
        wrong = torch.cat([model(x).softmax(dim=1).argmax(dim=1) != y for x, y in batches])
    return wrong.float().mean()
"""
ONE_BY_ONE = """
def error_rate(model, batches):
    before = {name: module.training for name, module in model.named_modules()}
    model.eval()
    try:
        right = []
        for x, y in batches:
            for image, label in zip(x, y):
                with torch.no_grad():
                    scores = model(image[None])[0].tolist()
                right.append(scores.index(max(scores)) == label.item())
        return 1 - sum(right) / len(right)
    finally:
        for name, module in model.named_modules():
            module.train(before[name]) if not list(module.children()) else setattr(module, "training", before[name])
"""
ALL_AT_ONCE = """
def error_rate(model, batches):
    training = [m for m in model.modules() if m.training]
    x, y = map(torch.cat, zip(*batches))
    with torch.no_grad():
        scores = model.eval()(x)
    for m in training:
        m.training = True
    return float((scores.max(1)[1] != y).double().mean())
"""
DECORATED = """
@torch.no_grad()
def error_rate(model, batches):
    modes = [m.training for m in model.modules()]
    model.train(False)
    counts = np.zeros(2)
    for x, y in batches:
        answer = model(x).numpy().argmax(axis=1)
        counts += [(answer != y.numpy()).sum(), y.numel()]
    for m, mode in zip(model.modules(), modes):
        m.training = mode
    return counts[0] / counts[1]
"""
WHILE = """
def error_rate(model, batches):
    modes = {m: m.training for m in model.modules()}
    for m in model.modules():
        m.training = False
    stream, errors, sizes = iter(batches), [], []
    while True:
        batch = next(stream, None)
        if batch is None:
            break
        x, y = batch
        with torch.no_grad():
            errors.append((torch.argsort(model(x), descending=True)[:, 0] != y).float().mean().item())
        sizes.append(len(x))
    for m in modes:
        m.training = modes[m]
    return np.average(errors, weights=sizes)
"""
CONTEXT = """
import contextlib

@contextlib.contextmanager
def measuring(model):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    with torch.no_grad():
        yield
    for m, mode in modes:
        m.training = mode

def error_rate(model, batches):
    with measuring(model):
        results = [(int(torch.count_nonzero(model(x).topk(1).indices.squeeze(1) - y)), len(y)) for x, y in batches]
    wrong, images = zip(*results)
    return sum(wrong) / sum(images)
"""

RIGHT = {
    checks.check_error_rate: [
        {},
        COPY,
        ONE_BY_ONE,
        ALL_AT_ONCE,
        DECORATED,
        WHILE,
        CONTEXT,
        {"for x, y in batches": "for x, y in list(batches)"},
        {RETURN_RATE: "return torch.tensor(wrong / images)"},
        {COUNT: "sum(int(a) != int(b) for a, b in zip(model(x).log_softmax(1).argmax(1), y))"},
        {COUNT: "(len(y) - (model(x).argmax(-1) == y).sum())"},
    ],
    checks.check_choose: [
        {},
        chosen_by(by("val_error")),
        chosen_by("min(places, key=lambda p: (runs[p[0]]['val_error'][p[1]], p))"),
        {f"return {FOUND}": f"return [{FOUND}", '["test_error"][best_epoch]': '["test_error"][best_epoch]]'},
        {"lowest = 1.0": "lowest = float('inf')"},
        {"lowest = 1.0": "lowest = math.inf", "error < lowest": "not error >= lowest"},
        "def choose(runs):\n    lowest = [min(run['val_error']) for run in runs]\n    r = lowest.index(min(lowest))\n"
        "    e = runs[r]['val_error'].index(lowest[r])\n    return r, e, runs[r]['test_error'][e]",
        "def choose(runs):\n    r = int(np.argmin([np.min(run['val_error']) for run in runs]))\n"
        "    e = np.argmin(runs[r]['val_error'])\n    return r, e, np.float32(runs[r]['test_error'][e])",
        "def choose(runs):\n    _, r, e = min((v, r, e) for r, run in enumerate(runs)"
        " for e, v in enumerate(run['val_error']))\n    return r, e, runs[r]['test_error'][e]",
        "def choose(runs):\n    rows = [(v, r, e, t) for r, run in enumerate(runs)"
        " for e, (v, t) in enumerate(zip(run['val_error'], run['test_error']))]\n    return sorted(rows)[0][1:]",
        "def choose(runs):\n    longest = max(len(run['val_error']) for run in runs)\n"
        "    grid = torch.full((len(runs), longest), torch.inf)\n    for r, run in enumerate(runs):\n"
        "        grid[r, :len(run['val_error'])] = torch.tensor(run['val_error'])\n"
        "    r, e = divmod(grid.argmin().item(), longest)\n"
        "    return torch.tensor([r, e, runs[r]['test_error'][e]])",
        "from collections import namedtuple\n\ndef choose(runs):\n"
        "    Choice = namedtuple('Choice', 'run epoch error')\n"
        f"    r, e = min({PLACES}, key=lambda p: runs[p[0]]['val_error'][p[1]])\n"
        "    return Choice(run=r, epoch=e, error=runs[r]['test_error'][e])",
    ],
    checks.check_calibration_error: [
        {},
        {INSIDE: "(confidence >= k / bins) & (confidence < (k + 1) / bins)"},
        {INSIDE: "(confidence * bins).long() == k"},
        {INSIDE: "(confidence * bins).ceil() - 1 == k"},
        {PART: "total += abs((right[inside] - confidence[inside]).sum().item()) / len(labels)"},
        "def calibration_error(probabilities, labels, bins):\n    c, answer = probabilities.max(1)\n"
        "    gap = (answer == labels).float() - c\n    sums = torch.zeros(bins).index_add(0, (c * bins).long(), gap)\n"
        "    return sums.abs().sum() / len(labels)",
        "def calibration_error(probabilities, labels, bins):\n    p, y = probabilities.numpy(), labels.numpy()\n"
        "    c, right = p.max(1), p.argmax(1) == y\n    index = np.digitize(c, np.linspace(0, 1, bins + 1)) - 1\n"
        "    n = np.bincount(index, minlength=bins)\n    acc = np.bincount(index, right, bins) / np.maximum(n, 1)\n"
        "    conf = np.bincount(index, c, bins) / np.maximum(n, 1)\n"
        "    return (n / n.sum() * np.abs(acc - conf)).sum()",
        "def calibration_error(probabilities, labels, bins):\n    groups = {}\n"
        "    for row, label in zip(probabilities.tolist(), labels.tolist()):\n        c = max(row)\n"
        "        groups.setdefault(int(c * bins), []).append((c, row.index(c) == label))\n    total = 0\n"
        "    for group in groups.values():\n        c, right = zip(*group)\n"
        "        total += len(group) / len(labels) * abs(sum(right) / len(group) - sum(c) / len(group))\n"
        "    return total",
        "def calibration_error(probabilities, labels, bins):\n    p = probabilities.double()\n    c = p.amax(1)\n"
        "    right = (p.argmax(1) == labels).double()\n    edges = torch.linspace(0, 1, bins + 1).double()\n"
        "    member = (c[:, None] >= edges[:-1]) & (c[:, None] < edges[1:])\n    n = member.sum(0)\n"
        "    gap = ((right - c)[:, None] * member).sum(0) / n\n    return torch.nansum(n / len(c) * gap.abs()).item()",
        {"        if inside.any():\n": "        if inside.sum() == 0:\n            continue\n        else:\n"},
        {"    confidence, answer = probabilities.max(dim=1)":
         "    confidence, answer = probabilities.sort(dim=1, descending=True)\n"
         "    confidence, answer = confidence[:, 0], answer[:, 0]"},
    ],
    checks.check_name_the_fault: [
        {},
        {HIGH: 'not math.isfinite(end["train_loss"]) or end["train_loss"] >= 2.3'},
        {HIGH: 'any(math.isnan(e["train_loss"]) for e in history) or min(e["train_loss"] for e in history) > 2.25'},
        {LOW: 'end["train_loss"] > 1.5', SHUFFLED: 'min(e["val_error"] for e in history) > 0.85'},
        {OVER: 'end["val_loss"] > 1.1 * min(e["val_loss"] for e in history)'},
        {OVER: 'end["train_error"] < 0.1', SHUFFLED: 'end["val_error"] >= 0.86'},
        {OVER: 'end["val_error"] > 1.5 * end["train_error"]'},
        fault("if v > 0.85: return 'labels shuffled' if t < 0.7 else 'rate too high'",
              "if v - t > 0.1: return 'overfits'", "return 'healthy' if t < 0.4 else 'rate too low'"),
        fault("if not np.isfinite(loss) or min(e['train_error'] for e in history) > 0.88: return 'rate too high'",
              "if np.mean([e['val_error'] for e in history[len(history) // 2:]]) > 0.85: return 'labels shuffled'",
              "match (t > 0.45, v - t > 0.15):", "    case (True, _): return 'rate too low'",
              "    case (_, True): return 'overfits'", "return 'healthy'"),
        fault("t0 = history[0]['train_error']", "if not loss < 2.3 or t0 - t < 0.02: return 'rate too high'",
              "if abs(v - 0.9) < 0.05: return 'labels shuffled'", "if v - t > 0.3: return 'overfits'",
              "return 'rate too low' if t > 0.55 else 'healthy'"),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_error_rate: ["model.eval()", "no_grad", "modules()", "argmax", "!=", "+=", "len(y)"],
    checks.check_choose: ["val_error", "enumerate", "<", "runs[", "min("],
    checks.check_calibration_error: ["argmax", "n / N", "abs(", ".mean()", "k / bins", "largest probability"],
    checks.check_name_the_fault: ["isfinite", "2.3", "log(", "0.9", "history[", "val_error", "train_error"],
}

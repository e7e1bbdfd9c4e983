"""What mis does by sums, pair by pair in numpy: reads a JSON description on standard input, prints seconds as JSON.

Units are the sampled ones alone. Similarities are those of the tasks that mis selected, so that both can be compared.
"""
import json
import sys
import time

import numpy as np

given = json.load(sys.stdin)
n, d, tasks, k = given["images"], given["dimensions"], given["tasks"], given["references"]
units = given["sample"]
activations = np.fromfile(given["activations"], np.float32).reshape(units, n)
embeddings = np.fromfile(given["embeddings"], np.float32).reshape(n, d)
shown = np.fromfile(given["shown"], np.int32).reshape(units, tasks, 2 + 2 * k)
random = np.random.default_rng(1)


def select(activation):
    """The tasks of a unit: every image ordered, the ends cut into bins, every bin shuffled."""
    order = np.argsort(activation, kind="stable")
    sides = []
    for end in (order[::-1], order):
        bins = random.permuted(end[: tasks * k].reshape(k, tasks), axis=1)
        sides.append((random.permutation(end[tasks * k : tasks * (k + 1)]), bins.T))
    return sides


def cosine(a, b):
    return np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))


def pair_by_pair():
    """s(q, E) is the mean of f over the pairs, one call of f each."""
    margins = np.empty((units, tasks))
    for u in range(units):
        for t in range(tasks):
            row = shown[u, t]
            s = [
                np.mean([cosine(embeddings[q], embeddings[e]) for e in references])
                for q in row[:2]
                for references in (row[2 : 2 + k], row[2 + k :])
            ]
            margins[u, t] = (s[0] - s[1]) - (s[2] - s[3])
    return margins


def unit_at_once():
    """All pairs of a unit in one product of stacked matrices, of embeddings that were normalised before."""
    normalised = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    start = time.perf_counter()
    margins = np.empty((units, tasks))
    for u in range(units):
        queries, references = normalised[shown[u, :, :2]], normalised[shown[u, :, 2:]]
        s = np.matmul(queries, references.transpose(0, 2, 1)).reshape(tasks, 2, 2, k).mean(axis=3)
        margins[u] = (s[:, 0, 0] - s[:, 0, 1]) - (s[:, 1, 0] - s[:, 1, 1])
    return margins, time.perf_counter() - start


def score(margins):
    """MIS with its bootstrap interval, task accuracy, mean margin, standard deviation of p."""
    p = 1 / (1 + np.exp(-margins / given["alpha"]))
    means = p[random.integers(0, tasks, (1000, tasks))].mean(axis=1)
    accuracy = np.mean(np.where(margins > 0, 1, np.where(margins == 0, 0.5, 0)))
    return p.mean(), np.percentile(means, [2.5, 97.5]), accuracy, margins.mean(), p.std()


def timed(work):
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


_, selection = timed(lambda: [select(activation) for activation in activations])
margins, direct = timed(pair_by_pair)
(again, product), together = timed(unit_at_once)
scores, scoring = timed(lambda: [score(x) for x in margins])
print(
    json.dumps(
        {
            "selection": selection,
            "direct": direct,
            # Normalising is done once for all units.
            "stacked": {"once": together - product, "units": product},
            "scoring": scoring,
            "margins": margins.ravel().tolist(),
            "again": again.ravel().tolist(),
            "mis": [float(mis) for mis, *_ in scores],
        }
    )
)

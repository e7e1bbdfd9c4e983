"""Writes what SciPy says about fixed numbers, as JSON on standard output: python3 scipy-values.py > scipy-values.json

Numbers come from a linear congruential generator (no library's random numbers), rounded so that ties occur. Conover's
test is not in SciPy; it is computed here from its definition (Conover 1999, Practical Nonparametric Statistics, 3rd ed.,
section 5.2, eq. 6: t = (Ri - Rj) / sqrt(S2 (N - 1 - H)/(N - k) (1/ni + 1/nj)) of mean ranks, with N - k degrees of
freedom), and Holm's correction from his (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).
"""
import itertools
import json

import numpy as np
from scipy import stats


def numbers(seed, count, steps):
    state, values = seed, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        values.append(int(state / 2147483648 * steps) / steps)
    return values


def conover_holm(groups):
    ranks = stats.rankdata(np.concatenate(groups))
    count, k = len(ranks), len(groups)
    h = stats.kruskal(*groups).statistic
    spread = (np.sum(ranks**2) - count * (count + 1) ** 2 / 4) / (count - 1)
    parts = np.split(ranks, np.cumsum([len(group) for group in groups])[:-1])
    t, p = [], []
    for a, b in itertools.combinations(parts, 2):
        error = np.sqrt(spread * (count - 1 - h) / (count - k) * (1 / len(a) + 1 / len(b)))
        t.append((a.mean() - b.mean()) / error)
        p.append(2 * stats.t.sf(abs(t[-1]), count - k))
    order = np.argsort(p, kind='stable')
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * np.array(p)[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, steps)
    return dict(t=t, p=p, adjusted=adjusted.tolist())


def group_case(name, groups):
    test = stats.kruskal(*groups)
    return dict(name=name, groups=groups, h=test.statistic, p=test.pvalue, pairs=conover_holm(groups))


def pair_case(name, a, b):
    pearson, spearman = stats.pearsonr(a, b), stats.spearmanr(a, b)
    ranks = [stats.rankdata(a).tolist(), stats.rankdata(b).tolist()]
    interval = pearson.confidence_interval(0.95)
    return dict(name=name, a=a, b=b, ranks=ranks, pearson=pearson.statistic, pearson_p=pearson.pvalue,
                fisher=[interval.low, interval.high], spearman=spearman.statistic, spearman_p=spearman.pvalue)


def density_case(name, values, points):
    kernel = stats.gaussian_kde(values)  # bandwidth by Scott's rule
    bandwidth = float(np.sqrt(kernel.covariance[0, 0]))
    return dict(name=name, values=values, points=points, bandwidth=bandwidth, density=kernel(points).tolist())


def shifted(values, by):
    return [value + by for value in values]


points = [i / 20 for i in range(-6, 27)]
print(json.dumps(dict(
    groups=[
        group_case('ties, unequal sizes', [numbers(1, 17, 20), shifted(numbers(2, 9, 20), 0.2), numbers(3, 30, 20),
                                           numbers(4, 12, 8)]),
        group_case('no ties', [numbers(5, 8, 10**8), shifted(numbers(6, 8, 10**8), 0.1), numbers(7, 8, 10**8)]),
        group_case('two groups', [numbers(8, 5, 10), shifted(numbers(9, 40, 10), 0.5)]),
        group_case('far apart', [numbers(10, 20, 50), shifted(numbers(11, 20, 50), 0.8),
                                 shifted(numbers(12, 20, 50), 1.6)]),
    ],
    pairs=[
        pair_case('unrelated, ties', numbers(13, 40, 15), numbers(14, 40, 15)),
        pair_case('related', numbers(15, 60, 10**8),
                  [x + 0.4 * y for x, y in zip(numbers(15, 60, 10**8), numbers(16, 60, 10**8))]),
        pair_case('nearly a line', numbers(17, 12, 10**8),
                  [-x + 0.01 * y for x, y in zip(numbers(17, 12, 10**8), numbers(18, 12, 10**8))]),
        pair_case('three pairs', [0.1, 0.5, 0.4], [0.2, 0.3, 0.9]),
    ],
    densities=[
        density_case('fifty values', numbers(19, 50, 10**8), points),
        density_case('ties', numbers(20, 30, 6), points),
        density_case('two values', [0.25, 0.75], points),
    ],
), indent=1))

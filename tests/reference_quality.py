"""The fusion metrics once more, slow and plain, by numpy and scipy: what the fast ones are held against.

Everything takes grey levels, float64 (H, W): fused f, infrared a, visible b.
"""

import numpy as np
from scipy.fft import dctn
from scipy.signal import convolve2d


def entropy(f):
    p = np.bincount(f.astype(int).ravel()) / f.size
    return -sum(x * np.log2(x) for x in p if x > 0)


def spatial_frequency(f):
    return np.sqrt(np.mean(np.diff(f, axis=1) ** 2) + np.mean(np.diff(f, axis=0) ** 2))


def average_gradient(f):
    right, down = np.diff(f, axis=1)[:-1], np.diff(f, axis=0)[:, :-1]
    return np.mean(np.sqrt((right**2 + down**2) / 2))


def mutual_information(f, a, b):
    return _information(a, f) + _information(b, f)


def correlation(f, a, b):
    return (np.corrcoef(a.ravel(), f.ravel())[0, 1] + np.corrcoef(b.ravel(), f.ravel())[0, 1]) / 2


def sum_of_correlations_of_differences(f, a, b):
    return np.corrcoef(a.ravel(), (f - b).ravel())[0, 1] + np.corrcoef(b.ravel(), (f - a).ravel())[0, 1]


def mean_squared_error(f, a, b):
    return (np.mean((a - f) ** 2) + np.mean((b - f) ** 2)) / 2


def peak_signal_to_noise(f, a, b):
    return 10 * np.log10(255**2 / mean_squared_error(f, a, b))


def ssim(f, a, b):
    return (_ssim_maps(f, a)[0].mean() + _ssim_maps(f, b)[0].mean()) / 2


def ms_ssim(f, a, b):
    return (_ms_ssim(f, a) + _ms_ssim(f, b)) / 2


def vif(f, a, b):
    return _vif(a, f) + _vif(b, f)


def qabf(f, a, b):
    edges = [_edges(x) for x in (f, a, b)]
    kept = sum((_kept(s, edges[0]) * s[0]).sum() for s in edges[1:])
    return kept / (edges[1][0].sum() + edges[2][0].sum())


def nabf(f, a, b):
    strengths, lost, weights = [], 0, 0
    gf, df = _mirrored_edges(f)
    for source in (a, b):
        gs, ds = _mirrored_edges(source)
        with np.errstate(invalid="ignore"):
            ratio = np.where((gs == 0) | (gf == 0), 0, np.minimum(gs, gf) / np.maximum(gs, gf))
        nearness = np.abs(np.abs(ds - df) - np.pi / 2) * 2 / np.pi
        kept = np.sqrt(0.9999 / (1 + np.exp(-19 * (ratio - 0.5))) * 0.9995 / (1 + np.exp(-22 * (nearness - 0.5))))
        weight = np.where(gs >= 2, gs**1.5, 0.001)
        lost, weights = lost + (1 - kept) * weight, weights + weight
        strengths.append(gs)
    return (lost * ((gf > strengths[0]) & (gf > strengths[1]))).sum() / weights.sum()


def fmi(f, a, b, feature=lambda x: x):
    f, a, b = feature(f), feature(a), feature(b)
    found = [
        (
            _shared(a[y : y + 3, x : x + 3], f[y : y + 3, x : x + 3])
            + _shared(b[y : y + 3, x : x + 3], f[y : y + 3, x : x + 3])
        )
        / 2
        for y in range(f.shape[0] - 2)
        for x in range(f.shape[1] - 2)
    ]
    return np.mean(found)


def cosine(f):
    return dctn(f, norm="ortho")


def _information(a, b):
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=256, range=[[0, 256], [0, 256]])[0] / a.size
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    some = joint > 0
    return np.sum(joint[some] * np.log2(joint[some] / apart[some]))


def _gauss(size, sigma):
    x = np.arange(size) - (size - 1) / 2
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * sigma**2))
    return window / window.sum()


def _moments(f, s, window):
    def mean(x):
        return convolve2d(x, window, mode="valid")

    mf, ms = mean(f), mean(s)
    return mf, ms, mean(f * f) - mf**2, mean(s * s) - ms**2, mean(f * s) - mf * ms


def _ssim_maps(f, s):
    mf, ms, vf, vs, cov = _moments(f, s, _gauss(11, 1.5))
    c1, c2 = 2.55**2, 7.65**2
    structure = (2 * cov + c2) / (vf + vs + c2)
    return (2 * mf * ms + c1) / (mf**2 + ms**2 + c1) * structure, structure


def _ms_ssim(f, s):
    found, weights = 1.0, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    for scale, weight in enumerate(weights):
        both, structure = _ssim_maps(f, s)
        found *= max((both if scale == 4 else structure).mean(), 0) ** weight
        f, s = (x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2] for x in (f, s))
        f, s = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (f, s))
    return found


def _vif(s, f):
    held = there = 0
    for scale, size in enumerate((17, 9, 5, 3)):
        window = _gauss(size, size / 5)
        if scale:
            s, f = (convolve2d(x, window, mode="valid")[::2, ::2] for x in (s, f))
        _, _, vf, vs, cov = _moments(f, s, window)
        gain = np.maximum(np.where(vs > 1e-10, cov / np.maximum(vs, 1e-10), 0), 0)
        rest = np.maximum(vf - gain * cov, 0)
        held += np.log(1 + gain**2 * np.maximum(vs, 0) / (rest + 2)).sum()
        there += np.log(1 + np.maximum(vs, 0) / 2).sum()
    return held / there


def _edges(f):
    right = convolve2d(f, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], mode="same")
    up = convolve2d(f, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]], mode="same")[:, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where(right == 0, np.pi / 2, np.arctan(-up / right))
    return np.sqrt(right**2 + up**2), -angle * np.where(right == 0, -1, 1)


def _kept(source, fused):
    (gs, ds), (gf, df) = source, fused
    with np.errstate(invalid="ignore"):
        ratio = np.where(np.maximum(gs, gf) == 0, 0, np.minimum(gs, gf) / np.maximum(gs, gf))
    nearness = 1 - np.abs(ds - df) / (np.pi / 2)
    return 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (nearness - 0.8)))


def _mirrored_edges(f):
    f = np.pad(f, 1, mode="reflect")
    right = convolve2d(f, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], mode="valid") / 8
    down = convolve2d(f, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], mode="valid") / 8
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where((right == 0) & (down == 0), 0, np.arctan(right / down))
    return np.sqrt(right**2 + down**2), angle


def _shared(a, f):
    """One window, by the four corners of the bivariate distribution at each pair of places."""
    if (a == f).all():
        return 1.0
    p, q = _shares(a), _shares(f)
    up, uq = p - p.mean(), q - q.mean()
    scale = np.sqrt((up @ up) * (uq @ uq))
    correlation = up @ uq / scale if scale > 1e-15 else 0.0
    P, Q = np.r_[0, p.cumsum()], np.r_[0, q.cumsum()]
    bound = np.minimum.outer(P, Q) if correlation >= 0 else np.maximum(np.add.outer(P, Q) - 1, 0)
    place = np.arange(1, 10)
    spread = np.sqrt(np.prod([(x * place**2).sum() - (x * place).sum() ** 2 for x in (p, q)]))
    tightest = (bound - np.outer(P, Q)).sum() / spread if spread > 1e-15 else 0.0
    weight = correlation / tightest if abs(tightest) > 1e-9 else 0.0
    cells = bound[1:, 1:] - bound[:-1, 1:] - bound[1:, :-1] + bound[:-1, :-1]
    joint = weight * cells + (1 - weight) * np.outer(p, q)
    apart = _bits(p) + _bits(q)
    return 2 * (apart - _bits(joint.ravel())) / apart if apart > 1e-9 else 0.0


def _shares(window):
    column_wise = window.T.ravel()
    low, high = column_wise.min(), column_wise.max()
    scaled = np.ones(9) if low == high else (column_wise - low) / (high - low)
    return scaled / scaled.sum()


def _bits(p):
    return -sum(x * np.log2(abs(x)) for x in p if x != 0)
